// Time stamps of a DpdkPort. No virtual driver stamps; a callback behind the driver of net_ring
// leaves in the mbufs what a NIC would.
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include <cstring>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "dpdk/dpdk_port.h"
#include "dpdk/ring_pair.h"
#include "gtest/gtest.h"
#include "test_eal.h"

namespace sluice::dpdk {
namespace {

using port::Packet;

class HandClock : public Clock {
 public:
  Time Now() override { return now; }
  Time now = Time::FromPs(1'000'000'000);
};

constexpr double kHz = 1e9;

DpdkPortOptions Options(Clock* clock, double hz) {
  DpdkPortOptions o;
  o.receive_ring = o.transmit_ring = 256;
  o.spare_packets = 256;
  o.clock = clock;
  o.stamp_hz = hz;
  return o;
}

// Stamps every packet with the next of these counts; 0: leaves it without.
struct Nic {
  int field = -1;
  uint64_t flag = 0;
  std::vector<uint64_t> counts;
  size_t next = 0;
};

uint16_t Stamp(uint16_t, uint16_t, rte_mbuf* packets[], uint16_t n, uint16_t, void* user) {
  auto* nic = static_cast<Nic*>(user);
  for (uint16_t i = 0; i < n; ++i) {
    const uint64_t count = nic->counts.at(nic->next++);
    if (count == 0) continue;
    *RTE_MBUF_DYNFIELD(packets[i], nic->field, rte_mbuf_timestamp_t*) = count;
    packets[i]->ol_flags |= nic->flag;
  }
  return n;
}

uint16_t PortIdOf(const DpdkPort& port) {
  uint16_t id = 0;
  EXPECT_EQ(rte_eth_dev_get_port_by_name(port.name().c_str(), &id), 0);
  return id;
}

void Send(DpdkPort& port, size_t n) {
  std::vector<Packet> burst(n);
  ASSERT_EQ(port.Allocate(burst), n);
  for (Packet& p : burst) {
    std::memset(p.header, 1, 64);
    p.header_length = 64;
    p.frame_length = 64;
  }
  ASSERT_EQ(port.Transmit(burst), n);
}

TEST(PortStamps, OfBurstsComeFromTheClock) {
  HandClock clock;
  auto pair = *RingPair::Create(Options(&clock, 0));
  EXPECT_TRUE(pair->a().capabilities().burst_stamps);
  EXPECT_FALSE(pair->a().capabilities().hardware_stamps) << "net_ring offers none";
  const Time poll = clock.now;
  clock.now += Duration::Nanoseconds(700);
  EXPECT_EQ(pair->a().ReceiveStamp(poll), poll + Duration::Nanoseconds(700));
  EXPECT_EQ(pair->a().TransmitStamp(poll), poll + Duration::Nanoseconds(700));
}

TEST(PortStamps, WithoutAClockThereAreNone) {
  auto pair = *RingPair::Create(Options(nullptr, kHz));
  EXPECT_FALSE(pair->a().capabilities().burst_stamps);
  EXPECT_FALSE(pair->a().capabilities().hardware_stamps);
  EXPECT_EQ(pair->a().ReceiveStamp(Time::FromPs(5)), Time::FromPs(5));
}

TEST(PortStamps, OfTheNicAreTakenFromThePackets) {
  HandClock clock;
  auto pair = *RingPair::Create(Options(&clock, kHz));
  DpdkPort& b = pair->b();
  ASSERT_TRUE(b.capabilities().hardware_stamps);
  Nic nic;
  ASSERT_EQ(rte_mbuf_dyn_rx_timestamp_register(&nic.field, &nic.flag), 0);
  const uint16_t id = PortIdOf(b);
  const rte_eth_rxtx_callback* callback = rte_eth_add_rx_callback(id, 0, Stamp, &nic);
  if (callback == nullptr) GTEST_SKIP() << "this DPDK was built without callbacks";

  // The first packet is seen at 1 ms with count 5'000'000: that is the zero. Of the next three,
  // seen together 9 us later, one came 3 us after the first and waited for 6, one came 8 us after
  // it, and one has no stamp.
  nic.counts = {5'000'000, 5'003'000, 5'008'000, 0};
  const Time first = clock.now;
  Packet burst[8];
  Send(pair->a(), 1);
  ASSERT_EQ(b.Receive(burst), 1u);
  EXPECT_EQ(burst[0].stamp, first);
  b.Release({burst, 1});
  clock.now += Duration::Microseconds(9);
  Send(pair->a(), 3);
  ASSERT_EQ(b.Receive(burst), 3u);
  EXPECT_EQ(burst[0].stamp, first + Duration::Microseconds(3));
  EXPECT_EQ(burst[1].stamp, first + Duration::Microseconds(8));
  EXPECT_EQ(burst[2].stamp, first + Duration::Microseconds(9)) << "when it was seen";
  b.Release({burst, 3});
  EXPECT_EQ(rte_eth_remove_rx_callback(id, 0, callback), 0);
}

}  // namespace
}  // namespace sluice::dpdk
