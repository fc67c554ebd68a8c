// What a peer that lies gets out of a queue pair with the extension: each check of its receiver and
// of its sender by its counter (base/checks.h). The test is the peer.
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

// ---- The receiver.

TEST(HostileXtData, ABadIcrcTouchesNothing) {
  XtEnd end;
  const std::vector<uint8_t> before = end.memory;
  DecodedFrame f = end.Data({});
  f.icrc ^= 0x100;
  end.Inject(f);
  end.Poll();
  EXPECT_EQ(end.Count("drop_icrc"), 1u);
  EXPECT_EQ(end.memory, before);
  EXPECT_TRUE(end.Sent().empty());
}

TEST(HostileXtData, BeyondTheWindowIsDroppedInSilence) {
  XtEnd end;
  const std::vector<uint8_t> before = end.memory;
  end.Take({.psn = kExpected + kWindow, .message = kWindow});
  EXPECT_EQ(end.Count("drop_out_of_sequence"), 1u);
  EXPECT_EQ(end.memory, before);
  EXPECT_TRUE(end.Sent().empty());
  end.Take({.psn = kExpected + kWindow - 1, .message = kWindow - 1});
  EXPECT_NE(end.memory, before) << "the last one of the window is placed at once";
}

TEST(HostileXtData, FarBehindIsDroppedInSilence) {
  XtEnd end;
  end.Take({.psn = (Psn(kExpected) - kWindow - 1).value()});
  EXPECT_EQ(end.Count("drop_psn_window"), 1u);
  EXPECT_TRUE(end.Sent().empty());
  end.Take({.psn = (Psn(kExpected) - kWindow).value()});
  EXPECT_EQ(end.Count("drop_duplicate"), 1u);
  EXPECT_EQ(end.Sent().size(), 1u);
}

TEST(HostileXtData, ADuplicateIsNotExecutedAgain) {
  XtEnd end;
  ASSERT_EQ(end.PostReceive(64, 1), PostResult::kOk);
  ASSERT_EQ(end.PostReceive(64, 2), PostResult::kOk);
  const XtPacket send{.opcode = Wire::kXtSend};
  end.Take(send);
  end.Take(send);
  EXPECT_EQ(end.Count("drop_duplicate"), 1u);
  EXPECT_EQ(end.Completions().size(), 1u);
  EXPECT_EQ(end.Count("placed_bytes_total"), 64u);
}

TEST(HostileXtData, DuplicatesAreAcknowledgedAtTheirRate) {
  XtEnd end;
  end.Take({});
  (void)end.Sent();
  for (int i = 0; i < 10'000; ++i) {
    end.Take({});
    end.Wait(Duration::Nanoseconds(100));
  }
  // One millisecond: 32 at once and one per 10 us.
  const size_t sent = end.Sent().size();
  EXPECT_LE(sent, 132u);
  EXPECT_GE(sent, 124u);
  EXPECT_EQ(end.Count("duplicates_withheld_total"), 10'000 - sent);
}

// Headers that contradict themselves: nothing is written, and the peer hears why.
TEST(HostileXtData, AHeaderMustAgreeWithItself) {
  const XtPacket cases[] = {
      {.payload = 64, .length = 63},                                   // longer than the message
      {.payload = 64, .length = 65},                                   // shorter, and the only one
      {.payload = kMtu, .offset = 1, .length = 3 * kMtu},              // between two packets
      {.payload = 0, .offset = kMtu, .length = kMtu},                  // behind the end
      {.payload = 64, .offset = 2 * kMtu, .length = kMtu},             // beyond it
      {.payload = kMtu, .length = 0x80000001},                         // longer than any message
      {.opcode = Wire::kXtWriteImm, .payload = kMtu, .length = 2048},  // immediate too early
  };
  for (const XtPacket& c : cases) {
    XtEnd end;
    ASSERT_EQ(end.PostReceive(4096, 1), PostResult::kOk);
    const std::vector<uint8_t> before = end.memory;
    end.Take(c);
    EXPECT_EQ(end.Count("drop_invalid_request"), 1u) << c.offset << "/" << c.length;
    EXPECT_EQ(end.memory, before);
    EXPECT_EQ(end.Answer().syndrome, kInvalid);
    EXPECT_TRUE(end.qp->in_error());
  }
}

TEST(HostileXtData, OnlyWhatFollowsIsTakenInTurn) {
  for (const XtPacket& c :
       {XtPacket{.message = 1}, XtPacket{.payload = 64, .offset = kMtu, .length = kMtu + 64}}) {
    XtEnd end;
    const std::vector<uint8_t> before = end.memory;
    end.Take(c);
    EXPECT_EQ(end.Count("drop_invalid_request"), 1u);
    EXPECT_EQ(end.memory, before);
    EXPECT_EQ(end.Answer().syndrome, kInvalid);
    EXPECT_TRUE(end.qp->in_error());
  }
}

TEST(HostileXtData, WithoutAReceiveItIsNotReady) {
  XtEnd end;
  end.Take({.opcode = Wire::kXtSend});
  EXPECT_EQ(end.Count("drop_receiver_not_ready"), 1u);
  EXPECT_EQ(end.Answer().syndrome, kRnr | 12);
  EXPECT_FALSE(end.qp->in_error());
}

TEST(HostileXtData, WithoutAReceiveWhoWaitsHearsOfEveryRefusal) {
  LoneEndOptions o = Extended();
  o.connect.min_rnr_timer = 1;
  XtEnd end(o);
  for (int i = 0; i < 1000; ++i) {
    end.Take({.opcode = Wire::kXtSend});
    EXPECT_EQ(end.Answer().syndrome, kRnr | 1);
    end.Wait(wire::RnrTimer(1));
  }
  EXPECT_EQ(end.Count("rnr_naks_withheld_total"), 0u);
}

TEST(HostileXtData, WithoutAReceiveWhoDoesNotWaitIsAnsweredAtTheirRate) {
  XtEnd end;
  for (int i = 0; i < 10'000; ++i) {
    end.Take({.opcode = Wire::kXtSend});
    end.Wait(Duration::Nanoseconds(100));
  }
  // One millisecond: eight at once and one per 10 us.
  const size_t sent = end.Sent().size();
  EXPECT_LE(sent, 108u);
  EXPECT_GE(sent, 100u);
  EXPECT_EQ(end.Count("rnr_naks_sent_total"), sent);
  EXPECT_EQ(end.Count("rnr_naks_withheld_total"), 10'000 - sent);
  ASSERT_EQ(end.PostReceive(64, 1), PostResult::kOk);
  end.Take({.opcode = Wire::kXtSend});
  EXPECT_EQ(end.Completions().size(), 1u);
}

TEST(HostileXtData, WhatIsRefusedBeforeItsTurnIsAnsweredAtItsRate) {
  XtEnd end;
  for (int i = 0; i < 10'000; ++i) {
    end.Take({.opcode = Wire::kXtSend, .psn = kExpected + 1, .message = 1, .receive = 1});
    end.Wait(Duration::Nanoseconds(100));
  }
  // As of duplicates: 32 at once and one per 10 us.
  const size_t sent = end.Sent().size();
  EXPECT_LE(sent, 132u);
  EXPECT_GE(sent, 124u);
  EXPECT_EQ(end.Count("drop_receiver_not_ready"), 10'000u);
  EXPECT_EQ(end.Count("duplicates_withheld_total"), 10'000 - sent);
}

TEST(HostileXtData, LongerThanTheReceiveFailsAndIsNotWritten) {
  XtEnd end;
  ASSERT_EQ(end.PostReceive(63, 1), PostResult::kOk);
  const std::vector<uint8_t> before = end.memory;
  end.Take({.opcode = Wire::kXtSend});
  EXPECT_EQ(end.Count("drop_invalid_request"), 1u);
  EXPECT_EQ(end.Answer().syndrome, kOperation);
  EXPECT_EQ(end.memory, before);
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].status, CompletionStatus::kLocalLengthError);
}

TEST(HostileXtData, WithoutTheRightOfTheQueuePairNoWriteIsTaken) {
  LoneEndOptions o = Extended();
  o.connect.access = verbs::kRemoteRead;
  XtEnd end(o);
  const std::vector<uint8_t> before = end.memory;
  end.Take({});
  EXPECT_EQ(end.Count("drop_invalid_request"), 1u);
  EXPECT_EQ(end.Answer().syndrome, kInvalid);
  EXPECT_TRUE(end.qp->in_error());
  EXPECT_EQ(end.memory, before);
}

// The range of the whole message is judged with each of its packets, whichever comes first.
TEST(HostileXtData, AWriteThatWouldEndOutsideIsRefusedWhole) {
  for (const uint32_t ahead : {0u, 1u}) {
    XtEnd end;
    const std::vector<uint8_t> before = end.memory;
    XtPacket p{
        .psn = kExpected + ahead, .payload = kMtu, .offset = ahead * kMtu, .length = 3 * kMtu};
    p.at = end.memory.size() - 3 * kMtu + 1;
    end.Take(p);
    EXPECT_EQ(end.Count("drop_remote_access"), 1u) << ahead;
    EXPECT_EQ(end.memory, before);
    EXPECT_EQ(end.qp->in_error(), ahead == 0) << "errors are raised in order";
  }
}

TEST(HostileXtData, AFullCompletionQueueIsNotReady) {
  LoneEndOptions o = Extended();
  o.completions = 1;
  XtEnd end(o);
  for (uint64_t i = 0; i < 3; ++i) ASSERT_EQ(end.PostReceive(64, i), PostResult::kOk);
  XtPacket p{.opcode = Wire::kXtSend};
  uint64_t taken = 0;
  for (; taken < 3 && end.Count("drop_completion_queue_full") == 0; ++taken) {
    (void)end.Sent();
    end.Take(p);
    ++p.psn, ++p.message, ++p.receive;
  }
  EXPECT_EQ(end.Count("drop_completion_queue_full"), 1u);
  EXPECT_EQ(end.Answer().syndrome, kRnr | 12);
  EXPECT_EQ(end.Completions().size(), taken - 1);
  EXPECT_FALSE(end.qp->in_error());
}

// Without a block to note it in, a packet out of order is as if lost.
TEST(HostileXtData, WhatCannotBeNotedIsDropped) {
  LoneEndOptions o = Extended();
  o.engine.scoreboard_blocks = 0;
  XtEnd end(o);
  const std::vector<uint8_t> before = end.memory;
  end.Take({.psn = kExpected + 1, .message = 1});
  EXPECT_EQ(end.Count("scoreboard_pool_empty_total"), 1u);
  EXPECT_EQ(end.memory, before);
}

// The headers of the extension that an opcode has, beside those that Data fills in.
void AddExtendedHeaders(const wire::OpcodeTraits& t, DecodedFrame* f) {
  const uint32_t headers = t.extended_headers;
  if ((headers & wire::kXtData) != 0 && !f->extended_data) f->extended_data.emplace();
  if ((headers & wire::kXtTarget) != 0 && !f->extended_target) f->extended_target.emplace();
  if ((headers & wire::kXtRequest) != 0) f->extended_request.emplace();
  if ((headers & wire::kXtOperands) != 0) f->extended_operands.emplace();
  if ((headers & wire::kXtOriginal) != 0) f->extended_original.emplace();
  if ((headers & wire::kXtAnswer) != 0) f->extended_ack.emplace();
  if ((headers & wire::kXtBlock) != 0) f->sack_block.emplace();
  if ((headers & wire::kXtKey) != 0) f->extended_key.emplace();
}

// Whether it is delivered, or acknowledges a request, without an earlier packet or a key of its
// own.
bool StandsAlone(Wire code) {
  const Wire opcode = wire::WithoutShim(code);
  return opcode == Wire::kXtSend || opcode == Wire::kXtSendImm || opcode == Wire::kXtWrite ||
         opcode == Wire::kXtWriteImm || opcode == Wire::kXtAck || opcode == Wire::kXtSack;
}

// Every opcode, in order and intact, to an extended queue pair: it serves those of the extension
// and CNPs. A READ, an atomic or a key of nothing, and a response that nobody asked for, is
// refused: dropped once, and nothing completes.
TEST(HostileXtData, EveryOpcode) {
  for (const bool failed : {false, true}) {
    for (uint32_t opcode = 0; opcode < 256; ++opcode) {
      XtEnd end;
      if (failed) end.qp->Fail();
      end.Poll();
      if (!failed) {
        ASSERT_EQ(end.PostReceive(64, 1), PostResult::kOk);
      }
      (void)end.Completions();
      const auto code = static_cast<Wire>(opcode);
      const wire::OpcodeTraits& t = wire::TraitsOf(code);
      DecodedFrame f =
          t.extended && t.payload_allowed ? end.Data({.opcode = code}) : end.Frame(code, kExpected);
      if (t.deth) f.deth.emplace();
      if (t.reth) f.reth.emplace();
      if (t.atomic_eth) f.atomic_eth.emplace();
      if (t.aeth) f.aeth.emplace();
      if (t.atomic_ack_eth) f.atomic_ack_eth.emplace();
      if (t.ieth) f.ieth.emplace();
      if (t.imm && !t.extended) f.imm.emplace();
      if (t.extended) AddExtendedHeaders(t, &f);
      if (wire::HasShim(code)) f.shim.emplace();
      if (t.payload_allowed && !t.extended) f.payload = Pattern(8);
      LoneEnd::Finish(&f);
      end.Inject(f);
      end.Poll();
      const bool served = t.extended || t.service == wire::Service::kCnp;
      const char* cause = !t.known                           ? "drop_opcode"
                          : !served                          ? "drop_service"
                          : failed                           ? "drop_qp_state"
                          : t.extended && !t.payload_allowed ? "drop_psn"
                                                             : nullptr;
      uint64_t drops = 0;
      for (const auto& [name, value] : end.device->statistics().counters) {
        if (name.starts_with("drop_")) drops += value;
      }
      if (t.extended && !failed && !StandsAlone(code)) {
        // A report of a packet that is not outstanding is passed over.
        const bool report = code == Wire::kXtTrimmed || code == Wire::kXtResponseTrimmed;
        EXPECT_EQ(drops, code == Wire::kXtRead || report ? 0u : 1u) << t.name;
        // A READ of no bytes needs no key.
        EXPECT_EQ(end.Count("messages_received_total"), code == Wire::kXtRead ? 1u : 0u) << t.name;
        continue;
      }
      EXPECT_EQ(drops, cause != nullptr ? 1u : 0u) << t.name;
      if (cause != nullptr) {
        EXPECT_EQ(end.Count(cause), 1u) << t.name << " " << cause;
      }
      const bool takes =
          cause == nullptr && t.extended && wire::WithoutShim(code) != Wire::kXtWrite;
      EXPECT_EQ(end.Completions().size(), takes ? 1u : 0u) << t.name;
      EXPECT_EQ(end.qp->in_error(), failed) << t.name;
    }
  }
}

// ---- The sender.

TEST(HostileXtAck, EverySyndrome) {
  for (uint32_t syndrome = 0; syndrome < 256; ++syndrome) {
    XtEnd end;
    end.SendWrites(1);
    end.Acknowledge(kFirst, Ack(static_cast<uint8_t>(syndrome)));
    const auto done = end.Completions();
    const uint32_t kind = syndrome >> 5;
    if (kind == 0 || kind == 1 || kind == 3) {
      // It acknowledges the packet, whatever it says of the next one.
      ASSERT_EQ(done.size(), 1u) << syndrome;
      EXPECT_EQ(done[0].status, CompletionStatus::kSuccess) << syndrome;
    } else {
      EXPECT_TRUE(done.empty()) << syndrome;
      EXPECT_EQ(end.Count("drop_unsupported_opcode"), 1u) << syndrome;
    }
    EXPECT_FALSE(end.qp->in_error()) << syndrome;
  }
}

TEST(HostileXtAck, OfWhatWasNotSentIsAGhost) {
  XtEnd end;
  end.SendWrites(3);
  for (const uint32_t psn : {kFirst + 3, kFirst + 300, kFirst - kWindow - 2, kFirst + (1u << 23)}) {
    end.Acknowledge(psn, Ack());
  }
  EXPECT_EQ(end.Count("drop_psn"), 4u);
  EXPECT_EQ(end.Count("ghost_acks_total"), 4u);
  EXPECT_TRUE(end.Completions().empty());
  end.Acknowledge(kFirst + 2, Ack());
  EXPECT_EQ(end.Completions().size(), 3u);
}

TEST(HostileXtAck, ABlockOfWhatWasNotSentCountsForNothing) {
  XtEnd end;
  end.SendWrites(3);
  for (const uint32_t first : {kFirst + 2, kFirst + 4096, kFirst + (1u << 22)}) {
    wire::SackBlock block;
    block.first = Psn(first);
    for (uint32_t i = 0; i < wire::SackBlock::kPackets; ++i) block.Set(i);
    end.Acknowledge(kFirst - 1, Ack(), block);
  }
  EXPECT_EQ(end.Count("ghost_echoes_total"), 3u);
  EXPECT_TRUE(end.Completions().empty());
  EXPECT_FALSE(end.qp->in_error());
  end.Acknowledge(kFirst + 2, Ack());
  EXPECT_EQ(end.Completions().size(), 3u);
}

TEST(HostileXtAck, AnEchoOfWhatWasNotSentSaysNothing) {
  XtEnd end;
  end.SendWrites(3);
  end.Wait(Duration::Microseconds(20));
  wire::ExtendedAck ack = Ack();
  ack.flags = wire::ExtendedAck::kEchoes;
  for (const uint32_t psn : {kFirst + 3, kFirst + 5000, kFirst + (1u << 23)}) {
    ack.psn = Psn(psn);
    end.Acknowledge(kFirst - 1, ack);
  }
  EXPECT_EQ(end.Count("ghost_echoes_total"), 3u);
  EXPECT_FALSE(end.qp->in_error());
}

// "Not ready" counts for the copy that was sent last: an answer to an earlier one is late, or a
// lie.
TEST(HostileXtAck, NotReadyForAnotherCopyIsIgnored) {
  for (const bool current : {false, true}) {
    XtEnd end;
    end.SendWrites(1);
    wire::ExtendedAck ack = Ack(kRnr | 1);
    // Names the copy; without an echo there is no round trip, and so no probe.
    ack.psn = Psn(kFirst);
    ack.attempt = current ? 0 : 3;
    end.Acknowledge(kFirst - 1, ack);
    EXPECT_EQ(end.Count("rnr_naks_received_total"), 1u);
    // Longer than the timer of code 1, 10 us.
    size_t again = 0;
    for (int us = 0; us < 15; ++us) {
      end.Wait(Duration::Microseconds(1));
      end.Poll();
      again += end.Sent().size();
    }
    EXPECT_EQ(again, current ? 1u : 0u);
    EXPECT_EQ(end.Count("tail_loss_probes_total"), 0u);
  }
}

TEST(HostileXtAck, SilenceSpendsTheRetries) {
  LoneEndOptions o = Extended();
  o.connect.timeout = 8;
  o.connect.retry_count = 3;
  XtEnd end(o);
  end.SendWrites(1);
  for (int i = 0; i < 100 && !end.qp->in_error(); ++i) {
    end.Wait(Duration::Milliseconds(1));
    end.Poll();
  }
  EXPECT_TRUE(end.qp->in_error());
  EXPECT_EQ(end.Count("retries_exhausted_total"), 1u);
  const auto done = end.Completions();
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].status, CompletionStatus::kRetryExceeded);
}

}  // namespace
}  // namespace sluice::test
