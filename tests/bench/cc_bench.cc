// Cost of one call into each algorithm: nanoseconds per OnFeedback at batches of 1 and 32 samples,
// and bytes of state. Every entry of the registry; no threshold here (scripts/bench judges).
#include <benchmark/benchmark.h>

#include <array>
#include <memory>
#include <string>

#include "base/rng.h"
#include "cc/controller.h"
#include "cc/registry.h"

namespace sluice::cc {
namespace {

void OneCall(benchmark::State& state, const std::shared_ptr<const Algorithm>& algorithm,
             size_t batch) {
  FlowContext context;
  context.line_rate = Bandwidth::GigabitsPerSecond(100);
  context.mtu = Bytes(4096);
  context.header_bytes = Bytes(58);
  context.base_rtt = Duration::Microseconds(8);
  alignas(64) std::array<std::byte, kMaxControllerSize> storage;
  Controller* cc = algorithm->MakeController(storage.data(), context);

  // Round-trip times around 10 us, drawn before the clock runs.
  constexpr size_t kRtts = 1024;
  std::array<Duration, kRtts> rtts;
  Rng rng(1);
  for (Duration& d : rtts)
    d = Duration::Picoseconds(8'000'000 + static_cast<int64_t>(rng.Below(3'000'000)));
  std::array<Sample, kMaxSamples> samples{};
  for (Sample& s : samples) {
    s.acked = Bytes(4096);
    s.wire_length = 4154;
    s.stamp = StampSource::kBurst;
  }
  Feedback f;
  f.present.Add(Signal::kRtt).Add(Signal::kCeBytes).Add(Signal::kRemoteDelay);
  f.acked = Bytes(static_cast<int64_t>(4096 * batch));
  f.acked_packets = static_cast<uint32_t>(batch);
  f.in_flight = Bytes(100'000);
  f.samples = std::span<const Sample>(samples.data(), batch);
  size_t i = 0;
  for (auto _ : state) {
    f.now += Duration::Nanoseconds(static_cast<int64_t>(330 * batch));
    samples[i % batch].rtt = rtts[i % kRtts];
    ++i;
    cc->OnFeedback(f);
    benchmark::DoNotOptimize(cc->control().window);
  }
  state.counters["state_bytes"] = static_cast<double>(algorithm->controller_size());
  cc->~Controller();
}

}  // namespace
}  // namespace sluice::cc

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  for (const sluice::cc::RegistryEntry& entry : sluice::cc::Algorithms()) {
    const auto algorithm = *sluice::cc::MakeAlgorithm(entry.name);
    for (size_t batch : {size_t{1}, sluice::cc::kMaxSamples}) {
      benchmark::RegisterBenchmark(
          (std::string("cc/") + entry.name + "/batch:" + std::to_string(batch)).c_str(),
          [algorithm, batch](benchmark::State& s) { sluice::cc::OneCall(s, algorithm, batch); });
    }
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
