// Cycles of a poll that finds nothing: an engine over net_ring with one connected queue pair, as an
// idle loop turns. The preset `dpdk` of sim/host_model.h has its poll period from here.
//   idle_bench
#include <x86intrin.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "open/open.h"
#include "verbs/verbs.h"

namespace {

constexpr int kPolls = 10'000;  // per sample
constexpr int kSamples = 101;

template <typename T>
T Need(absl::StatusOr<T> value) {
  if (!value.ok()) {
    std::fprintf(stderr, "idle_bench: %s\n", value.status().ToString().c_str());
    std::exit(1);
  }
  return *std::move(value);
}

}  // namespace

int main() {
  using namespace sluice;  // NOLINT(build/namespaces)
  open::OpenOptions first, second;
  first.address = "198.51.100.1";
  second.address = "198.51.100.2";
  auto [a, b] = Need(open::OpenRingPair(first, second));
  auto pd = a->AllocateProtectionDomain();
  auto completions = Need(a->CreateCompletionQueue(64));
  verbs::QueuePairOptions options;
  options.send_completions = options.receive_completions = completions.get();
  auto qp = Need(a->CreateQueuePair(pd.get(), options));
  verbs::ConnectOptions to;
  to.peer_qpn = qp->qpn();
  to.peer_mac = b->mac();
  to.peer_address = b->address();
  if (const absl::Status s = qp->Connect(to); !s.ok()) {
    std::fprintf(stderr, "idle_bench: %s\n", s.ToString().c_str());
    return 1;
  }
  std::vector<double> samples;
  for (int i = 0; i < kSamples; ++i) {
    const uint64_t start = __rdtsc();
    for (int n = 0; n < kPolls; ++n) a->Poll();
    samples.push_back(static_cast<double>(__rdtsc() - start) / kPolls);
  }
  std::sort(samples.begin(), samples.end());
  std::printf("cycles per idle poll: least %.1f, median %.1f\n", samples.front(),
              samples[kSamples / 2]);
  return 0;
}
