#include "cc/dctcp.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace sluice::cc {
namespace {

constexpr int64_t kMtu = 1000;

FlowContext Context() {
  FlowContext context;
  context.line_rate = Bandwidth::GigabitsPerSecond(100);
  context.mtu = Bytes(kMtu);
  context.base_rtt = Duration::Nanoseconds(8320);
  return context;
}

struct Fields : FieldSink {
  void Field(const char* name, const char*, double value) override { values[name] = value; }
  std::map<std::string, double> values;
};
double Of(const Controller& cc, const char* name) {
  Fields fields;
  cc.Describe(fields);
  return fields.values.at(name);
}

// One acknowledgement of `packets`, of which `marked`.
void AckMany(Controller& cc, uint32_t packets, uint32_t marked, int64_t in_flight) {
  Sample sample;
  sample.acked = Bytes(kMtu) * packets;
  sample.ce = marked > 0;
  Feedback f;
  f.acked = sample.acked;
  f.acked_packets = packets;
  f.ce_packets = marked;
  f.ce_bytes = Bytes(kMtu) * marked;
  f.in_flight = Bytes(in_flight);
  f.samples = {&sample, 1};
  cc.OnFeedback(f);
}

void Ack(Controller& cc, bool ce, int64_t in_flight) { AckMany(cc, 1, ce ? 1 : 0, in_flight); }

// RFC 6928's ten packets, and one more for each that is acknowledged.
TEST(DctcpPaperTest, DoublesPerRoundTripUntilTheFirstMark) {
  const DctcpParams params;
  Dctcp cc(params, Context());
  EXPECT_EQ(cc.control().window, Bytes(10 * kMtu));
  EXPECT_EQ(cc.control().rate, kNoRate);
  for (int i = 0; i < 10; ++i) Ack(cc, false, 10 * kMtu);
  EXPECT_EQ(cc.control().window, Bytes(20 * kMtu));
  // Alpha is 1 at the start: the first mark halves.
  Ack(cc, true, 20 * kMtu);
  EXPECT_EQ(cc.control().window, Bytes(10 * kMtu));
  EXPECT_EQ(cc.control().cause, Dctcp::kCut);
}

// Further marks within the round trip of a cut change nothing; after it one packet per round trip.
TEST(DctcpPaperTest, OneCutPerRoundTripThenOnePacket) {
  const DctcpParams params;
  Dctcp cc(params, Context());
  Ack(cc, true, 10 * kMtu);  // sent so far: 11
  EXPECT_EQ(cc.control().window, Bytes(5 * kMtu));
  for (int i = 0; i < 10; ++i) Ack(cc, true, 5 * kMtu);
  EXPECT_EQ(cc.control().window, Bytes(5 * kMtu));
  // Acknowledgement 12 is of what was sent after the cut and ends the first round, in which all
  // were marked: alpha stays 15/16 + 1/16; nothing marked now, so the window grows.
  Ack(cc, false, 5 * kMtu);
  EXPECT_EQ(cc.control().window, Bytes(6 * kMtu));
}

// Equation 1 with g = 1/16: the first round ends with the first packet and moves nothing; then
// rounds of 4 packets with one marked each.
TEST(DctcpPaperTest, AlphaFollowsTheMarkedPart) {
  DctcpParams params = DctcpParams::Of(DctcpParams::Preset::kNs3);
  Dctcp cc(params, Context());
  double alpha = 1;
  Ack(cc, false, 4 * kMtu);  // sent: 5; acknowledged 1
  // The next round ends with acknowledgement 6, after 6 packets of which 1 was marked.
  for (int i = 2; i <= 6; ++i) Ack(cc, i == 3, 4 * kMtu);
  alpha = alpha * 15 / 16 + 1.0 / 6 / 16;
  EXPECT_DOUBLE_EQ(Of(cc, "alpha"), alpha);
  // Sent: 10; ends with 11, after 5 packets without a mark.
  for (int i = 7; i <= 11; ++i) Ack(cc, false, 4 * kMtu);
  EXPECT_DOUBLE_EQ(Of(cc, "alpha"), alpha * 15 / 16);
}

// An acknowledgement stands for 16 packets: of 48 in a round one was marked, or 16.
TEST(DctcpPaperTest, AlphaCountsPacketsNotAcknowledgements) {
  const DctcpParams params;
  for (const uint32_t marked : {1u, 16u}) {
    Dctcp cc(params, Context());
    AckMany(cc, 16, 0, 16 * kMtu);  // sent: 32
    AckMany(cc, 16, marked, 0);     // 32 acknowledged
    AckMany(cc, 16, 0, 0);          // the first of what was sent later: 48 packets
    EXPECT_DOUBLE_EQ(Of(cc, "alpha"), 15.0 / 16 + marked / 48.0 / 16) << marked;
  }
}

// 100 Gb/s x 8.32 us = 104,000 B; the window is that part of it which the rate is of the line.
TEST(DctcpNs3Test, RateWithItsWindow) {
  const DctcpParams params = DctcpParams::Of(DctcpParams::Preset::kNs3);
  Dctcp cc(params, Context());
  EXPECT_EQ(cc.control().rate, Bandwidth::GigabitsPerSecond(100));
  EXPECT_EQ(cc.control().window, Bytes(104'000));
  Ack(cc, true, 4 * kMtu);  // alpha 1: half
  EXPECT_EQ(cc.control().rate, Bandwidth::GigabitsPerSecond(50));
  EXPECT_EQ(cc.control().window, Bytes(52'000));
  for (int i = 0; i < 5; ++i) Ack(cc, false, 4 * kMtu);
  EXPECT_EQ(cc.control().rate, Bandwidth::MegabitsPerSecond(50'615));
}

// What a predecessor without a window leaves says nothing of one: the flow starts as a new one.
TEST(DctcpPaperTest, TakesAWindowButNotItsAbsenceFromAPredecessor) {
  const DctcpParams params;
  Dctcp after_rate(params, Context()), after_window(params, Context());
  after_rate.Restore({kNoWindow, Bandwidth::GigabitsPerSecond(40), Duration::Zero()});
  EXPECT_EQ(after_rate.control().window, Bytes(10 * kMtu));
  for (int i = 0; i < 10; ++i) Ack(after_rate, false, 10 * kMtu);
  EXPECT_EQ(after_rate.control().window, Bytes(20 * kMtu));
  after_window.Restore({Bytes(30 * kMtu), kNoRate, Duration::Zero()});
  for (int i = 0; i < 10; ++i) Ack(after_window, false, 10 * kMtu);
  EXPECT_EQ(after_window.control().window, Bytes(31 * kMtu)) << "one round trip, no slow start";
}

TEST(DctcpTest, LossHalvesOncePerRoundTrip) {
  const DctcpParams params = DctcpParams::Of(DctcpParams::Preset::kNs3);
  Dctcp cc(params, Context());
  Loss loss;
  loss.kind = LossKind::kSackGap;
  loss.in_flight = Bytes(50 * kMtu);
  cc.OnLoss(loss);
  cc.OnLoss(loss);
  EXPECT_EQ(cc.control().rate, Bandwidth::GigabitsPerSecond(50));
  loss.kind = LossKind::kRnr;
  Dctcp other(params, Context());
  other.OnLoss(loss);
  EXPECT_EQ(other.control().rate, Bandwidth::GigabitsPerSecond(100));
}

}  // namespace
}  // namespace sluice::cc
