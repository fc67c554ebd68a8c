#include "port/fault_port.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "support/fake_port.h"

namespace sluice::port {
namespace {

using test::FakePort;
using test::FakePortOptions;

std::vector<uint8_t> Frame(uint32_t number, size_t length = 64) {
  std::vector<uint8_t> v(length, 0x5a);
  std::memcpy(v.data() + 20, &number, sizeof(number));
  return v;
}

uint32_t NumberOf(const Packet& p) {
  uint32_t number;
  std::memcpy(&number, p.header + 20, sizeof(number));
  return number;
}

// Feeds `count` frames, `per_call` at a time, polls until all is out, and gives back what came.
std::vector<uint32_t> Carry(FakePort* inner, FaultPort* faults, uint32_t count,
                            uint32_t per_call = 16) {
  std::vector<uint32_t> out;
  uint32_t fed = 0;
  for (int idle = 0; idle < 200;) {
    for (uint32_t i = 0; i < per_call && fed < count; ++i) inner->Inject(Frame(fed++));
    Packet burst[32];
    const size_t n = faults->Receive(burst);
    for (size_t i = 0; i < n; ++i) out.push_back(NumberOf(burst[i]));
    faults->Release(std::span(burst, n));
    idle = n == 0 && fed == count ? idle + 1 : 0;
  }
  EXPECT_EQ(faults->waiting(), 0u);
  EXPECT_EQ(inner->lent(), 0u);
  return out;
}

FaultRates Only(double FaultRates::*kind, double p) {
  FaultRates r;
  r.*kind = p;
  return r;
}

// 4 standard deviations of a binomial count.
double Margin(uint32_t n, double p) { return 4 * std::sqrt(n * p * (1 - p)); }

TEST(FaultPortTest, WithoutFaultsNothingChanges) {
  FakePort inner;
  FaultPort faults(&inner, {}, 1, 0);
  const std::vector<uint32_t> out = Carry(&inner, &faults, 1000);
  ASSERT_EQ(out.size(), 1000u);
  for (uint32_t i = 0; i < 1000; ++i) EXPECT_EQ(out[i], i);
  EXPECT_EQ(faults.counts().received, 1000u);
}

TEST(FaultPortTest, DropsTheShareAskedFor) {
  FakePort inner;
  FaultPort faults(&inner, Only(&FaultRates::drop, 0.1), 3, 0);
  const std::vector<uint32_t> out = Carry(&inner, &faults, 20000);
  EXPECT_NEAR(static_cast<double>(faults.counts().dropped), 2000, Margin(20000, 0.1));
  EXPECT_EQ(out.size(), 20000 - faults.counts().dropped);
  for (size_t i = 1; i < out.size(); ++i) ASSERT_LT(out[i - 1], out[i]);
}

TEST(FaultPortTest, CertaintiesAreCertain) {
  FakePort inner;
  FaultPort drops(&inner, Only(&FaultRates::drop, 1), 3, 0);
  EXPECT_TRUE(Carry(&inner, &drops, 100).empty());
  FaultPort doubles(&inner, Only(&FaultRates::duplicate, 1), 3, 0);
  const std::vector<uint32_t> out = Carry(&inner, &doubles, 100);
  ASSERT_EQ(out.size(), 200u);
  for (uint32_t i = 0; i < 200; ++i) EXPECT_EQ(out[i], i / 2);
}

TEST(FaultPortTest, AHeldPacketIsOvertakenByOneToEight) {
  FakePort inner;
  FaultPort faults(&inner, Only(&FaultRates::reorder, 0.01), 5, 0);
  const std::vector<uint32_t> out = Carry(&inner, &faults, 20000);
  EXPECT_NEAR(static_cast<double>(faults.counts().reordered), 200, Margin(20000, 0.01));
  ASSERT_EQ(out.size(), 20000u);
  std::set<size_t> overtaken_by;
  uint32_t held = 0;
  uint32_t largest = 0;
  std::vector<uint32_t> late;
  for (size_t i = 0; i < out.size(); ++i) {
    if (i > 0 && out[i] < largest) {
      // Those that went ahead: larger numbers before it. Other held ones do not count as passing,
      // so at this rate the distance is the countdown, give or take a neighbour.
      size_t ahead = 0;
      for (size_t j = i; j-- > 0 && i - j < 40;) ahead += out[j] > out[i];
      overtaken_by.insert(ahead);
      ++held;
    }
    largest = std::max(largest, out[i]);
  }
  EXPECT_EQ(held, faults.counts().reordered);
  EXPECT_EQ(*overtaken_by.begin(), 1u);
  EXPECT_LE(*overtaken_by.rbegin(), 8u + 2u);
  EXPECT_GE(overtaken_by.size(), 8u);
}

TEST(FaultPortTest, TheLastPacketIsNotHeldForEver) {
  FakePort inner;
  FaultPort faults(&inner, Only(&FaultRates::reorder, 1), 5, 0);
  inner.Inject(Frame(7));
  Packet p;
  uint32_t calls = 1;
  while (faults.Receive(std::span(&p, 1)) == 0) {
    ASSERT_EQ(faults.waiting(), 1u);
    ASSERT_LT(++calls, 100u);
  }
  EXPECT_EQ(calls, FaultPort::kFlushAfterEmpty + 1);
  EXPECT_EQ(NumberOf(p), 7u);
  faults.Release(std::span(&p, 1));
}

TEST(FaultPortTest, CorruptionFlipsOneToThreeBitsBehindTheMacsInACopy) {
  FakePort inner;  // its Release ends the process if a received frame was written to
  FaultPort faults(&inner, Only(&FaultRates::corrupt, 1), 11, 0);
  const std::vector<uint8_t> sent = Frame(1);
  std::set<int> flips;
  std::vector<int> at(sent.size());
  for (int round = 0; round < 4000; ++round) {
    inner.Inject(sent, {IcrcState::kGood, false, 0});
    Packet p;
    ASSERT_EQ(faults.Receive(std::span(&p, 1)), 1u);
    ASSERT_EQ(p.header_length, sent.size());
    EXPECT_EQ(p.rx.icrc, IcrcState::kUnknown);
    int bits = 0;
    for (size_t i = 0; i < sent.size(); ++i) {
      const int n = __builtin_popcount(p.header[i] ^ sent[i]);
      bits += n;
      at[i] += n;
    }
    flips.insert(bits);
    faults.Release(std::span(&p, 1));
  }
  EXPECT_EQ(flips, (std::set<int>{1, 2, 3}));
  for (size_t i = 0; i < 12; ++i) EXPECT_EQ(at[i], 0) << i;
  for (size_t i = 12; i < sent.size(); ++i) EXPECT_GT(at[i], 0) << i;
  EXPECT_EQ(faults.counts().corrupted, 4000u);
  EXPECT_EQ(inner.lent(), 0u);
}

TEST(FaultPortTest, ACutUpFrameIsCopiedWhole) {
  FakePortOptions o;
  o.receive_header = 54;
  o.receive_segment = 100;
  FakePort inner(o);
  FaultPort faults(&inner, Only(&FaultRates::duplicate, 1), 11, 0);
  std::vector<uint8_t> sent(1000);
  for (size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<uint8_t>(i * 7);
  inner.Inject(sent, {IcrcState::kUnknown, true, 3});
  Packet p[2];
  ASSERT_EQ(faults.Receive(p), 2u);
  EXPECT_EQ(p[0].header_length, 54u);
  EXPECT_EQ(p[1].header_length, 1000u);
  EXPECT_EQ(std::vector<uint8_t>(p[1].header, p[1].header + 1000), sent);
  EXPECT_EQ(p[1].frame_length, 1000u);
  EXPECT_TRUE(p[1].rx.ce);
  EXPECT_EQ(p[1].rx.path, 3);
  faults.Release(p);
}

TEST(FaultPortTest, ElidedPayloadGetsABadIcrcAndKeepsItsBytes) {
  FakePortOptions o;
  o.elides_payload = true;
  FakePort inner(o);
  FaultPort faults(&inner, Only(&FaultRates::corrupt, 1), 11, 0);
  const std::vector<uint8_t> sent = Frame(1);
  inner.Inject(sent, {IcrcState::kGood, false, 0}, 1024);
  Packet p;
  ASSERT_EQ(faults.Receive(std::span(&p, 1)), 1u);
  EXPECT_EQ(p.rx.icrc, IcrcState::kBad);
  EXPECT_EQ(p.elided_length, 1024u);
  EXPECT_EQ(std::vector<uint8_t>(p.header, p.header + p.header_length), sent);
  faults.Release(std::span(&p, 1));
}

TEST(FaultPortTest, ADelayHoldsTheLineInOrder) {
  FakePort inner;
  FaultPort faults(&inner, Only(&FaultRates::delay, 1), 2, 0);
  std::set<int> waits;
  for (uint32_t i = 0; i < 1000; ++i) {
    inner.Inject(Frame(2 * i));
    inner.Inject(Frame(2 * i + 1));
    for (uint32_t k = 0; k < 2; ++k) {
      Packet p;
      int wait = 0;
      while (faults.Receive(std::span(&p, 1)) == 0) ASSERT_LT(++wait, 17);
      waits.insert(wait);
      EXPECT_EQ(NumberOf(p), 2 * i + k);
      faults.Release(std::span(&p, 1));
    }
  }
  EXPECT_EQ(*waits.begin(), 1);
  EXPECT_EQ(*waits.rbegin(), 16);
}

TEST(FaultPortTest, AnEmptyPoolSkipsTheFaultAndCountsIt) {
  FakePortOptions o;
  o.pool = 2;
  FakePort inner(o);
  FaultPort faults(&inner, Only(&FaultRates::duplicate, 1), 2, 0);
  inner.Inject(Frame(0));
  inner.Inject(Frame(1));
  Packet p[4];
  ASSERT_EQ(faults.Receive(p), 2u);
  EXPECT_EQ(faults.counts().no_buffer, 2u);
  EXPECT_EQ(faults.counts().duplicated, 0u);
  faults.Release(std::span(p, 2));
}

TEST(FaultPortTest, EqualSeedsGiveEqualRunsAndKindsDoNotMoveEachOther) {
  const auto run = [](const FaultRates& rates, uint64_t seed, uint64_t entity) {
    FakePort inner;
    FaultPort faults(&inner, rates, seed, entity);
    return Carry(&inner, &faults, 2000);
  };
  const FaultRates all{0.05, 0.05, 0.05, 0.0, 0.01};
  EXPECT_EQ(run(all, 1, 0), run(all, 1, 0));
  EXPECT_NE(run(all, 1, 0), run(all, 2, 0));
  EXPECT_NE(run(all, 1, 0), run(all, 1, 1));
  // The packets that are lost are the same ones with and without duplicates.
  const auto set = [](const std::vector<uint32_t>& v) {
    return std::set<uint32_t>(v.begin(), v.end());
  };
  FaultRates doubled = Only(&FaultRates::drop, 0.05);
  const auto alone = run(doubled, 1, 0);
  doubled.duplicate = 0.5;
  EXPECT_EQ(set(run(doubled, 1, 0)), set(alone));
}

TEST(FaultPortTest, TheDestructorGivesBackWhatWaits) {
  FakePort inner;
  {
    FaultPort faults(&inner, {0, 0.5, 0.5, 0.2, 0.2}, 9, 0);
    for (uint32_t i = 0; i < 500; ++i) {
      inner.Inject(Frame(i));
      Packet p[1];
      if (faults.Receive(p) == 1) faults.Release(p);
    }
    EXPECT_GT(faults.waiting(), 0u);
  }
  EXPECT_EQ(inner.lent(), 0u);
}

TEST(FaultPortTest, RefusesWhatIsNoProbability) {
  EXPECT_TRUE(FaultPort::Check({0, 1, 0.5, 0, 0}).ok());
  const absl::Status s = FaultPort::Check(Only(&FaultRates::reorder, 1.5));
  EXPECT_EQ(s.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(s.message()).find("reorder is 1.5"), std::string::npos);
  EXPECT_FALSE(FaultPort::Check(Only(&FaultRates::delay, -0.1)).ok());
  EXPECT_FALSE(
      FaultPort::Check(Only(&FaultRates::drop, std::numeric_limits<double>::quiet_NaN())).ok());
}

}  // namespace
}  // namespace sluice::port
