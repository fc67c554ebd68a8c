// Round-trip times: which stamps make a sample, what of it is our host's, which acknowledgements of
// a base peer count, and how long a burst may be that shares one stamp.
#include <gtest/gtest.h>

#include "support/lone_end.h"
#include "support/sample_recorder.h"

namespace sluice::test {
namespace {

using cc::Signal;
using cc::StampSource;
using verbs::Opcode;
using verbs::PostResult;
using Wire = wire::Opcode;

constexpr Duration Ns(int64_t n) { return Duration::Nanoseconds(n); }
constexpr Duration Us(int64_t n) { return Duration::Microseconds(n); }

// Ethernet, IPv4, UDP, BTH and iCRC; with a RETH on a first packet.
constexpr uint32_t kHeaders = 14 + 20 + 8 + 12 + 4;
constexpr uint32_t kReth = 16;

LoneEndOptions Timed() {
  LoneEndOptions o;
  o.connect.algorithm = "timely";  // wants round trips
  o.connect.timeout = 20;
  o.connect.max_rd_atomic = 4;
  return o;
}

struct TimedEnd {
  explicit TimedEnd(const LoneEndOptions& o = Timed()) : end(o) {
    recorder.Record(*end.qp, end.now());
    end.Poll();
  }
  void Write(uint32_t length, bool signalled = true) {
    ASSERT_EQ(end.Post(Opcode::kRdmaWrite, length, 0, signalled), PostResult::kOk);
    end.Poll();
  }
  void AckAfter(Duration d, uint32_t psn) {
    end.Wait(d);
    end.Ack(psn);
    end.Poll();
  }
  std::vector<SampleRecorder::Entry>& timed() { return recorder.timed; }

  SampleRecorder recorder;
  LoneEnd end;
};

TEST(Stamps, WithoutAnyTheRoundTripRunsFromPollToPoll) {
  TimedEnd t;
  EXPECT_FALSE(t.recorder.signals.Has(Signal::kHostDelay));
  t.end.Wait(Us(3));
  t.Write(100);
  t.AckAfter(Us(10), 1000);
  ASSERT_EQ(t.timed().size(), 1u);
  const auto& e = t.timed()[0];
  EXPECT_EQ(e.sample.stamp, StampSource::kPoll);
  EXPECT_EQ(e.sample.rtt, Us(10));
  EXPECT_EQ(e.poll_gap, Us(10));
  EXPECT_EQ(e.sample.wire_length, kHeaders + kReth + 100);
  EXPECT_TRUE(e.present.Has(Signal::kRtt));
  EXPECT_FALSE(e.present.Has(Signal::kHostDelay));
  EXPECT_EQ(e.sample.host_delay, Duration::Zero());
}

// The poll begins at 0, its burst leaves at 700 ns; the poll of the answer begins at 10 us and
// takes it out of the ring at 10.3 us.
TEST(Stamps, OnePerBurstTakesOutWhatOurHostDidBefore) {
  LoneEndOptions o = Timed();
  o.port.burst_stamps = true;
  o.port.receive_stamp = Ns(300);
  o.port.transmit_delay = Ns(700);
  TimedEnd t(o);
  EXPECT_TRUE(t.recorder.signals.Has(Signal::kHostDelay));
  t.Write(100);
  t.end.Wait(Us(6));
  t.end.Poll();
  t.AckAfter(Us(4), 1000);
  ASSERT_EQ(t.timed().size(), 1u);
  const auto& e = t.timed()[0];
  EXPECT_EQ(e.sample.stamp, StampSource::kBurst);
  EXPECT_TRUE(e.present.Has(Signal::kHostDelay));
  EXPECT_EQ(e.sample.rtt, Ns(10'300));
  EXPECT_EQ(e.sample.host_delay, Ns(700));
  EXPECT_EQ(e.Fabric(), Ns(9'600));
  EXPECT_EQ(e.poll_gap, Us(4)) << "it may have waited so long in the ring";
}

// Off the wire at 8 us, seen at 10 us.
TEST(Stamps, OfThePortTakeOutTheWaitForThePoll) {
  LoneEndOptions o = Timed();
  o.port.hardware_stamps = true;
  o.port.transmit_delay = Ns(700);
  TimedEnd t(o);
  EXPECT_TRUE(t.recorder.signals.Has(Signal::kHostDelay));
  const Time start = t.end.now();
  t.Write(100);
  t.end.fake.SetNow(start + Us(8));
  t.end.Ack(1000);
  t.end.SetNow(start + Us(10));
  t.end.Poll();
  ASSERT_EQ(t.timed().size(), 1u);
  const auto& e = t.timed()[0];
  EXPECT_EQ(e.sample.stamp, StampSource::kNic);
  EXPECT_EQ(e.sample.rtt, Us(10));
  EXPECT_EQ(e.sample.host_delay, Ns(2'700));
  EXPECT_EQ(e.Fabric(), Ns(7'300));
}

// Three answers in one burst, each with the stamp of its own packet.
TEST(Stamps, OfThePortAreEachPacketsOwn) {
  LoneEndOptions o = Timed();
  o.port.hardware_stamps = true;
  TimedEnd t(o);
  const Time start = t.end.now();
  for (int i = 0; i < 3; ++i) {
    t.end.SetNow(start + Us(i));
    t.Write(100);
  }
  for (uint32_t i = 0; i < 3; ++i) {
    t.end.fake.SetNow(start + Us(5 + 2 * int64_t{i}));
    t.end.Ack(1000 + i);
  }
  t.end.SetNow(start + Us(20));
  t.end.Poll();
  ASSERT_EQ(t.timed().size(), 3u);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(t.timed()[static_cast<size_t>(i)].sample.rtt, Us(20 - i));
    EXPECT_EQ(t.timed()[static_cast<size_t>(i)].Fabric(), Us(5 + i)) << "5 + 2 i - i";
  }
}

// ---- Base peers.

// The peer let the first packet wait and answered both with the second: that one is timed, alone.
TEST(BasePeerSample, IsOfThePacketThatTheAnswerNames) {
  TimedEnd t;
  t.Write(100);
  t.end.Wait(Us(5));
  t.Write(200);
  t.AckAfter(Us(7), 1001);
  ASSERT_EQ(t.timed().size(), 1u);
  EXPECT_EQ(t.timed()[0].sample.rtt, Us(7));
  EXPECT_EQ(t.timed()[0].sample.wire_length, kHeaders + kReth + 200);
  EXPECT_EQ(t.recorder.acked, Bytes(300));
}

// An answer that names a packet which did not ask for one came when the peer's own counter or timer
// said so: nobody knows how long that packet had waited.
TEST(BasePeerSample, IsNoneWhenThePeerChoseTheMoment) {
  TimedEnd t;
  t.Write(8 * 1024);  // PSN 1000 to 1007; the last one asks
  for (const auto& f : t.end.Sent()) EXPECT_EQ(f.bth.ack_request, f.bth.psn.value() == 1007);
  t.AckAfter(Us(40), 1003);
  EXPECT_TRUE(t.timed().empty()) << "coalesced";
  EXPECT_EQ(t.recorder.acked, Bytes(4 * 1024));
  t.AckAfter(Us(10), 1007);
  ASSERT_EQ(t.timed().size(), 1u);
  EXPECT_EQ(t.timed()[0].sample.rtt, Us(50));
}

TEST(BasePeerSample, IsNoneOfWhatFollowsARead) {
  TimedEnd t;
  ASSERT_EQ(t.end.Post(Opcode::kRdmaRead, 100), PostResult::kOk);
  t.end.Poll();
  t.end.Wait(Us(1));
  t.Write(100);  // its acknowledgement waits for the response
  t.end.Wait(Us(9));
  t.end.Inject(t.end.ReadResponse(Wire::kRcReadResponseOnly, 1000, std::vector<uint8_t>(100, 7)));
  t.end.Poll();
  ASSERT_EQ(t.timed().size(), 1u);
  EXPECT_EQ(t.timed()[0].sample.rtt, Us(10)) << "the READ itself";
  t.AckAfter(Us(20), 1001);
  EXPECT_EQ(t.timed().size(), 1u);
}

TEST(BasePeerSample, IsNoneOfWhatWasSentAgain) {
  TimedEnd t;
  t.Write(100);
  t.end.Wait(Us(5));
  t.end.Nak(1000);
  t.end.Poll();
  t.AckAfter(Us(5), 1000);
  EXPECT_TRUE(t.timed().empty()) << "Karn's rule";
}

// Of a burst whose last packet did not ask, the length is that of the one that did.
TEST(BasePeerSample, TellsTheLengthOfThePacketThatWasTimed) {
  TimedEnd t;
  ASSERT_EQ(t.end.Post(Opcode::kSend, 300, 0, true), PostResult::kOk);    // PSN 1000 asks
  ASSERT_EQ(t.end.Post(Opcode::kSend, 1024, 1, false), PostResult::kOk);  // 1001 does not
  ASSERT_EQ(t.end.Post(Opcode::kSend, 1024, 2, false), PostResult::kOk);
  t.end.fake.LendOnly(2);
  t.end.PollOnce();
  const auto sent = t.end.Sent();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_TRUE(sent[0].bth.ack_request);
  EXPECT_FALSE(sent[1].bth.ack_request);
  t.end.fake.LendOnly(std::nullopt);
  t.AckAfter(Us(10), 1000);
  ASSERT_EQ(t.timed().size(), 1u);
  EXPECT_EQ(t.timed()[0].sample.wire_length, kHeaders + 300);
}

// ---- Bursts.

uint64_t BytesOfOnePoll(const char* algorithm, uint32_t mtu) {
  LoneEndOptions o = Timed();
  o.connect.algorithm = algorithm;
  o.connect.mtu = mtu;
  TimedEnd t(o);
  EXPECT_EQ(t.end.Post(Opcode::kRdmaWrite, 64 * 1024), PostResult::kOk);
  t.end.PollOnce();
  uint64_t bytes = 0;
  for (const FakeFrame& f : t.end.fake.sent()) bytes += f.frame_length;
  return bytes;
}

TEST(TimedBurst, IsOf16KiBAtMost) {
  // Frames of 58 B and the MTU, 16 B more the first: 3 * 4154 + 16; a fourth would end beyond.
  EXPECT_EQ(BytesOfOnePoll("timely", 4096), 12'478u);
  // 15 * 1082 + 16.
  EXPECT_EQ(BytesOfOnePoll("timely", 1024), 16'246u);
  EXPECT_EQ(BytesOfOnePoll("tita", 1024), 16'246u);
  // 32 packets, or all that there are, where nobody times them.
  EXPECT_EQ(BytesOfOnePoll("fixed", 1024), 32u * 1082 + 16);
  EXPECT_EQ(BytesOfOnePoll("fixed", 4096), 16u * 4154 + 16);
}

TEST(TimedBurst, GoesOnInTheNextPoll) {
  LoneEndOptions o = Timed();
  o.connect.mtu = 4096;
  TimedEnd t(o);
  ASSERT_EQ(t.end.Post(Opcode::kRdmaWrite, 64 * 1024), PostResult::kOk);
  t.end.PollOnce();
  EXPECT_EQ(t.end.Deadline(), t.end.now()) << "there is more to send";
  t.end.Poll();
  EXPECT_EQ(t.end.Sent().size(), 16u);
}

}  // namespace
}  // namespace sluice::test
