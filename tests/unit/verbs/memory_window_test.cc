// Memory windows between two devices, through the whole stack and in virtual time: b opens parts of
// a region that grants no remote right itself, a tries its keys.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "port/fault_port.h"
#include "support/device_pair.h"

namespace sluice::test {
namespace {

using verbs::CompletionStatus;
using verbs::Opcode;
using verbs::PostResult;

constexpr size_t kFrom = 4096;      // where windows begin in b's memory
constexpr uint64_t kLength = 5000;  // several packets
constexpr uint8_t kFill = 0x5a;

class MemoryWindows : public testing::Test {
 protected:
  MemoryWindows() : MemoryWindows(port::FaultRates{}, verbs::Reliability::kBase) {}
  MemoryWindows(const port::FaultRates& faults, verbs::Reliability reliability)
      : reliability_(reliability) {
    DevicePairOptions o;
    o.port.latency = Duration::Microseconds(2);
    o.decorate = [&](int end, port::Port* inner) {
      return std::make_unique<port::FaultPort>(inner, faults, 7, static_cast<uint64_t>(end));
    };
    pair_ = std::make_unique<DevicePair>(o);
    pair_->ConnectAll(Options(), 64, 1 << 16);
    End& b = pair_->b();
    region_ = *b.device->Register(b.pd.get(), b.memory.data(), b.memory.size(),
                                  verbs::kLocalWrite | verbs::kMemoryWindowBind);
    window_ = *b.device->AllocateMemoryWindow(b.pd.get());
    std::fill(b.memory.begin(), b.memory.end(), kFill);
    for (size_t i = 0; i < pair_->a().memory.size(); ++i) {
      pair_->a().memory[i] = static_cast<uint8_t>(i * 7 + 1);
    }
  }
  ~MemoryWindows() override {
    extra_.clear();
    window_.reset();
    region_.reset();
  }
  verbs::ConnectOptions Options() const {
    verbs::ConnectOptions o;
    o.reliability = reliability_;
    o.mtu = 1024;
    o.algorithm = "fixed";
    o.timeout = 8;
    return o;
  }
  // One more connected pair of queue pairs: a's and b's.
  std::pair<verbs::QueuePair*, verbs::QueuePair*> Extra(verbs::QueuePairType type) {
    verbs::QueuePair* made[2];
    End* ends[] = {&pair_->a(), &pair_->b()};
    for (int i = 0; i < 2; ++i) {
      verbs::QueuePairOptions o;
      o.send_completions = o.receive_completions = ends[i]->cq.get();
      o.type = type;
      extra_.push_back(*ends[i]->device->CreateQueuePair(ends[i]->pd.get(), o));
      made[i] = extra_.back().get();
    }
    for (int i = 0; i < 2; ++i) {
      verbs::ConnectOptions o = Options();
      if (type != verbs::QueuePairType::kRc) o.reliability = verbs::Reliability::kBase;
      o.peer_qpn = made[1 - i]->qpn();
      o.peer_mac = ends[1 - i]->device->mac();
      o.peer_address = ends[1 - i]->device->address();
      o.send_psn = made[i]->initial_psn();
      o.receive_psn = made[1 - i]->initial_psn();
      EXPECT_TRUE(made[i]->Connect(o).ok());
    }
    return {made[0], made[1]};
  }
  PostResult PostBind(verbs::QueuePair* qp, int access, uint64_t length = kLength,
                      size_t from = kFrom) {
    const verbs::BindRequest bind{window_.get(), region_.get(), pair_->b().memory.data() + from,
                                  length, access};
    verbs::SendRequest r;
    r.opcode = Opcode::kBindMemoryWindow;
    r.rkey = verbs::NextKey(window_->rkey());
    r.bind = &bind;
    return qp->PostSend(r);
  }
  std::vector<verbs::WorkCompletion> Wait(End& end, size_t n) {
    std::vector<verbs::WorkCompletion> all;
    pair_->RunUntil([&] {
      for (const auto& c : DevicePair::Drain(end)) all.push_back(c);
      return all.size() >= n;
    });
    return all;
  }
  void MustBind(verbs::QueuePair* qp, int access, size_t from = kFrom) {
    ASSERT_EQ(PostBind(qp, access, kLength, from), PostResult::kOk);
    const auto done = Wait(pair_->b(), 1);
    ASSERT_EQ(done.size(), 1u);
    ASSERT_EQ(done[0].status, CompletionStatus::kSuccess);
    ASSERT_EQ(done[0].opcode, Opcode::kBindMemoryWindow);
  }
  verbs::SendRequest Request(Opcode opcode, const verbs::Segment* segment, uint64_t va,
                             uint32_t rkey) {
    verbs::SendRequest r;
    r.opcode = opcode;
    r.segments = {segment, 1};
    r.remote_address = va;
    r.rkey = rkey;
    return r;
  }
  // What becomes of an access of a's.
  CompletionStatus Access(verbs::QueuePair* qp, Opcode opcode, uint64_t va, uint32_t length,
                          uint32_t rkey) {
    const verbs::Segment s = pair_->a().At(0, length);
    EXPECT_EQ(qp->PostSend(Request(opcode, &s, va, rkey)), PostResult::kOk);
    const auto done = Wait(pair_->a(), 1);
    if (done.size() != 1) ADD_FAILURE() << done.size() << " completions";
    return done.empty() ? CompletionStatus::kFlushed : done[0].status;
  }
  uint64_t Va(size_t offset = 0) { return pair_->b().Va(kFrom + offset); }
  // Everything outside [kFrom, kFrom + kLength) is as it was.
  bool OutsideUntouched() {
    const auto& m = pair_->b().memory;
    for (size_t i = 0; i < m.size(); ++i) {
      if ((i < kFrom || i >= kFrom + kLength) && m[i] != kFill) return false;
    }
    return true;
  }

  const verbs::Reliability reliability_;
  std::unique_ptr<DevicePair> pair_;
  std::unique_ptr<verbs::MemoryRegion> region_;
  std::unique_ptr<verbs::MemoryWindow> window_;
  std::vector<std::unique_ptr<verbs::QueuePair>> extra_;
};

// Both ways to repeat what is lost grant and refuse the same.
class Rc : public MemoryWindows, public testing::WithParamInterface<verbs::Reliability> {
 protected:
  Rc() : MemoryWindows({}, GetParam()) {}
};
INSTANTIATE_TEST_SUITE_P(BaseAndExtended, Rc,
                         testing::Values(verbs::Reliability::kBase, verbs::Reliability::kExtended));

TEST_P(Rc, WritesReadsAndAtomicsGoThroughABoundWindow) {
  End& a = pair_->a();
  End& b = pair_->b();
  MustBind(b.qp.get(), verbs::kRemoteWrite | verbs::kRemoteRead | verbs::kRemoteAtomic);
  const uint32_t key = window_->rkey();
  EXPECT_EQ(Access(a.qp.get(), Opcode::kRdmaWrite, Va(), kLength, key), CompletionStatus::kSuccess);
  EXPECT_EQ(std::memcmp(b.memory.data() + kFrom, a.memory.data(), kLength), 0);
  EXPECT_TRUE(OutsideUntouched());
  b.memory[kFrom + 3000] = 0x77;
  EXPECT_EQ(Access(a.qp.get(), Opcode::kRdmaRead, Va(), kLength, key), CompletionStatus::kSuccess);
  EXPECT_EQ(a.memory[3000], 0x77);
  EXPECT_EQ(Access(a.qp.get(), Opcode::kAtomicFetchAdd, Va(8), 8, key), CompletionStatus::kSuccess);
  EXPECT_EQ(b.device->statistics().Value("window_binds_total"), 1u);
}

TEST_P(Rc, AZeroBasedOneCountsFromItsStart) {
  MustBind(pair_->b().qp.get(), verbs::kRemoteWrite | verbs::kZeroBased);
  EXPECT_EQ(Access(pair_->a().qp.get(), Opcode::kRdmaWrite, 10, 3000, window_->rkey()),
            CompletionStatus::kSuccess);
  EXPECT_EQ(std::memcmp(pair_->b().memory.data() + kFrom + 10, pair_->a().memory.data(), 3000), 0);
  EXPECT_TRUE(OutsideUntouched());
}

// Each on its own queue pair, since it ends it.
TEST_P(Rc, WhatAWindowDoesNotGrantIsRefused) {
  struct Case {
    Opcode opcode;
    int64_t offset;
    uint32_t length;
    int access;
  };
  const int all = verbs::kRemoteWrite | verbs::kRemoteRead | verbs::kRemoteAtomic;
  for (const Case& c :
       {Case{Opcode::kRdmaWrite, 1, kLength, all}, Case{Opcode::kRdmaWrite, -1, 8, all},
        Case{Opcode::kRdmaWrite, kLength, 1, all}, Case{Opcode::kRdmaRead, kLength - 7, 8, all},
        Case{Opcode::kAtomicFetchAdd, kLength, 8, all},
        Case{Opcode::kRdmaWrite, 0, 8, verbs::kRemoteRead},
        Case{Opcode::kRdmaRead, 0, 8, verbs::kRemoteWrite},
        Case{Opcode::kAtomicFetchAdd, 0, 8, verbs::kRemoteWrite}}) {
    const auto [a, b] = Extra(verbs::QueuePairType::kRc);
    window_ = *pair_->b().device->AllocateMemoryWindow(pair_->b().pd.get());
    MustBind(b, c.access);
    const uint64_t va = Va() + static_cast<uint64_t>(c.offset);
    EXPECT_EQ(Access(a, c.opcode, va, c.length, window_->rkey()),
              CompletionStatus::kRemoteAccessError)
        << static_cast<int>(c.opcode) << " at " << c.offset;
    EXPECT_TRUE(b->in_error());
    for (uint8_t byte : pair_->b().memory) ASSERT_EQ(byte, kFill);
  }
}

TEST_P(Rc, AKeyThatIsNotBoundOpensNothing) {
  const auto [a, b] = Extra(verbs::QueuePairType::kRc);
  EXPECT_EQ(Access(a, Opcode::kRdmaWrite, Va(), 8, window_->rkey()),
            CompletionStatus::kRemoteAccessError);
}

TEST_P(Rc, AnotherQueuePairOfTheSameDomainStaysOut) {
  const auto [a, b] = Extra(verbs::QueuePairType::kRc);
  MustBind(b, verbs::kRemoteWrite);
  EXPECT_EQ(Access(pair_->a().qp.get(), Opcode::kRdmaWrite, Va(), 8, window_->rkey()),
            CompletionStatus::kRemoteAccessError);
  EXPECT_EQ(pair_->b().memory[kFrom], kFill);
  EXPECT_EQ(Access(a, Opcode::kRdmaWrite, Va(), 8, window_->rkey()), CompletionStatus::kSuccess);
}

TEST_P(Rc, ALocalInvalidateClosesItAndItCanBeBoundAnew) {
  verbs::QueuePair* b = pair_->b().qp.get();
  MustBind(b, verbs::kRemoteWrite);
  const uint32_t old = window_->rkey();
  verbs::SendRequest r;
  r.opcode = Opcode::kLocalInvalidate;
  r.rkey = old;
  ASSERT_EQ(b->PostSend(r), PostResult::kOk);
  ASSERT_EQ(Wait(pair_->b(), 1)[0].status, CompletionStatus::kSuccess);
  MustBind(b, verbs::kRemoteWrite, kFrom + 1);
  EXPECT_EQ(window_->rkey(), verbs::NextKey(old));
  EXPECT_EQ(Access(pair_->a().qp.get(), Opcode::kRdmaWrite, Va(1), 8, window_->rkey()),
            CompletionStatus::kSuccess);
  EXPECT_EQ(Access(pair_->a().qp.get(), Opcode::kRdmaWrite, Va(1), 8, old),
            CompletionStatus::kRemoteAccessError);
}

TEST_P(Rc, ASendWithInvalidateClosesIt) {
  End& a = pair_->a();
  End& b = pair_->b();
  MustBind(b.qp.get(), verbs::kRemoteWrite);
  const verbs::Segment into = b.At(0, 64);
  ASSERT_EQ(b.qp->PostReceive({1, {&into, 1}}), PostResult::kOk);
  const verbs::Segment from = a.At(0, 8);
  ASSERT_EQ(a.qp->PostSend(Request(Opcode::kSendWithInvalidate, &from, 0, window_->rkey())),
            PostResult::kOk);
  const auto done = Wait(b, 1);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_TRUE(done[0].invalidated);
  EXPECT_EQ(done[0].invalidated_rkey, window_->rkey());
  ASSERT_EQ(Wait(a, 1)[0].status, CompletionStatus::kSuccess);
  EXPECT_EQ(Access(a.qp.get(), Opcode::kRdmaWrite, Va(), 8, window_->rkey()),
            CompletionStatus::kRemoteAccessError);
}

TEST_P(Rc, ASendWithInvalidateFromAnotherQueuePairEndsThatOne) {
  End& a = pair_->a();
  const auto [a2, b2] = Extra(verbs::QueuePairType::kRc);
  MustBind(pair_->b().qp.get(), verbs::kRemoteWrite);
  const verbs::Segment into = pair_->b().At(0, 64);
  ASSERT_EQ(b2->PostReceive({1, {&into, 1}}), PostResult::kOk);
  EXPECT_EQ(Access(a2, Opcode::kSendWithInvalidate, 0, 8, window_->rkey()),
            CompletionStatus::kRemoteAccessError);
  EXPECT_EQ(Access(a.qp.get(), Opcode::kRdmaWrite, Va(), 8, window_->rkey()),
            CompletionStatus::kSuccess);
}

TEST_P(Rc, AForbiddenBindingFailsTheQueuePair) {
  struct Case {
    const char* name;
    int access;
    uint64_t length;
    bool twice;
  };
  for (const Case& c : {Case{"length 0", verbs::kRemoteRead, 0, false},
                        Case{"longer than the region", verbs::kRemoteRead, 1 << 16, false},
                        Case{"local write", verbs::kLocalWrite, 8, false},
                        Case{"bound already", verbs::kRemoteRead, 8, true}}) {
    const auto [a, b] = Extra(verbs::QueuePairType::kRc);
    window_ = *pair_->b().device->AllocateMemoryWindow(pair_->b().pd.get());
    if (c.twice) MustBind(b, verbs::kRemoteRead);
    ASSERT_EQ(PostBind(b, c.access, c.length), PostResult::kOk);
    const auto done = Wait(pair_->b(), 1);
    ASSERT_EQ(done.size(), 1u) << c.name;
    EXPECT_EQ(done[0].status, CompletionStatus::kMemoryWindowBindError) << c.name;
    EXPECT_TRUE(b->in_error());
  }
}

TEST_P(Rc, MisfitsAreRefusedAtThePost) {
  verbs::QueuePair* b = pair_->b().qp.get();
  verbs::SendRequest r;
  r.opcode = Opcode::kBindMemoryWindow;
  EXPECT_EQ(b->PostSend(r), PostResult::kInvalidRequest) << "without a binding";
  verbs::BindRequest bind{window_.get(), region_.get(), pair_->b().memory.data(), 8,
                          verbs::kRemoteRead};
  r.bind = &bind;
  r.rkey = window_->rkey() ^ 0x100;
  EXPECT_EQ(b->PostSend(r), PostResult::kInvalidRequest) << "another window's key";
  r.rkey = window_->rkey() + 1;
  bind.access = 256;
  EXPECT_EQ(b->PostSend(r), PostResult::kInvalidRequest);
  bind.access = verbs::kRemoteRead;
  const verbs::Segment s = pair_->b().At(0, 8);
  r.segments = {&s, 1};
  EXPECT_EQ(b->PostSend(r), PostResult::kInvalidRequest);
  r.segments = {};
  EXPECT_EQ(b->PostSend(r), PostResult::kOk);
}

TEST_P(Rc, ARegionStaysWhileAWindowIsBound) {
  const auto [a, b] = Extra(verbs::QueuePairType::kRc);
  MustBind(b, verbs::kRemoteWrite);
  EXPECT_EQ(region_->Deregister().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Access(a, Opcode::kRdmaWrite, Va(), 8, window_->rkey()), CompletionStatus::kSuccess);
  extra_.clear();  // the queue pair's end closes the window
  EXPECT_TRUE(region_->Deregister().ok());
}

TEST_P(Rc, ARegionThatGoesAllTheSameTakesItsWindowsAlong) {
  MustBind(pair_->b().qp.get(), verbs::kRemoteWrite);
  region_.reset();
  EXPECT_EQ(Access(pair_->a().qp.get(), Opcode::kRdmaWrite, Va(), 8, window_->rkey()),
            CompletionStatus::kRemoteAccessError);
  EXPECT_EQ(pair_->b().memory[kFrom], kFill);
}

// The key may be told in a SEND that is posted right behind the binding.
TEST_P(Rc, ABindingIsDoneBeforeWhatIsPostedBehindIt) {
  End& a = pair_->a();
  End& b = pair_->b();
  const verbs::Segment into = a.At(1 << 15, 64);
  ASSERT_EQ(a.qp->PostReceive({1, {&into, 1}}), PostResult::kOk);
  ASSERT_EQ(PostBind(b.qp.get(), verbs::kRemoteRead), PostResult::kOk);
  const verbs::Segment hello = b.At(0, 4);
  verbs::SendRequest send;
  send.segments = {&hello, 1};
  ASSERT_EQ(b.qp->PostSend(send), PostResult::kOk);
  ASSERT_EQ(Wait(a, 1).size(), 1u);
  EXPECT_EQ(Access(a.qp.get(), Opcode::kRdmaRead, Va(), kLength, window_->rkey()),
            CompletionStatus::kSuccess);
}

class LossyRc : public MemoryWindows, public testing::WithParamInterface<verbs::Reliability> {
 protected:
  LossyRc() : MemoryWindows({0.03, 0.03, 0.03, 0.03, 0.03}, GetParam()) {}
};
INSTANTIATE_TEST_SUITE_P(BaseAndExtended, LossyRc,
                         testing::Values(verbs::Reliability::kBase, verbs::Reliability::kExtended));

// Bind, write through it, SEND with invalidate, again; the keys come and go exactly once each.
TEST_P(LossyRc, ManyBindingsUnderFaults) {
  End& a = pair_->a();
  End& b = pair_->b();
  for (uint32_t i = 0; i < 300; ++i) {
    MustBind(b.qp.get(), verbs::kRemoteWrite);
    const verbs::Segment into = b.At(0, 64);
    ASSERT_EQ(b.qp->PostReceive({i, {&into, 1}}), PostResult::kOk);
    a.memory[0] = static_cast<uint8_t>(i);
    const verbs::Segment data = a.At(0, 3000), word = a.At(0, 8);
    ASSERT_EQ(a.qp->PostSend(Request(Opcode::kRdmaWrite, &data, Va(), window_->rkey())),
              PostResult::kOk);
    ASSERT_EQ(a.qp->PostSend(Request(Opcode::kSendWithInvalidate, &word, 0, window_->rkey())),
              PostResult::kOk);
    const auto received = Wait(b, 1);
    ASSERT_EQ(received.size(), 1u) << i;
    ASSERT_EQ(received[0].invalidated_rkey, window_->rkey());
    ASSERT_EQ(b.memory[kFrom], static_cast<uint8_t>(i));
    for (const auto& c : Wait(a, 2)) ASSERT_EQ(c.status, CompletionStatus::kSuccess) << i;
  }
}

TEST_F(MemoryWindows, AnUnreliableConnectionBindsAndInvalidates) {
  const auto [a, b] = Extra(verbs::QueuePairType::kUc);
  MustBind(b, verbs::kRemoteWrite);
  EXPECT_EQ(Access(a, Opcode::kRdmaWrite, Va(), kLength, window_->rkey()),
            CompletionStatus::kSuccess);
  pair_->Settle();
  EXPECT_EQ(std::memcmp(pair_->b().memory.data() + kFrom, pair_->a().memory.data(), kLength), 0);
  // Nobody tells the sender of what was refused: it is dropped and counted.
  EXPECT_EQ(Access(a, Opcode::kRdmaWrite, Va(1), kLength, window_->rkey()),
            CompletionStatus::kSuccess);
  pair_->Settle();
  EXPECT_GT(pair_->b().device->statistics().Value("drop_remote_access"), 0u);
  EXPECT_TRUE(OutsideUntouched());
  verbs::SendRequest r;
  r.opcode = Opcode::kLocalInvalidate;
  r.rkey = window_->rkey();
  ASSERT_EQ(b->PostSend(r), PostResult::kOk);
  ASSERT_EQ(Wait(pair_->b(), 1)[0].status, CompletionStatus::kSuccess);
  ASSERT_EQ(b->PostSend(r), PostResult::kOk);
  EXPECT_EQ(Wait(pair_->b(), 1)[0].status, CompletionStatus::kLocalQpOperationError);
  EXPECT_TRUE(b->in_error());
}

}  // namespace
}  // namespace sluice::test
