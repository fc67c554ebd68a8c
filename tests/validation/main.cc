// hpcc_validation DIRECTORY SCENARIO VARIANT SEED NODE PORT JITTER_NS [UNTIL_NS] [exact]: runs one
// case of the ns-3 reference under the wire profile hpcc-ns3, with `exact` that option of it, the
// first UNTIL_NS of it if given, and prints a line per flow in the format of its fct files, then
// one line of figures beginning with '#'.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "lab/result.h"
#include "lab/runner.h"
#include "validation/reference_files.h"
#include "validation/seeds.h"

namespace sluice::test {
namespace {

int Main(int argc, char** argv) {
  absl::StatusOr<Reference> reference = ReadReference(argv[1], argv[2], argv[3]);
  if (!reference.ok()) {
    std::fprintf(stderr, "%s\n", reference.status().ToString().c_str());
    return 1;
  }
  lab::Scenario& s = reference->scenario;
  s.watched_node = static_cast<sim::NodeId>(std::strtoul(argv[5], nullptr, 10));
  s.watched_port = static_cast<sim::PortIndex>(std::strtoul(argv[6], nullptr, 10));
  s.exact = std::string_view(argv[argc - 1]) == "exact";
  // As `import hpcc --exact`: all links of the reference take 1 us.
  std::string algorithm = reference->algorithm;
  if (s.exact && algorithm.find("alpha_timer=1us") != std::string::npos) algorithm += ",tie=cnp";
  if (argc - (s.exact ? 1 : 0) == 9)
    s.limit = Duration::Nanoseconds(std::strtoll(argv[8], nullptr, 10));
  lab::RunOptions options;
  options.algorithm = algorithm;
  options.seed = std::strtoull(argv[4], nullptr, 10);
  const uint64_t jitter = std::strtoull(argv[7], nullptr, 10);
  const std::vector<int64_t> later = JitterOf(options.seed, s.flows.size(), jitter);
  for (size_t i = 0; i < s.flows.size(); ++i) s.flows[i].start += Duration::Nanoseconds(later[i]);
  const absl::StatusOr<lab::RunResult> run = lab::Run(s, options);
  if (!run.ok()) {
    std::fprintf(stderr, "%s\n", run.status().ToString().c_str());
    return 1;
  }
  std::fputs(lab::FctText(*run).c_str(), stdout);
  std::printf(
      "# queue_max %lld queue_mean %.1f marks %llu drops %llu pauses %llu retransmissions "
      "%llu hops %llu cpu %.3f cc %s\n",
      static_cast<long long>(run->queue_max.count()), run->queue_mean_bytes,
      static_cast<unsigned long long>(run->ecn_marks), static_cast<unsigned long long>(run->drops),
      static_cast<unsigned long long>(run->pfc_pauses),
      static_cast<unsigned long long>(run->retransmissions),
      static_cast<unsigned long long>(run->packet_hops), run->cpu_seconds,
      options.algorithm.c_str());
  return 0;
}

}  // namespace
}  // namespace sluice::test

int main(int argc, char** argv) {
  if (argc < 8 || argc > 10) {
    std::fprintf(
        stderr,
        "hpcc_validation DIRECTORY SCENARIO VARIANT SEED NODE PORT JITTER_NS [UNTIL_NS] [exact]\n");
    return 2;
  }
  return sluice::test::Main(argc, argv);
}
