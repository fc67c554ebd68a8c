// The way of telemetry: switches write into the shim of data on its way, the receiver brings it
// back, and the sender's controller is told. The test is the switches.
#include <gtest/gtest.h>

#include <vector>

#include "support/device_pair.h"
#include "support/sample_recorder.h"
#include "wire/frame_view.h"
#include "wire/telemetry_shim.h"

namespace sluice::test {
namespace {

using cc::Signal;
using verbs::PostResult;
using wire::TelemetryShim;

constexpr Duration Us(int64_t n) { return Duration::Microseconds(n); }

class TelemetryWay : public testing::Test {
 protected:
  void Open(bool telemetry) {
    DevicePairOptions o;
    o.port.latency = Us(5);
    pair_ = std::make_unique<DevicePair>(o);
    verbs::ConnectOptions c;
    c.algorithm = "fixed";
    c.reliability = verbs::Reliability::kExtended;
    c.telemetry = telemetry;
    pair_->ConnectAll(c);
    recorder_.Record(*pair_->a().qp, pair_->now());
    // Two switches on the way there, none on the way back.
    pair_->a().fake->SetTap([](FakeFrame& f, size_t) {
      wire::FrameView view;
      EXPECT_EQ(wire::ParseFrame(f.bytes, f.frame_length, &view), wire::DropCause::kNone);
      if (view.shim() == nullptr) return true;
      uint8_t* const shim = f.bytes.data() + (view.shim() - f.bytes.data());
      TelemetryShim::Append(shim, {.stamp = 1000, .sent = 7, .queue = 3, .speed = 1000}, 20);
      TelemetryShim::Append(shim, {.stamp = 2000, .sent = 9, .queue = 0, .speed = 4000}, 5);
      return true;
    });
  }
  void Write(uint32_t length) {
    const verbs::Segment from = pair_->a().At(0, length);
    verbs::SendRequest r;
    r.opcode = verbs::Opcode::kRdmaWrite;
    r.segments = {&from, 1};
    r.remote_address = pair_->b().Va(0);
    r.rkey = pair_->b().region->rkey();
    ASSERT_EQ(pair_->a().qp->PostSend(r), PostResult::kOk);
    pair_->Settle();
    ASSERT_EQ(DevicePair::Drain(pair_->a()).size(), 1u);
  }

  SampleRecorder recorder_;
  std::unique_ptr<DevicePair> pair_;
};

TEST_F(TelemetryWay, TheSendersControllerHearsOfEachHop) {
  Open(true);
  EXPECT_TRUE(recorder_.signals.Has(Signal::kInt));
  EXPECT_TRUE(recorder_.signals.Has(Signal::kHopWait));
  Write(10'000);
  ASSERT_FALSE(recorder_.timed.empty());
  for (const SampleRecorder::Entry& e : recorder_.timed) {
    EXPECT_TRUE(e.present.Has(Signal::kInt));
    EXPECT_TRUE(e.present.Has(Signal::kHopWait));
    EXPECT_EQ(e.longest_wait, Duration::Nanoseconds(20 * 64));
    ASSERT_EQ(e.hops.size(), 2u);
    EXPECT_EQ(e.hops[0].stamp_ns, 1000u);
    EXPECT_EQ(e.hops[0].sent_units, 7u);
    EXPECT_EQ(e.hops[0].queue_bytes, 3u * 64);
    EXPECT_EQ(e.hops[0].speed, Bandwidth::GigabitsPerSecond(100));
    EXPECT_EQ(e.hops[1].speed, Bandwidth::GigabitsPerSecond(400));
  }
}

TEST_F(TelemetryWay, WithoutItNothingIsSaid) {
  Open(false);
  EXPECT_FALSE(recorder_.signals.Has(Signal::kInt));
  EXPECT_FALSE(recorder_.signals.Has(Signal::kHopWait));
  Write(10'000);
  ASSERT_FALSE(recorder_.timed.empty());
  for (const SampleRecorder::Entry& e : recorder_.timed) {
    EXPECT_FALSE(e.present.Has(Signal::kInt));
    EXPECT_FALSE(e.present.Has(Signal::kHopWait));
    EXPECT_TRUE(e.hops.empty());
    EXPECT_EQ(e.longest_wait, Duration::Zero());
  }
}

}  // namespace
}  // namespace sluice::test
