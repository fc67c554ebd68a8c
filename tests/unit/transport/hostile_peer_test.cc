// What a peer that lies, floods or spoofs gets out of a queue pair; docs/hostile-peers.md names
// these tests case by case.
#include <gtest/gtest.h>

#include <vector>

#include "support/lone_end.h"
#include "support/peer_request.h"

namespace sluice::test {
namespace {

using verbs::PostResult;
using wire::DecodedFrame;
using Wire = wire::Opcode;

void Readdress(DecodedFrame* f, const char* source, const char* destination) {
  auto& ip = std::get<wire::Ipv4Header>(f->ip);
  if (source != nullptr) ip.source = *wire::IpAddress::Parse(source);
  if (destination != nullptr) ip.destination = *wire::IpAddress::Parse(destination);
  LoneEnd::Finish(f);
}

DecodedFrame Cnp(const LoneEnd& end) {
  DecodedFrame f = end.Frame(Wire::kCnp, 0);
  f.bth.becn = true;
  LoneEnd::Finish(&f);
  return f;
}

TEST(HostileAddress, AFrameForSomebodyElseIsNotOurs) {
  for (const char* destination : {"198.51.100.3", "255.255.255.255", "224.0.0.1"}) {
    LoneEnd end;
    ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
    DecodedFrame f = end.Request(Send(5000, 8));
    Readdress(&f, nullptr, destination);
    end.Inject(f);
    end.Poll();
    EXPECT_EQ(end.Count("drop_destination_address"), 1u);
    EXPECT_TRUE(end.Sent().empty());
    EXPECT_TRUE(end.Completions().empty());
  }
}

TEST(HostileAddress, EveryKindOfPacketFromTheWrongSourceChangesNothing) {
  LoneEnd end;
  ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
  ASSERT_EQ(end.Post(verbs::Opcode::kSend, 8), PostResult::kOk);
  end.Poll();
  end.Sent();
  std::vector<DecodedFrame> frames = {end.Request(Send(5000, 8)),
                                      end.Request(Write(end, 5000, 0, Pattern(8))), Cnp(end)};
  for (const uint8_t syndrome : {0x1f, 0x2c, 0x60, 0x61}) {
    DecodedFrame f = end.Frame(Wire::kRcAcknowledge, 1000);
    f.aeth = wire::Aeth{syndrome, 1};
    frames.push_back(f);
  }
  const std::vector<uint8_t> before = end.memory;
  for (const char* source : {"198.51.100.3", "198.51.100.1", "0.0.0.0", "224.0.0.1"}) {
    for (DecodedFrame f : frames) {
      Readdress(&f, source, nullptr);
      end.Inject(f);
      end.Poll();
    }
  }
  EXPECT_EQ(end.Count("drop_source_address"), 4 * frames.size());
  EXPECT_TRUE(end.Sent().empty());
  EXPECT_TRUE(end.Completions().empty());
  EXPECT_FALSE(end.qp->in_error());
  EXPECT_EQ(end.memory, before);
}

// Known queue pair, known address, random PSNs: 2^17 of 2^24 are answered at all, and those at
// their rate. 100,000 of them in 100 ms here, then as many at once.
TEST(HostilePsn, AFloodOfRandomOnesIsAnsweredAtItsRate) {
  LoneEnd end;
  Rng rng(5);
  constexpr uint32_t kFrames = 20'000;
  for (uint32_t i = 0; i < kFrames; ++i) {
    const uint32_t psn = static_cast<uint32_t>(rng.Below(1 << 24));
    if (psn == 5000) continue;
    end.InjectRequest(Send(psn, 0));
    end.Poll();
    end.Wait(Duration::Microseconds(1));
  }
  // 0.78 % are within the window: 156, give or take five deviations of 12.4.
  EXPECT_LE(end.Count("drop_out_of_sequence") + end.Count("drop_duplicate"), 220u);
  EXPECT_GE(end.Count("drop_psn_window"), kFrames - 220);
  EXPECT_FALSE(end.qp->in_error());
}

TEST(HostilePsn, NaksAreSentAtTheirRate) {
  LoneEnd end;
  // Every second packet looks as if the requester had gone back and lost the expected one again.
  constexpr int kFrames = 10'000;
  for (int i = 0; i < kFrames; ++i) {
    end.InjectRequest(Send(5002 - static_cast<uint32_t>(i % 2), 0));
    end.Poll();
    end.Wait(Duration::Nanoseconds(100));
  }
  // One millisecond: eight at once and one per 10 us.
  const uint64_t sent = end.Count("naks_sent_total");
  EXPECT_LE(sent, 108u);
  EXPECT_GE(sent, 100u);
  EXPECT_GE(end.Count("naks_withheld_total"), uint64_t{kFrames} / 2 - sent);
  // After a pause a real gap is reported at once.
  end.Wait(Duration::Milliseconds(1));
  end.Sent();
  end.InjectRequest(Send(5001, 0));
  end.Poll();
  ExpectAnswer(end, 5000, kSequence, 0);
}

TEST(HostilePsn, DuplicatesAreAcknowledgedAtTheirRate) {
  LoneEnd end;
  ASSERT_EQ(end.PostReceive(8), PostResult::kOk);
  end.InjectRequest(Send(5000, 0));
  end.Poll();
  end.Sent();
  constexpr int kFrames = 10'000;
  for (int i = 0; i < kFrames; ++i) {
    end.InjectRequest(Send(5000, 0));
    end.Poll();
    end.Wait(Duration::Nanoseconds(100));
  }
  const size_t sent = end.Sent().size();
  EXPECT_LE(sent, 132u);
  EXPECT_GE(sent, 124u);
  EXPECT_EQ(end.Count("duplicates_withheld_total"), kFrames - sent);
  EXPECT_EQ(end.Count("messages_received_total"), 1u);
  end.Wait(Duration::Milliseconds(1));
  end.InjectRequest(Send(5000, 0));
  end.Poll();
  ExpectAnswer(end, 5000, 0, 1);
}

// The windows' edges across the wrap of the PSN, ahead and behind.
TEST(HostilePsn, TheWindowEndsWhereItSays) {
  constexpr uint32_t kFar = 1 << 16;
  const struct {
    int32_t distance;
    const char* counter;
  } cases[] = {{kFar, "drop_out_of_sequence"},
               {kFar + 1, "drop_psn_window"},
               {-static_cast<int32_t>(kFar), "drop_duplicate"},
               {-static_cast<int32_t>(kFar) - 1, "drop_psn_window"}};
  for (const uint32_t expected : {5000u, 0u, 0xffffffu, 0x8000u, 0xff8000u}) {
    for (const auto& c : cases) {
      LoneEndOptions o;
      o.connect.receive_psn = expected;
      LoneEnd end(o);
      end.InjectRequest(Send((Psn(expected) + c.distance).value(), 0));
      end.Poll();
      EXPECT_EQ(end.Count(c.counter), 1u) << expected << " " << c.distance;
      const bool answered = std::abs(c.distance) <= static_cast<int32_t>(kFar);
      EXPECT_EQ(end.Sent().size(), answered ? 1u : 0u) << expected << " " << c.distance;
    }
  }
}

// A NAK at every microsecond for the oldest packet outstanding, round trips of 20 us: what is sent
// again is bounded by the retry budget, which only progress refills.
TEST(HostileNak, AStormSpendsTheRetriesAndNothingElse) {
  LoneEndOptions o;
  o.connect.base_rtt_ns = 20'000;
  o.connect.retry_count = 7;
  LoneEnd end(o);
  ASSERT_EQ(end.Post(verbs::Opcode::kRdmaWrite, 10'240), PostResult::kOk);
  end.Poll();
  ASSERT_EQ(end.Sent().size(), 10u);
  size_t again = 0;
  for (int us = 0; us < 1000 && !end.qp->in_error(); ++us) {
    end.Nak(1000);
    end.Poll();
    again += end.Sent().size();
    end.Wait(Duration::Microseconds(1));
  }
  EXPECT_TRUE(end.qp->in_error());
  EXPECT_EQ(again, 70u) << "seven rewinds of ten packets";
  EXPECT_EQ(end.Count("rewinds_total"), 7u);
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].status, verbs::CompletionStatus::kRetryExceeded);
}

// A fatal NAK for a packet that was acknowledged since: a late copy, or a lie.
TEST(HostileNak, ALateCopyFailsNothing) {
  LoneEnd end;
  ASSERT_EQ(end.Post(verbs::Opcode::kSend, 3072), PostResult::kOk);
  end.Poll();
  end.Sent();
  end.Ack(1001);
  end.Poll();
  // The oldest outstanding is 1002; 1001 itself is a PSN that an old answer may bear.
  for (const auto code : {wire::NakCode::kPsnSequenceError, wire::NakCode::kInvalidRequest,
                          wire::NakCode::kRemoteAccessError}) {
    end.Nak(1001, code);
  }
  end.Rnr(1001, 1);
  end.Poll();
  EXPECT_FALSE(end.qp->in_error());
  EXPECT_TRUE(end.Sent().empty());
  EXPECT_TRUE(end.Completions().empty());
  end.Ack(1002, 1);
  end.Poll();
  EXPECT_EQ(end.Completions().size(), 1u);
}

TEST(HostileCnp, CountsAtTheRateAtWhichReceiversSendThem) {
  const struct {
    int64_t gap_us;
    uint64_t counted;
  } cases[] = {
      {1, 5},     // a storm: the first, and one per millisecond
      {10, 125},  // one per 40 us: as fast as any receiver
      {50, 100},  // every one
  };
  for (const auto& c : cases) {
    LoneEndOptions o;
    o.connect.algorithm = "dcqcn";
    LoneEnd end(o);
    ASSERT_EQ(end.Post(verbs::Opcode::kSend, 8), PostResult::kOk);
    end.Poll();
    const int64_t frames = 5000 / c.gap_us;
    for (int64_t i = 0; i < frames; ++i) {
      end.Inject(Cnp(end));
      end.PollOnce();
      end.Wait(Duration::Microseconds(c.gap_us));
    }
    EXPECT_EQ(end.Count("rp_cnp_packets_handled_total"), c.counted) << c.gap_us;
    EXPECT_EQ(end.Count("rp_cnp_packets_handled_total") + end.Count("cnps_over_rate_total"),
              static_cast<uint64_t>(frames));
    // When they have ceased for a while, the next one counts, and the one after that.
    for (int i = 0; i < 3; ++i) {
      end.Wait(Duration::Microseconds(i == 0 ? 2000 : 50));
      end.Inject(Cnp(end));
      end.PollOnce();
    }
    EXPECT_EQ(end.Count("rp_cnp_packets_handled_total"), c.counted + 3);
  }
}

// The last word on whether a peer may write is had at each packet, not at the first.
TEST(HostileError, NothingIsWrittenByAQueuePairInError) {
  LoneEnd end;
  end.qp->Fail();
  const std::vector<uint8_t> before = end.memory;
  end.InjectRequest(Write(end, 5000, 0, Pattern(64)));
  end.Poll();
  EXPECT_EQ(end.Count("drop_qp_state"), 1u);
  EXPECT_EQ(end.memory, before);
  EXPECT_TRUE(end.Sent().empty());
}

}  // namespace
}  // namespace sluice::test
