#include "support/fake_port.h"

#include <memory>

#include "gtest/gtest.h"

namespace sluice::test {
namespace {

port::Packet Filled(FakePort& port, uint16_t length, uint8_t value) {
  port::Packet p;
  EXPECT_EQ(port.Allocate(std::span(&p, 1)), 1u);
  std::memset(p.header, value, length);
  p.header_length = length;
  p.frame_length = length;
  return p;
}

TEST(FakePortTest, FramesArriveAfterTheLatency) {
  FakePortOptions o;
  o.latency = Duration::Microseconds(2);
  FakePort a(o);
  FakePort b(o);
  FakePort::Connect(a, b);
  a.SetNow(Time::FromPs(5));
  port::Packet p = Filled(a, 64, 1);
  ASSERT_EQ(a.Transmit(std::span(&p, 1)), 1u);
  ASSERT_TRUE(b.NextArrival().has_value());
  EXPECT_EQ(b.NextArrival()->ps(), 2'000'005u);
  b.SetNow(Time::FromPs(2'000'004));
  EXPECT_EQ(b.Receive(std::span(&p, 1)), 0u);
  b.SetNow(Time::FromPs(2'000'005));
  ASSERT_EQ(b.Receive(std::span(&p, 1)), 1u);
  EXPECT_EQ(p.stamp.ps(), 2'000'005u);
  b.Release(std::span(&p, 1));
}

TEST(FakePortTest, RefusesAfterTheNumberItWasTold) {
  FakePort a;
  a.AcceptOnly(2);
  port::Packet p[3] = {Filled(a, 64, 1), Filled(a, 64, 2), Filled(a, 64, 3)};
  EXPECT_EQ(a.Transmit(p), 2u);
  EXPECT_EQ(a.Transmit(std::span(&p[2], 1)), 0u);
  EXPECT_EQ(a.refused(), 2u);
  a.AcceptOnly(std::nullopt);
  EXPECT_EQ(a.Transmit(std::span(&p[2], 1)), 1u);
  ASSERT_EQ(a.sent().size(), 3u);
  EXPECT_EQ(a.sent()[2].bytes[0], 3);
  EXPECT_EQ(a.lent(), 0u);
}

TEST(FakePortTest, TheTapDropsAndAlters) {
  FakePort a;
  FakePort b;
  FakePort::Connect(a, b);
  a.SetTap([](FakeFrame& f, size_t index) {
    f.rx.ce = index == 2;
    return index != 1;
  });
  for (uint8_t i = 0; i < 3; ++i) {
    port::Packet p = Filled(a, 64, i);
    ASSERT_EQ(a.Transmit(std::span(&p, 1)), 1u);
  }
  port::Packet r[3];
  ASSERT_EQ(b.Receive(r), 2u);
  EXPECT_EQ(r[0].header[0], 0);
  EXPECT_FALSE(r[0].rx.ce);
  EXPECT_EQ(r[1].header[0], 2);
  EXPECT_TRUE(r[1].rx.ce);
  b.Release(std::span(r, 2));
  EXPECT_EQ(a.sent().size(), 3u);
}

TEST(FakePortTest, ElidedPayloadIsCountedAndReportedGood) {
  FakePortOptions o;
  o.elides_payload = true;
  FakePort a(o);
  FakePort b(o);
  FakePort::Connect(a, b);
  port::Packet p = Filled(a, 54, 1);
  p.elided_length = 4096;
  p.frame_length = 54 + 4096 + 4;
  ASSERT_EQ(a.Transmit(std::span(&p, 1)), 1u);
  ASSERT_EQ(b.Receive(std::span(&p, 1)), 1u);
  EXPECT_EQ(p.header_length, 54u);
  EXPECT_EQ(p.elided_length, 4096u);
  EXPECT_EQ(p.frame_length, 4154u);
  EXPECT_EQ(p.rx.icrc, port::IcrcState::kGood);
  b.Release(std::span(&p, 1));
}

TEST(FakePortDeathTest, NamesTheMistake) {
  FakePort a;
  port::Packet p = Filled(a, 64, 1);
  a.Release(std::span(&p, 1));
  EXPECT_DEATH(a.Release(std::span(&p, 1)), "given back before");
  FakePort b;
  port::Packet q = Filled(b, 64, 1);
  EXPECT_DEATH(a.Release(std::span(&q, 1)), "not of this port");
  q.frame_length = 65;
  EXPECT_DEATH(b.Transmit(std::span(&q, 1)), "sum of the parts");
  b.Release(std::span(&q, 1));
  b.Inject(std::vector<uint8_t>(64, 0));
  ASSERT_EQ(b.Receive(std::span(&q, 1)), 1u);
  q.header[3] ^= 1;
  EXPECT_DEATH(b.Release(std::span(&q, 1)), "wrote to it");
  q.header[3] ^= 1;
  b.Release(std::span(&q, 1));
}

}  // namespace
}  // namespace sluice::test
