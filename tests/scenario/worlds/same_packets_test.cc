// The same queue pairs with the same work over two worlds, FakePorts and net_ring, polled alike in
// virtual time: every frame that either end sends is the same, in the same order.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "dpdk/eal.h"
#include "dpdk/ring_pair.h"
#include "port/port.h"
#include "support/fake_port.h"
#include "verbs/assemble.h"
#include "wire/frame_view.h"

namespace sluice {
namespace {

using verbs::Opcode;
using verbs::PostResult;

constexpr uint32_t kMtu = 1024;
constexpr size_t kMemory = 1 << 18;

class StepClock : public Clock {
 public:
  Time Now() override { return now; }
  Time now;
};

// What one frame says, whole: the bytes behind the Ethernet header.
struct Sent {
  int end;
  uint8_t opcode;
  uint32_t psn;
  bool ack_request;
  std::vector<uint8_t> bytes;
  bool operator==(const Sent&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Sent& s) {
  return out << "end " << s.end << " opcode " << int{s.opcode} << " psn " << s.psn << " ackreq "
             << s.ack_request << " bytes " << s.bytes.size();
}

// Notes what the inner port takes.
class RecordingPort : public port::Port {
 public:
  RecordingPort(port::Port* inner, int end, std::vector<Sent>* log)
      : inner_(inner), end_(end), log_(log) {}
  size_t Receive(std::span<port::Packet> b) override { return inner_->Receive(b); }
  size_t Allocate(std::span<port::Packet> b) override { return inner_->Allocate(b); }
  void Release(std::span<port::Packet> b) override { inner_->Release(b); }
  const port::Capabilities& capabilities() const override { return inner_->capabilities(); }
  size_t Transmit(std::span<port::Packet> burst) override {
    std::vector<Sent> notes;
    for (const port::Packet& p : burst) {
      wire::FrameView v;
      const wire::DropCause cause =
          wire::ParseFrame({p.header, p.header_length}, p.frame_length, &v);
      EXPECT_EQ(cause, wire::DropCause::kNone);
      notes.push_back({end_, static_cast<uint8_t>(v.opcode), v.psn.value(), v.ack_request,
                       std::vector<uint8_t>(p.header + 14, p.header + p.header_length)});
    }
    const size_t n = inner_->Transmit(burst);
    log_->insert(log_->end(), notes.begin(), notes.begin() + static_cast<ptrdiff_t>(n));
    return n;
  }

 private:
  port::Port* inner_;
  int end_;
  std::vector<Sent>* log_;
};

struct World {
  std::unique_ptr<RecordingPort> port;
  std::unique_ptr<verbs::Device> device;
  std::unique_ptr<verbs::ProtectionDomain> pd;
  std::unique_ptr<verbs::CompletionQueue> cq;
  std::unique_ptr<verbs::MemoryRegion> region;
  std::unique_ptr<verbs::QueuePair> qp;
};

// One memory per end for both worlds, so that the virtual addresses in the RETHs are the same.
std::vector<uint8_t>& Memory(int end) {
  static std::vector<uint8_t> memory[2] = {std::vector<uint8_t>(kMemory),
                                           std::vector<uint8_t>(kMemory)};
  return memory[end];
}

void MakeEnd(World* w, port::Port* port, int end, Clock* clock, std::vector<Sent>* log) {
  w->port = std::make_unique<RecordingPort>(port, end, log);
  verbs::DeviceParts parts;
  parts.port = w->port.get();
  parts.clock = clock;
  parts.mac = *wire::MacAddress::Parse(end == 0 ? "02:00:00:00:00:01" : "02:00:00:00:00:02");
  parts.address = *wire::IpAddress::Parse(end == 0 ? "198.51.100.1" : "198.51.100.2");
  parts.engine.seed = 40 + static_cast<uint64_t>(end);
  parts.engine.pacing_credit = Bytes(0);
  w->device = verbs::MakeDevice(parts);
  w->pd = w->device->AllocateProtectionDomain();
  w->cq = *w->device->CreateCompletionQueue(256);
  w->region = *w->device->Register(w->pd.get(), Memory(end).data(), kMemory,
                                   verbs::kLocalWrite | verbs::kRemoteWrite);
  verbs::QueuePairOptions o;
  o.send_completions = o.receive_completions = w->cq.get();
  w->qp = *w->device->CreateQueuePair(w->pd.get(), o);
}

void ConnectEnds(World* w) {
  for (int i = 0; i < 2; ++i) {
    verbs::ConnectOptions c;
    c.mtu = kMtu;
    c.timeout = 0;
    c.algorithm = "fixed:rate=40Gbps";
    c.peer_qpn = w[1 - i].qp->qpn();
    c.peer_mac = w[1 - i].device->mac();
    c.peer_address = w[1 - i].device->address();
    c.send_psn = w[i].qp->initial_psn();
    c.receive_psn = w[1 - i].qp->initial_psn();
    ASSERT_TRUE(w[i].qp->Connect(c).ok());
  }
}

// Both ends send at once: SENDs of mixed sizes one way, WRITEs (some with immediate) the other.
void PostWork(World* w) {
  Rng rng(7);
  for (uint32_t i = 0; i < 24; ++i) {
    const uint32_t length = static_cast<uint32_t>(rng.Below(5 * kMtu));
    const verbs::Segment into{Memory(1).data() + i * 6000, 6000, w[1].region->lkey()};
    ASSERT_EQ(w[1].qp->PostReceive({i, {&into, 1}}), PostResult::kOk);
    const verbs::Segment from{Memory(0).data() + i * 64, length, w[0].region->lkey()};
    verbs::SendRequest send;
    send.wr_id = i;
    send.segments = {&from, 1};
    send.signalled = i % 3 == 0;
    ASSERT_EQ(w[0].qp->PostSend(send), PostResult::kOk);

    ASSERT_EQ(w[0].qp->PostReceive({i, {}}), PostResult::kOk);
    const verbs::Segment out{Memory(1).data() + 200'000, length, w[1].region->lkey()};
    verbs::SendRequest write;
    write.segments = {&out, 1};
    write.opcode = i % 2 == 0 ? Opcode::kRdmaWriteWithImm : Opcode::kRdmaWrite;
    write.imm = i;
    write.remote_address = reinterpret_cast<uintptr_t>(Memory(0).data()) + 150'000;
    write.rkey = w[0].region->rkey();
    ASSERT_EQ(w[1].qp->PostSend(write), PostResult::kOk);
  }
}

std::vector<Sent> RunWorld(port::Port* a, port::Port* b) {
  Rng pattern(3);
  for (int end = 0; end < 2; ++end) {
    for (uint8_t& byte : Memory(end)) byte = static_cast<uint8_t>(pattern.Next());
  }
  StepClock clock;
  std::vector<Sent> log;
  World w[2];
  MakeEnd(&w[0], a, 0, &clock, &log);
  MakeEnd(&w[1], b, 1, &clock, &log);
  ConnectEnds(w);
  PostWork(w);
  size_t completions[2] = {};
  for (int step = 0; step < 3000; ++step) {
    clock.now += Duration::Nanoseconds(50);
    for (int i = 0; i < 2; ++i) {
      w[i].device->Poll();
      verbs::WorkCompletion done[16];
      const size_t n = w[i].cq->Poll(done);
      for (size_t k = 0; k < n; ++k) {
        EXPECT_EQ(done[k].status, verbs::CompletionStatus::kSuccess);
      }
      completions[i] += n;
    }
  }
  // 8 signalled SENDs and 12 immediates; 24 receives and 24 WRITEs.
  EXPECT_EQ(completions[0], 20u);
  EXPECT_EQ(completions[1], 48u);
  for (World& x : w) x.qp.reset();
  return log;
}

TEST(SamePackets, OverFakePortsAndOverNetRing) {
  auto eal = dpdk::Eal::Create({});
  ASSERT_TRUE(eal.ok()) << eal.status();
  std::vector<Sent> ring;
  {
    dpdk::DpdkPortOptions options;
    options.line_rate = Bandwidth::GigabitsPerSecond(400);
    auto pair = dpdk::RingPair::Create(options);
    ASSERT_TRUE(pair.ok()) << pair.status();
    ring = RunWorld(&(*pair)->a(), &(*pair)->b());
    (*pair)->Close();
    EXPECT_EQ((*pair)->in_use(), 0u);
  }
  test::FakePortOptions options;
  options.linear_room = options.max_frame = 4224;
  test::FakePort a(options), b(options);
  test::FakePort::Connect(a, b);
  const std::vector<Sent> fake = RunWorld(&a, &b);

  ASSERT_GT(fake.size(), 100u);
  ASSERT_EQ(fake.size(), ring.size());
  for (size_t i = 0; i < fake.size(); ++i) ASSERT_EQ(fake[i], ring[i]) << "frame " << i;
}

}  // namespace
}  // namespace sluice
