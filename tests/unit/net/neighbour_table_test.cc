// The states of a neighbour, and that nobody but the owner can make one.
#include "net/neighbour_table.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::net {
namespace {

constexpr wire::MacAddress kA{{2, 0, 0, 0, 0, 0xa}};
constexpr wire::MacAddress kB{{2, 0, 0, 0, 0, 0xb}};
const wire::IpAddress kIp = wire::IpAddress::FromV4(0xc6336402);

Time At(int64_t ms) { return Time::Zero() + Duration::Milliseconds(ms); }

std::vector<Question> Due(NeighbourTable* t, Time now) {
  std::vector<Question> all;
  Question out[2];
  size_t n;
  do {
    n = t->OnTimers(now, out);
    all.insert(all.end(), out, out + n);
  } while (n == 2);
  return all;
}

TEST(NeighbourTable, AsksThreeTimesASecondApartAndThenFailsForAWhile) {
  NeighbourTable t({});
  EXPECT_EQ(t.NextDeadline(), std::nullopt);
  EXPECT_EQ(t.Resolve(At(5), kIp).state, NeighbourState::kIncomplete);
  EXPECT_EQ(t.NextDeadline(), At(5));
  for (int i = 0; i < 3; ++i) {
    const auto q = Due(&t, At(5 + 1000 * i));
    ASSERT_EQ(q.size(), 1u);
    EXPECT_EQ(q[0].ip, kIp);
    EXPECT_FALSE(q[0].mac.has_value());
    EXPECT_EQ(t.NextDeadline(), At(5 + 1000 * (i + 1)));
    EXPECT_TRUE(Due(&t, At(5 + 1000 * i + 999)).empty());
  }
  EXPECT_TRUE(Due(&t, At(3005)).empty());
  EXPECT_EQ(t.Resolve(At(3005), kIp).state, NeighbourState::kFailed);
  EXPECT_TRUE(Due(&t, At(6005)).empty());
  EXPECT_EQ(t.size(), 0u) << "forgotten after 3 s";
}

TEST(NeighbourTable, AnswerThenStaleThenProbeOnUse) {
  NeighbourTable t({});
  t.Resolve(At(0), kIp);
  Due(&t, At(0));
  t.OnAnswer(At(1), kIp, kA);
  EXPECT_EQ(t.Resolve(At(2), kIp).state, NeighbourState::kReachable);
  EXPECT_EQ(t.Resolve(At(2), kIp).mac, kA);
  EXPECT_TRUE(Due(&t, At(30000)).empty());
  EXPECT_EQ(t.Find(kIp)->state, NeighbourState::kReachable);
  EXPECT_TRUE(Due(&t, At(30001)).empty());
  EXPECT_EQ(t.Find(kIp)->state, NeighbourState::kStale);
  EXPECT_EQ(t.Resolve(At(40000), kIp).mac, kA) << "still usable";
  const auto q = Due(&t, At(40000));
  ASSERT_EQ(q.size(), 1u);
  EXPECT_EQ(q[0].mac, kA) << "the one we know is asked first";
  EXPECT_EQ(Due(&t, At(41000))[0].mac, std::nullopt);
  t.OnAnswer(At(41001), kIp, kB);
  EXPECT_EQ(t.Find(kIp)->mac, kB);
  EXPECT_EQ(t.Find(kIp)->state, NeighbourState::kReachable);
}

TEST(NeighbourTable, UnusedEntriesAreForgotten) {
  NeighbourTable t({});
  t.Resolve(At(0), kIp);
  t.OnAnswer(At(0), kIp, kA);
  Due(&t, At(30000));
  Due(&t, At(30000 + 599999));
  EXPECT_EQ(t.size(), 1u);
  Due(&t, At(30000 + 600000));
  EXPECT_EQ(t.size(), 0u);
}

TEST(NeighbourTable, StrangersMakeNoEntries) {
  NeighbourTable t({});
  for (uint32_t i = 1; i < 1000; ++i) {
    t.OnAnswer(At(0), wire::IpAddress::FromV4(i), kA);
    t.OnHint(At(0), wire::IpAddress::FromV4(i), kA);
  }
  EXPECT_EQ(t.size(), 0u);
  EXPECT_EQ(t.NextDeadline(), std::nullopt);
}

TEST(NeighbourTable, AnAddressThatClaimsToHaveMovedIsAskedNotBelieved) {
  NeighbourTable t({});
  t.Resolve(At(0), kIp);
  Due(&t, At(0));
  t.OnAnswer(At(1), kIp, kA);
  t.OnHint(At(2), kIp, kA);
  EXPECT_EQ(t.Find(kIp)->state, NeighbourState::kReachable);
  t.OnAnswer(At(2), kIp, kB) /* nobody had asked */;
  EXPECT_EQ(t.Find(kIp)->mac, kA);
  EXPECT_EQ(t.Find(kIp)->state, NeighbourState::kProbe);
  EXPECT_EQ(Due(&t, At(2))[0].mac, std::nullopt) << "everybody is asked";
  t.OnAnswer(At(3), kIp, kA);
  EXPECT_EQ(t.Find(kIp)->mac, kA);
  EXPECT_EQ(t.Find(kIp)->state, NeighbourState::kReachable);
}

TEST(NeighbourTable, FailedEntriesWakeUpWhenTheNeighbourSpeaks) {
  NeighbourTable t({});
  t.Resolve(At(0), kIp);
  for (int i = 0; i < 4; ++i) Due(&t, At(1000 * i));
  ASSERT_EQ(t.Find(kIp)->state, NeighbourState::kFailed);
  t.OnHint(At(3500), kIp, kA);
  EXPECT_EQ(t.Find(kIp)->state, NeighbourState::kIncomplete);
  EXPECT_EQ(Due(&t, At(3500)).size(), 1u);
}

TEST(NeighbourTable, FullTableForgetsTheLeastUsedButNoneBeingAskedFor) {
  NeighbourConfig config;
  config.capacity = 3;
  NeighbourTable t(config);
  const auto ip = [](uint32_t i) { return wire::IpAddress::FromV4(i); };
  for (uint32_t i = 0; i < 3; ++i) t.Resolve(At(i), ip(i + 1));
  EXPECT_EQ(t.Resolve(At(4), ip(9)).state, NeighbourState::kFailed) << "all are being asked for";
  EXPECT_EQ(t.size(), 3u);
  for (uint32_t i = 0; i < 3; ++i) t.OnAnswer(At(5), ip(i + 1), kA);
  t.Resolve(At(6), ip(1));
  EXPECT_EQ(t.Resolve(At(7), ip(9)).state, NeighbourState::kIncomplete);
  EXPECT_FALSE(t.Find(ip(2)).has_value());
  EXPECT_TRUE(t.Find(ip(1)).has_value() && t.Find(ip(3)).has_value());
  EXPECT_EQ(t.size(), 3u);
}

TEST(NeighbourTable, NamesOfStates) {
  EXPECT_STREQ(NameOf(NeighbourState::kIncomplete), "INCOMPLETE");
  EXPECT_STREQ(NameOf(NeighbourState::kReachable), "REACHABLE");
  EXPECT_STREQ(NameOf(NeighbourState::kStale), "STALE");
  EXPECT_STREQ(NameOf(NeighbourState::kProbe), "PROBE");
  EXPECT_STREQ(NameOf(NeighbourState::kFailed), "FAILED");
}

}  // namespace
}  // namespace sluice::net
