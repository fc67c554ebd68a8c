#include "memory/region_table.h"

#include <gtest/gtest.h>

#include <deque>
#include <limits>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/rng.h"

namespace sluice::memory {
namespace {

constexpr uint32_t kPd = 5;
constexpr Access kAll = kLocalWrite | kRemoteWrite | kRemoteRead | kRemoteAtomic;

// Addresses that are never dereferenced: the table only calculates.
void* Pointer(uint64_t va) { return reinterpret_cast<void*>(va); }
uint64_t Va(const Resolution& r) { return reinterpret_cast<uint64_t>(r.address); }

uint32_t MustRegister(RegionTable* t, uint64_t va, int64_t length, Access access = kAll,
                      uint32_t pd = kPd) {
  const absl::StatusOr<Keys> keys = t->Register(pd, Pointer(va), Bytes(length), access);
  EXPECT_TRUE(keys.ok()) << keys.status();
  return keys.ok() ? keys->rkey : 0;
}

// Every access of up to 12 bytes around a region of 8, at the bottom, in the middle and at the very
// top of the address space (where va + length wraps), judged in 128 bits.
TEST(RegionTable, BoundsAreExact) {
  const uint64_t top = std::numeric_limits<uint64_t>::max();
  for (const uint64_t base : {uint64_t{1}, uint64_t{4}, uint64_t{0x10000}, top - 15, top - 7}) {
    RegionTable t(1, 4);
    const uint32_t key = MustRegister(&t, base, 8);
    for (uint64_t off = 0; off < 32; ++off) {
      const uint64_t va = base - 12 + off;
      for (int64_t length = 1; length <= 12; ++length) {
        const Uint128 end = static_cast<Uint128>(va) + static_cast<uint64_t>(length);
        const bool inside = va >= base && end <= static_cast<Uint128>(base) + 8;
        const Resolution r = t.Resolve(key, kPd, va, Bytes(length), kRemoteRead);
        EXPECT_EQ(r.fault, inside ? Fault::kNone : Fault::kBounds) << va << "+" << length;
        EXPECT_EQ(Va(r), inside ? va : 0);
      }
    }
  }
}

TEST(RegionTable, HugeAndNegativeLengthsAreOutOfBounds) {
  RegionTable t(1, 4);
  const uint64_t base = 0x7000'0000'0000;
  const uint32_t key = MustRegister(&t, base, 4096);
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  for (const uint64_t va : {base, base + 1, base + 4095, base + 4096, base - 1, uint64_t{0},
                            std::numeric_limits<uint64_t>::max()}) {
    for (const int64_t length : {int64_t{4097}, int64_t{1} << 32, kHuge, kHuge - 1, -kHuge,
                                 std::numeric_limits<int64_t>::min(), int64_t{-1}, -4096l}) {
      const Resolution r = t.Resolve(key, kPd, va, Bytes(length), kRemoteWrite);
      EXPECT_EQ(r.fault, Fault::kBounds) << va << "+" << length;
      EXPECT_EQ(r.address, nullptr);
    }
  }
}

TEST(RegionTable, EveryCombinationOfRightsAndNeeds) {
  for (uint8_t rights = 0; rights < 16; ++rights) {
    RegionTable t(1, 4);
    const bool legal =
        (rights & (kRemoteWrite | kRemoteAtomic)) == 0 || (rights & kLocalWrite) != 0;
    const auto keys = t.Register(kPd, Pointer(4096), Bytes(64), static_cast<Access>(rights));
    EXPECT_EQ(keys.ok(), legal) << int{rights};
    if (!legal) {
      EXPECT_EQ(keys.status().code(), absl::StatusCode::kInvalidArgument);
      continue;
    }
    for (uint8_t need = 0; need < 16; ++need) {
      bool granted = true;
      for (int bit = 0; bit < 4; ++bit) {
        if ((need >> bit & 1) != 0 && (rights >> bit & 1) == 0) granted = false;
      }
      const Resolution r = t.Resolve(keys->rkey, kPd, 4096, Bytes(64), static_cast<Access>(need));
      EXPECT_EQ(r.fault, granted ? Fault::kNone : Fault::kAccess) << int{rights} << int{need};
      EXPECT_EQ(r.address == nullptr, !granted);
    }
  }
}

TEST(RegionTable, OnlyItsProtectionDomainGetsIn) {
  RegionTable t(1, 4);
  const uint32_t a = MustRegister(&t, 4096, 64, kAll, 1);
  const uint32_t b = MustRegister(&t, 4096, 64, kAll, 2);
  EXPECT_EQ(t.Resolve(a, 1, 4096, Bytes(8), kRemoteRead).fault, Fault::kNone);
  EXPECT_EQ(t.Resolve(b, 2, 4096, Bytes(8), kRemoteRead).fault, Fault::kNone);
  for (const uint32_t pd : {0u, 2u, 3u, ~0u}) {
    EXPECT_EQ(t.Resolve(a, pd, 4096, Bytes(8), kRemoteRead).fault, Fault::kDomain);
  }
  EXPECT_EQ(t.Resolve(b, 1, 4096, Bytes(8), kRemoteRead).fault, Fault::kDomain);
}

TEST(RegionTable, TheFirstFailingCheckIsReported) {
  RegionTable t(1, 4);
  const uint32_t key = MustRegister(&t, 4096, 64, kRemoteRead);
  EXPECT_EQ(t.Resolve(key ^ 1, 9, 0, Bytes(8), kRemoteWrite).fault, Fault::kKey);
  EXPECT_EQ(t.Resolve(key, 9, 0, Bytes(8), kRemoteWrite).fault, Fault::kDomain);
  EXPECT_EQ(t.Resolve(key, kPd, 0, Bytes(8), kRemoteWrite).fault, Fault::kAccess);
  EXPECT_EQ(t.Resolve(key, kPd, 0, Bytes(8), kRemoteRead).fault, Fault::kBounds);
}

// IBTA C9-88: the key of a zero-length RDMA request is not validated.
TEST(RegionTable, LengthZeroNeedsNoKey) {
  RegionTable t(1, 4);
  const uint32_t key = MustRegister(&t, 4096, 64, kRemoteRead);
  for (const uint32_t k : {key, key + 1, 0u, ~0u}) {
    for (const uint64_t va : {uint64_t{0}, uint64_t{4096}, ~uint64_t{0}}) {
      const Resolution r = t.Resolve(k, 77, va, Bytes(0), kRemoteWrite);
      EXPECT_EQ(r.fault, Fault::kNone);
      EXPECT_EQ(r.address, nullptr);
    }
  }
}

TEST(RegionTable, RefusesWhatIsNoRegion) {
  RegionTable t(1, 4);
  const uint64_t top = std::numeric_limits<uint64_t>::max();
  struct Case {
    uint64_t va;
    int64_t length;
    uint8_t access;
  };
  for (const Case& c : {Case{0, 8, 0}, Case{4096, 0, 0}, Case{4096, -1, 0}, Case{top, 2, 0},
                        Case{top - 4095, 4097, 0}, Case{4096, 8, 32}, Case{4096, 8, 0xff}}) {
    const auto r = t.Register(kPd, Pointer(c.va), Bytes(c.length), static_cast<Access>(c.access));
    EXPECT_EQ(r.status().code(), absl::StatusCode::kInvalidArgument)
        << c.va << " " << c.length << " " << int{c.access};
  }
  EXPECT_EQ(t.size(), 0u);
}

TEST(RegionTable, FullAndEmptyAgain) {
  for (const size_t capacity : {1, 2, 3, 5, 64}) {
    RegionTable t(1, capacity);
    EXPECT_EQ(t.capacity(), capacity);
    std::vector<uint32_t> keys;
    for (size_t i = 0; i < capacity; ++i) keys.push_back(MustRegister(&t, 4096 * (i + 1), 4096));
    EXPECT_EQ(t.size(), capacity);
    EXPECT_EQ(t.Register(kPd, Pointer(4096), Bytes(8), kAll).status().code(),
              absl::StatusCode::kResourceExhausted);
    for (size_t i = 0; i < capacity; ++i) {
      EXPECT_EQ(Va(t.Resolve(keys[i], kPd, 4096 * (i + 1) + 7, Bytes(8), kRemoteRead)),
                4096 * (i + 1) + 7);
    }
    for (const uint32_t k : keys) EXPECT_TRUE(t.Deregister(k).ok());
    for (const uint32_t k : keys) {
      EXPECT_EQ(t.Deregister(k).code(), absl::StatusCode::kNotFound);
      EXPECT_EQ(t.Resolve(k, kPd, 4096, Bytes(8), kRemoteRead).fault, Fault::kKey);
    }
    EXPECT_EQ(t.size(), 0u);
  }
}

TEST(RegionTable, CapacityIsClamped) {
  EXPECT_EQ(RegionTable(1, 0).capacity(), 1u);
  EXPECT_EQ(RegionTable(1, RegionTable::kMaxCapacity + 1).capacity(), RegionTable::kMaxCapacity);
}

// A table of one region: of all keys around and far from it, and of 2^20 guesses, none but its own
// gets in.
TEST(RegionTable, NoOtherKeyGetsIn) {
  for (const size_t capacity : {1, 3, 1024}) {
    RegionTable t(7, capacity);
    const uint32_t key = MustRegister(&t, 4096, 64);
    EXPECT_NE(key, 0u);
    Rng rng(3);
    for (uint32_t i = 0; i < 1u << 20; ++i) {
      const uint32_t guess = i < 1u << 16 ? i : static_cast<uint32_t>(rng.Next());
      if (guess == key) continue;
      ASSERT_EQ(t.Resolve(guess, kPd, 4096, Bytes(8), kRemoteRead).fault, Fault::kKey);
    }
    for (int bit = 0; bit < 32; ++bit) {
      EXPECT_EQ(t.Resolve(key ^ (1u << bit), kPd, 4096, Bytes(8), kRemoteRead).fault, Fault::kKey);
    }
  }
}

TEST(RegionTable, TheSeedDecidesTheKeys) {
  RegionTable a(1, 8), b(1, 8), c(2, 8);
  int same = 0;
  for (uint64_t i = 1; i <= 8; ++i) {
    const uint32_t k = MustRegister(&a, 4096 * i, 64);
    EXPECT_EQ(k, MustRegister(&b, 4096 * i, 64));
    same += k == MustRegister(&c, 4096 * i, 64);
  }
  EXPECT_LT(same, 2);
}

// One slot, so that every registration is of the same one: 2^32 / 1 generations.
TEST(RegionTable, AKeyDoesNotComeBackFor4096RegistrationsOfItsSlot) {
  for (const size_t capacity : {size_t{1}, RegionTable::kMaxCapacity}) {
    RegionTable t(3, capacity);
    // All but one entry taken, so that the one is registered over and over.
    for (size_t i = 1; i < capacity; ++i) MustRegister(&t, 4096, 64);
    std::unordered_set<uint32_t> seen;
    for (int i = 0; i < 5000; ++i) {
      const uint32_t key = MustRegister(&t, 4096, 64);
      ASSERT_NE(key, 0u);
      ASSERT_TRUE(seen.insert(key).second) << i;
      ASSERT_TRUE(t.Deregister(key).ok());
    }
  }
}

TEST(RegionTable, AMillionRegistrationsAgreeWithAMap) {
  RegionTable t(11, 1000);
  Rng rng(5);
  std::unordered_map<uint32_t, uint64_t> live;  // key to address
  std::vector<uint32_t> keys;
  std::deque<uint32_t> dead;
  for (int i = 0; i < 1'000'000; ++i) {
    if (keys.size() == 1000 || (!keys.empty() && rng.Below(2) == 0)) {
      const size_t k = rng.Below(keys.size());
      const uint32_t key = keys[k];
      ASSERT_TRUE(t.Deregister(key).ok());
      live.erase(key);
      keys[k] = keys.back();
      keys.pop_back();
      dead.push_back(key);
      if (dead.size() > 100) dead.pop_front();
    } else {
      const uint64_t va = 4096 * (1 + rng.Below(1 << 20));
      const uint32_t key = MustRegister(&t, va, 4096);
      ASSERT_TRUE(live.emplace(key, va).second) << "a live key again";
      keys.push_back(key);
    }
    ASSERT_EQ(t.size(), keys.size());
    if (!keys.empty()) {
      const uint32_t key = keys[rng.Below(keys.size())];
      ASSERT_EQ(Va(t.Resolve(key, kPd, live[key] + 4095, Bytes(1), kRemoteAtomic)),
                live[key] + 4095);
    }
    for (const uint32_t key : {dead.empty() ? 0 : dead.front(), dead.empty() ? 0 : dead.back()}) {
      ASSERT_EQ(t.Resolve(key, kPd, 4096, Bytes(1), kRemoteRead).fault, Fault::kKey);
    }
  }
}

// One thread registers and deregisters in one slot, alternating between a small region of domain 1
// and a large one of domain 2; the readers must never see a mixture: domain 1 with the large
// region's bounds or rights.
TEST(RegionTable, ConcurrentReadersSeeOneRegistrationOrNone) {
  RegionTable t(1, 1);
  std::atomic<uint32_t> key{1};
  std::atomic<bool> done{false};
  constexpr uint64_t kBase = 1 << 20;
  std::vector<std::thread> readers;
  std::atomic<uint64_t> hits{0};
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!done.load(std::memory_order_relaxed)) {
        const uint32_t k = key.load(std::memory_order_relaxed);
        const Resolution large = t.Resolve(k, 1, kBase, Bytes(4096), kRemoteRead);
        EXPECT_NE(large.fault, Fault::kNone);
        const Resolution write = t.Resolve(k, 1, kBase, Bytes(64), kRemoteWrite);
        EXPECT_NE(write.fault, Fault::kNone);
        const Resolution small = t.Resolve(k, 1, kBase, Bytes(64), kRemoteRead);
        const Resolution other = t.Resolve(k, 2, kBase, Bytes(4096), kRemoteWrite);
        // One key belongs to one of the two registrations only.
        EXPECT_FALSE(small.fault == Fault::kNone && other.fault == Fault::kNone);
        if (small.fault == Fault::kNone || other.fault == Fault::kNone) {
          hits.fetch_add(1, std::memory_order_relaxed);
        }
      }
    });
  }
  for (int i = 0; i < 100'000 || hits.load(std::memory_order_relaxed) < 1000; ++i) {
    const bool small = i % 2 == 0;
    const uint32_t k =
        MustRegister(&t, kBase, small ? 64 : 4096, small ? kRemoteRead : kAll, small ? 1 : 2);
    key.store(k, std::memory_order_relaxed);
    if (i % 64 == 0) std::this_thread::yield();
    ASSERT_TRUE(t.Deregister(k).ok());
  }
  done = true;
  for (std::thread& r : readers) r.join();
}

TEST(RegionTableInvalidate, TheKeyIsUnknownAndStillItsOwners) {
  RegionTable t(1, 2);
  const uint32_t key = MustRegister(&t, 0x10000, 64, kAll | kRemoteInvalidate);
  const uint32_t other = MustRegister(&t, 0x20000, 64, kAll);
  EXPECT_FALSE(t.Invalidate(key, kPd + 1, kRemoteInvalidate)) << "of another domain";
  EXPECT_FALSE(t.Invalidate(other, kPd, kRemoteInvalidate)) << "without the right";
  EXPECT_FALSE(t.Invalidate(key ^ 1, kPd, kRemoteInvalidate));
  EXPECT_FALSE(t.Invalidate(0, kPd, kRemoteInvalidate));
  EXPECT_EQ(t.Resolve(key, kPd, 0x10000, Bytes(8), kRemoteRead).fault, Fault::kNone);

  EXPECT_TRUE(t.Invalidate(key, kPd, kRemoteInvalidate));
  EXPECT_EQ(t.Resolve(key, kPd, 0x10000, Bytes(8), kRemoteRead).fault, Fault::kKey);
  EXPECT_FALSE(t.Invalidate(key, kPd, kRemoteInvalidate)) << "twice";
  EXPECT_EQ(t.Resolve(other, kPd, 0x20000, Bytes(8), kRemoteRead).fault, Fault::kNone);
  // The slot is not free before its owner says so.
  EXPECT_EQ(t.size(), 2u);
  EXPECT_FALSE(t.Register(kPd, Pointer(0x30000), Bytes(8), kAll).ok());
  EXPECT_TRUE(t.Deregister(key).ok());
  EXPECT_FALSE(t.Deregister(key).ok());
  EXPECT_TRUE(t.Register(kPd, Pointer(0x30000), Bytes(8), kAll).ok());
}

TEST(RegionTableInvalidate, AStaleKeyDoesNotReachTheNextRegistration) {
  RegionTable t(1, 1);
  const uint32_t old = MustRegister(&t, 0x10000, 64, kAll | kRemoteInvalidate);
  ASSERT_TRUE(t.Deregister(old).ok());
  const uint32_t now = MustRegister(&t, 0x10000, 64, kAll | kRemoteInvalidate);
  EXPECT_FALSE(t.Invalidate(old, kPd, kRemoteInvalidate));
  EXPECT_EQ(t.Resolve(now, kPd, 0x10000, Bytes(8), kRemoteRead).fault, Fault::kNone);
}

}  // namespace
}  // namespace sluice::memory
