#include "pcap/program.h"

#include <unistd.h>

#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/exit.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "pcap/capture.h"
#include "pcap/show.h"
#include "pcap/verify.h"

namespace sluice::pcap {
namespace {

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// {"complete", "files"}, to which the report adds "error" and "exit": what stands in the place of
// the list when the command could not do all of its work.
cli::Json Partial(cli::Json files) {
  cli::Json j;
  j["complete"] = false;
  j["files"] = std::move(files);
  return j;
}

int Verify(const cli::Arguments& arguments, cli::Report& report) {
  cli::InterruptScope interrupt;
  cli::Progress progress("verify", report.messages(), cli::Terminal::Of(STDERR_FILENO),
                         cli::SteadyClock());
  const std::vector<std::string>& paths = arguments.positionals();
  cli::Json files = cli::Json::array();
  int status = cli::kExitOk;
  for (size_t i = 0; i < paths.size(); ++i) {
    const auto go_on = [&](double fraction) {
      progress.Update((static_cast<double>(i) + fraction) / static_cast<double>(paths.size()),
                      absl::StrFormat("%d/%d files", i, paths.size()));
      return !cli::InterruptScope::Interrupted();
    };
    go_on(0);
    const absl::StatusOr<FileVerdict> verdict = VerifyFile(paths[i], go_on);
    progress.Clear();
    if (verdict.ok()) {
      report.text() << ToText(*verdict);
      if (report.wants_json()) files.push_back(ToJson(*verdict));
      if (verdict->differs() && status == cli::kExitOk) status = cli::kExitFailed;
    }
    // Before the error, because a read that Ctrl-C broke off looks like a damaged file.
    if (cli::InterruptScope::Interrupted()) {
      status = report.Fail(cli::kExitInterrupted, "interrupted; not all files are verified");
      break;
    }
    if (!verdict.ok()) {
      // The first one is the report's message; the others are told at once.
      if (status == cli::kExitUsage) {
        report.messages() << "sluice-pcap: " << Message(verdict.status()) << "\n";
      }
      status = report.Fail(cli::kExitUsage, Message(verdict.status()));
    }
  }
  const bool all = status == cli::kExitOk || status == cli::kExitFailed;
  report.set_json(all ? std::move(files) : Partial(std::move(files)));
  return status;
}

int Show(const cli::Arguments& arguments, cli::Report& report) {
  cli::InterruptScope interrupt;
  const std::string& path = arguments.positionals().front();
  absl::StatusOr<Capture> capture = Capture::Open(path);
  if (!capture.ok()) return report.Fail(cli::kExitUsage, Message(capture.status()));

  cli::Json packets = cli::Json::array();
  LineWriter lines;
  CapturedFrame frame;
  uint64_t others = 0;
  int status = cli::kExitOk;
  for (;;) {
    const absl::StatusOr<bool> more = capture->Next(&frame);
    // First, because a read that Ctrl-C broke off looks like a damaged file.
    if (cli::InterruptScope::Interrupted()) {
      status = report.Fail(cli::kExitInterrupted, "interrupted; not all packets are shown");
      break;
    }
    if (!more.ok()) {
      status = report.Fail(cli::kExitUsage, Message(more.status()));
      break;
    }
    if (!*more) break;
    const std::optional<Packet> packet = ReadPacket(frame);
    if (!packet) {
      ++others;
    } else {
      report.text() << lines.Line(*packet);
      if (report.wants_json()) packets.push_back(ToJson(*packet));
    }
  }
  if (others > 0) report.text() << absl::StrFormat("(%d other frames, not RoCEv2)\n", others);
  if (status != cli::kExitOk) {
    cli::Json partial;
    partial["complete"] = false;
    partial["packets"] = std::move(packets);
    packets = std::move(partial);
  }
  report.set_json(std::move(packets));
  return status;
}

}  // namespace

cli::Program PcapProgram(std::string_view version) {
  cli::Program program;
  program.name = "sluice-pcap";
  program.summary = "reads captures of RoCEv2: pcap and pcapng of Ethernet";
  program.version = version;
  program.foreign_words = {{"-r", "'verify FILE' or 'show FILE'"}};
  program.commands = {
      {.name = "verify",
       .summary = "decodes every RoCEv2 frame, checks its iCRC, builds it anew from its fields",
       .examples = {{"sluice-pcap verify trace.pcap", "status 1 if anything differs"},
                    {"sluice-pcap verify --json - *.pcapng", "frame numbers, for scripts"}},
       .positionals = {{.name = "FILE",
                        .help = "pcap or pcapng; - is standard input",
                        .repeated = true}},
       .run = Verify},
      {.name = "show",
       .summary = "one line, or one object, for each RoCEv2 packet",
       .examples = {{"sluice-pcap show trace.pcap", "headers and iCRC of each packet"},
                    {"tcpdump -U -w - udp port 4791 | sluice-pcap show -", "as they come"}},
       .positionals = {{.name = "FILE", .help = "pcap or pcapng; - is standard input"}},
       .run = Show},
  };
  return program;
}

}  // namespace sluice::pcap
