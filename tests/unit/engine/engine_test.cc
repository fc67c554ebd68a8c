// The engine's pipeline over a port that is short of room or packets, its deadlines, its set-up
// checks and its size.
#include "engine/engine.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "support/device_pair.h"
#include "support/lone_end.h"

namespace sluice::test {
namespace {

using verbs::Opcode;
using verbs::PostResult;
using Wire = wire::Opcode;

TEST(EngineBackPressure, RefusedFramesWaitFirstInLineAndNoneIsLost) {
  LoneEnd end;
  end.fake.AcceptOnly(3);
  ASSERT_EQ(end.Post(Opcode::kRdmaWrite, 20 * 1024), PostResult::kOk);
  for (int i = 0; i < 5; ++i) end.PollOnce();
  std::vector<uint32_t> psns;
  const auto take = [&] {
    for (const auto& f : end.Sent()) psns.push_back(f.bth.psn.value());
  };
  take();
  EXPECT_EQ(psns.size(), 3u);
  // Time passes, timers fire, and still nothing that was written is written again.
  end.Wait(Duration::Milliseconds(1));
  end.PollOnce();
  end.fake.AcceptOnly(std::nullopt);
  end.Poll();
  take();
  ASSERT_EQ(psns.size(), 20u);
  for (uint32_t i = 0; i < 20; ++i) EXPECT_EQ(psns[i], 1000 + i);
}

TEST(EngineBackPressure, AFullPortIsNotADeadline) {
  LoneEndOptions o;
  o.connect.timeout = 20;
  LoneEnd end(o);
  end.fake.AcceptOnly(0);
  ASSERT_EQ(end.Post(Opcode::kRdmaWrite, 200 * 1024 / 4), PostResult::kOk);
  end.PollOnce();
  ASSERT_TRUE(end.Deadline().has_value());
  EXPECT_GT(*end.Deadline(), end.now()) << "virtual time would stand still";
}

TEST(EngineBackPressure, AnswersToRequestsSurvive) {
  LoneEnd end;
  ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
  end.fake.AcceptOnly(0);
  end.InjectRequest({});
  end.PollOnce();
  end.PollOnce();
  EXPECT_TRUE(end.Sent().empty());
  end.fake.AcceptOnly(std::nullopt);
  end.Poll();
  const auto sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].bth.opcode, Wire::kRcAcknowledge);
}

TEST(EnginePool, ExhaustionDelaysAndNothingMore) {
  LoneEndOptions o;
  o.connect.timeout = 20;
  LoneEnd end(o);
  end.fake.LendOnly(0);
  ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
  ASSERT_EQ(end.Post(Opcode::kRdmaWrite, 5 * 1024), PostResult::kOk);
  end.Poll();
  EXPECT_TRUE(end.Sent().empty());
  // It asks again by itself after a microsecond, not at once.
  EXPECT_EQ(end.Deadline(), end.now() + Duration::Microseconds(1));
  end.fake.LendOnly(2);
  end.SetNow(*end.Deadline());
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 2u);
  end.fake.LendOnly(std::nullopt);
  end.SetNow(*end.Deadline());
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 3u);
}

TEST(EngineDestroy, UnderLoadGivesEverythingBack) {
  for (int when = 0; when < 12; ++when) {
    LoneEndOptions o;
    o.completions = 2;
    LoneEnd end(o);
    for (uint64_t i = 0; i < 20; ++i) {
      ASSERT_EQ(end.Post(Opcode::kRdmaWrite, 3000, i), PostResult::kOk);
    }
    const size_t blocks = end.device->impl().engine.free_record_blocks();
    if (when % 2 == 1) end.fake.AcceptOnly(static_cast<size_t>(when));
    for (int i = 0; i < when; ++i) end.PollOnce();
    if (when > 2) end.Ack(1001);
    if (when > 3) end.PollOnce();
    end.InjectRequest({});  // arrives for nobody
    end.qp.reset();
    end.fake.AcceptOnly(std::nullopt);
    end.Poll();
    EXPECT_EQ(end.device->queue_pairs(), 0u);
    EXPECT_GE(end.Count("drop_unknown_qp"), 1u);
    EXPECT_EQ(end.device->impl().engine.free_record_blocks(), blocks);
    EXPECT_FALSE(end.Deadline().has_value());
    end.region.reset();
    end.device.reset();
    EXPECT_EQ(end.fake.lent(), 0u);
  }
}

TEST(EngineFairness, TwoFlowsShareByBytes) {
  // Two queue pairs of one device; each burst of 64 small quanta alternates between them.
  LoneEnd end;
  verbs::QueuePairOptions qo;
  qo.send_completions = qo.receive_completions = end.cq.get();
  auto second = *end.device->CreateQueuePair(end.pd.get(), qo);
  verbs::ConnectOptions o;
  o.mtu = 256;
  o.algorithm = "fixed";
  o.peer_qpn = 0x777;
  o.peer_mac = "02:00:00:00:00:02";
  o.peer_address = "198.51.100.2";
  ASSERT_TRUE(second->Connect(o).ok());
  ASSERT_EQ(end.Post(Opcode::kRdmaWrite, 60'000), PostResult::kOk);
  const verbs::Segment s{end.memory.data(), 60'000, end.region->lkey()};
  verbs::SendRequest r;
  r.segments = {&s, 1};
  r.opcode = Opcode::kRdmaWrite;
  ASSERT_EQ(second->PostSend(r), PostResult::kOk);
  end.Wait(Duration::Milliseconds(1));
  size_t bytes[2] = {0, 0};
  while (bytes[0] < 50'000 && bytes[1] < 50'000) {
    ASSERT_GT(end.PollOnce(), 0u);
    for (const auto& f : end.Sent()) bytes[f.bth.dest_qpn == 0x777] += f.payload.size();
  }
  // Never further apart than a quantum and a burst of the other.
  const size_t apart = bytes[0] > bytes[1] ? bytes[0] - bytes[1] : bytes[1] - bytes[0];
  EXPECT_LE(apart, 32u * 1024u);
}

TEST(EngineConnect, NamesWhatIsWrong) {
  const auto connect = [](const std::function<void(verbs::ConnectOptions&)>& alter) {
    LoneEnd end;
    verbs::QueuePairOptions qo;
    qo.send_completions = qo.receive_completions = end.cq.get();
    auto qp = *end.device->CreateQueuePair(end.pd.get(), qo);
    verbs::ConnectOptions o;
    o.mtu = 1024;
    o.peer_qpn = 5;
    o.peer_mac = "02:00:00:00:00:02";
    o.peer_address = "198.51.100.2";
    alter(o);
    return qp->Connect(o);
  };
  EXPECT_TRUE(connect([](auto&) {}).ok());
  using O = verbs::ConnectOptions;
  const std::pair<std::function<void(O&)>, const char*> cases[] = {
      {[](O& o) { o.mtu = 1500; }, "1500"},
      {[](O& o) { o.mtu = 0; }, "MTU 0"},
      {[](O& o) { o.mtu = 252, o.any_mtu = true; }, "252"},
      {[](O& o) { o.mtu = 1026, o.any_mtu = true; }, "1026"},
      {[](O& o) { o.peer_qpn = 0x1000000; }, "0x1000000"},
      {[](O& o) { o.peer_address = "2001:db8::2"; }, "family"},
      {[](O& o) { o.peer_address = "198.51.100"; }, "198.51.100"},
      {[](O& o) { o.peer_mac = "02:00"; }, "02:00"},
      {[](O& o) { o.retry_count = 8; }, "0 to 7"},
      {[](O& o) { o.rnr_retry = 8; }, "0 to 7"},
      {[](O& o) { o.timeout = 32; }, "31"},
      {[](O& o) { o.min_rnr_timer = 32; }, "31"},
      {[](O& o) { o.dscp = 64; }, "63"},
      {[](O& o) { o.algorithm = "dcqnc"; }, "dcqcn"},
      {[](O& o) { o.algorithm = "dctcp"; }, "marked packets"},
      {[](O& o) { o.algorithm = "dctcp"; }, "--reliability extended"},
      {[](O& o) { o.algorithm = "hpcc"; }, "ConnectOptions::telemetry"},
  };
  for (const auto& [alter, text] : cases) {
    const absl::Status s = connect(alter);
    EXPECT_FALSE(s.ok()) << text;
    EXPECT_NE(std::string(s.message()).find(text), std::string::npos) << s;
  }
}

TEST(EngineConnect, RefusesFramesThatThePortDoesNotCarry) {
  LoneEndOptions o;
  o.port.max_frame = o.port.linear_room = 1500;
  LoneEnd end(o);
  verbs::QueuePairOptions qo;
  qo.send_completions = qo.receive_completions = end.cq.get();
  auto qp = *end.device->CreateQueuePair(end.pd.get(), qo);
  verbs::ConnectOptions c;
  c.peer_mac = "02:00:00:00:00:02";
  c.peer_address = "198.51.100.2";
  c.mtu = 2048;
  EXPECT_FALSE(qp->Connect(c).ok());
  c.mtu = 1024;
  EXPECT_TRUE(qp->Connect(c).ok());
  EXPECT_FALSE(qp->Connect(c).ok()) << "connected already";
}

TEST(EngineSize, IdleInVirtualTimeIsWithinThirtyTwoKibibytes) {
  // The table's slots hold a pointer and a generation, its free list a number each; regions and
  // record blocks are sized by their own settings.
  EXPECT_LE(sizeof(engine::Engine) + 16 * (16 + 4) + 1024, 32u * 1024u);
}

TEST(EngineElided, MessagesPassWithoutTheirPayload) {
  DevicePairOptions o;
  o.port.elides_payload = true;
  o.port.latency = Duration::Microseconds(2);
  DevicePair pair(o);
  verbs::ConnectOptions c;
  c.mtu = 1024;
  c.algorithm = "fixed";
  pair.ConnectAll(c, 8, 1 << 20);
  const verbs::Segment to = pair.b().At(0, 100'000);
  ASSERT_EQ(pair.b().qp->PostReceive({1, {&to, 1}}), PostResult::kOk);
  const verbs::Segment from = pair.a().At(0, 100'000);
  verbs::SendRequest r;
  r.segments = {&from, 1};
  ASSERT_EQ(pair.a().qp->PostSend(r), PostResult::kOk);
  pair.Settle();
  EXPECT_EQ(DevicePair::Drain(pair.a()).size(), 1u);
  const auto got = DevicePair::Drain(pair.b());
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].byte_length, 100'000u);
}

TEST(EngineTime, TrafficAndTimeoutsAcrossTheWrap) {
  DevicePairOptions o;
  o.start = Time::FromPs(0) - Duration::Milliseconds(1);
  o.port.latency = Duration::Microseconds(20);
  DevicePair pair(o);
  verbs::ConnectOptions c;
  c.mtu = 1024;
  c.timeout = 5;  // 131 us
  pair.ConnectAll(c, 64, 1 << 20);
  // One frame in ten is lost, in both directions; a fixed period could strike the same packet of
  // every retransmission.
  Rng rng(5);
  for (End* e : {&pair.a(), &pair.b()}) {
    e->fake->SetTap([&rng](FakeFrame&, size_t) { return !rng.Bernoulli(0.1); });
  }
  for (size_t i = 0; i < pair.a().memory.size(); ++i) {
    pair.a().memory[i] = static_cast<uint8_t>(i * 13 + (i >> 9));
  }
  for (uint32_t i = 0; i < 40; ++i) {
    const verbs::Segment from = pair.a().At(i * 20'000, 20'000);
    verbs::SendRequest r;
    r.wr_id = i;
    r.segments = {&from, 1};
    r.opcode = Opcode::kRdmaWrite;
    r.remote_address = pair.b().Va(i * 20'000);
    r.rkey = pair.b().region->rkey();
    ASSERT_EQ(pair.a().qp->PostSend(r), PostResult::kOk);
  }
  pair.Settle(Duration::Seconds(1));
  const auto done = DevicePair::Drain(pair.a());
  ASSERT_EQ(done.size(), 40u);
  for (const auto& w : done) EXPECT_EQ(w.status, verbs::CompletionStatus::kSuccess);
  EXPECT_TRUE(std::equal(pair.a().memory.begin(), pair.a().memory.begin() + 800'000,
                         pair.b().memory.begin()));
  EXPECT_LT(pair.now().ps(), uint64_t{1} << 50) << "wrapped";
  EXPECT_GT(pair.a().device->statistics().Value("local_ack_timeout_errors_total"), 0u);
}

}  // namespace
}  // namespace sluice::test
