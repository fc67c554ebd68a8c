#include "pcap/capture.h"

#include <pcap.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/near.h"
#include "cli/values.h"

namespace sluice::pcap {
namespace {

constexpr size_t kLongestPath = 4096;

absl::Status Refuse(const std::string& path, std::string_view why) {
  std::string message = cli::OneLine(path, kLongestPath);
  message.append(": ").append(why);
  return absl::InvalidArgumentError(message);
}

// "; did you mean 'trace.pcap'?" from the names in the same directory.
std::string NearFile(const std::string& path) {
  const std::filesystem::path wanted(path);
  const std::filesystem::path folder =
      wanted.has_parent_path() ? wanted.parent_path() : std::filesystem::path(".");
  std::vector<std::string> names;
  std::error_code error;
  constexpr size_t kMost = 10'000;
  std::filesystem::directory_iterator it(folder, error), end;
  while (!error && it != end && names.size() < kMost) {
    names.push_back(it->path().filename().string());
    it.increment(error);
  }
  std::sort(names.begin(), names.end());  // of equally near names the same one each time
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string hint = DidYouMean(wanted.filename().string(), views);
  return hint.empty() ? "; check the name" : cli::OneLine(hint, kLongestPath);
}

absl::Status CannotOpen(const std::string& path, int error) {
  std::string why = std::strerror(error);
  if (error == ENOENT) {
    why.append(NearFile(path));
  } else if (error == EISDIR) {
    why.append("; name the captures in it");
  } else if (error == EACCES) {
    why.append("; ask its owner for read permission");
  }
  return Refuse(path, why);
}

absl::Status NoCapture(const std::string& path, std::string_view libpcap, int64_t size) {
  constexpr std::string_view kCure = "; give a file of tcpdump -w or dumpcap";
  std::string why = "no pcap or pcapng file";
  if (size == 0) {
    why = "empty file, no capture";
  } else if (libpcap.find("truncated") != std::string_view::npos) {
    why = "truncated in the file header, before frame 1";
  } else if (libpcap.find("unknown file format") == std::string_view::npos) {
    why.append(" that can be read (").append(cli::OneLine(libpcap, 200)).append(")");
  }
  return Refuse(path, why.append(kCure));
}

}  // namespace

void Capture::Closer::operator()(::pcap* p) const { pcap_close(p); }

Capture::Capture(std::string path, std::unique_ptr<::pcap, Closer> handle, int64_t size)
    : path_(std::move(path)), handle_(std::move(handle)), size_(size) {}

absl::StatusOr<Capture> Capture::Open(const std::string& path) {
  FILE* file = path == "-" ? stdin : std::fopen(path.c_str(), "rb");
  if (file == nullptr) return CannotOpen(path, errno);
  struct stat status = {};
  const bool known = fstat(fileno(file), &status) == 0;
  if (known && S_ISDIR(status.st_mode)) {
    std::fclose(file);
    return CannotOpen(path, EISDIR);
  }
  const int64_t size = known && S_ISREG(status.st_mode) ? status.st_size : -1;

  char error[PCAP_ERRBUF_SIZE] = "";
  std::unique_ptr<::pcap, Closer> handle(
      pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, error));
  if (handle == nullptr) {
    if (file != stdin) std::fclose(file);
    return NoCapture(path, error, size);
  }
  const int link = pcap_datalink(handle.get());
  if (link != DLT_EN10MB) {
    const char* name = pcap_datalink_val_to_name(link);
    const std::string shown = name != nullptr ? name : std::to_string(link);
    return Refuse(
        path, "link type " + shown + ", not Ethernet; capture on the Ethernet interface itself");
  }
  return Capture(path, std::move(handle), size);
}

absl::StatusOr<bool> Capture::Next(CapturedFrame* frame) {
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  const int got = pcap_next_ex(handle_.get(), &header, &data);
  if (got == PCAP_ERROR_BREAK) return false;
  if (got != 1) {
    const std::string_view cause = pcap_geterr(handle_.get());
    const std::string number = std::to_string(frames_ + 1);
    if (cause.find("truncated") != std::string_view::npos) {
      return Refuse(path_, "truncated at frame " + number +
                               "; copy it anew, or keep the whole frames with editcap");
    }
    return Refuse(
        path_, "damaged at frame " + number + " (" + cli::OneLine(cause, 200) + "); copy it anew");
  }
  frame->number = ++frames_;
  // With nanosecond precision libpcap puts nanoseconds where the type says microseconds.
  frame->time_ns = int64_t{header->ts.tv_sec} * 1'000'000'000 + header->ts.tv_usec;
  frame->length = header->len;
  frame->bytes = {data, header->caplen};
  return true;
}

double Capture::Fraction() const {
  FILE* file = pcap_file(handle_.get());
  if (file == nullptr || size_ <= 0) return 0;
  const int64_t at = ftello(file);
  return at <= 0 ? 0 : static_cast<double>(at) / static_cast<double>(size_);
}

}  // namespace sluice::pcap
