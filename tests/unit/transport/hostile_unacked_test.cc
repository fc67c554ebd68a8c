// What a peer, or a stranger, that lies gets out of a queue pair without acknowledgements: each
// check of UC and UD by its counter (base/checks.h); nothing is answered and nothing fails.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "support/peer_request.h"
#include "support/unacked_end.h"

namespace sluice::test {
namespace {

using verbs::PostResult;
using verbs::QueuePairState;
using verbs::QueuePairType;
using Wire = wire::Opcode;

constexpr uint32_t kMtu = UnackedEnd::kMtu;
constexpr uint32_t kGrh = 40;

class HostileUnacked : public testing::TestWithParam<QueuePairType> {
 protected:
  HostileUnacked() : end_(Make(GetParam())) {}

  static std::unique_ptr<UnackedEnd> Make(QueuePairType type, size_t completions = 64) {
    UnackedEndOptions o;
    o.type = type;
    o.completions = completions;
    auto end = std::make_unique<UnackedEnd>(o);
    end->GoTo(QueuePairState::kReadyToSend);
    EXPECT_EQ(end->PostReceive(8192, 1), PostResult::kOk);
    return end;
  }
  wire::DecodedFrame Good(uint32_t psn = 5000) const {
    const bool uc = GetParam() == QueuePairType::kUc;
    return end_->Frame(static_cast<uint8_t>(uc ? Wire::kUcSendOnly : Wire::kUdSendOnly), psn,
                       Pattern(64));
  }
  // One frame was dropped for that cause, and changed nothing: the next good one is taken.
  void ExpectDropped(const char* counter) {
    EXPECT_EQ(end_->Count(counter), 1u) << counter;
    EXPECT_EQ(end_->Drops(), 1u);
    EXPECT_TRUE(end_->Completions().empty());
    EXPECT_EQ(end_->qp->state(), QueuePairState::kReadyToSend);
    end_->Inject(Good());
    end_->Poll();
    EXPECT_EQ(end_->Completions().size(), 1u);
    EXPECT_TRUE(end_->Sent().empty());
  }

  std::unique_ptr<UnackedEnd> end_;
};

TEST_P(HostileUnacked, AnotherPartitionIsNotHeard) {
  wire::DecodedFrame f = Good();
  f.bth.pkey = 0x1234;
  end_->Inject(f);
  end_->Poll();
  ExpectDropped("drop_pkey");
}

TEST_P(HostileUnacked, AnotherServiceIsNotServed) {
  const bool uc = GetParam() == QueuePairType::kUc;
  for (const Wire o : {Wire::kRcSendOnly, uc ? Wire::kUdSendOnly : Wire::kUcSendOnly}) {
    end_ = Make(GetParam());
    end_->Receive(o, 5000, Pattern(64));
    end_->Poll();
    ExpectDropped("drop_service");
  }
}

TEST_P(HostileUnacked, NothingIsReceivedInError) {
  end_->qp->Fail();
  end_->Poll();
  (void)end_->Completions();
  const std::vector<uint8_t> before = end_->memory;
  end_->Inject(Good());
  if (GetParam() == QueuePairType::kUc) {
    end_->Receive(Wire::kUcWriteOnly, 5001, Pattern(64));
  }
  end_->Poll();
  EXPECT_EQ(end_->Count("drop_qp_state"), GetParam() == QueuePairType::kUc ? 2u : 1u);
  EXPECT_EQ(end_->memory, before);
  EXPECT_TRUE(end_->Completions().empty());
}

TEST_P(HostileUnacked, AFrameForSomebodyElseIsNotOurs) {
  for (const char* destination : {"198.51.100.3", "255.255.255.255", "224.0.0.1"}) {
    end_ = Make(GetParam());
    wire::DecodedFrame f = Good();
    std::get<wire::Ipv4Header>(f.ip).destination = *wire::IpAddress::Parse(destination);
    end_->Inject(f);
    end_->Poll();
    ExpectDropped("drop_destination_address");
  }
}

TEST_P(HostileUnacked, AWrongIcrcTouchesNothing) {
  const std::vector<uint8_t> before = end_->memory;
  wire::DecodedFrame f = Good();
  LoneEnd::Finish(&f);
  f.icrc ^= 0x10000;
  end_->fake.Inject(f.Encode());
  end_->Poll();
  EXPECT_EQ(end_->memory, before);
  ExpectDropped("drop_icrc");
}

// Each packet's own order, so one that never ends costs one receive of its own queue pair.
TEST_P(HostileUnacked, AFullCompletionQueueDropsTheMessageAndKeepsTheReceive) {
  end_ = Make(GetParam(), 2);
  for (uint64_t i = 2; i <= 3; ++i) ASSERT_EQ(end_->PostReceive(8192, i), PostResult::kOk);
  for (uint32_t i = 0; i < 3; ++i) end_->Inject(Good(5000 + i));
  end_->Poll();
  EXPECT_EQ(end_->Count("drop_completion_queue_full"), 1u);
  EXPECT_EQ(end_->Completions().size(), 2u);
  end_->Inject(Good(5003));
  end_->Poll();
  const auto done = end_->Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].wr_id, 3u);
  EXPECT_EQ(end_->qp->state(), QueuePairState::kReadyToSend);
}

INSTANTIATE_TEST_SUITE_P(UcUd, HostileUnacked,
                         testing::Values(QueuePairType::kUc, QueuePairType::kUd),
                         [](const auto& it) {
                           return it.param == QueuePairType::kUc ? "Uc" : "Ud";
                         });

class HostileUc : public testing::Test {
 protected:
  HostileUc() { end_.GoTo(QueuePairState::kReadyToSend); }
  void Write(Wire opcode, uint32_t psn, size_t length, uint32_t announced = 0, size_t offset = 0) {
    wire::DecodedFrame f = end_.Frame(static_cast<uint8_t>(opcode), psn, Pattern(length, 9));
    if (f.reth) {
      f.reth->va += offset;
      f.reth->length = announced;
    }
    end_.Inject(f);
    end_.Poll();
  }
  UnackedEnd end_;
};

TEST_F(HostileUc, AStrangerIsNotHeard) {
  ASSERT_EQ(end_.PostReceive(4096), PostResult::kOk);
  for (const char* source : {"198.51.100.9", "198.51.100.1", "0.0.0.0", "224.0.0.1"}) {
    wire::DecodedFrame f = end_.Frame(static_cast<uint8_t>(Wire::kUcSendOnly), 5000, Pattern(64));
    std::get<wire::Ipv4Header>(f.ip).source = *wire::IpAddress::Parse(source);
    end_.Inject(f);
  }
  end_.Poll();
  EXPECT_EQ(end_.Count("drop_source_address"), 4u);
  EXPECT_TRUE(end_.Completions().empty());
}

TEST_F(HostileUc, AWriteInsideASendDropsBoth) {
  ASSERT_EQ(end_.PostReceive(4096), PostResult::kOk);
  end_.Receive(Wire::kUcSendFirst, 5000, Pattern(kMtu));
  const std::vector<uint8_t> before = end_.memory;
  Write(Wire::kUcWriteMiddle, 5001, kMtu);
  EXPECT_EQ(end_.Count("drop_invalid_request"), 1u);
  Write(Wire::kUcSendLast, 5002, 4);
  EXPECT_EQ(end_.Count("drop_out_of_sequence"), 1u);
  EXPECT_TRUE(end_.Completions().empty());
}

// The whole range is judged with the first packet, which alone would fit.
TEST_F(HostileUc, AWriteThatWouldEndOutsideIsRefusedAtItsBeginning) {
  const std::vector<uint8_t> before = end_.memory;
  const size_t offset = end_.memory.size() - kMtu - 8;
  Write(Wire::kUcWriteFirst, 5000, kMtu, kMtu + 9, offset);
  EXPECT_EQ(end_.Count("drop_remote_access"), 1u);
  EXPECT_EQ(end_.memory, before);
  Write(Wire::kUcWriteFirst, 5001, kMtu, kMtu + 8, offset);
  EXPECT_EQ(end_.Drops(), 1u);
}

TEST_F(HostileUc, ARegionThatWentIsNotWritten) {
  Write(Wire::kUcWriteFirst, 5000, kMtu, 2 * kMtu + 4);
  ASSERT_TRUE(end_.region->Deregister().ok());
  const std::vector<uint8_t> before = end_.memory;
  Write(Wire::kUcWriteMiddle, 5001, kMtu);
  EXPECT_EQ(end_.Count("drop_remote_access"), 1u);
  EXPECT_EQ(end_.memory, before);
  EXPECT_EQ(end_.qp->state(), QueuePairState::kReadyToSend);
}

TEST(HostileUcCnp, CountsAtTheRateAtWhichReceiversSendThem) {
  UnackedEndOptions o;
  o.algorithm = "dcqcn";
  UnackedEnd end(o);
  end.GoTo(QueuePairState::kReadyToSend);
  ASSERT_EQ(end.Post({}, 10), PostResult::kOk);
  end.Poll();
  for (int i = 0; i < 500; ++i) {
    wire::DecodedFrame f = end.Frame(static_cast<uint8_t>(Wire::kCnp), 0);
    f.bth.becn = true;
    end.Inject(f);
    end.Poll();
    end.Wait(Duration::Microseconds(1));
  }
  // Half a millisecond at one per microsecond: the first alone.
  EXPECT_EQ(end.Count("rp_cnp_packets_handled_total"), 1u);
  EXPECT_EQ(end.Count("cnps_over_rate_total"), 499u);
}

class HostileUd : public testing::Test {
 protected:
  HostileUd() : end_(Datagrams()) { end_.GoTo(QueuePairState::kReadyToSend); }
  static UnackedEndOptions Datagrams() {
    UnackedEndOptions o;
    o.type = QueuePairType::kUd;
    return o;
  }
  UnackedEnd end_;
};

// All bits of the key are looked at.
TEST_F(HostileUd, AnotherQkeyIsNotHeard) {
  ASSERT_EQ(end_.PostReceive(kGrh + 64), PostResult::kOk);
  for (int bit = 0; bit < 32; ++bit) {
    wire::DecodedFrame f = end_.Frame(static_cast<uint8_t>(Wire::kUdSendOnly), 0, Pattern(64));
    f.deth->qkey ^= 1u << bit;
    end_.Inject(f);
  }
  end_.Poll();
  EXPECT_EQ(end_.Count("drop_qkey"), 32u);
  EXPECT_TRUE(end_.Completions().empty());
}

TEST_F(HostileUd, LongerThanTheMtuIsNoDatagram) {
  ASSERT_EQ(end_.PostReceive(kGrh + 4096), PostResult::kOk);
  const std::vector<uint8_t> before = end_.memory;
  end_.Receive(Wire::kUdSendOnly, 0, Pattern(4100));
  end_.Poll();
  EXPECT_EQ(end_.Count("drop_invalid_request"), 1u);
  EXPECT_EQ(end_.memory, before);
  end_.Receive(Wire::kUdSendOnly, 1, Pattern(4096));
  end_.Poll();
  EXPECT_EQ(end_.Completions().size(), 1u);
}

TEST_F(HostileUd, WithoutAReceiveItIsDropped) {
  end_.Receive(Wire::kUdSendOnly, 0, Pattern(64));
  end_.Poll();
  EXPECT_EQ(end_.Count("drop_receiver_not_ready"), 1u);
  EXPECT_TRUE(end_.Sent().empty()) << "nobody is told";
}

TEST_F(HostileUd, LongerThanTheReceiveIsDroppedAndTheReceiveStays) {
  ASSERT_EQ(end_.PostReceive(kGrh + 63, 7), PostResult::kOk);
  const std::vector<uint8_t> before = end_.memory;
  end_.Receive(Wire::kUdSendOnly, 0, Pattern(64));
  end_.Poll();
  EXPECT_EQ(end_.Count("drop_receive_too_short"), 1u);
  EXPECT_EQ(end_.memory, before);
  end_.Receive(Wire::kUdSendOnly, 1, Pattern(63));
  end_.Poll();
  ASSERT_EQ(end_.Completions().size(), 1u);
}

// Where it says it comes from is only told: numbers that no queue pair has do no harm (case 81).
TEST_F(HostileUd, TheSourceQueuePairIsOnlyTold) {
  for (const uint32_t source : {0u, 1u, 0xffffffu}) {
    ASSERT_EQ(end_.PostReceive(kGrh + 64), PostResult::kOk);
    wire::DecodedFrame f = end_.Frame(static_cast<uint8_t>(Wire::kUdSendOnly), 0, Pattern(64));
    f.deth->source_qpn = source;
    end_.Inject(f);
    end_.Poll();
    const auto done = end_.Completions();
    ASSERT_EQ(done.size(), 1u);
    EXPECT_EQ(done[0].source_qpn, source);
  }
}

// A packet of each length up to a jumbo frame: path MTU 1024 for UC, 4096 for UD with a receive of
// 4000 bytes and the header area.
TEST(UnackedExhaustive, EveryLength) {
  constexpr uint32_t kLongest = 9216 - 14 - 20 - 8 - 12 - 8 - 4, kReceive = 4000;
  for (const QueuePairType type : {QueuePairType::kUc, QueuePairType::kUd}) {
    const bool uc = type == QueuePairType::kUc;
    UnackedEndOptions o;
    o.type = type;
    UnackedEnd end(o);
    end.GoTo(QueuePairState::kReadyToSend);
    uint64_t long_ones = 0, short_receives = 0;
    for (uint32_t length = 0; length <= kLongest; ++length) {
      const bool fits = length <= (uc ? kMtu : 4096u);
      const bool taken = fits && length <= kReceive;
      if (taken) {
        ASSERT_EQ(end.PostReceive(kReceive + (uc ? 0 : kGrh), length), PostResult::kOk);
      }
      if (!taken && length == (uc ? kMtu : kReceive) + 1) {
        ASSERT_EQ(end.PostReceive(kReceive + (uc ? 0 : kGrh), length), PostResult::kOk);
      }
      end.Receive(uc ? Wire::kUcSendOnly : Wire::kUdSendOnly, 5000 + length, Pattern(length));
      end.Poll();
      long_ones += fits ? 0 : 1;
      short_receives += fits && !taken ? 1 : 0;
      ASSERT_EQ(end.Count("drop_invalid_request"), long_ones) << length;
      ASSERT_EQ(end.Count("drop_receive_too_short"), short_receives) << length;
      const auto done = end.Completions();
      ASSERT_EQ(done.size(), taken ? 1u : 0u) << length;
      if (taken) {
        ASSERT_EQ(done[0].byte_length, length + (uc ? 0 : kGrh));
      }
    }
    EXPECT_EQ(end.qp->state(), QueuePairState::kReadyToSend);
    EXPECT_TRUE(end.Sent().empty());
  }
}

}  // namespace
}  // namespace sluice::test
