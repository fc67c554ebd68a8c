// Two managers over a pipe that loses, repeats and reorders, in virtual time: a handshake either
// establishes at both ends with parameters that fit each other, or neither end goes on with it.
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "base/rng.h"
#include "cm/manager.h"

namespace sluice::cm {
namespace {

const wire::IpAddress kIpA = wire::IpAddress::FromV4(0xc6336401);
const wire::IpAddress kIpB = wire::IpAddress::FromV4(0xc6336402);
constexpr uint64_t kService = wire::IpServiceId(wire::kServiceTcp, 7174);
constexpr uint64_t kDatagram = wire::IpServiceId(wire::kServiceUdp, 7174);

struct Fate {
  double loss = 0;
  double twice = 0;
  Duration jitter;
};

// Ends 0 and 1. Events are handled by what the test hangs in.
class Pipe {
 public:
  Pipe(uint64_t seed, const Fate& fate) : fate_(fate), rng_(seed) {
    for (int i = 0; i < 2; ++i) {
      Config config;
      config.ip = Ip(i);
      config.seed = seed * 2 + static_cast<uint64_t>(i);
      config.guid = 0xa + static_cast<uint64_t>(i);
      ends_.push_back(std::make_unique<Manager>(config));
    }
  }
  static wire::IpAddress Ip(int end) { return end == 0 ? kIpA : kIpB; }
  Manager& operator[](int end) { return *ends_[static_cast<size_t>(end)]; }
  Time now() const { return now_; }

  // Runs until nothing is under way and no timer is armed, or `limit` has passed.
  template <typename OnEvent>
  void Run(Duration limit, const OnEvent& on_event) {
    const Time end = now_ + limit;
    for (;;) {
      bool busy = false;
      for (int i = 0; i < 2; ++i) {
        (*this)[i].OnTimers(now_);
        for (Event e; (*this)[i].TakeEvent(&e);) on_event(i, e), busy = true;
        for (MadOut out; (*this)[i].TakeMad(&out);) Send(i, out), busy = true;
      }
      if (busy) continue;
      OptionalTime next;
      for (auto& [key, mad] : flying_) next = next ? Earlier(*next, mad.at) : mad.at;
      for (int i = 0; i < 2; ++i) {
        const auto d = (*this)[i].NextDeadline();
        if (d) next = next ? Earlier(*next, *d) : *d;
      }
      if (!next || *next > end) return;
      now_ = Later(now_, *next);
      Arrive();
    }
  }

 private:
  struct Flying {
    Time at;
    int to = 0;
    MadOut mad;
  };
  void Send(int from, const MadOut& out) {
    EXPECT_EQ(out.to.ip, Ip(1 - from));
    if (rng_.Bernoulli(fate_.loss)) return;
    const int copies = rng_.Bernoulli(fate_.twice) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      const auto jitter = Duration::Picoseconds(
          static_cast<int64_t>(rng_.Uniform() * static_cast<double>(fate_.jitter.ps())));
      flying_[serial_++] = {now_ + Duration::Microseconds(10) + jitter, 1 - from, out};
    }
  }
  void Arrive() {
    for (auto it = flying_.begin(); it != flying_.end();) {
      if (it->second.at > now_) {
        ++it;
        continue;
      }
      const int to = it->second.to;
      (*this)[to].OnMad(now_, {Ip(1 - to), {}}, it->second.mad.bytes);
      it = flying_.erase(it);
    }
  }

  const Fate fate_;
  Rng rng_;
  Time now_;
  uint64_t serial_ = 0;
  std::map<uint64_t, Flying> flying_;
  std::vector<std::unique_ptr<Manager>> ends_;
};

ConnectRequest Request() {
  ConnectRequest r;
  r.peer.ip = kIpB;
  r.service_id = kService;
  r.source_port = 99;
  r.qpn = 0x111;
  r.receive_psn = 0xabcdef;
  r.mtu = 3;
  r.responder_resources = 4;
  r.initiator_depth = 16;
  r.flow_label = 0x12345;
  static const uint8_t kData[] = {1, 2, 3};
  r.private_data = kData;
  return r;
}

AcceptRequest Acceptance() {
  AcceptRequest r;
  r.qpn = 0x222;
  r.receive_psn = 0x123456;
  r.rnr_retry = 5;
  r.responder_resources = 8;
  r.initiator_depth = 8;
  static const uint8_t kData[] = {7, 8};
  r.private_data = kData;
  return r;
}

TEST(CmPipe, ParametersOfBothEndsFit) {
  Pipe pipe(1, {});
  ASSERT_TRUE(pipe[1].Listen(kService, false).ok());
  ASSERT_TRUE(pipe[0].Connect(pipe.now(), Request()).ok());
  std::map<EventKind, Event> seen;
  pipe.Run(Duration::Seconds(1), [&](int end, const Event& e) {
    seen[e.kind] = e;
    if (e.kind == EventKind::kRequest) {
      EXPECT_EQ(end, 1);
      EXPECT_TRUE(pipe[1].Accept(pipe.now(), e.id, Acceptance()).ok());
    } else if (e.kind == EventKind::kReply) {
      EXPECT_TRUE(pipe[0].Confirm(pipe.now(), e.id, {}).ok());
    }
  });
  ASSERT_EQ(seen.size(), 3u);
  const Event& request = seen[EventKind::kRequest];
  EXPECT_EQ(request.peer_port, 99);
  EXPECT_EQ(request.private_length, 56);
  EXPECT_EQ(request.private_bytes[0], 1);
  EXPECT_EQ(request.private_bytes[3], 0);
  EXPECT_EQ(request.parameters.peer_qpn, 0x111u);
  EXPECT_EQ(request.parameters.send_psn, 0xabcdefu);
  EXPECT_EQ(request.parameters.flow_label, 0x12345u);
  EXPECT_EQ(request.parameters.mtu, 3);
  const Event& reply = seen[EventKind::kReply];
  EXPECT_EQ(reply.private_length, 196);
  EXPECT_EQ(reply.private_bytes[1], 8);
  EXPECT_EQ(reply.parameters.peer_qpn, 0x222u);
  EXPECT_EQ(reply.parameters.rnr_retry, 5);
  EXPECT_EQ(reply.parameters.responder_resources, 4) << "of 4 offered and 8 wanted";
  EXPECT_EQ(reply.parameters.initiator_depth, 8) << "of 16 wanted and 8 offered";
  const Event& established = seen[EventKind::kEstablished];
  EXPECT_EQ(established.parameters.responder_resources, reply.parameters.initiator_depth);
  EXPECT_EQ(established.parameters.initiator_depth, reply.parameters.responder_resources);
}

// Connects, and disconnects from a drawn end. What each end saw must agree.
void Converse(uint64_t seed, const Fate& fate, int* established, int* failed) {
  Pipe pipe(seed, fate);
  ASSERT_TRUE(pipe[1].Listen(kService, false).ok());
  const auto id = pipe[0].Connect(pipe.now(), Request());
  ASSERT_TRUE(id.ok());
  std::map<EventKind, int> seen[2];
  Id ids[2] = {*id, 0};
  const auto handle = [&](int end, const Event& e) {
    ++seen[end][e.kind];
    if (end == 1 && e.kind == EventKind::kRequest) {
      ids[1] = e.id;
      EXPECT_TRUE(pipe[1].Accept(pipe.now(), e.id, Acceptance()).ok());
    } else if (e.kind == EventKind::kReply) {
      EXPECT_TRUE(pipe[0].Confirm(pipe.now(), e.id, {}).ok());
    }
  };
  pipe.Run(Duration::Seconds(400), handle);
  SCOPED_TRACE(seed);
  EXPECT_LE(seen[1][EventKind::kRequest], 1) << "duplicates are no new requests";
  EXPECT_LE(seen[0][EventKind::kReply], 1);
  const bool a = pipe[0].state(ids[0]) == State::kEstablished;
  const bool b = ids[1] != 0 && pipe[1].state(ids[1]) == State::kEstablished;
  if (a && b) {
    ++*established;
    const int closer = static_cast<int>(seed & 1);
    ASSERT_TRUE(pipe[closer].Disconnect(pipe.now(), ids[closer], {}).ok());
    if (seed % 5 == 0) {
      ASSERT_TRUE(pipe[1 - closer].Disconnect(pipe.now(), ids[1 - closer], {}).ok());
    }
    pipe.Run(Duration::Seconds(400), handle);
    EXPECT_EQ(seen[closer][EventKind::kDisconnected], 1);
  } else {
    ++*failed;
    EXPECT_FALSE(b) << "the passive end is established only after a RTU, so the active one is";
  }
  // The end that asked for it is through in any case, the other only if it heard of it.
  if (fate.loss < 0.5) {
    EXPECT_EQ(pipe[0].connections(), 0u);
    EXPECT_EQ(pipe[1].connections(), 0u);
  }
  EXPECT_EQ(pipe[1].half_open(), 0u);
}

TEST(CmPipe, LossDuplicationAndReordering) {
  int established = 0, failed = 0;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    Converse(seed, {0.3, 0.3, Duration::Seconds(2)}, &established, &failed);
  }
  EXPECT_EQ(established, 400) << "16 sends at 30 % loss";
  EXPECT_EQ(failed, 0);
}

TEST(CmPipe, HeavyLossEndsCleanly) {
  int established = 0, failed = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Converse(seed, {0.9, 0.1, Duration::Seconds(1)}, &established, &failed);
  }
  EXPECT_GT(established, 0);
  EXPECT_GT(failed, 0);
}

TEST(CmPipe, SameSeedSameRun) {
  uint64_t sent[2];
  for (uint64_t& n : sent) {
    Pipe pipe(7, {0.4, 0.4, Duration::Seconds(1)});
    ASSERT_TRUE(pipe[1].Listen(kService, false).ok());
    ASSERT_TRUE(pipe[0].Connect(pipe.now(), Request()).ok());
    pipe.Run(Duration::Seconds(300), [&](int end, const Event& e) {
      if (end == 1 && e.kind == EventKind::kRequest) {
        (void)pipe[1].Accept(pipe.now(), e.id, Acceptance());
      }
    });
    n = pipe[0].count(CmCount::kSent) * 1000 + pipe[1].count(CmCount::kSent);
  }
  EXPECT_EQ(sent[0], sent[1]);
}

TEST(CmPipe, AnApplicationThatThinksLongIsCoveredByMra) {
  Pipe pipe(3, {});
  ASSERT_TRUE(pipe[1].Listen(kService, false).ok());
  ASSERT_TRUE(pipe[0].Connect(pipe.now(), Request()).ok());
  Id asked = 0;
  pipe.Run(Duration::Seconds(20), [&](int, const Event& e) {
    if (e.kind == EventKind::kRequest) asked = e.id;
    EXPECT_NE(e.kind, EventKind::kUnreachable);
  });
  ASSERT_NE(asked, 0u);
  // 20 s at 2 s per MRA (the service timeout and the answer's), not 20 REQs.
  EXPECT_LE(pipe[0].count(CmCount::kSentAgain), 11u);
  EXPECT_GT(pipe[0].count(CmCount::kSentAgain), 5u);
  ASSERT_TRUE(pipe[1].Accept(pipe.now(), asked, Acceptance()).ok());
  bool established = false;
  pipe.Run(Duration::Seconds(1), [&](int, const Event& e) {
    if (e.kind == EventKind::kReply) {
      EXPECT_TRUE(pipe[0].Confirm(pipe.now(), e.id, {}).ok());
    }
    established |= e.kind == EventKind::kEstablished;
  });
  EXPECT_TRUE(established);
}

TEST(CmPipe, AnApplicationThatNeverDecidesEndsTheHandshake) {
  Pipe pipe(3, {});
  ASSERT_TRUE(pipe[1].Listen(kService, false).ok());
  ASSERT_TRUE(pipe[0].Connect(pipe.now(), Request()).ok());
  std::vector<EventKind> a, b;
  pipe.Run(Duration::Seconds(200), [&](int end, const Event& e) {
    (end == 0 ? a : b).push_back(e.kind);
    if (e.kind == EventKind::kRejected) {
      EXPECT_EQ(e.reason, wire::CmReason::kTimeout);
    }
  });
  // The active end loses patience first, and tells the other.
  EXPECT_EQ(a, std::vector{EventKind::kUnreachable});
  EXPECT_EQ(b, (std::vector{EventKind::kRequest, EventKind::kRejected}));
  EXPECT_EQ(pipe[0].connections() + pipe[1].connections(), 0u);
}

TEST(CmPipe, RejectionCarriesReasonAndData) {
  Pipe pipe(4, {0.3, 0.3, Duration::Milliseconds(5)});
  ASSERT_TRUE(pipe[1].Listen(kService, false).ok());
  ASSERT_TRUE(pipe[0].Connect(pipe.now(), Request()).ok());
  const uint8_t data[] = {9, 9};
  int rejected = 0;
  pipe.Run(Duration::Seconds(100), [&](int end, const Event& e) {
    if (end == 1 && e.kind == EventKind::kRequest) {
      EXPECT_TRUE(pipe[1].Reject(pipe.now(), e.id, wire::CmReason::kConsumer, data).ok());
    } else if (end == 0) {
      EXPECT_EQ(e.kind, EventKind::kRejected);
      EXPECT_EQ(e.reason, wire::CmReason::kConsumer);
      EXPECT_EQ(e.private_length, 148);
      EXPECT_EQ(e.private_bytes[1], 9);
      ++rejected;
    }
  });
  EXPECT_EQ(rejected, 1);
}

TEST(CmPipe, AnMtuThatIsTooLargeNamesTheOneThatFits) {
  Pipe pipe(5, {});
  Config small;
  small.ip = kIpB;
  small.max_mtu = 2;
  Manager passive(small);
  ASSERT_TRUE(passive.Listen(kService, false).ok());
  ASSERT_TRUE(pipe[0].Connect(pipe.now(), Request()).ok());
  MadOut out;
  ASSERT_TRUE(pipe[0].TakeMad(&out));
  passive.OnMad(pipe.now(), {kIpA, {}}, out.bytes);
  ASSERT_TRUE(passive.TakeMad(&out));
  pipe[0].OnMad(pipe.now(), {kIpB, {}}, out.bytes);
  Event e;
  ASSERT_TRUE(pipe[0].TakeEvent(&e));
  EXPECT_EQ(e.reason, wire::CmReason::kInvalidMtu);
  EXPECT_EQ(e.acceptable_mtu, 2);
}

TEST(CmPipe, DatagramLookup) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Pipe pipe(seed, {0.3, 0.3, Duration::Milliseconds(500)});
    ASSERT_TRUE(pipe[1].Listen(kDatagram, true).ok());
    DatagramRequest r;
    r.peer.ip = kIpB;
    r.service_id = kDatagram;
    const uint8_t data[] = {5};
    r.private_data = data;
    ASSERT_TRUE(pipe[0].RequestDatagram(pipe.now(), r).ok());
    int replies = 0;
    pipe.Run(Duration::Seconds(100), [&](int end, const Event& e) {
      if (end == 1 && e.kind == EventKind::kDatagramRequest) {
        EXPECT_EQ(e.private_length, 180);
        EXPECT_EQ(e.private_bytes[0], 5);
        const DatagramAnswer answer{wire::SidrStatus::kValid, 0x321, 0x1234567, data};
        EXPECT_TRUE(pipe[1].AnswerDatagram(pipe.now(), e.id, answer).ok());
      } else if (end == 0) {
        ASSERT_EQ(e.kind, EventKind::kDatagramReply);
        EXPECT_EQ(e.datagram.qpn, 0x321u);
        EXPECT_EQ(e.datagram.qkey, 0x1234567u);
        ++replies;
      }
    });
    EXPECT_EQ(replies, 1) << seed;
    EXPECT_EQ(pipe[0].connections() + pipe[1].connections(), 0u);
  }
}

TEST(CmPipe, DatagramServiceThatNobodyOffers) {
  Pipe pipe(1, {});
  DatagramRequest r;
  r.peer.ip = kIpB;
  r.service_id = kDatagram;
  ASSERT_TRUE(pipe[0].RequestDatagram(pipe.now(), r).ok());
  int replies = 0;
  pipe.Run(Duration::Seconds(1), [&](int, const Event& e) {
    EXPECT_EQ(e.datagram.status, wire::SidrStatus::kServiceNotSupported);
    ++replies;
  });
  EXPECT_EQ(replies, 1);
}

}  // namespace
}  // namespace sluice::cm
