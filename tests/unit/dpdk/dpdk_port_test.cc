#include "dpdk/dpdk_port.h"

#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "dpdk/errors.h"
#include "dpdk/lcore.h"
#include "dpdk/ring_hub.h"
#include "dpdk/ring_pair.h"
#include "gtest/gtest.h"
#include "port/fault_port.h"
#include "support/port_conformance.h"
#include "test_eal.h"

namespace sluice::dpdk {
namespace {

using port::Packet;

DpdkPortOptions Small() {
  DpdkPortOptions o;
  o.receive_ring = 256;
  o.transmit_ring = 256;
  o.spare_packets = 256;
  return o;
}

class RingRig : public test::PortRig {
 public:
  explicit RingRig(std::unique_ptr<RingPair> pair) : pair_(std::move(pair)) {}
  port::Port& a() override { return pair_->a(); }
  port::Port& b() override { return pair_->b(); }
  size_t in_use() override { return pair_->in_use(); }

 private:
  std::unique_ptr<RingPair> pair_;
};

std::unique_ptr<test::PortRig> Ring() {
  auto pair = RingPair::Create(Small());
  if (!pair.ok()) {
    ADD_FAILURE() << pair.status();
    return nullptr;
  }
  return std::make_unique<RingRig>(*std::move(pair));
}

// A host's port and the bridge's end of its cable, or the reverse.
class HubRig : public test::PortRig {
 public:
  HubRig(std::unique_ptr<RingHub> hub, bool from_bridge)
      : hub_(std::move(hub)), from_bridge_(from_bridge) {}
  port::Port& a() override { return Side(from_bridge_); }
  port::Port& b() override { return Side(!from_bridge_); }
  size_t in_use() override { return hub_->in_use(); }

 private:
  port::Port& Side(bool bridge) {
    if (bridge) return hub_->bridge(1);
    return hub_->host(1);
  }
  std::unique_ptr<RingHub> hub_;
  const bool from_bridge_;
};

template <bool kFromBridge>
std::unique_ptr<test::PortRig> Hub() {
  auto hub = RingHub::Create({Small(), Small(), Small()});
  if (!hub.ok()) {
    ADD_FAILURE() << hub.status();
    return nullptr;
  }
  return std::make_unique<HubRig>(*std::move(hub), kFromBridge);
}

class FaultyRingRig : public test::PortRig {
 public:
  explicit FaultyRingRig(std::unique_ptr<RingPair> pair)
      : pair_(std::move(pair)), a_(&pair_->a(), {}, 1, 0), b_(&pair_->b(), {}, 1, 1) {}
  port::Port& a() override { return a_; }
  port::Port& b() override { return b_; }
  size_t in_use() override { return pair_->in_use(); }

 private:
  std::unique_ptr<RingPair> pair_;
  port::FaultPort a_;
  port::FaultPort b_;
};

std::unique_ptr<test::PortRig> FaultyRing() {
  auto pair = RingPair::Create(Small());
  if (!pair.ok()) {
    ADD_FAILURE() << pair.status();
    return nullptr;
  }
  return std::make_unique<FaultyRingRig>(*std::move(pair));
}

class DpdkPortTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto pair = RingPair::Create(Small());
    ASSERT_TRUE(pair.ok()) << pair.status();
    pair_ = *std::move(pair);
  }
  Packet Filled(uint16_t length, uint8_t value) {
    Packet p;
    EXPECT_EQ(pair_->a().Allocate(std::span(&p, 1)), 1u);
    std::memset(p.header, value, length);
    p.header_length = length;
    p.frame_length = length;
    return p;
  }
  std::unique_ptr<RingPair> pair_;
};

TEST_F(DpdkPortTest, ThePayloadOfAnAllocatedFrameIsOnACacheLine) {
  std::vector<Packet> p(64);
  ASSERT_EQ(pair_->a().Allocate(p), 64u);
  for (const Packet& q : p) {
    EXPECT_EQ((reinterpret_cast<uintptr_t>(q.header) + 54) % 64, 0u);
  }
  pair_->a().Release(p);
}

TEST_F(DpdkPortTest, SaysWhatItIs) {
  const port::Capabilities& c = pair_->a().capabilities();
  EXPECT_TRUE(c.shared_memory);
  EXPECT_TRUE(c.segments);
  EXPECT_FALSE(c.elides_payload);
  EXPECT_EQ(c.max_frame, 4224u);
  EXPECT_GE(c.linear_room, c.max_frame);
  EXPECT_EQ(c.line_rate, Bandwidth::GigabitsPerSecond(400));
  EXPECT_EQ(pair_->a().driver(), "net_ring");
  // Unicast, locally administered, and not the neighbour's.
  EXPECT_EQ(pair_->a().mac()[0] & 3, 2);
  EXPECT_NE(pair_->a().mac(), pair_->b().mac());
  EXPECT_TRUE(pair_->a().WaitLink(Duration::Milliseconds(10)).ok());
}

TEST(RingHub, HasRoomForAsManyHostsAsDpdkHasDevices) {
  DpdkPortOptions one;
  one.max_frame = Bytes(1280);
  one.receive_ring = one.transmit_ring = one.spare_packets = 63;
  const auto hub = RingHub::Create(std::vector<DpdkPortOptions>(RingHub::kMaxLinks, one));
  ASSERT_TRUE(hub.ok()) << hub.status();
  EXPECT_EQ((*hub)->links(), RingHub::kMaxLinks);
  EXPECT_FALSE(RingHub::Create({}).ok());
  EXPECT_FALSE(RingHub::Create(std::vector<DpdkPortOptions>(RingHub::kMaxLinks + 1)).ok());
}

TEST_F(DpdkPortTest, ClosingGivesBackWhatIsUnderWayAndLeaksAreSeen) {
  Packet sent[3] = {Filled(64, 1), Filled(64, 2), Filled(64, 3)};
  ASSERT_EQ(pair_->a().Transmit(sent), 3u);
  Packet kept = Filled(64, 4);
  EXPECT_EQ(pair_->in_use(), 4u);
  pair_->Close();
  EXPECT_EQ(pair_->in_use(), 1u);
  pair_->a().Release(std::span(&kept, 1));
  EXPECT_EQ(pair_->in_use(), 0u);
}

TEST_F(DpdkPortTest, AFrameThatCanNeverGoIsDroppedCountedAndDoesNotStopTheLine) {
  std::vector<uint8_t> huge(100'000, 7);
  Packet p[3] = {Filled(64, 1), Filled(64, 2), Filled(64, 3)};
  p[1].payload = huge.data();
  p[1].payload_length = static_cast<uint32_t>(huge.size());
  ASSERT_EQ(pair_->a().Transmit(p), 3u);
  EXPECT_EQ(pair_->a().Stats().tx_unusable, 1u);
  Packet r[4];
  ASSERT_EQ(pair_->b().Receive(r), 2u);
  EXPECT_EQ(r[0].header[0], 1);
  EXPECT_EQ(r[1].header[0], 3);
  pair_->b().Release(std::span(r, 2));
  EXPECT_EQ(pair_->in_use(), 0u);
}

TEST_F(DpdkPortTest, CountsWhatTheDriverCounts) {
  Packet p = Filled(64, 1);
  ASSERT_EQ(pair_->a().Transmit(std::span(&p, 1)), 1u);
  Packet r;
  ASSERT_EQ(pair_->b().Receive(std::span(&r, 1)), 1u);
  pair_->b().Release(std::span(&r, 1));
  EXPECT_EQ(pair_->a().Stats().tx_packets, 1u);
  EXPECT_EQ(pair_->b().Stats().rx_packets, 1u);
}

TEST_F(DpdkPortTest, FaultsOnSharedMemoryLeakNothing) {
  const port::FaultRates rates{0.05, 0.2, 0.2, 0.2, 0.05};
  size_t out = 0;
  {
    port::FaultPort faults(&pair_->b(), rates, 4, 0);
    for (uint32_t i = 0; i < 20000; ++i) {
      std::vector<Packet> p(8);
      p.resize(pair_->a().Allocate(p));
      for (Packet& q : p) {
        std::memset(q.header, 1, 100);
        q.header_length = 100;
        q.frame_length = 100;
      }
      const size_t sent = pair_->a().Transmit(p);
      pair_->a().Release(std::span(p).subspan(sent));
      Packet r[32];
      const size_t n = faults.Receive(r);
      out += n;
      faults.Release(std::span(r, n));
    }
    EXPECT_GT(faults.counts().corrupted, 0u);
    EXPECT_GT(faults.counts().duplicated, 0u);
    EXPECT_EQ(faults.counts().received + faults.counts().duplicated,
              out + faults.counts().dropped + faults.waiting());
  }
  pair_->Close();
  EXPECT_EQ(pair_->in_use(), 0u);
}

TEST_F(DpdkPortTest, TwoCoresPassPacketsInOrder) {
  const std::vector<int> cores = AllowedCores();
  constexpr uint32_t kPackets = 20000;
  auto lcore = Lcore::Start(cores.back(), [this] {
    uint32_t number = 0;
    while (number < kPackets) {
      std::vector<Packet> p(32);
      p.resize(pair_->a().Allocate(p));
      for (Packet& q : p) {
        const uint32_t value = number++;
        std::memcpy(q.header, &value, 4);
        q.header_length = 64;
        q.frame_length = 64;
      }
      std::span<Packet> left(p);
      while (!left.empty()) left = left.subspan(pair_->a().Transmit(left));
    }
  });
  ASSERT_TRUE(lcore.ok()) << lcore.status();
  uint32_t expected = 0;
  while (expected < kPackets) {
    Packet r[32];
    const size_t n = pair_->b().Receive(r);
    for (size_t i = 0; i < n; ++i) {
      uint32_t value;
      std::memcpy(&value, r[i].header, 4);
      if (value != expected) ADD_FAILURE() << value << " instead of " << expected;
      expected = value + 1;
    }
    pair_->b().Release(std::span(r, n));
  }
  (*lcore)->Join();
}

TEST(LcoreTest, ACoreThatIsNotThereIsRefused) {
  const auto lcore = Lcore::Start(1000, [] {});
  ASSERT_FALSE(lcore.ok());
  EXPECT_EQ(KindOf(lcore.status()), ErrorKind::kUsage);
}

TEST(DpdkPortOpenTest, RefusesWhatCannotBe) {
  EXPECT_EQ(KindOf(DpdkPort::Open(4711).status()), ErrorKind::kUsage);
  DpdkPortOptions o = Small();
  o.max_frame = Bytes(20000);
  EXPECT_EQ(KindOf(DpdkPort::Open(0, o).status()), ErrorKind::kUsage);
  o = Small();
  o.spare_packets = 1'000'000;
  const auto pair = RingPair::Create(o);
  ASSERT_FALSE(pair.ok());
  EXPECT_EQ(KindOf(pair.status()), ErrorKind::kMissing);
  EXPECT_NE(std::string(pair.status().message()).find("MiB"), std::string::npos);
}

TEST(DpdkPortMemifTest, AFrameLongerThanABufferArrivesInSegmentsAndGoesBackAsItIs) {
  const std::string socket = ::testing::TempDir() + "sluice_memif_" + std::to_string(getpid());
  const auto open = [&socket](const char* name, const char* role, Bytes max_frame) {
    const auto number = test_eal->CreateVdev(std::string(name) + ",role=" + role + ",bsize=8192," +
                                             "socket-abstract=no,socket=" + socket);
    EXPECT_TRUE(number.ok()) << number.status();
    DpdkPortOptions o = Small();
    o.max_frame = max_frame;
    auto port = DpdkPort::Open(number.value_or(0xffff), o);
    EXPECT_TRUE(port.ok()) << port.status();
    return port.ok() ? *std::move(port) : nullptr;
  };
  auto big = open("net_memif20", "server", Bytes(4224));
  auto small = open("net_memif21", "client", Bytes(1514));
  ASSERT_TRUE(big != nullptr && small != nullptr);
  const absl::Status up = small->WaitLink(Duration::Milliseconds(5000));
  ASSERT_TRUE(up.ok()) << up;
  ASSERT_TRUE(big->WaitLink(Duration::Milliseconds(5000)).ok());

  Packet p;
  ASSERT_EQ(big->Allocate(std::span(&p, 1)), 1u);
  for (size_t i = 0; i < 4154; ++i) p.header[i] = static_cast<uint8_t>(i * 13);
  p.header_length = 4154;
  p.frame_length = 4154;
  Packet r;
  // A memif receiver hands out its buffers when it polls, the first time without a frame.
  ASSERT_EQ(small->Receive(std::span(&r, 1)), 0u);
  ASSERT_EQ(big->Transmit(std::span(&p, 1)), 1u);
  ASSERT_EQ(small->Receive(std::span(&r, 1)), 1u);
  EXPECT_EQ(r.frame_length, 4154u);
  ASSERT_GT(r.payload_length, 0u);
  ASSERT_GT(r.more_count, 0);
  std::vector<uint8_t> got(r.header, r.header + r.header_length);
  got.insert(got.end(), r.payload, r.payload + r.payload_length);
  for (size_t i = 0; i < r.more_count; ++i) {
    got.insert(got.end(), r.more[i].data, r.more[i].data + r.more[i].length);
  }
  ASSERT_EQ(got.size(), 4154u);
  for (size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], static_cast<uint8_t>(i * 13)) << i;

  ASSERT_EQ(small->Transmit(std::span(&r, 1)), 1u);
  ASSERT_EQ(big->Receive(std::span(&p, 1)), 1u);
  EXPECT_EQ(std::vector<uint8_t>(p.header, p.header + p.header_length), got);
  big->Release(std::span(&p, 1));
  small->Close();
  big->Close();
  EXPECT_EQ(small->in_use() + big->in_use(), 0u);
}

TEST(DpdkPortOpenTest, ANullDeviceSwallowsAndMakesFrames) {
  const auto number = test_eal->CreateVdev("net_null0,size=128");
  ASSERT_TRUE(number.ok()) << number.status();
  auto port = DpdkPort::Open(*number, Small());
  ASSERT_TRUE(port.ok()) << port.status();
  Packet p[8];
  ASSERT_EQ((*port)->Receive(p), 8u);
  EXPECT_EQ(p[0].frame_length, 128u);
  ASSERT_EQ((*port)->Transmit(p), 8u);
  (*port)->Close();
  EXPECT_EQ((*port)->in_use(), 0u);
  port->reset();
  EXPECT_TRUE(test_eal->CreateVdev("net_null0").ok()) << "the name is free again";
}

}  // namespace
}  // namespace sluice::dpdk

namespace sluice::test {
INSTANTIATE_TEST_SUITE_P(NetRing, PortConformance, ::testing::Values(&dpdk::Ring));
INSTANTIATE_TEST_SUITE_P(RingHub, PortConformance,
                         ::testing::Values(&dpdk::Hub<false>, &dpdk::Hub<true>));
INSTANTIATE_TEST_SUITE_P(FaultPortOnNetRing, PortConformance, ::testing::Values(&dpdk::FaultyRing));
}  // namespace sluice::test
