// Small domains exhausted: every opcode, sent in order and intact, to a queue pair of every type in
// every state: what becomes of it.
#include <gtest/gtest.h>

#include <string>

#include "support/unacked_end.h"
#include "transport/qp_states.h"
#include "wire/opcode.h"

namespace sluice::test {
namespace {

using verbs::QueuePairState;
using verbs::QueuePairType;

struct Verdict {
  std::string drop;        // the one cause counted; empty: none
  bool completes = false;  // a receive completes
  bool fails = false;      // the queue pair goes to the error state
};

Verdict Dropped(const char* cause, bool fails = false) { return {cause, false, fails}; }

wire::Service ServiceOf(QueuePairType type) {
  switch (type) {
    case QueuePairType::kRc:
      return wire::Service::kRc;
    case QueuePairType::kUc:
      return wire::Service::kUc;
    case QueuePairType::kUd:
      return wire::Service::kUd;
  }
  return wire::Service::kReserved;
}

// From IBTA 1.4: 9.6.1 (validation of the header, in this order), 9.7.4 and 9.8 (what a responder
// that expects a new message does with each).
Verdict Expected(const wire::OpcodeTraits& t, QueuePairState state, QueuePairType type) {
  const bool receives = state != QueuePairState::kReset && state != QueuePairState::kInit &&
                        state != QueuePairState::kError;
  const bool sends = state == QueuePairState::kReadyToSend || state == QueuePairState::kSendDrain;
  if (!t.known) return Dropped("drop_opcode");
  if (t.service == wire::Service::kCnp) return sends ? Verdict{} : Dropped("drop_qp_state");
  if (t.service != ServiceOf(type)) return Dropped("drop_service");
  if (t.request ? !receives : !sends) return Dropped("drop_qp_state");
  if (!t.request) return Dropped("drop_psn");  // nothing is outstanding
  const bool rc = type == QueuePairType::kRc;
  if (t.middle || t.last) return Dropped("drop_invalid_request", rc);
  if (t.ieth) return Dropped("drop_remote_access", true);  // a key that is none
  return {"", t.only && (t.send || t.imm), false};
}

// Of the length that its place in the message asks for.
wire::DecodedFrame InOrder(const UnackedEnd& end, uint8_t opcode) {
  const wire::OpcodeTraits& t = wire::TraitsOf(opcode);
  std::vector<uint8_t> payload;
  if (t.payload_allowed) payload.assign(t.first || t.middle ? UnackedEnd::kMtu : 40, 0x5a);
  wire::DecodedFrame f = end.Frame(opcode, 5000, payload);
  if (t.reth && t.first) f.reth->length = 2 * UnackedEnd::kMtu;
  if (t.read_request) f.reth->length = 8;
  if (wire::HasShim(f.bth.opcode)) {
    f.shim.emplace();
    LoneEnd::Finish(&f);
  }
  return f;
}

void Try(uint8_t opcode, QueuePairState state, QueuePairType type) {
  const wire::OpcodeTraits& t = wire::TraitsOf(opcode);
  UnackedEndOptions o;
  o.type = type;
  UnackedEnd end(o);
  end.GoTo(state);
  if (state != QueuePairState::kReset && state != QueuePairState::kError) {
    ASSERT_EQ(end.PostReceive(4096), verbs::PostResult::kOk);
  }
  const uint64_t ignored = end.Count("rp_cnp_ignored_packets_received_total");
  (void)end.Sent();
  end.Inject(InOrder(end, opcode));
  end.Poll();
  const Verdict v = Expected(t, state, type);
  const std::string where = std::string(t.name) + " " + verbs::NameOf(state) + " type " +
                            std::to_string(static_cast<int>(type));
  EXPECT_EQ(end.Drops(), v.drop.empty() ? 0u : 1u) << where;
  if (!v.drop.empty()) {
    EXPECT_EQ(end.Count(v.drop), 1u) << where;
  }
  const bool failed = end.qp->state() == QueuePairState::kError && state != QueuePairState::kError;
  EXPECT_EQ(failed, v.fails) << where;
  if (!failed) {
    EXPECT_EQ(end.qp->state(), state) << where;
    EXPECT_EQ(end.Completions().size(), v.completes ? 1u : 0u) << where;
  }
  const bool notified = t.service == wire::Service::kCnp && v.drop.empty();
  EXPECT_EQ(end.Count("rp_cnp_ignored_packets_received_total") - ignored, notified ? 1u : 0u)
      << where;
  // Only a reliable connection answers, and never one that does not receive.
  if (type != QueuePairType::kRc || v.drop == "drop_qp_state" || v.drop == "drop_service") {
    EXPECT_TRUE(end.Sent().empty()) << where;
  }
}

class OpcodesIn : public testing::TestWithParam<std::tuple<QueuePairType, QueuePairState>> {};

TEST_P(OpcodesIn, EveryOpcodeMeetsTheSpecifiedEnd) {
  const auto [type, state] = GetParam();
  for (unsigned opcode = 0; opcode < 256; ++opcode) {
    Try(static_cast<uint8_t>(opcode), state, type);
  }
}

// SQE is only for datagrams here: RC has none, and nothing can fail locally on UC.
INSTANTIATE_TEST_SUITE_P(
    RcUcUd, OpcodesIn,
    testing::Combine(testing::Values(QueuePairType::kRc, QueuePairType::kUc, QueuePairType::kUd),
                     testing::Values(QueuePairState::kReset, QueuePairState::kInit,
                                     QueuePairState::kReadyToReceive, QueuePairState::kReadyToSend,
                                     QueuePairState::kSendDrain, QueuePairState::kError)));
INSTANTIATE_TEST_SUITE_P(UdSendError, OpcodesIn,
                         testing::Combine(testing::Values(QueuePairType::kUd),
                                          testing::Values(QueuePairState::kSendError)));

}  // namespace
}  // namespace sluice::test
