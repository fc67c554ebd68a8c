// Pacing to the picosecond, windows below one packet, and answers that make no sense.
#include "transport/send_flow.h"

#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <string>

#include "support/lone_end.h"

namespace sluice::test {
namespace {

using transport::Count;
using transport::SendFlow;

// Says whatever the test sets.
class Puppet : public cc::Controller {
 public:
  explicit Puppet(const cc::Control& c) { control_ = c; }
  void OnFeedback(const cc::Feedback&) override {}
  void OnLoss(const cc::Loss&) override {}
};

cc::FlowContext Context() {
  cc::FlowContext c;
  c.line_rate = Bandwidth::GigabitsPerSecond(100);
  c.mtu = Bytes(1024);
  c.header_bytes = Bytes(58);
  return c;
}

std::shared_ptr<const transport::FlowProfile> ProfileOf(const cc::Control* control,
                                                        const cc::FlowContext& context,
                                                        Bytes credit) {
  transport::FlowProfile p;
  p.maker = {control,
             [](const void* says, void* room, const cc::FlowContext&) -> cc::Controller* {
               return new (room) Puppet(*static_cast<const cc::Control*>(says));
             },
             sizeof(Puppet)};
  p.context = context;
  p.pacing_credit = credit;
  return std::make_shared<const transport::FlowProfile>(p);
}

void Start(SendFlow& flow, const cc::Control& control, const cc::FlowContext& context,
           transport::Counters* counters, Bytes credit = Bytes(0), Time now = Time()) {
  flow.Start(ProfileOf(&control, context, credit), 1, now, counters);
}

TEST(SendFlow, ClampsAndCountsWhatIsSenseless) {
  const struct {
    int64_t window, rate;
    int64_t window_in_effect, rate_in_effect;
    uint64_t windows_clamped, rates_clamped;
  } cases[] = {
      {5000, 1'000'000'000, 5000, 1'000'000'000, 0, 0},
      {0, 1'000'000'000, 1024, 1'000'000'000, 1, 0},
      {-7, 1'000'000'000, 1024, 1'000'000'000, 1, 0},
      {5000, 0, 5000, 1'000'000, 0, 1},
      {5000, -3, 5000, 1'000'000, 0, 1},
      {5000, 200'000'000'000, 5000, 100'000'000'000, 0, 1},
  };
  for (const auto& c : cases) {
    SendFlow flow;
    transport::Counters counters;
    cc::Control control;
    control.window = Bytes(c.window);
    control.rate = Bandwidth::BitsPerSecond(c.rate);
    Start(flow, control, Context(), &counters);
    EXPECT_EQ(flow.window().count(), c.window_in_effect);
    EXPECT_EQ(flow.rate().bps(), c.rate_in_effect);
    EXPECT_EQ(counters.value(Count::kClampedWindows), c.windows_clamped);
    EXPECT_EQ(counters.value(Count::kClampedRates), c.rates_clamped);
  }
}

TEST(SendFlow, WithoutARateNothingIsPaced) {
  SendFlow flow;
  transport::Counters counters;
  Start(flow, {}, Context(), &counters);
  EXPECT_FALSE(flow.paced());
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(flow.PaceAllows(Time()));
    flow.ChargeFrame(Time(), 1082);
  }
}

TEST(SendFlow, ChargesWholeEthernetFrames) {
  SendFlow flow;
  transport::Counters counters;
  cc::Control control;
  control.rate = Bandwidth::GigabitsPerSecond(8);  // 1 byte per ns
  Start(flow, control, Context(), &counters);
  flow.ChargeFrame(Time(), 1082);
  EXPECT_EQ(flow.next_send(), Time() + Duration::Nanoseconds(1082 + 24));
  flow.ChargeFrame(Time(), 58);
  EXPECT_EQ(flow.next_send(), Time() + Duration::Nanoseconds(1106 + 82));
}

TEST(SendFlow, CatchesUpByItsCreditAndNoMore) {
  SendFlow flow;
  transport::Counters counters;
  cc::Control control;
  control.rate = Bandwidth::GigabitsPerSecond(8);
  Start(flow, control, Context(), &counters, Bytes(3000));
  const Time late = Time() + Duration::Milliseconds(1);
  flow.ChargeFrame(late, 976);  // 1000 bytes with overhead
  EXPECT_EQ(flow.next_send(), late - Duration::Nanoseconds(2000));
}

TEST(SendFlow, AWindowBelowOnePacketIsATimeBetweenPackets) {
  // cc/controller.h: one MTU per rtt * mtu / window.
  for (const int64_t window : {1023, 512, 256, 64, 16, 8}) {
    SendFlow flow;
    transport::Counters counters;
    cc::Control control;
    control.window = Bytes(window);
    cc::FlowContext context = Context();
    context.base_rtt = Duration::Microseconds(10);
    Start(flow, control, context, &counters);
    EXPECT_EQ(flow.window(), context.mtu);
    flow.ChargeFrame(Time(), 1082);
    const double expected = 10e6 * 1024 / static_cast<double>(window);
    EXPECT_NEAR(static_cast<double>((flow.next_send() - Time()).ps()), expected, expected * 1e-6);
  }
}

// The k-th packet leaves at exactly k times the time of one, whatever the rate.
TEST(SendFlowPacing, PacketsLeaveAtExactlyTheComputedPicosecond) {
  for (const int64_t mbps : {1000, 3000, 7777, 400000}) {
    const Bandwidth rate = Bandwidth::MegabitsPerSecond(mbps);
    LoneEndOptions o;
    o.connect.algorithm = "fixed:rate=" + std::to_string(mbps) + "Mbps";
    o.connect.timeout = 20;
    o.engine.pacing_credit = Bytes(0);
    LoneEnd end(o);
    ASSERT_EQ(end.Post(verbs::Opcode::kRdmaWrite, 50 * 1024), verbs::PostResult::kOk);
    std::vector<Time> sent;
    end.fake.SetTap([&](FakeFrame& f, size_t) {
      sent.push_back(f.sent);
      return false;
    });
    const Time start = end.now();
    for (int i = 0; i < 1000 && sent.size() < 50; ++i) {
      end.Poll();
      if (sent.size() < 50) end.SetNow(*end.Deadline());
    }
    ASSERT_EQ(sent.size(), 50u);
    // FIRST carries a RETH of 16 bytes: 14 + 20 + 8 + 12 + 16 + 1024 + 4 and 24 of overhead.
    const PsPerByte pace = PsPerByte::Of(rate);
    Time expected = start;
    for (size_t k = 0; k < 50; ++k) {
      EXPECT_EQ(sent[k], expected) << mbps << " packet " << k;
      expected += pace.TimeOf(Bytes(k == 0 ? 1122 : 1106));
    }
  }
}

TEST(SendFlowPacing, RetransmissionsPassThePacer) {
  LoneEndOptions o;
  o.connect.algorithm = "fixed:rate=8Gbps";
  o.connect.timeout = 20;
  o.engine.pacing_credit = Bytes(0);
  LoneEnd end(o);
  ASSERT_EQ(end.Post(verbs::Opcode::kRdmaWrite, 4 * 1024), verbs::PostResult::kOk);
  for (int i = 0; i < 3; ++i) {
    end.Poll();
    end.SetNow(*end.Deadline());
  }
  end.Poll();
  ASSERT_EQ(end.Sent().size(), 4u);
  const Time last = end.now();
  end.Nak(1001);
  end.Poll();
  EXPECT_TRUE(end.Sent().empty());
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(end.Deadline(), last + Duration::Nanoseconds(1106 * i));
    end.SetNow(*end.Deadline());
    end.Poll();
    EXPECT_EQ(end.Sent().size(), 1u);
  }
}

}  // namespace
}  // namespace sluice::test
