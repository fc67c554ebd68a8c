#include "lab/joinleave.h"

#include "absl/strings/str_format.h"
#include "base/rng.h"
#include "lab/fabric.h"
#include "lab/ideal.h"
#include "lab/limits.h"
#include "sim/topologies.h"

namespace sluice::lab {
namespace {

constexpr uint64_t kStartPurpose = 0x7374617274;

using K = cli::Kind;

std::vector<ParameterSpec> Specs() {
  std::vector<ParameterSpec> specs = {
      {"flows", K::kInteger, "4", "1", "256", "that share the bottleneck at the top"},
      {"step", K::kTime, "1ms", "10us", "1s", "between two joins, and two leaves at fair shares"}};
  AddFabricSpecs(specs);
  specs.push_back({"jitter", K::kTime, "1us", "0", "1ms", "each start is later by up to this"});
  specs.push_back({"limit", K::kTime, "auto", "1us", "1000s",
                   "virtual time after which a flow counts as unfinished; auto: 10 times the "
                   "staircase at fair shares + 20ms",
                   "auto"});
  return specs;
}

constexpr std::string_view kDetails =
    "Two switches with one link between them; sender i (host i) writes to receiver i (host N + "
    "i).\n"
    "Flow i joins at i steps. Its size is such that at fair shares without loss of time it leaves\n"
    "after 2N - 1 - i steps: up the staircase and down again. rates.csv shows the steps, Jain's\n"
    "index and slowdowns how far they are from fair.\n"
    "The seed varies the starts (by `jitter`), QPNs, PSNs, keys and the ECN marking. The reported\n"
    "queue is that of the link between the switches.";

// Steps of the whole line that flow i of n gets at fair shares. Joining, step j has j + 1 flows; of
// the n - 1 steps that follow step j (from n) has 2n - 1 - j.
double FairSteps(int64_t i, int64_t n) {
  double sum = 0;
  for (int64_t j = i; j < n; ++j) sum += 1.0 / static_cast<double>(j + 1);
  for (int64_t j = n; j <= 2 * n - 2 - i; ++j) sum += 1.0 / static_cast<double>(2 * n - 1 - j);
  return sum;
}

absl::StatusOr<Scenario> Build(const Parameters& p, uint64_t seed) {
  Scenario s;
  if (absl::Status status = ApplyFabric("joinleave", p, s); !status.ok()) return status;
  const int64_t n = p.Integer("flows");
  const auto count = static_cast<uint32_t>(n);
  const sim::LinkConfig link = EdgeLink(p);
  s.topology = sim::Dumbbell(count, count, link, link);
  s.watched_node = 2 * count;
  s.watched_port = static_cast<sim::PortIndex>(count);
  const Duration step = p.Time("step");
  // Payload that crosses the line in a step.
  const Duration packet = sim::FrameTime(link).Of(DataFrameLength(s.mtu, false));
  const double payload = static_cast<double>(step.ps()) / static_cast<double>(packet.ps()) * s.mtu;
  const auto jitter = static_cast<uint64_t>(p.Time("jitter").ps());
  for (int64_t i = 0; i < n; ++i) {
    const auto size = static_cast<int64_t>(payload * FairSteps(i, n)) + 1;
    if (size > kMostMessageBytes) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "experiment joinleave: flow %d would send %d bytes, more than one message may have; "
          "lower step, flows or rate",
          i, size));
    }
    const auto host = static_cast<sim::NodeId>(i);
    const uint64_t late = Rng(seed, host, kStartPurpose).Below(jitter + 1);
    s.flows.push_back(
        {host, count + host, Bytes(size),
         Time::Zero() + step * i + Duration::Picoseconds(static_cast<int64_t>(late))});
  }
  s.timeout = TimerOf(p, s);
  s.limit =
      p.Has("limit") ? p.Time("limit") : step * (10 * (2 * n - 1)) + Duration::Milliseconds(20);
  return s;
}

}  // namespace

Experiment JoinLeave() {
  return {"joinleave", "flows join one bottleneck one after another and leave in reverse order",
          kDetails, Specs(), Build};
}

}  // namespace sluice::lab
