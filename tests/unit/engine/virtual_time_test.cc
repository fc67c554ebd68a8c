// Round-trip times in virtual time: what hosts and their poll loops add is taken out, and what is
// left is the time of the wire.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "sim/simulation.h"
#include "sim/topology.h"
#include "support/sample_recorder.h"
#include "verbs/assemble.h"
#include "verbs/internal.h"
#include "verbs/verbs.h"

namespace sluice::test {
namespace {

constexpr uint64_t kBase = uint64_t{1} << 40;
constexpr Duration kEvery = Duration::Nanoseconds(31'337);
constexpr int kWrites = 40;

// A device with one queue pair on a simulated host; it posts a WRITE every kEvery.
class Node final : public Pollable {
 public:
  Node(sim::Simulation& sim, sim::NodeId id) {
    const sim::HostAddress address = sim::AddressOf(id);
    verbs::DeviceParts parts;
    parts.port = &sim.port(id);
    parts.clock = &sim.clock();
    parts.mac.bytes = address.mac;
    parts.address = wire::IpAddress::FromV4(address.ipv4);
    parts.engine.seed = id + 1;
    parts.engine.pacing_credit = Bytes(0);
    device = verbs::MakeDevice(parts);
    pd = device->AllocateProtectionDomain();
    region = *device->Register(pd.get(), reinterpret_cast<void*>(kBase), 1 << 20,
                               verbs::kLocalWrite | verbs::kRemoteWrite);
    cq = *device->CreateCompletionQueue(256);
    verbs::QueuePairOptions o;
    o.send_completions = o.receive_completions = cq.get();
    qp = *device->CreateQueuePair(pd.get(), o);
    sim.Attach(id, this);
  }

  void Connect(const Node& peer, verbs::ConnectOptions o) {
    o.peer_qpn = peer.qp->qpn();
    o.peer_mac = peer.device->mac();
    o.peer_address = peer.device->address();
    o.send_psn = qp->initial_psn();
    o.receive_psn = peer.qp->initial_psn();
    const absl::Status s = qp->Connect(o);
    ASSERT_TRUE(s.ok()) << s;
    rkey_ = peer.region->rkey();
  }
  void Start(uint32_t length) {
    length_ = length;
    left_ = kWrites;
  }

  size_t Poll(Time now) override {
    if (left_ > 0 && next_ <= now) {
      const verbs::Segment s{reinterpret_cast<void*>(kBase), length_, region->lkey()};
      verbs::SendRequest r;
      r.segments = {&s, 1};
      r.opcode = verbs::Opcode::kRdmaWrite;
      r.remote_address = kBase;
      r.rkey = rkey_;
      EXPECT_EQ(qp->PostSend(r), verbs::PostResult::kOk);
      next_ += kEvery;
      --left_;
    }
    verbs::WorkCompletion out[16];
    while (cq->Poll(out) > 0) {
    }
    return device->Poll();
  }
  OptionalTime NextDeadline() const override {
    const OptionalTime engine = device->impl().engine.NextDeadline();
    if (left_ == 0) return engine;
    return engine ? Earlier(*engine, next_) : next_;
  }

  std::unique_ptr<verbs::Device> device;
  std::unique_ptr<verbs::ProtectionDomain> pd;
  std::unique_ptr<verbs::CompletionQueue> cq;
  std::unique_ptr<verbs::MemoryRegion> region;
  std::unique_ptr<verbs::QueuePair> qp;

 private:
  uint32_t length_ = 0;
  uint32_t rkey_ = 0;
  int left_ = 0;
  Time next_;
};

struct Exchange {
  SampleRecorder recorder;
  bool extended = true;
  sim::HostModel hosts;

  void Go() {
    sim::SimulationConfig config;
    config.hosts = hosts;
    auto sim = *sim::Simulation::Create(sim::Star(2, {}), config);
    Node a(*sim, 0), b(*sim, 1);
    verbs::ConnectOptions o;
    o.algorithm = "timely";
    o.mtu = 1024;
    if (extended) {
      o.reliability = verbs::Reliability::kExtended;
      o.tracking_window = 256;
    }
    a.Connect(b, o);
    b.Connect(a, o);
    recorder.Record(*a.qp, sim->now());
    a.Start(1000);
    sim->Run(sim->now() + kEvery * (kWrites + 10));
  }
};

// 100 Gb/s are 80 ps a byte; a star's way is two links of 1 us each. Frames with 24 B of preamble,
// FCS and gap: data 14 + 20 + 8 + 12 + 4 of headers, 24 + 12 of the extension, 1000 of payload;
// XT_ACK with 40.
constexpr Duration kWire =
    Duration::Picoseconds(2 * (58 + 36 + 1000 + 24) * 80 + 2 * (58 + 40 + 24) * 80 + 4 * 1'000'000);
// Stamps travel in units of 1024 ps, and a difference of two is that much off at most; there are
// two differences.
constexpr int64_t kUnits = 2 * 1024;

TEST(StampsInVirtualTime, IdealHostsSeeTheWire) {
  Exchange run;
  run.Go();
  ASSERT_EQ(run.recorder.timed.size(), size_t{kWrites});
  for (const auto& e : run.recorder.timed) {
    EXPECT_EQ(e.sample.stamp, cc::StampSource::kNic);
    EXPECT_EQ(e.sample.rtt, kWire);
    EXPECT_EQ(e.sample.host_delay, Duration::Zero());
    EXPECT_EQ(e.sample.remote_delay, Duration::Zero());
  }
}

// Both hosts poll every 5 us, frames need 700 ns from the last bit to where they are seen, and
// 1.3 us from Transmit to the first bit. The round trip grows by that and jumps with the polls;
// what is left for the fabric does neither.
TEST(StampsInVirtualTime, WhatHostsAddIsTakenOut) {
  Exchange run;
  run.hosts = {Duration::Microseconds(5), Duration::Nanoseconds(700), Duration::Nanoseconds(1300)};
  run.Go();
  ASSERT_EQ(run.recorder.timed.size(), size_t{kWrites});
  for (const auto& e : run.recorder.timed) {
    EXPECT_TRUE(e.present.Has(cc::Signal::kHostDelay));
    EXPECT_TRUE(e.present.Has(cc::Signal::kRemoteDelay));
    EXPECT_NEAR(static_cast<double>(e.Fabric().ps()), static_cast<double>(kWire.ps()), kUnits);
    // In polls: there after at least 1.3 + 2.09 + 0.7 us, so at the next poll, 5 us; back the same.
    EXPECT_EQ(e.sample.rtt, Duration::Microseconds(10));
    // t3 - t2: from the last bit to the poll, 5 us after ours, and 1.3 us to the first bit.
    const int64_t one_way = 2 * (58 + 36 + 1000 + 24) * 80 + 2'000'000;
    EXPECT_NEAR(static_cast<double>(e.sample.remote_delay.ps()),
                static_cast<double>(5'000'000 - 1'300'000 - one_way + 1'300'000), kUnits);
  }
}

// A base peer tells no turn-around: its poll stays in the sample, ours does not.
TEST(StampsInVirtualTime, TowardsABasePeerOurShareIsTakenOut) {
  Exchange run;
  run.extended = false;
  run.hosts = {Duration::Microseconds(5), Duration::Nanoseconds(700), Duration::Nanoseconds(1300)};
  run.Go();
  // Base: WRITE ONLY has a RETH of 16 B, the ACK an AETH of 4.
  const int64_t out = 2 * (58 + 16 + 1000 + 24) * 80 + 2'000'000;
  const int64_t back = 2 * (58 + 4 + 24) * 80 + 2'000'000;
  ASSERT_EQ(run.recorder.timed.size(), size_t{kWrites});
  for (const auto& e : run.recorder.timed) {
    EXPECT_FALSE(e.present.Has(cc::Signal::kRemoteDelay));
    EXPECT_EQ(e.sample.rtt, Duration::Microseconds(10));
    // From t1 to the peer's poll 5 us after ours, 1.3 us until its answer leaves, and the wire.
    EXPECT_EQ(e.Fabric(), Duration::Picoseconds(5'000'000 - 1'300'000 + 1'300'000 + back));
    EXPECT_EQ(e.sample.host_delay,
              Duration::Picoseconds(1'300'000 + (5'000'000 - 1'300'000 - back)));
    EXPECT_LT(out + 1'300'000 + 700'000, 5'000'000) << "one poll later";
  }
}

}  // namespace
}  // namespace sluice::test
