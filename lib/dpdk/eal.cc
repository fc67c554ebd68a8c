#include "dpdk/eal.h"

#include <pthread.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <sched.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "dpdk/errors.h"
#include "dpdk/vdev_keys.h"

// DPDK's compiler flags say -march=corei7; ours must come after them.
static_assert(__AVX2__ == 1, "this room was compiled without our -march");

namespace sluice::dpdk {

namespace {

// Where DPDK's log goes. Lives as long as the process, because drivers' threads log at any time.
class LogBuffer {
 public:
  static LogBuffer& Get() {
    static auto* const kBuffer = new LogBuffer;
    return *kBuffer;
  }

  // Where the log stands now: From gives what came later.
  uint64_t Mark() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return end_;
  }
  std::string From(uint64_t mark) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const uint64_t begin = end_ - text_.size();
    return mark <= begin ? text_ : text_.substr(mark - begin);
  }
  void Install() {
    cookie_io_functions_t io = {};
    io.write = [](void* self, const char* data, size_t n) -> ssize_t {
      static_cast<LogBuffer*>(self)->Append(data, n);
      return static_cast<ssize_t>(n);
    };
    std::FILE* stream = fopencookie(this, "w", io);
    if (stream == nullptr) return;
    std::setvbuf(stream, nullptr, _IOLBF, 1024);
    rte_openlog_stream(stream);
  }

 private:
  static constexpr size_t kKeep = size_t{64} << 10;
  void Append(const char* data, size_t n) {
    const std::lock_guard<std::mutex> lock(mutex_);
    text_.append(data, n);
    end_ += n;
    if (text_.size() > 2 * kKeep) text_.erase(0, text_.size() - kKeep);
  }
  std::mutex mutex_;
  std::string text_;
  uint64_t end_ = 0;
};

std::atomic<bool> started{false};

int FirstAllowedCore(const cpu_set_t& set) {
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &set)) return i;
  }
  return 0;
}

std::string NameOf(std::string_view devargs) {
  return std::string(devargs.substr(0, devargs.find(',')));
}

}  // namespace

Bytes FreeHugepages(const std::string& root) {
  int64_t total = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(root, error)) {
    // "hugepages-2048kB"
    int64_t kilobytes = 0;
    const std::string name = entry.path().filename().string();
    if (std::sscanf(name.c_str(), "hugepages-%ldkB", &kilobytes) != 1) continue;
    int64_t pages = 0;
    std::ifstream(entry.path() / "free_hugepages") >> pages;
    total += pages * kilobytes * 1024;
  }
  return Bytes(total);
}

std::vector<std::string> EalArguments(const EalOptions& options, bool hugepages, int core) {
  std::vector<std::string> args = {options.program, "--lcores", absl::StrCat("0@", core),
                                   "--no-telemetry"};
  if (hugepages) {
    // One file per page size: a peer process maps the memory by descriptor (vhost-user, memif).
    args.insert(args.end(), {"--in-memory", "--single-file-segments"});
  } else {
    const int64_t mib = (options.memory.count() + (int64_t{1} << 20) - 1) >> 20;
    args.insert(args.end(), {"--no-huge", "--no-shconf", "-m", absl::StrCat(mib)});
  }
  if (options.pci.empty()) {
    args.insert(args.end(), {"--no-pci", "--iova-mode=va"});
  } else {
    for (const std::string& address : options.pci) args.insert(args.end(), {"-a", address});
  }
  return args;
}

absl::StatusOr<std::unique_ptr<Eal>> Eal::Create(const EalOptions& options) {
  if (started.exchange(true)) {
    return absl::FailedPreconditionError(
        "DPDK was started in this process before, and can be only once; keep the first Eal");
  }
  cpu_set_t affinity;
  CPU_ZERO(&affinity);
  const bool known = pthread_getaffinity_np(pthread_self(), sizeof(affinity), &affinity) == 0;
  const int core = options.core >= 0 ? options.core : FirstAllowedCore(affinity);
  // Checked here because EAL's own answer is a page of usage on standard output.
  if (known && (core >= CPU_SETSIZE || !CPU_ISSET(core, &affinity))) {
    return absl::InvalidArgumentError(
        absl::StrCat("core ", core,
                     ": it is not there, or not in this process's affinity; see `taskset -p $$`"));
  }
  const bool enough = FreeHugepages("/sys/kernel/mm/hugepages") >= options.memory;
  const bool hugepages =
      options.hugepages == Hugepages::kOn || (options.hugepages == Hugepages::kAuto && enough);
  if (hugepages && !enough) {
    const int64_t pages = (options.memory.count() >> 21) + 1;
    return absl::FailedPreconditionError(
        absl::StrCat("fewer hugepages are free than the ", options.memory.count() >> 20,
                     " MiB asked for; echo ", pages, " | sudo tee /proc/sys/vm/nr_hugepages"));
  }

  std::vector<std::string> args = EalArguments(options, hugepages, core);
  std::vector<char*> argv;
  argv.reserve(args.size());
  for (std::string& a : args) argv.push_back(a.data());
  LogBuffer::Get().Install();
  const int result = rte_eal_init(static_cast<int>(argv.size()), argv.data());
  const int error = rte_errno;
  if (known) pthread_setaffinity_np(pthread_self(), sizeof(affinity), &affinity);
  if (result < 0) {
    const std::string log = LogBuffer::Get().From(0);
    if (log.empty()) {
      return absl::InternalError(absl::StrCat("DPDK does not start: ", rte_strerror(error)));
    }
    return Translate("DPDK does not start", log);
  }
  return std::unique_ptr<Eal>(new Eal(hugepages));
}

Eal::~Eal() { rte_eal_cleanup(); }

absl::StatusOr<uint16_t> Eal::CreateVdev(std::string_view devargs) {
  const std::string whole(devargs);
  const std::string name = NameOf(devargs);
  const std::string driver = DriverOf(devargs);
  if (absl::Status s = CheckVdev(devargs); !s.ok()) return s;
  uint16_t port = 0;
  if (rte_eth_dev_get_port_by_name(name.c_str(), &port) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " is there already; give the second device another number"));
  }
  const uint64_t mark = LogBuffer::Get().Mark();
  const int result = rte_dev_probe(whole.c_str());
  if (result == 0 && rte_eth_dev_get_port_by_name(name.c_str(), &port) == 0) return port;
  const std::string log = LogBuffer::Get().From(mark);
  if (log.find("failed to parse device") != std::string::npos) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, ": the driver ", driver,
                     " is not in this build; install libdpdk-dev, or build with -Ddpdk=shared"));
  }
  return Translate(whole, log);
}

absl::StatusOr<uint16_t> Eal::FindPci(std::string_view address) {
  uint16_t port = 0;
  if (rte_eth_dev_get_port_by_name(std::string(address).c_str(), &port) == 0) return port;
  const std::string log = Log();
  if (log.find(std::string(address)) != std::string::npos) {
    return Translate(std::string(address), log);
  }
  return absl::FailedPreconditionError(absl::StrCat(
      std::string(address),
      ": no driver of DPDK took the device; see `dpdk-devbind.py --status`, and bind it with "
      "dpdk-devbind.py --bind=vfio-pci ",
      std::string(address)));
}

std::string Eal::Log() { return LogBuffer::Get().From(0); }

}  // namespace sluice::dpdk
