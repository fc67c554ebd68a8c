// Which world a command runs in, and the way to the program that has it.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/exit.h"
#include "lab/commands.h"

namespace sluice::lab {
namespace {

constexpr std::string_view kVirtual = "virtual";
constexpr std::string_view kWire = "wire";
constexpr char kProgram[] = "sluice-wire";

}  // namespace

cli::Option RttOption() {
  return {.name = "rtt",
          .kind = cli::Kind::kTime,
          .help = "wire: the base round trip is stretched to this at least; default: 4ms",
          .min = "1ms",
          .max = "1s"};
}

std::vector<cli::Option> WorldOptions(const Build& build) {
  cli::Option o;
  o.name = "world";
  o.kind = cli::Kind::kChoice;
  o.help = "wire: in real time over net_ring ports, slowed to what this machine carries";
  o.default_text = build.wire ? kWire : kVirtual;
  o.choices = {kVirtual, kWire};
  return {o, RttOption()};
}

bool IsElsewhere(const Build& build, const cli::Arguments& arguments) {
  return arguments.Text("world") == kWire && !build.wire;
}

absl::StatusOr<World> WorldOf(const Build& build, const cli::Arguments& arguments) {
  if (arguments.Text("world") == kWire && arguments.Given("cores")) {
    return absl::InvalidArgumentError(
        "--cores: hosts and switch of the wire world share one thread; leave it out, or say "
        "--world "
        "virtual");
  }
  if (arguments.Text("world") == kWire) return build.wire(arguments);
  if (!arguments.Given("rtt")) return World{};
  return absl::InvalidArgumentError(
      "--rtt: virtual time stretches nothing; leave it out, or say --world wire");
}

int HandOver(const Build& build, cli::Report& report) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string program = (self.parent_path() / kProgram).string();
  std::vector<std::string> words = build.words;
  std::vector<char*> argv = {const_cast<char*>(kProgram)};
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  if (!error) execv(program.c_str(), argv.data());
  const int why = error ? error.value() : errno;
  return report.Fail(cli::kExitMachine,
                     absl::StrFormat("--world wire: %s: %s; it is the program beside this one that "
                                     "links DPDK: ninja -C build apps/%s",
                                     program, std::strerror(why), kProgram));
}

}  // namespace sluice::lab
