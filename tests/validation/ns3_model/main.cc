// ns3_model DIRECTORY SCENARIO VARIANT UNTIL_NS [SEED JITTER_NS [cause]]: what the ns-3 simulator
// of HPCC's authors makes of these inputs until then (0: to the end), by the independent model of
// model.h; with a seed and a jitter what hpcc_validation makes of the same ones (Order::kPlace,
// Coins::kOurs), or with `cause` what that simulator makes of such starts and coins. A line per
// flow in the format of its fct files (the ideal time is 0), then one per pause in that of its pfc
// files, then one of figures that begins with '#'.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "validation/ns3_model/model.h"
#include "validation/seeds.h"

namespace sluice::test::ns3 {
namespace {

uint32_t Address(uint32_t node) { return 0x0b000001 + (node / 256 << 16) + (node % 256 << 8); }

int Main(int argc, char** argv) {
  const absl::StatusOr<Inputs> inputs = ReadInputs(argv[1], argv[2], argv[3]);
  if (!inputs.ok()) {
    std::fprintf(stderr, "ns3_model: %s\n", inputs.status().ToString().c_str());
    return 1;
  }
  Options options;
  if (argc >= 7) {
    const uint64_t seed = std::strtoull(argv[5], nullptr, 10);
    const uint64_t jitter = std::strtoull(argv[6], nullptr, 10);
    options = OursOf(seed, JitterOf(seed, inputs->flows.size(), jitter));
  }
  if (argc == 8) options.order = Order::kCause;
  if (const int64_t until = std::strtoll(argv[4], nullptr, 10); until > 0) options.until = until;
  const absl::StatusOr<Result> run = Run(*inputs, options);
  if (!run.ok()) {
    std::fprintf(stderr, "ns3_model: %s\n", run.status().ToString().c_str());
    return 1;
  }
  for (const Completion& c : run->completions) {
    const FlowInput& flow = inputs->flows[c.flow];
    std::printf("%08x %08x %u 100 %llu %lld %lld 0\n", Address(flow.source),
                Address(flow.destination), flow.source_port,
                static_cast<unsigned long long>(flow.size), static_cast<long long>(c.start),
                static_cast<long long>(c.fct));
  }
  for (const Pause& p : run->pauses) {
    std::printf("%lld %u %d %u %d\n", static_cast<long long>(p.at), p.node,
                inputs->is_switch[p.node] ? 1 : 0, p.port, p.stop ? 1 : 0);
  }
  std::printf("# events %llu\n", static_cast<unsigned long long>(run->events));
  return 0;
}

}  // namespace
}  // namespace sluice::test::ns3

int main(int argc, char** argv) {
  if (argc != 5 && argc != 7 && (argc != 8 || std::strcmp(argv[7], "cause") != 0)) {
    std::fprintf(stderr,
                 "ns3_model DIRECTORY SCENARIO VARIANT UNTIL_NS [SEED JITTER_NS [cause]]\n");
    return 2;
  }
  return sluice::test::ns3::Main(argc, argv);
}
