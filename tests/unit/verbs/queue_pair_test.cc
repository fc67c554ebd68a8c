// Posting, failing, destroying: what an application may ask of a queue pair, and what it gets.
#include <gtest/gtest.h>

#include "support/device_pair.h"
#include "support/lone_end.h"

namespace sluice::test {
namespace {

using verbs::CompletionStatus;
using verbs::Opcode;
using verbs::PostResult;

TEST(VerbsPost, RefusesWhatCannotRunAndChangesNothing) {
  LoneEnd end;
  uint8_t* m = end.memory.data();
  const uint32_t size = static_cast<uint32_t>(end.memory.size());
  const uint32_t key = end.region->lkey();
  const auto post = [&](std::vector<verbs::Segment> segments) {
    verbs::SendRequest r;
    r.segments = segments;
    const PostResult sent = end.qp->PostSend(r);
    EXPECT_EQ(end.qp->PostReceive({0, segments}), sent);
    return sent;
  };
  EXPECT_EQ(post({{m, 10, key + 1}}), PostResult::kBadKey);
  EXPECT_EQ(post({{m - 1, 10, key}}), PostResult::kBadKey);
  EXPECT_EQ(post({{m + size - 9, 10, key}}), PostResult::kBadKey);
  EXPECT_EQ(post({{m, 10, key}, {m, 10, 0}}), PostResult::kBadKey);
  EXPECT_EQ(post(std::vector<verbs::Segment>(5, {m, 1, key})), PostResult::kTooManySegments);
  end.Poll();
  EXPECT_TRUE(end.Sent().empty());
  EXPECT_TRUE(end.Completions().empty());
  EXPECT_EQ(post({{m + size - 10, 10, key}}), PostResult::kOk);
}

TEST(VerbsPost, TooLong) {
  LoneEnd end;
  void* const far = reinterpret_cast<void*>(uintptr_t{1} << 40);
  auto region = end.device->Register(end.pd.get(), far, size_t{1} << 31, 0);
  ASSERT_TRUE(region.ok());
  const verbs::Segment half{far, 1u << 30, (*region)->lkey()};
  const verbs::Segment one{far, 1, (*region)->lkey()};
  const std::vector<verbs::Segment> three{half, half, one};
  verbs::SendRequest r;
  r.segments = three;
  EXPECT_EQ(end.qp->PostSend(r), PostResult::kTooLong);
}

TEST(VerbsPost, QueueFullUntilCompletionsArePolledAndOrderKept) {
  LoneEndOptions o;
  o.send_depth = 4;
  LoneEnd end(o);
  for (uint64_t i = 0; i < 4; ++i) ASSERT_EQ(end.Post(Opcode::kRdmaWrite, 8, i), PostResult::kOk);
  EXPECT_EQ(end.Post(Opcode::kRdmaWrite, 8, 4), PostResult::kQueueFull);
  end.Poll();
  EXPECT_EQ(end.Post(Opcode::kRdmaWrite, 8, 4), PostResult::kQueueFull) << "not acknowledged yet";
  end.Ack(1000, 1);
  end.Poll();
  EXPECT_EQ(end.Post(Opcode::kRdmaWrite, 8, 4), PostResult::kOk);
  EXPECT_EQ(end.Post(Opcode::kRdmaWrite, 8, 5), PostResult::kQueueFull);
}

TEST(VerbsPost, NotBeforeConnecting) {
  LoneEnd end;
  verbs::QueuePairOptions qo;
  qo.send_completions = qo.receive_completions = end.cq.get();
  auto qp = *end.device->CreateQueuePair(end.pd.get(), qo);
  EXPECT_EQ(qp->PostSend({}), PostResult::kNotConnected);
  EXPECT_EQ(qp->PostReceive({}), PostResult::kOk) << "receives may wait for the connection";
}

TEST(VerbsPost, MoreWithoutADoorbellIsNotSent) {
  LoneEnd end;
  const verbs::Segment s{end.memory.data(), 8, end.region->lkey()};
  verbs::SendRequest r;
  r.segments = {&s, 1};
  ASSERT_EQ(end.qp->PostSend(r, true), PostResult::kOk);
  ASSERT_EQ(end.qp->PostSend(r, true), PostResult::kOk);
  end.Poll();
  EXPECT_TRUE(end.Sent().empty());
  end.qp->Doorbell();
  end.Poll();
  EXPECT_EQ(end.Sent().size(), 2u);
}

TEST(VerbsPost, TheSegmentsAreCopied) {
  LoneEnd end;
  verbs::Segment s{end.memory.data(), 8, end.region->lkey()};
  verbs::SendRequest r;
  r.segments = {&s, 1};
  ASSERT_EQ(end.qp->PostSend(r), PostResult::kOk);
  s = {nullptr, 0, 0};
  end.Poll();
  const auto sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].payload.size(), 8u);
}

TEST(VerbsRegion, DeregisterIsRefusedWhilePostedWorkNamesIt) {
  LoneEnd end;
  ASSERT_EQ(end.Post(Opcode::kRdmaWrite, 8), PostResult::kOk);
  ASSERT_EQ(end.PostReceive(8), PostResult::kOk);
  absl::Status s = end.region->Deregister();
  EXPECT_EQ(s.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(s.message().find("2 posted requests"), std::string::npos) << s;
  end.Poll();
  end.Ack(1000, 1);
  end.Poll();
  s = end.region->Deregister();
  EXPECT_NE(s.message().find("1 posted requests"), std::string::npos) << s;
  end.InjectRequest({});
  end.Poll();
  EXPECT_EQ(end.Completions().size(), 2u);
  EXPECT_TRUE(end.region->Deregister().ok());
  EXPECT_FALSE(end.region->Deregister().ok());
  EXPECT_EQ(end.Post(Opcode::kRdmaWrite, 8), PostResult::kBadKey);
}

TEST(VerbsRegion, AnotherRegionsWorkDoesNotHoldIt) {
  LoneEnd end;
  std::vector<uint8_t> other(100);
  auto region = end.device->Register(end.pd.get(), other.data(), other.size(), 1);
  ASSERT_TRUE(region.ok());
  ASSERT_EQ(end.Post(Opcode::kRdmaWrite, 8), PostResult::kOk);
  EXPECT_TRUE((*region)->Deregister().ok());
}

TEST(VerbsFail, FlushesInOrderAndThePeerNotices) {
  DevicePair pair;
  verbs::ConnectOptions o;
  o.mtu = 1024;
  o.algorithm = "fixed";
  o.timeout = 5;
  o.retry_count = 2;
  pair.ConnectAll(o, 8, 1 << 16);
  const verbs::Segment s = pair.a().At(0, 100);
  const verbs::Segment t = pair.b().At(0, 100);
  verbs::SendRequest r;
  r.segments = {&s, 1};
  for (r.wr_id = 0; r.wr_id < 3; ++r.wr_id) {
    ASSERT_EQ(pair.a().qp->PostSend(r), PostResult::kOk);
    ASSERT_EQ(pair.b().qp->PostReceive({10 + r.wr_id, {&t, 1}}), PostResult::kOk);
  }
  pair.b().qp->Fail();
  EXPECT_TRUE(pair.b().qp->in_error());
  pair.Settle();
  const auto received = DevicePair::Drain(pair.b());
  ASSERT_EQ(received.size(), 3u);
  for (uint64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(received[i].wr_id, 10 + i);
    EXPECT_EQ(received[i].status, CompletionStatus::kFlushed);
  }
  const auto sent = DevicePair::Drain(pair.a());
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[0].status, CompletionStatus::kRetryExceeded);
  EXPECT_EQ(sent[1].status, CompletionStatus::kFlushed);
  EXPECT_EQ(sent[2].status, CompletionStatus::kFlushed);
}

TEST(VerbsConnect, TheAlgorithmLivesAsLongAsItsQueuePair) {
  // Connect makes the algorithm from its text; the controller reads its parameters ever after.
  LoneEndOptions o;
  o.connect.algorithm = "dcqcn:cnp_interval=1s";
  LoneEnd end(o);
  ASSERT_EQ(end.PostReceive(8), PostResult::kOk);
  ASSERT_EQ(end.PostReceive(8), PostResult::kOk);
  for (uint32_t i = 0; i < 2; ++i) {
    PeerRequest r;
    r.psn = 5000 + i;
    r.ack_request = false;
    wire::DecodedFrame f = end.Request(r);
    std::get<wire::Ipv4Header>(f.ip).ecn = 3;
    LoneEnd::Finish(&f);
    end.Inject(f);
    end.Poll();
    end.Wait(Duration::Milliseconds(500));
  }
  EXPECT_EQ(end.Count("np_cnp_packets_sent_total"), 1u);
}

TEST(VerbsDevice, NamesOfStatusesAndResultsDiffer) {
  std::vector<std::string> names;
  for (int i = 0; i <= static_cast<int>(CompletionStatus::kPathMtuExceeded); ++i) {
    names.push_back(verbs::NameOf(static_cast<CompletionStatus>(i)));
  }
  for (int i = 0; i <= static_cast<int>(PostResult::kNotConnected); ++i) {
    names.push_back(verbs::NameOf(static_cast<PostResult>(i)));
  }
  for (size_t i = 0; i < names.size(); ++i) {
    for (size_t k = i + 1; k < names.size(); ++k) EXPECT_NE(names[i], names[k]);
    EXPECT_NE(names[i], "unknown");
  }
}

TEST(VerbsDevice, BadSetUpIsRefused) {
  LoneEnd end;
  EXPECT_FALSE(end.device->CreateCompletionQueue(0).ok());
  EXPECT_FALSE(end.device->CreateCompletionQueue((size_t{1} << 22) + 1).ok());
  verbs::QueuePairOptions qo;
  EXPECT_FALSE(end.device->CreateQueuePair(end.pd.get(), qo).ok());
  qo.send_completions = qo.receive_completions = end.cq.get();
  qo.send_depth = 0;
  EXPECT_FALSE(end.device->CreateQueuePair(end.pd.get(), qo).ok());
  qo.send_depth = 65537;
  EXPECT_FALSE(end.device->CreateQueuePair(end.pd.get(), qo).ok());
  qo.send_depth = 1;
  qo.max_segments = 17;
  EXPECT_FALSE(end.device->CreateQueuePair(end.pd.get(), qo).ok());
  qo.max_segments = 0;
  EXPECT_FALSE(end.device->CreateQueuePair(end.pd.get(), qo).ok());
}

TEST(VerbsDevice, AllQueuePairsInUse) {
  LoneEndOptions o;
  o.engine.max_queue_pairs = 2;
  LoneEnd end(o);
  verbs::QueuePairOptions qo;
  qo.send_completions = qo.receive_completions = end.cq.get();
  auto second = end.device->CreateQueuePair(end.pd.get(), qo);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(end.device->CreateQueuePair(end.pd.get(), qo).status().code(),
            absl::StatusCode::kResourceExhausted);
  second->reset();
  EXPECT_TRUE(end.device->CreateQueuePair(end.pd.get(), qo).ok());
}

// A small completion queue at each end, in both directions at once: nothing is lost or doubled.
TEST(VerbsCompletions, TinyQueuesLoseNone) {
  LoneEndOptions o;
  o.completions = 2;
  LoneEnd end(o);
  for (uint64_t i = 0; i < 10; ++i) {
    ASSERT_EQ(end.Post(Opcode::kRdmaWrite, 8, i), PostResult::kOk);
    ASSERT_EQ(end.PostReceive(8, 100 + i), PostResult::kOk);
  }
  end.Poll();
  end.Ack(1009, 10);
  std::vector<uint64_t> sends, receives;
  uint32_t psn = 5000;
  for (int i = 0; i < 200; ++i) {
    PeerRequest r;
    r.psn = psn;
    if (psn < 5010) end.InjectRequest(r);
    end.Poll();
    for (const auto& f : end.Sent()) {
      if (f.aeth && f.aeth->IsAck()) psn = f.bth.psn.value() + 1;
    }
    for (const auto& c : end.Completions()) (c.receive ? receives : sends).push_back(c.wr_id);
  }
  ASSERT_EQ(sends.size(), 10u);
  ASSERT_EQ(receives.size(), 10u);
  for (uint64_t i = 0; i < 10; ++i) {
    EXPECT_EQ(sends[i], i);
    EXPECT_EQ(receives[i], 100 + i);
  }
}

}  // namespace
}  // namespace sluice::test
