// Every state against every message: what it becomes and what is answered stands in one table;
// whatever is not in it changes nothing. And every state against every call, and against time.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "script.h"

namespace sluice::cm {
namespace {

using A = wire::CmAttribute;
using S = State;

struct Row {
  S state;
  int side;  // 0 active, 1 passive, 2 both
  A message;
  S becomes;
  std::optional<A> answer;
};

constexpr std::optional<A> kSilent;

// IBTA 1.4, figures 123 to 126 and table 12.9.8; the answers to duplicates are ours.
const Row kTable[] = {
    {S::kReqSent, 0, A::kMra, S::kMraReqReceived, kSilent},
    {S::kReqSent, 0, A::kRej, S::kIdle, kSilent},
    {S::kReqSent, 0, A::kRep, S::kRepReceived, kSilent},
    {S::kMraReqReceived, 0, A::kRej, S::kIdle, kSilent},
    {S::kMraReqReceived, 0, A::kRep, S::kRepReceived, kSilent},
    {S::kRepReceived, 0, A::kRep, S::kMraRepSent, A::kMra},
    {S::kRepReceived, 0, A::kRej, S::kTimeWait, kSilent},
    {S::kRepReceived, 0, A::kDreq, S::kTimeWait, A::kDrep},
    {S::kMraRepSent, 0, A::kRep, S::kMraRepSent, A::kMra},
    {S::kMraRepSent, 0, A::kRej, S::kTimeWait, kSilent},
    {S::kMraRepSent, 0, A::kDreq, S::kTimeWait, A::kDrep},
    {S::kEstablished, 0, A::kRep, S::kEstablished, A::kRtu},
    {S::kReqReceived, 1, A::kReq, S::kMraReqSent, A::kMra},
    {S::kReqReceived, 1, A::kRej, S::kIdle, kSilent},
    {S::kMraReqSent, 1, A::kReq, S::kMraReqSent, A::kMra},
    {S::kMraReqSent, 1, A::kRej, S::kIdle, kSilent},
    {S::kRepSent, 1, A::kReq, S::kRepSent, A::kRep},
    {S::kRepSent, 1, A::kMra, S::kMraRepReceived, kSilent},
    {S::kRepSent, 1, A::kRej, S::kTimeWait, kSilent},
    {S::kRepSent, 1, A::kRtu, S::kEstablished, kSilent},
    {S::kRepSent, 1, A::kDreq, S::kTimeWait, A::kDrep},
    {S::kMraRepReceived, 1, A::kReq, S::kMraRepReceived, A::kRep},
    {S::kMraRepReceived, 1, A::kRej, S::kTimeWait, kSilent},
    {S::kMraRepReceived, 1, A::kRtu, S::kEstablished, kSilent},
    {S::kMraRepReceived, 1, A::kDreq, S::kTimeWait, A::kDrep},
    {S::kEstablished, 2, A::kRej, S::kTimeWait, kSilent},
    {S::kEstablished, 2, A::kDreq, S::kTimeWait, A::kDrep},
    {S::kDreqSent, 2, A::kRej, S::kTimeWait, kSilent},
    {S::kDreqSent, 2, A::kDreq, S::kTimeWait, A::kDrep},
    {S::kDreqSent, 2, A::kDrep, S::kTimeWait, kSilent},
    {S::kTimeWait, 2, A::kDreq, S::kTimeWait, A::kDrep},
    {S::kSidrReqSent, 0, A::kSidrRep, S::kIdle, kSilent},
    {S::kSidrReqReceived, 1, A::kSidrReq, S::kSidrReqReceived, kSilent},
    {S::kSidrAnswered, 1, A::kSidrReq, S::kSidrAnswered, A::kSidrRep},
};

bool Passive(S s) {
  return s == S::kReqReceived || s == S::kMraReqSent || s == S::kRepSent ||
         s == S::kMraRepReceived || s == S::kSidrReqReceived || s == S::kSidrAnswered;
}
bool BothSides(S s) { return s == S::kEstablished || s == S::kDreqSent || s == S::kTimeWait; }
bool IsSidr(S s) { return s == S::kSidrReqReceived || s == S::kSidrAnswered; }

// (state, passive), all of them.
std::vector<std::pair<S, bool>> AllStates() {
  std::vector<std::pair<S, bool>> all;
  for (size_t i = 0; i < kStates; ++i) {
    const S s = static_cast<S>(i);
    all.emplace_back(s, Passive(s));
    if (BothSides(s)) all.emplace_back(s, true);
  }
  return all;
}

// What is answered where the table is silent: questions that need no state.
std::optional<A> Default(S state, bool passive, A message) {
  switch (message) {
    case A::kLap:
      return A::kApr;
    case A::kReq:  // nobody listens, or the id is in use
      return passive && !IsSidr(state) ? kSilent : A::kRej;
    case A::kSidrReq:
      return IsSidr(state) ? kSilent : A::kSidrRep;
    case A::kRep:
      return state == S::kIdle ? std::optional(A::kRej) : kSilent;
    case A::kDreq:
      return state == S::kIdle ? std::optional(A::kDrep) : kSilent;
    default:
      return kSilent;
  }
}

wire::CmMessage MessageFor(const Script& s, A a) {
  const bool passive = Passive(const_cast<Script&>(s).manager.state(s.id));
  switch (a) {
    case A::kReq:
      return PeerReq();
    case A::kMra: {
      auto m = s.WithIds<wire::CmMra>();
      m.subject = passive ? wire::CmSubject::kRep : wire::CmSubject::kReq;
      return m;
    }
    case A::kRej:
      return s.WithIds<wire::CmRej>();
    case A::kRep:
      return s.WithIds<wire::CmRep>();
    case A::kRtu:
      return s.WithIds<wire::CmRtu>();
    case A::kDreq:
      return s.WithIds<wire::CmDreq>();
    case A::kDrep:
      return s.WithIds<wire::CmDrep>();
    case A::kSidrReq:
      return PeerSidr();
    case A::kSidrRep:
      return s.WithIds<wire::CmSidrRep>();
    case A::kLap:
      return s.WithIds<wire::CmLap>();
    case A::kApr:
      return s.WithIds<wire::CmApr>();
  }
  return {};
}

TEST(CmStates, EveryStateAgainstEveryMessage) {
  int cells = 0;
  for (const auto& [state, passive] : AllStates()) {
    for (int i = 0x10; i <= 0x1a; ++i) {
      const A a = static_cast<A>(i);
      SCOPED_TRACE(std::string(NameOf(state)) + (passive ? " passive " : " active ") +
                   wire::NameOf(a));
      S becomes = state;
      std::optional<A> answer = Default(state, passive, a);
      for (const Row& row : kTable) {
        const bool side = row.side == 2 || row.side == (passive ? 1 : 0);
        if (row.state == state && side && row.message == a) {
          becomes = row.becomes;
          answer = row.answer;
        }
      }
      auto s = Script::In(state, passive);
      const size_t before = s->manager.connections();
      s->Deliver(MessageFor(*s, a));
      EXPECT_EQ(NameOf(s->manager.state(s->id)), std::string(NameOf(becomes)));
      const auto sent = s->Sent();
      ASSERT_EQ(sent.size(), answer ? 1u : 0u);
      if (answer) {
        EXPECT_EQ(wire::NameOf(sent[0].attribute()), std::string(wire::NameOf(*answer)));
      }
      EXPECT_EQ(s->manager.connections(), becomes == S::kIdle ? 0u : before);
      ++cells;
    }
  }
  EXPECT_EQ(cells, 18 * 11);
}

// The same datagram from another address, for another id of ours, or from another id of the peer
// moves nothing.
TEST(CmStates, ForeignDatagramsMoveNothing) {
  const auto other = wire::IpAddress::FromV4(0xc6336403);
  for (const auto& [state, passive] : AllStates()) {
    for (int i = 0x10; i <= 0x1a; ++i) {
      const A a = static_cast<A>(i);
      SCOPED_TRACE(std::string(NameOf(state)) + " " + wire::NameOf(a));
      auto s = Script::In(state, passive);
      s->Deliver(MessageFor(*s, a), other);
      EXPECT_EQ(s->manager.state(s->id), state);
      EXPECT_TRUE(s->Events().empty());

      wire::CmMessage wrong = MessageFor(*s, a);
      std::visit(
          [](auto& m) {
            if constexpr (requires { m.remote_comm_id; }) m.remote_comm_id ^= 1;
            if constexpr (requires { m.qkey; }) m.request_id ^= 1;
          },
          wrong);
      if (a != A::kReq && a != A::kSidrReq) s->Deliver(wrong);
      EXPECT_EQ(s->manager.state(s->id), state);
      // Before the first reply nobody knows which id the peer will have.
      const bool knows = state != S::kReqSent && state != S::kMraReqReceived;
      wrong = MessageFor(*s, a);
      std::visit(
          [](auto& m) {
            if constexpr (requires { m.remote_comm_id; }) m.local_comm_id ^= 1;
          },
          wrong);
      if (knows && a != A::kReq && a != A::kSidrReq && a != A::kSidrRep) s->Deliver(wrong);
      if (a != A::kSidrRep) {
        EXPECT_EQ(s->manager.state(s->id), state);
      }
      EXPECT_TRUE(s->Events().empty() || !knows);
    }
  }
}

TEST(CmStates, ADreqForAnotherQueuePairIsNotBelieved) {
  for (const bool passive : {false, true}) {
    auto s = Script::In(S::kEstablished, passive);
    auto dreq = s->WithIds<wire::CmDreq>();
    dreq.remote_qpn = kOurQpn + 1;
    s->Deliver(dreq);
    EXPECT_EQ(s->manager.state(s->id), S::kEstablished);
    EXPECT_TRUE(s->Sent().empty());
    EXPECT_EQ(s->manager.count(CmCount::kWrongPeer), 1u);
  }
}

TEST(CmStates, CallsInEveryState) {
  const auto allowed = [](S s, std::initializer_list<S> list) {
    return std::find(list.begin(), list.end(), s) != list.end();
  };
  for (const auto& [state, passive] : AllStates()) {
    SCOPED_TRACE(NameOf(state));
    const auto ok = [state = state, passive = passive](auto call) {
      auto s = Script::In(state, passive);
      return call(*s).ok();
    };
    EXPECT_EQ(ok([](Script& s) { return s.manager.Accept(s.now, s.id, {}); }),
              allowed(state, {S::kReqReceived, S::kMraReqSent}));
    EXPECT_EQ(ok([](Script& s) { return s.manager.Confirm(s.now, s.id, {}); }),
              allowed(state, {S::kRepReceived, S::kMraRepSent}));
    EXPECT_EQ(
        ok([](Script& s) { return s.manager.Reject(s.now, s.id, wire::CmReason::kConsumer, {}); }),
        allowed(state, {S::kReqReceived, S::kMraReqSent, S::kRepReceived, S::kMraRepSent}));
    EXPECT_EQ(ok([](Script& s) { return s.manager.AskForTime(s.now, s.id, 20); }),
              allowed(state, {S::kReqReceived, S::kMraReqSent, S::kRepReceived, S::kMraRepSent}));
    EXPECT_EQ(ok([](Script& s) { return s.manager.AnswerDatagram(s.now, s.id, {}); }),
              state == S::kSidrReqReceived);
    EXPECT_EQ(ok([](Script& s) { return s.manager.Disconnect(s.now, s.id, {}); }),
              !allowed(state, {S::kIdle, S::kDreqSent, S::kTimeWait, S::kSidrAnswered}));
  }
}

// With nobody answering, every state but an established one ends, and says so once.
TEST(CmStates, TimeEndsEveryStateButTheEstablished) {
  for (const auto& [state, passive] : AllStates()) {
    SCOPED_TRACE(NameOf(state));
    auto s = Script::In(state, passive);
    for (int i = 0; i < 100 && s->manager.NextDeadline(); ++i) {
      s->now = *s->manager.NextDeadline();
      s->manager.OnTimers(s->now);
    }
    const bool stays = state == S::kEstablished;
    EXPECT_EQ(s->manager.state(s->id), stays ? S::kEstablished : S::kIdle);
    EXPECT_EQ(s->manager.connections(), stays ? 1u : 0u);
    const bool silent =
        stays || state == S::kIdle || state == S::kTimeWait || state == S::kSidrAnswered;
    EXPECT_EQ(s->Events().size(), silent ? 0u : 1u);
  }
}

TEST(CmStates, RetriesAreCountedAndTheLastWordIsATimeout) {
  auto s = Script::In(S::kReqSent, false);
  std::vector<Duration> gaps;
  Time last = s->now;
  for (int i = 0; i < 4; ++i) {
    const Time at = *s->manager.NextDeadline();
    gaps.push_back(at - last);
    last = at;
    s->manager.OnTimers(at);
  }
  // 4.096 us * 2^18, three retries and the end.
  for (const Duration g : gaps) EXPECT_EQ(g, Duration::Nanoseconds(1073741824));
  const auto sent = s->Sent();
  ASSERT_EQ(sent.size(), 4u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(sent[i].attribute(), A::kReq);
  EXPECT_EQ(sent[1], sent[0]) << "the same again, to the bit";
  const auto& rej = std::get<wire::CmRej>(sent[3].message);
  EXPECT_EQ(rej.reason, wire::CmReason::kTimeout);
  EXPECT_EQ(rej.local_comm_id, s->id);
  EXPECT_EQ(s->Events().at(0).kind, EventKind::kUnreachable);
}

TEST(CmStates, APeerThatGaveUpOnItsReqEndsTheRequest) {
  auto s = Script::In(S::kReqReceived, true);
  wire::CmRej rej;
  rej.local_comm_id = kPeerId;  // it never learned ours
  rej.reason = wire::CmReason::kTimeout;
  s->Deliver(rej);
  EXPECT_EQ(s->manager.state(s->id), S::kIdle);
  EXPECT_EQ(s->Events().at(0).kind, EventKind::kRejected);
}

TEST(CmStates, MraStretchesTheWaitButNotForEver) {
  auto s = Script::In(S::kReqSent, false);
  auto mra = s->WithIds<wire::CmMra>();
  mra.service_timeout = 31;  // 2.4 hours
  s->Deliver(mra);
  EXPECT_EQ(*s->manager.NextDeadline() - s->now,
            Duration::Seconds(10) + Duration::Nanoseconds(1073741824));
  for (int i = 0; i < 10; ++i) s->Deliver(mra);
  EXPECT_EQ(s->manager.count(CmCount::kWrongState), 8u) << "3 are honoured";
  // A MRA of something else is none of this.
  mra.subject = wire::CmSubject::kRep;
  auto fresh = Script::In(S::kReqSent, false);
  fresh->Deliver(mra);
  EXPECT_EQ(fresh->manager.state(fresh->id), S::kReqSent);
}

// Random messages with ids that mostly fit: no crash, and the bounds hold.
TEST(CmStates, RandomConversations) {
  Rng rng(11);
  for (int run = 0; run < 300; ++run) {
    Script s;
    ASSERT_TRUE(s.manager.Listen(kService, false).ok());
    ASSERT_TRUE(s.manager.Listen(kDatagram, true).ok());
    std::vector<Id> ids{0};
    for (int step = 0; step < 300; ++step) {
      s.id = ids[rng.Below(ids.size())];
      const uint64_t dice = rng.Below(16);
      if (dice < 11) {
        wire::CmMessage m = MessageFor(s, static_cast<A>(0x10 + dice));
        std::visit(
            [&](auto& x) {
              if constexpr (requires { x.local_comm_id; }) {
                if (rng.Below(3) == 0) x.local_comm_id = static_cast<uint32_t>(rng.Below(4));
              }
            },
            m);
        s.Deliver(m);
      } else if (dice == 11) {
        ConnectRequest r;
        r.peer.ip = kPeerIp;
        r.service_id = kService;
        if (const auto id = s.manager.Connect(s.now, r); id.ok()) ids.push_back(*id);
      } else if (dice == 12) {
        (void)s.manager.Accept(s.now, s.id, {});
        (void)s.manager.Confirm(s.now, s.id, {});
      } else if (dice == 13) {
        (void)s.manager.Disconnect(s.now, s.id, {});
      } else if (dice == 14) {
        for (const Event& e : s.Events()) ids.push_back(e.id);
      } else if (const auto next = s.manager.NextDeadline()) {
        s.now = *next;
        s.manager.OnTimers(s.now);
      }
      ASSERT_LE(s.manager.half_open(), 16u) << "of one peer";
      if (rng.Below(8) == 0) (void)s.Sent();
    }
  }
}

}  // namespace
}  // namespace sluice::cm
