// Memory windows of type 2B: what may be bound, who gets in, and what closes them.
#include "memory/window_table.h"

#include <gtest/gtest.h>

#include <limits>
#include <unordered_set>
#include <vector>

#include "base/rng.h"

namespace sluice::memory {
namespace {

constexpr uint32_t kPd = 5;
constexpr WindowUser kUser{kPd, 77};
constexpr uint64_t kBase = 0x10000;
constexpr int64_t kLength = 4096;
constexpr Access kBindable = kLocalWrite | kMemoryWindowBind;

// Addresses are never dereferenced: the tables only calculate.
void* Pointer(uint64_t va) { return reinterpret_cast<void*>(va); }
uint64_t Va(const Resolution& r) { return reinterpret_cast<uint64_t>(r.address); }

class Windows : public testing::Test {
 protected:
  uint32_t Region(Access access = kBindable, uint64_t va = kBase, uint32_t pd = kPd) {
    return table_.Register(pd, Pointer(va), Bytes(kLength), access)->lkey;
  }
  WindowBinding Binding(uint32_t key, uint32_t region, uint8_t access = kRemoteRead) {
    return {key, region, kBase + 100, 50, access};
  }
  Fault Ask(uint32_t key, uint64_t va, int64_t length, Access access,
            const WindowUser& user = kUser) {
    return windows_.Resolve(key, user, va, Bytes(length), access).fault;
  }

  RegionTable table_{1, 64};
  WindowTable& windows_ = table_.windows();
};

TEST_F(Windows, BoundsAreExactWithAndWithoutZeroBase) {
  const uint32_t region = Region();
  for (const uint8_t zero : {uint8_t{0}, uint8_t{kZeroBased}}) {
    const uint32_t key = *windows_.Allocate(kPd) | 9;
    ASSERT_TRUE(windows_.Bind(kUser, Binding(key, region, kRemoteRead | zero)));
    const uint64_t base = zero != 0 ? 0 : kBase + 100;
    for (int64_t at = -4; at < 56; ++at) {
      for (int64_t length = 1; length < 56; ++length) {
        const uint64_t va = base + static_cast<uint64_t>(at);
        const bool inside = at >= 0 && at + length <= 50;
        const Resolution r = windows_.Resolve(key, kUser, va, Bytes(length), kRemoteRead);
        EXPECT_EQ(r.fault, inside ? Fault::kNone : Fault::kBounds) << at << "+" << length;
        EXPECT_EQ(Va(r), inside ? kBase + 100 + static_cast<uint64_t>(at) : 0);
      }
    }
    EXPECT_EQ(Ask(key, base, std::numeric_limits<int64_t>::max(), kRemoteRead), Fault::kBounds);
    EXPECT_EQ(Ask(key, base, -1, kRemoteRead), Fault::kBounds);
    EXPECT_EQ(Ask(key, ~uint64_t{0}, 2, kRemoteRead), Fault::kBounds);
  }
}

TEST_F(Windows, EveryCombinationOfRightsAndNeeds) {
  const uint32_t region = Region();
  for (uint8_t rights = 0; rights < 16; rights = static_cast<uint8_t>(rights + 2)) {
    const uint32_t key = *windows_.Allocate(kPd);
    ASSERT_TRUE(windows_.Bind(kUser, Binding(key, region, rights)));
    for (uint8_t need = 2; need < 16; need = static_cast<uint8_t>(need + 2)) {
      const bool granted = (need & ~rights) == 0;
      EXPECT_EQ(Ask(key, kBase + 100, 8, static_cast<Access>(need)),
                granted ? Fault::kNone : Fault::kAccess);
    }
    EXPECT_EQ(Ask(key, kBase + 100, 8, kLocalRead), Fault::kKey) << "a window's key is no lkey";
    EXPECT_EQ(Ask(key, kBase + 100, 8, kLocalWrite), Fault::kKey);
  }
}

TEST_F(Windows, OnlyTheQueuePairThatBoundItGetsIn) {
  const uint32_t key = *windows_.Allocate(kPd) | 1;
  ASSERT_TRUE(windows_.Bind(kUser, Binding(key, Region())));
  EXPECT_EQ(Ask(key, kBase + 100, 8, kRemoteRead), Fault::kNone);
  EXPECT_EQ(Ask(key, kBase + 100, 8, kRemoteRead, {kPd, 78}), Fault::kQueuePair);
  EXPECT_EQ(Ask(key, kBase + 100, 8, kRemoteRead, {kPd + 1, 77}), Fault::kDomain);
  for (uint32_t low = 0; low < 256; ++low) {
    const uint32_t other = (key & ~0xffu) | low;
    EXPECT_EQ(Ask(other, kBase + 100, 8, kRemoteRead), low == 1 ? Fault::kNone : Fault::kKey);
  }
  // The region's table knows nothing of it.
  EXPECT_EQ(table_.Resolve(key, kPd, kBase + 100, Bytes(8), kRemoteRead).fault, Fault::kKey);
}

TEST_F(Windows, RefusesTheBindingsThatTheSpecificationForbids) {
  const uint32_t region = Region();
  const uint32_t key = *windows_.Allocate(kPd) | 3;
  const auto bind = [&](WindowBinding b, WindowUser user = kUser) {
    const bool bound = windows_.Bind(user, b);
    EXPECT_EQ(windows_.bound(), bound ? 1u : 0u);
    EXPECT_EQ(windows_.Invalidate(b.key, user), bound);
    return bound;
  };
  EXPECT_TRUE(bind(Binding(key, region)));
  // o10-37.2.40 and C10-75.
  EXPECT_FALSE(bind({key, region, kBase, 0, kRemoteRead}));
  EXPECT_TRUE(bind({key, region, kBase, kLength, kRemoteRead}));
  EXPECT_FALSE(bind({key, region, kBase, kLength + 1, kRemoteRead}));
  EXPECT_FALSE(bind({key, region, kBase - 1, 8, kRemoteRead}));
  EXPECT_FALSE(bind({key, region, kBase + kLength - 7, 8, kRemoteRead}));
  EXPECT_FALSE(bind({key, region, kBase, ~uint64_t{0}, kRemoteRead}));
  EXPECT_FALSE(bind({key, region, ~uint64_t{0}, 8, kRemoteRead}));
  // C10-72, of the user and of the region.
  EXPECT_FALSE(bind(Binding(key, region), {kPd + 1, 77}));
  EXPECT_FALSE(bind(Binding(key, Region(kBindable, kBase, kPd + 1))));
  // C10-73 and C10-74.
  EXPECT_FALSE(bind(Binding(key, Region(kLocalWrite | kRemoteRead))));
  const uint32_t read_only = Region(kMemoryWindowBind);
  EXPECT_TRUE(bind(Binding(key, read_only, kRemoteRead)));
  EXPECT_FALSE(bind(Binding(key, read_only, kRemoteWrite)));
  EXPECT_FALSE(bind(Binding(key, read_only, kRemoteAtomic)));
  EXPECT_TRUE(bind(Binding(key, region, kRemoteWrite | kRemoteAtomic)));
  // What is no right of a window, no region, no window.
  for (const uint8_t wrong : {1, 16, 64, 128}) EXPECT_FALSE(bind(Binding(key, region, wrong)));
  EXPECT_FALSE(bind(Binding(key, region ^ 1)));
  EXPECT_FALSE(bind(Binding(key, 0)));
  EXPECT_FALSE(bind(Binding(key ^ 0x100, region)));
  EXPECT_FALSE(bind(Binding(0, region)));
}

TEST_F(Windows, OnlyAFreeOneCanBeBound) {
  const uint32_t region = Region();
  const uint32_t key = *windows_.Allocate(kPd);
  ASSERT_TRUE(windows_.Bind(kUser, Binding(key | 1, region)));
  EXPECT_FALSE(windows_.Bind(kUser, Binding(key | 2, region))) << "o10-37.2.30";
  EXPECT_FALSE(windows_.Invalidate(key | 2, kUser)) << "not the key it is bound under";
  EXPECT_FALSE(windows_.Invalidate(key | 1, {kPd, 78})) << "of another queue pair";
  EXPECT_FALSE(windows_.Invalidate(key | 1, {kPd + 1, 77}));
  ASSERT_TRUE(windows_.Invalidate(key | 1, kUser));
  EXPECT_FALSE(windows_.Invalidate(key | 1, kUser)) << "twice";
  EXPECT_EQ(Ask(key | 1, kBase + 100, 8, kRemoteRead), Fault::kKey);
  ASSERT_TRUE(windows_.Bind(kUser, Binding(key | 2, region)));
  EXPECT_EQ(Ask(key | 1, kBase + 100, 8, kRemoteRead), Fault::kKey) << "the old key is stale";
  EXPECT_EQ(Ask(key | 2, kBase + 100, 8, kRemoteRead), Fault::kNone);
}

TEST_F(Windows, ARegionWithWindowsStays) {
  const uint32_t region = Region(kBindable | kRemoteInvalidate);
  const uint32_t a = *windows_.Allocate(kPd), b = *windows_.Allocate(kPd);
  ASSERT_TRUE(windows_.Bind(kUser, Binding(a, region)));
  ASSERT_TRUE(windows_.Bind({kPd, 78}, Binding(b, region)));
  EXPECT_EQ(table_.Deregister(region).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(table_.Invalidate(region, kPd, kRemoteInvalidate));
  ASSERT_TRUE(windows_.Invalidate(a, kUser));
  EXPECT_EQ(table_.Deregister(region).code(), absl::StatusCode::kFailedPrecondition);
  windows_.CloseQueuePair(77);
  EXPECT_EQ(windows_.bound(), 1u);
  windows_.CloseQueuePair(78);
  EXPECT_EQ(windows_.bound(), 0u);
  EXPECT_TRUE(table_.Deregister(region).ok());
}

TEST_F(Windows, FreeingAWindowAndAForcedRegionCloseIt) {
  const uint32_t region = Region();
  const uint32_t key = *windows_.Allocate(kPd);
  ASSERT_TRUE(windows_.Bind(kUser, Binding(key, region)));
  ASSERT_TRUE(windows_.Free(key).ok());
  EXPECT_EQ(windows_.Free(key).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Ask(key, kBase + 100, 8, kRemoteRead), Fault::kKey);
  EXPECT_EQ(windows_.size(), 0u);
  const uint32_t next = *windows_.Allocate(kPd);
  ASSERT_TRUE(windows_.Bind(kUser, Binding(next, region)));
  windows_.CloseRegion(region);
  EXPECT_EQ(Ask(next, kBase + 100, 8, kRemoteRead), Fault::kKey);
  EXPECT_TRUE(table_.Deregister(region).ok());
}

TEST_F(Windows, NumbersAreUniqueAndSlotsComeBackLate) {
  std::unordered_set<uint32_t> keys;
  std::vector<uint32_t> live;
  for (size_t i = 0; i < WindowTable::kMaxWindows; ++i) {
    const absl::StatusOr<uint32_t> key = windows_.Allocate(kPd);
    ASSERT_TRUE(key.ok());
    EXPECT_EQ(*key & 0xff, 0u);
    EXPECT_NE(*key, 0u);
    EXPECT_TRUE(keys.insert(*key).second);
    live.push_back(*key);
  }
  EXPECT_EQ(windows_.Allocate(kPd).status().code(), absl::StatusCode::kResourceExhausted);
  // One slot over and over: 2^24 / 2^14 numbers until the first comes back.
  uint32_t key = live.back();
  for (int i = 1; i < 1024; ++i) {
    ASSERT_TRUE(windows_.Free(key).ok());
    key = *windows_.Allocate(kPd);
    ASSERT_TRUE(keys.insert(key).second) << i;
  }
}

// Small key spaces would have met: among 2^20 registrations beside 2^14 windows none has a window's
// upper bits, where 2^20 / 2^10 are expected by chance.
TEST_F(Windows, NoRegionGetsAWindowsKey) {
  std::unordered_set<uint32_t> numbers;
  for (size_t i = 0; i < WindowTable::kMaxWindows; ++i)
    numbers.insert(*windows_.Allocate(kPd) >> 8);
  for (int i = 0; i < 1 << 20; ++i) {
    const uint32_t key = Region();
    ASSERT_EQ(numbers.count(key >> 8), 0u);
    ASSERT_TRUE(table_.Deregister(key).ok());
  }
}

TEST_F(Windows, NoGuessGetsIn) {
  const uint32_t key = *windows_.Allocate(kPd) | 200;
  ASSERT_TRUE(windows_.Bind(kUser, Binding(key, Region())));
  Rng rng(3);
  for (uint32_t i = 0; i < 1u << 20; ++i) {
    const uint32_t guess = i < 1u << 16 ? i : static_cast<uint32_t>(rng.Next());
    if (guess == key) continue;
    ASSERT_EQ(Ask(guess, kBase + 100, 8, kRemoteRead), Fault::kKey);
  }
}

}  // namespace
}  // namespace sluice::memory
