// Small domains, exhausted: every PSN that a request or an answer can bear, every syndrome, every
// length of a packet.
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <vector>

#include "cc/registry.h"
#include "support/lone_end.h"
#include "support/peer_request.h"
#include "transport/queue_pair.h"
#include "wire/frame_view.h"

namespace sluice::test {
namespace {

using transport::Count;
using transport::RxDrop;
using verbs::PostResult;
using Wire = wire::Opcode;

constexpr uint32_t kPsns = 1u << 24;
constexpr int32_t kWindow = transport::Responder::kPsnWindow;

// A queue pair without a port: packets are views, and only their PSN changes from one to the next.
class BareQueuePair {
 public:
  // With a window: of the extension.
  explicit BareQueuePair(transport::QpType type = transport::QpType::kRc, uint32_t window = 0)
      : regions_(1, 16), framer_(port::Capabilities{}, true), ring_(64), algorithm_(Fixed()) {
    transport::QueuePairConfig config;
    config.send_completions = config.receive_completions = &ring_;
    config.type = type;
    qp_ = std::make_unique<transport::QueuePair>(0x4321, config);
    transport::Connection c;
    c.path.source_ip = *wire::IpAddress::Parse("198.51.100.1");
    c.path.destination_ip = *wire::IpAddress::Parse("198.51.100.2");
    c.peer_qpn = LoneEnd::kPeerQpn;
    c.send_psn = Psn(kOurs);
    c.receive_psn = Psn(kTheirs);
    c.tracking_window = window;
    c.scoreboards = &scoreboards_;
    scoreboards_.send.Reserve(4);
    scoreboards_.receive.Reserve(4);
    transport::FlowProfile profile;
    profile.maker = {algorithm_.get(),
                     [](const void* algorithm, void* room, const cc::FlowContext& f) {
                       return static_cast<const cc::Algorithm*>(algorithm)->MakeController(room, f);
                     }};
    profile.context.line_rate = Bandwidth::GigabitsPerSecond(400);
    profile.context.mtu = Bytes(1024);
    qp_->StartReceiving(
        c, std::make_shared<const transport::FlowProfile>(profile),
        [this](void* at, const cc::FlowContext& f) { return algorithm_->MakeReceiver(at, f); },
        now_, &counters_);
    qp_->StartSending(c);
  }

  static constexpr uint32_t kOurs = 1000;
  static constexpr uint32_t kTheirs = 0xfffff0;  // the window lies across the wrap

  // Takes a frame as the model for Deliver.
  void SetFrame(const wire::DecodedFrame& f) {
    bytes_ = f.Encode();
    ASSERT_EQ(wire::ParseFrame(bytes_, static_cast<uint32_t>(bytes_.size()), &view_),
              wire::DropCause::kNone);
    packet_.header = bytes_.data();
    packet_.header_length = static_cast<uint16_t>(bytes_.size());
    packet_.frame_length = static_cast<uint32_t>(bytes_.size());
    packet_.rx.icrc = port::IcrcState::kGood;
  }
  void Deliver(Psn psn) {
    transport::Context ctx{now_, counters_, drops_, feedback_, records_, regions_, framer_, true};
    view_.psn = psn;
    qp_->OnPacket(ctx, view_, packet_);
  }
  // A SEND of three packets, sent.
  void SendThree() {
    transport::SendWork* work = qp_->send_queue().Claim();
    work->op = transport::Op::kSend;
    static const std::vector<uint8_t> payload(3072);
    const transport::Segment segment{const_cast<uint8_t*>(payload.data()), 3072};
    qp_->send_queue().PutSegments(work, {&segment, 1});
    qp_->send_queue().Publish();
    transport::Context ctx{now_, counters_, drops_, feedback_, records_, regions_, framer_, true};
    std::vector<uint8_t> room(2048);
    port::Packet out;
    out.header = room.data();
    for (int i = 0; i < 3; ++i) qp_->WriteNext(ctx, &out);
    qp_->EndBurst(ctx);
  }

  uint64_t drops(RxDrop cause) const { return drops_.value(cause); }
  uint64_t count(Count c) const { return counters_.value(c); }
  transport::QueuePair& qp() { return *qp_; }

 private:
  static std::shared_ptr<const cc::Algorithm> Fixed() { return *cc::MakeAlgorithm("fixed"); }

  Time now_ = Time::FromPs(1'000'000);
  transport::Counters counters_;
  transport::DropCounters drops_;
  transport::FeedbackBatch feedback_;
  transport::RecordPool records_{4};
  memory::RegionTable regions_;
  transport::Framer framer_;
  transport::CompletionRing ring_;
  std::shared_ptr<const cc::Algorithm> algorithm_;
  transport::ScoreboardPools scoreboards_;
  std::unique_ptr<transport::QueuePair> qp_;
  std::vector<uint8_t> bytes_;
  wire::FrameView view_;
  port::Packet packet_;
};

// Of all 2^24 PSNs but the expected one, 2^16 ahead are gaps, 2^16 behind are duplicates, and the
// other 99.2 % are nothing at all.
TEST(Exhaustive, EveryPsnOfARequest) {
  LoneEnd model;
  BareQueuePair bare;
  ASSERT_NO_FATAL_FAILURE(bare.SetFrame(model.Request(Send(0, 8))));
  const Psn expected(BareQueuePair::kTheirs);
  uint64_t window = 0, ahead = 0, behind = 0;
  for (uint32_t offset = 1; offset < kPsns; ++offset) {
    const Psn psn = expected + static_cast<int32_t>(offset);
    bare.Deliver(psn);
    const int32_t distance = psn - expected;
    if (distance > kWindow || distance < -kWindow) {
      ++window;
    } else if (distance > 0) {
      ++ahead;
    } else {
      ++behind;
    }
    // Each lands in its own class at once.
    if (bare.drops(RxDrop::kPsnWindow) != window || bare.drops(RxDrop::kOutOfSequence) != ahead ||
        bare.drops(RxDrop::kDuplicate) != behind) {
      FAIL() << "PSN " << psn.value() << ", distance " << distance;
    }
  }
  EXPECT_EQ(ahead, uint64_t{kWindow});
  EXPECT_EQ(behind, uint64_t{kWindow});
  EXPECT_EQ(window, kPsns - 1 - 2 * uint64_t{kWindow});
  EXPECT_EQ(bare.count(Count::kMessagesReceived), 0u);
  EXPECT_EQ(bare.count(Count::kPlacedBytes), 0u);
  EXPECT_EQ(bare.qp().state(), transport::QpState::kReadyToSend);
}

// With PSNs 1000 to 1002 outstanding, an ACK of any but 999 to 1002 is a ghost.
TEST(Exhaustive, EveryPsnOfAnAck) {
  LoneEnd model;
  BareQueuePair bare;
  bare.SendThree();
  wire::DecodedFrame ack = model.Frame(Wire::kRcAcknowledge, 0);
  ack.aeth = wire::Aeth{31, 0};
  LoneEnd::Finish(&ack);
  ASSERT_NO_FATAL_FAILURE(bare.SetFrame(ack));
  uint64_t ghosts = 0;
  for (uint32_t psn = 0; psn < kPsns; ++psn) {
    if (psn >= BareQueuePair::kOurs - 1 && psn <= BareQueuePair::kOurs + 2) continue;
    bare.Deliver(Psn(psn));
    ++ghosts;
    if (bare.count(Count::kGhostAcks) != ghosts) FAIL() << "PSN " << psn;
  }
  EXPECT_EQ(bare.drops(RxDrop::kPsn), kPsns - 4);
  EXPECT_EQ(bare.count(Count::kMessagesSent), 0u);
  bare.Deliver(Psn(999));  // an old acknowledgement says nothing new
  EXPECT_EQ(bare.count(Count::kMessagesSent), 0u);
  bare.Deliver(Psn(1002));
  EXPECT_EQ(bare.count(Count::kMessagesSent), 1u);
}

// On an unreliable connection every PSN but the expected one is a gap, and becomes the expected
// one.
TEST(Exhaustive, EveryPsnOfAnUnreliableRequest) {
  LoneEnd model;
  BareQueuePair bare(transport::QpType::kUc);
  wire::DecodedFrame middle = model.Frame(Wire::kUcSendMiddle, 0);
  middle.payload = Pattern(1024);
  LoneEnd::Finish(&middle);
  ASSERT_NO_FATAL_FAILURE(bare.SetFrame(middle));
  // Downwards, so that none is what the one before it made the expected one.
  for (uint32_t n = 1; n < kPsns; ++n) {
    const Psn psn = Psn(BareQueuePair::kTheirs) - static_cast<int32_t>(n);
    bare.Deliver(psn);
    if (bare.count(Count::kUcSequenceGaps) != n || bare.drops(RxDrop::kOutOfSequence) != n) {
      FAIL() << "PSN " << psn.value();
    }
  }
  EXPECT_EQ(bare.count(Count::kPlacedBytes), 0u);
  EXPECT_EQ(bare.qp().state(), transport::QpState::kReadyToSend);
}

// With the extension: ahead of the window, within a window behind, and nothing at all.
TEST(Exhaustive, EveryPsnOfAnExtendedPacket) {
  constexpr int32_t kTracked = 256;
  LoneEnd model;
  BareQueuePair bare(transport::QpType::kRc, kTracked);
  wire::DecodedFrame write = model.Frame(Wire::kXtWrite, 0);
  write.extended_data.emplace().length = 8;
  write.extended_target.emplace();
  write.payload = Pattern(8);
  LoneEnd::Finish(&write);
  ASSERT_NO_FATAL_FAILURE(bare.SetFrame(write));
  const Psn expected(BareQueuePair::kTheirs);
  uint64_t ahead = 0, behind = 0, far = 0;
  for (uint32_t offset = kTracked; offset < kPsns; ++offset) {
    const Psn psn = expected + static_cast<int32_t>(offset);
    bare.Deliver(psn);
    const int32_t distance = psn - expected;
    (distance > 0 ? ahead : distance >= -kTracked ? behind : far) += 1;
    if (bare.drops(RxDrop::kOutOfSequence) != ahead || bare.drops(RxDrop::kDuplicate) != behind ||
        bare.drops(RxDrop::kPsnWindow) != far) {
      FAIL() << "PSN " << psn.value() << ", distance " << distance;
    }
  }
  EXPECT_EQ(behind, uint64_t{kTracked});
  EXPECT_EQ(ahead + behind + far, kPsns - kTracked);
  EXPECT_EQ(bare.count(Count::kPlacedBytes), 0u);
}

TEST(Exhaustive, EveryPsnOfAnExtendedAck) {
  constexpr uint32_t kTracked = 256;
  LoneEnd model;
  BareQueuePair bare(transport::QpType::kRc, kTracked);
  bare.SendThree();
  wire::DecodedFrame ack = model.Frame(Wire::kXtAck, 0);
  ack.extended_ack.emplace();
  LoneEnd::Finish(&ack);
  ASSERT_NO_FATAL_FAILURE(bare.SetFrame(ack));
  uint64_t ghosts = 0;
  for (uint32_t psn = 0; psn < kPsns; ++psn) {
    if (psn >= BareQueuePair::kOurs && psn <= BareQueuePair::kOurs + 2) continue;
    // What is at most a window old was said before.
    const bool old = psn < BareQueuePair::kOurs && psn >= BareQueuePair::kOurs - kTracked;
    ghosts += old ? 0 : 1;
    bare.Deliver(Psn(psn));
    if (bare.count(Count::kGhostAcks) != ghosts) FAIL() << "PSN " << psn;
  }
  EXPECT_EQ(bare.count(Count::kMessagesSent), 0u);
  bare.Deliver(Psn(1002));
  EXPECT_EQ(bare.count(Count::kMessagesSent), 1u);
}

// IBTA 1.4, table 44: 000 is ACK, 001 RNR NAK, 011 NAK of which five codes are defined; the rest is
// reserved.
TEST(Exhaustive, EverySyndrome) {
  for (uint32_t syndrome = 0; syndrome < 256; ++syndrome) {
    LoneEnd end;
    ASSERT_EQ(end.Post(verbs::Opcode::kSend, 8), PostResult::kOk);
    end.Poll();
    end.Sent();
    end.Aeth(1000, static_cast<uint8_t>(syndrome), 1);
    end.Poll();
    const auto done = end.Completions();
    if (syndrome < 0x20) {
      ASSERT_EQ(done.size(), 1u) << syndrome;
      EXPECT_EQ(done[0].status, verbs::CompletionStatus::kSuccess) << syndrome;
    } else if (syndrome < 0x40) {
      EXPECT_TRUE(done.empty()) << syndrome;
      EXPECT_EQ(end.Count("rnr_naks_received_total"), 1u) << syndrome;
      EXPECT_FALSE(end.qp->in_error()) << syndrome;
    } else if (syndrome == 0x60) {
      EXPECT_TRUE(done.empty());
      EXPECT_EQ(end.Sent().size(), 1u) << "the packet again";
      EXPECT_FALSE(end.qp->in_error());
    } else if (syndrome >= 0x61 && syndrome <= 0x64) {
      ASSERT_EQ(done.size(), 1u) << syndrome;
      EXPECT_NE(done[0].status, verbs::CompletionStatus::kSuccess) << syndrome;
      EXPECT_TRUE(end.qp->in_error()) << syndrome;
    } else {
      EXPECT_TRUE(done.empty()) << syndrome;
      EXPECT_EQ(end.Count("drop_unsupported_opcode"), 1u) << syndrome;
      EXPECT_FALSE(end.qp->in_error()) << syndrome;
    }
  }
}

// A SEND ONLY of each length up to a jumbo frame, at path MTU 4096 and a receive of 4000 bytes.
TEST(Exhaustive, EveryLength) {
  constexpr uint32_t kReceive = 4000, kMtu = 4096, kLongest = 9216 - 14 - 20 - 8 - 12 - 4;
  LoneEndOptions o;
  o.connect.mtu = kMtu;
  auto end = std::make_unique<LoneEnd>(o);
  uint32_t psn = 5000;
  for (uint32_t length = 0; length <= kLongest; ++length) {
    ASSERT_EQ(end->PostReceive(kReceive, length), PostResult::kOk);
    end->InjectRequest(Send(psn, length));
    end->Poll();
    const auto sent = end->Sent();
    ASSERT_EQ(sent.size(), 1u) << length;
    ASSERT_TRUE(sent[0].aeth.has_value());
    EXPECT_EQ(sent[0].bth.psn.value(), psn) << length;
    const auto done = end->Completions();
    ASSERT_EQ(done.size(), 1u) << length;
    if (length <= kReceive) {
      EXPECT_TRUE(sent[0].aeth->IsAck()) << length;
      ASSERT_EQ(done[0].status, verbs::CompletionStatus::kSuccess) << length;
      ASSERT_EQ(done[0].byte_length, length);
      ++psn;
      continue;
    }
    ASSERT_EQ(sent[0].aeth->syndrome, length <= kMtu ? kOperation : kInvalid) << length;
    ASSERT_NE(done[0].status, verbs::CompletionStatus::kSuccess) << length;
    ASSERT_TRUE(end->qp->in_error());
    end = std::make_unique<LoneEnd>(o);
    psn = 5000;
  }
}

// A frame cut short anywhere, with lengths that agree or that still tell the old one.
TEST(Exhaustive, EveryShorterFrame) {
  LoneEnd end;
  ASSERT_EQ(end.PostReceive(100), PostResult::kOk);
  const std::vector<uint8_t> whole = end.Request(Send(5000, 40)).Encode();
  uint64_t dropped = 0;
  for (size_t length = 0; length < whole.size(); ++length) {
    std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
    end.fake.Inject(cut);
    end.Poll();
    ++dropped;
    uint64_t drops = 0;
    for (const auto& [name, value] : end.device->statistics().counters) {
      if (name.starts_with("drop_")) drops += value;
    }
    ASSERT_EQ(drops, dropped) << length;
  }
  EXPECT_TRUE(end.Sent().empty());
  EXPECT_TRUE(end.Completions().empty());
}

}  // namespace
}  // namespace sluice::test
