// Requests that must fail the queue pair, and those that only look so.
#include <gtest/gtest.h>

#include <cstring>

#include "support/lone_end.h"
#include "support/peer_request.h"

namespace sluice::test {
namespace {

using verbs::CompletionStatus;
using verbs::PostResult;
using Wire = wire::Opcode;
using Frames = std::vector<wire::DecodedFrame>;

// A request after which the queue pair must be in error, and the NAK that says why.
void ExpectFatal(LoneEnd& end, const PeerRequest& r, uint8_t syndrome, const char* drop) {
  end.InjectRequest(r);
  end.Poll();
  const Frames sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  ASSERT_TRUE(sent[0].aeth.has_value());
  EXPECT_EQ(sent[0].aeth->syndrome, syndrome);
  EXPECT_EQ(sent[0].bth.psn.value(), r.psn);
  EXPECT_TRUE(end.qp->in_error());
  EXPECT_EQ(end.Count(drop), 1u);
}

TEST(ResponderFault, WritesOutsideTheirRightsAreRefusedAndTouchNothing) {
  for (int fault = 0; fault < 6; ++fault) {
    LoneEndOptions o;
    if (fault == 5) o.access = verbs::kLocalWrite;
    LoneEnd end(o);
    const std::vector<uint8_t> before = end.memory;
    PeerRequest r = Write(end, 5000, 0, Pattern(16));
    if (fault == 0) r.rkey ^= 1;
    if (fault == 1) r.va -= 1;
    if (fault == 2) r.va += end.memory.size() - 15;
    if (fault == 3) r.va = ~uint64_t{0} - 7;  // wraps round the address space
    if (fault == 4) {                         // the whole is judged with the first packet
      r = Write(end, 5000, end.memory.size() - 1024, Pattern(1024), Wire::kRcWriteFirst);
      r.length = 1025;
    }
    ExpectFatal(end, r, kAccess, "drop_remote_access");
    EXPECT_EQ(end.memory, before) << fault;
  }
}

TEST(ResponderFault, AnotherDomainsKeyIsRefused) {
  LoneEnd end;
  auto other = end.device->AllocateProtectionDomain();
  auto region = end.device->Register(other.get(), end.memory.data(), end.memory.size(),
                                     verbs::kLocalWrite | verbs::kRemoteWrite);
  ASSERT_TRUE(region.ok());
  PeerRequest r = Write(end, 5000, 0, Pattern(16));
  r.rkey = (*region)->rkey();
  ExpectFatal(end, r, kAccess, "drop_remote_access");
}

TEST(ResponderFault, AZeroLengthWriteNeedsNoKey) {
  LoneEnd end;  // IBTA 1.4, C9-88
  PeerRequest r = Write(end, 5000, 0, {});
  r.rkey = 0xdead;
  r.va = 1;
  end.InjectRequest(r);
  end.Poll();
  ExpectAnswer(end, 5000, 0, 1);
}

TEST(ResponderFault, RegionDeregisteredInTheMiddleOfAWrite) {
  LoneEnd end;
  PeerRequest first = Write(end, 5000, 0, Pattern(1024), Wire::kRcWriteFirst);
  first.length = 2048;
  end.InjectRequest(first);
  end.Poll();
  end.Sent();
  ASSERT_TRUE(end.region->Deregister().ok());
  ExpectFatal(end, {Wire::kRcWriteLast, 5001, Pattern(1024)}, kAccess, "drop_remote_access");
}

TEST(ResponderFault, OpcodesOutOfSequence) {
  const struct {
    std::vector<Wire> before;
    Wire fault;
    size_t length;
  } cases[] = {
      {{}, Wire::kRcSendMiddle, 1024},
      {{}, Wire::kRcSendLast, 8},
      {{}, Wire::kRcWriteMiddle, 1024},
      {{}, Wire::kRcWriteLastImm, 8},
      {{Wire::kRcSendFirst}, Wire::kRcSendFirst, 1024},
      {{Wire::kRcSendFirst}, Wire::kRcSendOnly, 8},
      {{Wire::kRcSendFirst}, Wire::kRcWriteLast, 8},
      {{Wire::kRcWriteFirst}, Wire::kRcSendLast, 8},
      {{Wire::kRcWriteFirst}, Wire::kRcWriteOnly, 8},
      // Lengths (9.7.4.1.6): FIRST and MIDDLE are full, LAST is not empty, nothing exceeds the MTU.
      {{}, Wire::kRcSendFirst, 1020},
      {{}, Wire::kRcSendOnly, 1028},
      {{Wire::kRcSendFirst}, Wire::kRcSendMiddle, 1020},
      {{Wire::kRcSendFirst}, Wire::kRcSendLast, 0},
      {{Wire::kRcSendFirst}, Wire::kRcSendLast, 1028},
  };
  for (const auto& c : cases) {
    LoneEnd end;
    ASSERT_EQ(end.PostReceive(60000), PostResult::kOk);
    uint32_t psn = 5000;
    for (const Wire w : c.before) {
      PeerRequest r = Write(end, psn++, 0, Pattern(1024), w);
      r.length = 4096;
      end.InjectRequest(r);
    }
    end.Poll();
    end.Sent();
    PeerRequest r = Write(end, psn, 0, Pattern(c.length), c.fault);
    ExpectFatal(end, r, kInvalid, "drop_invalid_request");
  }
}

TEST(ResponderFault, WriteLengthsThatContradictTheReth) {
  {
    LoneEnd end;  // ONLY shorter than it says
    PeerRequest r = Write(end, 5000, 0, Pattern(16));
    r.length = 20;
    ExpectFatal(end, r, kInvalid, "drop_invalid_request");
  }
  {
    LoneEnd end;  // LAST longer than what is left
    PeerRequest first = Write(end, 5000, 0, Pattern(1024), Wire::kRcWriteFirst);
    first.length = 1030;
    end.InjectRequest(first);
    end.Poll();
    end.Sent();
    ExpectFatal(end, {Wire::kRcWriteLast, 5001, Pattern(8)}, kInvalid, "drop_invalid_request");
  }
}

TEST(ResponderFault, TooLongASendIsARemoteOperationErrorAtThePacketThatOverflows) {
  for (const size_t completions : {256, 2}) {
    LoneEndOptions o;
    o.completions = completions;
    LoneEnd end(o);
    ASSERT_EQ(end.PostReceive(1500, 3), PostResult::kOk);
    ASSERT_EQ(end.PostReceive(1500, 4, 2000), PostResult::kOk);
    if (completions == 2) {  // the queue is full when it happens
      for (uint64_t i = 0; i < 2; ++i) {
        ASSERT_EQ(end.Post(verbs::Opcode::kRdmaWrite, 8, 90 + i), PostResult::kOk);
      }
      end.Poll();
      end.Ack(1001, 2);
      end.Poll();
    }
    const std::vector<uint8_t> before(end.memory.begin() + 1500, end.memory.end());
    end.InjectRequest(Send(5000, 1024, Wire::kRcSendFirst));
    end.Poll();
    end.Sent();
    ExpectFatal(end, Send(5001, 1024, Wire::kRcSendMiddle), kOperation, "drop_invalid_request");
    std::vector<verbs::WorkCompletion> receives;
    for (int i = 0; i < 4; ++i) {
      for (const auto& c : end.Completions()) {
        if (c.receive) receives.push_back(c);
      }
      end.Poll();
    }
    ASSERT_EQ(receives.size(), 2u);
    EXPECT_EQ(receives[0].wr_id, 3u);
    EXPECT_EQ(receives[0].status, CompletionStatus::kLocalLengthError);
    EXPECT_EQ(receives[1].status, CompletionStatus::kFlushed);
    const std::vector<uint8_t> after(end.memory.begin() + 1500, end.memory.end());
    EXPECT_EQ(after, before);
  }
}

}  // namespace
}  // namespace sluice::test
