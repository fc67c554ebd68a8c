// What a peer that lies gets out of the READs and atomics of a queue pair with the extension: of
// those that it asks for, of its responses to ours, and of its acknowledgements. Each check by its
// counter (base/checks.h). The test is the peer.
#include <gtest/gtest.h>

#include <vector>

#include "support/extended_end.h"
#include "support/peer_request.h"

namespace sluice::test {
namespace {

using verbs::CompletionStatus;
using verbs::PostResult;
using wire::DecodedFrame;
using Wire = wire::Opcode;

// ---- The responder.

// A refusal that fails the queue pair: one NAK and nothing else.
void ExpectRefused(XtEnd& end, const char* counter, uint8_t syndrome) {
  EXPECT_EQ(end.Count(counter), 1u);
  EXPECT_EQ(end.Answer().syndrome, syndrome);
  EXPECT_TRUE(end.qp->in_error());
  EXPECT_EQ(end.Count("rx_read_requests_total") + end.Count("rx_atomic_requests_total"), 0u);
}

TEST(HostileXtFetch, FurtherAheadThanAnyMayBeIsNotKept) {
  XtEnd end;
  end.Ask({.psn = kExpected + 16, .message = 16, .number = 16});
  EXPECT_EQ(end.Count("drop_invalid_request"), 1u);
  EXPECT_FALSE(end.qp->in_error()) << "errors are raised in order";
  end.Ask({.psn = kExpected + 15, .message = 15, .number = 15});
  EXPECT_EQ(end.Count("drop_invalid_request"), 1u) << "the last one that may be";
}

TEST(HostileXtFetch, AHeaderMustAgreeWithItself) {
  XtEnd end;
  DecodedFrame f = end.Fetch({});
  f.extended_data->offset = 8;
  LoneEnd::Finish(&f);
  end.Inject(f);
  end.Poll();
  ExpectRefused(end, "drop_invalid_request", kInvalid);
}

TEST(HostileXtFetch, OnlyTheNextNumberIsTakenInTurn) {
  XtEnd end;
  end.Ask({.number = 1});
  ExpectRefused(end, "drop_invalid_request", kInvalid);
}

TEST(HostileXtFetch, WithoutTheRightOfTheQueuePairNoneIsServed) {
  for (const bool atomic : {false, true}) {
    LoneEndOptions o = Extended();
    o.connect.access = atomic ? verbs::kRemoteRead | verbs::kRemoteWrite
                              : verbs::kRemoteAtomic | verbs::kRemoteWrite;
    XtEnd end(o);
    const std::vector<uint8_t> before = end.memory;
    end.Ask({.opcode = atomic ? Wire::kXtFetchAdd : Wire::kXtRead, .length = 8});
    ExpectRefused(end, "drop_invalid_request", kInvalid);
    EXPECT_EQ(end.memory, before);
  }
}

TEST(HostileXtFetch, AnAtomicIsOfEightAlignedBytes) {
  const XtFetch cases[] = {
      {.opcode = Wire::kXtFetchAdd, .length = 8, .at = 4097},
      {.opcode = Wire::kXtCompareSwap, .length = 8, .at = 4100},
      {.opcode = Wire::kXtFetchAdd, .length = 16},
      {.opcode = Wire::kXtFetchAdd, .length = 0},
  };
  for (const XtFetch& c : cases) {
    XtEnd end;
    const std::vector<uint8_t> before = end.memory;
    end.Ask(c);
    ExpectRefused(end, "drop_invalid_request", kInvalid);
    EXPECT_EQ(end.memory, before);
  }
}

// 2^31 bytes in packets of 256 would take 2^23 numbers, half of all: no order among them is left.
// No key is looked at before.
TEST(HostileXtFetch, LongerThanItsStreamHasNumbersIsRefused) {
  LoneEndOptions o = Extended();
  o.connect.mtu = 256;
  XtEnd end(o);
  end.Ask({.length = uint32_t{1} << 31});
  ExpectRefused(end, "drop_invalid_request", kInvalid);
}

TEST(HostileXtFetch, ResponsesThatWereNotSentCannotHaveArrived) {
  for (const uint32_t completed : {1u, 16u, 0x7fffffffu}) {
    XtEnd end;
    end.Ask({.completed = completed});
    ExpectRefused(end, "drop_invalid_request", kInvalid);
  }
  XtEnd end;
  end.Ask({});
  end.Ask({.psn = kExpected + 1, .message = 1, .number = 1, .completed = 2});
  EXPECT_EQ(end.Count("drop_invalid_request"), 1u);
  EXPECT_FALSE(end.qp->in_error()) << "a NAK waits for the responses before it";
  end.Ask({.psn = kExpected + 1, .message = 1, .number = 1, .completed = 1});
  EXPECT_EQ(end.Count("rx_read_requests_total"), 2u);
}

// Nor can those whose sending has only begun.
TEST(HostileXtFetch, ResponsesThatWereNotSentWholeCannotHaveArrived) {
  LoneEndOptions o = Extended();
  o.connect.algorithm = "fixed:rate=1Gbps";
  XtEnd end(o);
  end.Ask({.length = 3 * kMtu});
  end.Ask({.psn = kExpected + 1, .message = 1, .number = 1, .completed = 1});
  EXPECT_LT(end.Count("data_packets_sent_total"), 3u) << "at the pace of 1 Gb/s";
  EXPECT_EQ(end.Count("drop_invalid_request"), 1u);
  EXPECT_EQ(end.Count("rx_read_requests_total"), 1u);
}

TEST(HostileXtFetch, MoreThanItsResourcesIsNotServed) {
  LoneEndOptions o = Extended();
  o.connect.responder_resources = 2;
  XtEnd end(o);
  for (uint32_t i = 0; i < 3; ++i) {
    end.Ask({.psn = kExpected + i, .message = i, .number = i});
  }
  EXPECT_EQ(end.Count("rx_read_requests_total"), 2u);
  EXPECT_EQ(end.Count("drop_invalid_request"), 1u);
  // One of the two is known to have arrived.
  end.Ask({.psn = kExpected + 2, .message = 2, .number = 2, .completed = 1});
  EXPECT_EQ(end.Count("rx_read_requests_total"), 3u);
  o.connect.responder_resources = 0;
  XtEnd none(o);
  none.Ask({});
  ExpectRefused(none, "drop_invalid_request", kInvalid);
}

TEST(HostileXtFetch, OutsideOfWhatItMayReadNothingIsSent) {
  const size_t size = Extended().memory;
  const XtFetch cases[] = {
      {.length = 2 * kMtu, .at = size - 2 * kMtu + 1},  // the first packet would be inside
      {.length = 1, .at = size},
      {.opcode = Wire::kXtFetchAdd, .length = 8, .at = size},
  };
  for (const XtFetch& c : cases) {
    XtEnd end;
    end.Ask(c);
    ExpectRefused(end, "drop_remote_access", kAccess);
  }
  XtEnd end;
  const std::vector<uint8_t> before = end.memory;
  DecodedFrame f = end.Fetch({.opcode = Wire::kXtFetchAdd, .length = 8});
  f.extended_target->rkey ^= 0x100;
  LoneEnd::Finish(&f);
  end.Inject(f);
  end.Poll();
  ExpectRefused(end, "drop_remote_access", kAccess);
  EXPECT_EQ(end.memory, before);
  LoneEndOptions o = Extended();
  o.access = verbs::kLocalWrite | verbs::kRemoteWrite;
  XtEnd unreadable(o);
  unreadable.Ask({});
  ExpectRefused(unreadable, "drop_remote_access", kAccess);
}

// A response is acknowledged or not; what is refused is said of requests.
TEST(HostileXtFetch, EverySyndromeOfAnAcknowledgement) {
  for (uint32_t syndrome = 0; syndrome < 256; ++syndrome) {
    XtEnd end;
    end.Ask({});
    end.AcknowledgeResponses(kExpected, Ack(static_cast<uint8_t>(syndrome)));
    const bool ack = syndrome >> 5 == 0;
    EXPECT_EQ(end.Count("drop_unsupported_opcode"), ack ? 0u : 1u) << syndrome;
    EXPECT_EQ(end.Count("acks_received_total"), ack ? 1u : 0u) << syndrome;
    EXPECT_FALSE(end.qp->in_error()) << syndrome;
  }
}

TEST(HostileXtFetch, AnAcknowledgementOfNoResponseIsAGhost) {
  XtEnd end;
  end.AcknowledgeResponses(kExpected - 1);
  EXPECT_EQ(end.Count("drop_psn"), 1u) << "none was ever sent";
  end.Ask({});
  for (const uint32_t psn : {kExpected + 1, kExpected + 300, kExpected - kWindow - 2}) {
    end.AcknowledgeResponses(psn);
  }
  EXPECT_EQ(end.Count("drop_psn"), 4u);
  EXPECT_EQ(end.Count("ghost_acks_total"), 4u);
  EXPECT_EQ(end.Count("acks_received_total"), 0u);
}

// ---- The requester.

// A packet of a response; of the READ of two packets that most of these tests have outstanding.
struct XtResponse {
  uint32_t psn = kFirst;
  uint32_t message = 0;
  uint32_t offset = 0;
  uint32_t length = kMtu + 100;
  size_t payload = kMtu;
  Wire opcode = Wire::kXtReadResponse;
  uint8_t first = 91;  // of the payload's pattern
};

class FetchingEnd : public XtEnd {
 public:
  explicit FetchingEnd(const LoneEndOptions& options = Extended()) : XtEnd(options) {}
  void Read(uint32_t length) {
    ASSERT_EQ(Post(verbs::Opcode::kRdmaRead, length), PostResult::kOk);
    Poll();
    ASSERT_EQ(Sent().size(), 1u);
  }
  DecodedFrame Response(const XtResponse& r) const {
    DecodedFrame f = Frame(r.opcode, r.psn);
    f.extended_data.emplace();
    f.extended_data->message = r.message;
    f.extended_data->offset = r.offset;
    f.extended_data->length = r.length;
    if (r.opcode == Wire::kXtAtomicResponse) {
      f.extended_original = wire::AtomicAckEth{0x0123456789abcdef};
    } else {
      f.payload = Pattern(r.payload, r.first);
    }
    Finish(&f);
    return f;
  }
  void Respond(const XtResponse& r) {
    Inject(Response(r));
    Poll();
  }
};

TEST(HostileXtResponse, ABadIcrcTouchesNothing) {
  FetchingEnd end;
  end.Read(kMtu + 100);
  const std::vector<uint8_t> before = end.memory;
  DecodedFrame f = end.Response({});
  f.icrc ^= 0x100;
  end.Inject(f);
  end.Poll();
  EXPECT_EQ(end.Count("drop_icrc"), 1u);
  EXPECT_EQ(end.memory, before);
  EXPECT_TRUE(end.Sent().empty());
}

TEST(HostileXtResponse, NobodyAskedForIt) {
  FetchingEnd end;
  const std::vector<uint8_t> before = end.memory;
  end.Respond({});
  EXPECT_EQ(end.Count("drop_psn"), 1u);
  end.Read(kMtu + 100);
  end.Respond({.psn = kFirst + 2});
  end.Respond({.psn = kFirst + kWindow - 1});
  EXPECT_EQ(end.Count("drop_psn"), 3u);
  EXPECT_EQ(end.Count("ghost_acks_total"), 3u);
  EXPECT_EQ(end.memory, before);
  EXPECT_TRUE(end.Sent().empty());
}

// Of a READ that is longer than the window the rest may not come yet.
TEST(HostileXtResponse, BeyondTheWindowItIsDroppedInSilence) {
  LoneEndOptions o = Extended();
  o.connect.tracking_window = 64;
  o.memory = 66 * kMtu;
  FetchingEnd end(o);
  end.Read(66 * kMtu);
  const auto at = [](uint32_t packet) {
    return XtResponse{.psn = kFirst + packet, .offset = packet * kMtu, .length = 66 * kMtu};
  };
  end.Respond(at(64));
  EXPECT_EQ(end.Count("drop_psn"), 1u);
  EXPECT_EQ(end.Count("placed_bytes_total"), 0u);
  EXPECT_TRUE(end.Sent().empty());
  end.Respond(at(63));
  EXPECT_EQ(end.Count("placed_bytes_total"), kMtu) << "the last one of the window";
}

TEST(HostileXtResponse, FarBehindItIsDroppedInSilence) {
  FetchingEnd end;
  end.Respond({.psn = kFirst - kWindow - 1});
  EXPECT_EQ(end.Count("drop_psn_window"), 1u);
  EXPECT_TRUE(end.Sent().empty());
  end.Respond({.psn = kFirst - kWindow});
  EXPECT_EQ(end.Count("drop_duplicate"), 1u);
  EXPECT_EQ(end.Sent().size(), 1u);
}

TEST(HostileXtResponse, ADuplicateIsNotPlacedAgain) {
  FetchingEnd end;
  end.Read(kMtu + 100);
  end.Respond({});
  const std::vector<uint8_t> before = end.memory;
  end.Respond({.first = 17});
  EXPECT_EQ(end.Count("drop_duplicate"), 1u);
  EXPECT_EQ(end.memory, before);
  EXPECT_EQ(end.Count("placed_bytes_total"), kMtu);
}

TEST(HostileXtResponse, DuplicatesAreAcknowledgedAtTheirRate) {
  FetchingEnd end;
  end.Read(kMtu + 100);
  end.Respond({});
  (void)end.Sent();
  for (int i = 0; i < 10'000; ++i) {
    end.Respond({});
    end.Wait(Duration::Nanoseconds(100));
  }
  // One millisecond: 32 at once and one per 10 us.
  const size_t sent = end.Sent().size();
  EXPECT_LE(sent, 132u);
  EXPECT_GE(sent, 124u);
}

TEST(HostileXtResponse, WhatDoesNotFitIsDroppedAndCounted) {
  const XtResponse cases[] = {
      {.message = 1},                                                  // of a READ that is none
      {.message = 0xffffffff},                                         // of one before all
      {.offset = kMtu, .payload = 100},                                // another packet's part
      {.offset = 4},                                                   // between two
      {.length = kMtu},                                                // another length
      {.length = kMtu + 101},                                          // likewise
      {.payload = kMtu - 1},                                           // too little,
      {.payload = kMtu + 4},                                           // too much
      {.psn = kFirst + 1, .offset = kMtu, .payload = 101},             // likewise, at the end
      {.psn = kFirst + 1, .offset = kMtu, .payload = 0},               // nothing
      {.length = 8, .payload = 0, .opcode = Wire::kXtAtomicResponse},  // of an atomic
  };
  for (const XtResponse& c : cases) {
    FetchingEnd end;
    end.Read(kMtu + 100);
    const std::vector<uint8_t> before = end.memory;
    end.Respond(c);
    EXPECT_EQ(end.Count("drop_bad_response"), 1u) << &c - cases;
    EXPECT_EQ(end.memory, before) << &c - cases;
    EXPECT_TRUE(end.Completions().empty());
    // It takes no part in what is right.
    end.Respond({});
    end.Respond({.psn = kFirst + 1, .offset = kMtu, .payload = 100});
    const auto done = end.Completions();
    EXPECT_TRUE(done.empty()) << "the request is not acknowledged";
    end.Acknowledge(kFirst, Ack());
    ASSERT_EQ(end.Completions().size(), 1u);
    EXPECT_FALSE(end.qp->in_error());
  }
}

}  // namespace
}  // namespace sluice::test
