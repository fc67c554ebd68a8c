// Packet hops per CPU second of the bare fabric: hosts that do next to nothing, so that the figure
// is that of links, switches, ports and the event queue.
//
//   sim_bench [virtual milliseconds]
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <optional>
#include <vector>

#include "sim/simulation.h"
#include "sim/topologies.h"
#include "support/roce_frame.h"

namespace sluice {
namespace {

constexpr uint32_t kDataBytes = 1000 + support::kRoceHeaderBytes + support::kIcrcBytes;
constexpr uint32_t kAckBytes =
    support::kRoceHeaderBytes + support::kAethBytes + support::kIcrcBytes;

// Sends data to one peer, at most `window` packets ahead of the ACKs, and acknowledges what it
// gets.
class Host : public Pollable {
 public:
  Host(port::Port& port, sim::NodeId self, std::optional<sim::NodeId> to, int64_t window)
      : port_(port), address_(sim::AddressOf(self).ipv4), window_(window) {
    if (!to) window_ = 0;
    support::WriteRoceHeader({.source = address_,
                              .destination = sim::AddressOf(to.value_or(self)).ipv4,
                              .frame_length = kDataBytes},
                             template_);
  }

  size_t Poll(Time) override {
    const std::span<port::Packet> burst = burst_;
    const size_t received = port_.Receive(burst);
    for (size_t i = 0; i < received; ++i) {
      if (support::OpcodeOf(burst[i].header) == support::kAcknowledge) {
        --in_flight_;
        port_.Release({&burst[i], 1});
        continue;
      }
      support::WriteRoceHeader({.source = address_,
                                .destination = support::SourceOf(burst[i].header),
                                .opcode = support::kAcknowledge,
                                .ecn = 0,
                                .frame_length = kAckBytes},
                               burst[i].header);
      burst[i].header_length = support::kRoceHeaderBytes;
      burst[i].frame_length = kAckBytes;
      burst[i].elided_length = kAckBytes - support::kRoceHeaderBytes;
      backlog_.push_back(burst[i]);
    }
    size_t sent = port_.Transmit({backlog_.data(), backlog_.size()});
    const bool clear = sent == backlog_.size();
    backlog_.erase(backlog_.begin(), backlog_.begin() + static_cast<ptrdiff_t>(sent));
    while (clear && in_flight_ < window_) {
      port::Packet packet;
      if (port_.Allocate({&packet, 1}) == 0) break;
      std::memcpy(packet.header, template_, sizeof(template_));
      packet.header_length = support::kRoceHeaderBytes;
      packet.frame_length = kDataBytes;
      packet.elided_length = kDataBytes - support::kRoceHeaderBytes;
      if (port_.Transmit({&packet, 1}) == 0) {
        port_.Release({&packet, 1});
        break;
      }
      ++in_flight_;
      ++sent;
    }
    return received + sent;
  }
  OptionalTime NextDeadline() const override { return std::nullopt; }

 private:
  port::Port& port_;
  uint32_t address_;
  int64_t window_;
  int64_t in_flight_ = 0;
  std::vector<port::Packet> backlog_;
  std::array<port::Packet, port::kMaxBurst> burst_;
  uint8_t template_[support::kRoceHeaderBytes];
};

double CpuSeconds() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

enum class Pattern { kIncast, kPermutation };

void Measure(const char* name, const sim::Topology& topology, sim::NodeId hosts, Pattern pattern,
             int64_t window, Duration length) {
  sim::SimulationConfig config;
  config.switches.ecn = {switching::EcnProfile::Mode::kDequeue, Bytes(400'000), Bytes(1'600'000),
                         0.2};
  auto made = sim::Simulation::Create(topology, config);
  if (!made.ok()) std::abort();
  sim::Simulation& sim = **made;
  std::vector<std::unique_ptr<Host>> all;
  for (sim::NodeId i = 0; i < hosts; ++i) {
    std::optional<sim::NodeId> to = (i + hosts / 2 + 1) % hosts;
    if (pattern == Pattern::kIncast) to = i == 0 ? std::nullopt : std::optional<sim::NodeId>(0);
    all.push_back(std::make_unique<Host>(sim.port(i), i, to, window));
    sim.Attach(i, all.back().get());
  }
  sim.Run(Time::Zero() + length / 10);
  const uint64_t hops = sim.packet_hops();
  const uint64_t events = sim.events();
  const double before = CpuSeconds();
  sim.Run(Time::Zero() + length / 10 + length);
  const double seconds = CpuSeconds() - before;
  const auto done = static_cast<double>(sim.packet_hops() - hops);
  std::printf("%-28s %9.0f hops %6.3f CPU s %7.2f M hops/s %5.2f events/hop %llu marks\n", name,
              done, seconds, done / seconds * 1e-6,
              static_cast<double>(sim.events() - events) / done,
              static_cast<unsigned long long>(sim.ecn_marks()));
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  using sluice::Duration;
  using sluice::Pattern;
  using sluice::sim::Star;
  const Duration length = Duration::Microseconds(argc > 1 ? std::atoi(argv[1]) * 1000 : 20'000);
  sluice::Measure("star 2, one flow", Star(2, {}), 2, Pattern::kIncast, 60, length);
  sluice::Measure("star 9, 8:1", Star(9, {}), 9, Pattern::kIncast, 60, length);
  sluice::Measure("star 65, 64:1, deep queue", Star(65, {}), 65, Pattern::kIncast, 400, length);
  sluice::Measure("star 64, permutation", Star(64, {}), 64, Pattern::kPermutation, 60, length / 8);
  sluice::Measure("leaf-spine 64, permutation", sluice::sim::LeafSpine(8, 8, 8, {}, {}), 64,
                  Pattern::kPermutation, 120, length / 8);
  sluice::Measure("leaf-spine 1024, permutation", sluice::sim::LeafSpine(32, 32, 32, {}, {}), 1024,
                  Pattern::kPermutation, 120, length / 64);
}
