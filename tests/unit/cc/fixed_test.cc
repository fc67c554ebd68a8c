#include "cc/fixed.h"

#include <gtest/gtest.h>

namespace sluice::cc {
namespace {

FlowContext Context() {
  FlowContext context;
  context.line_rate = Bandwidth::GigabitsPerSecond(100);
  context.mtu = Bytes(4096);
  return context;
}

TEST(FixedTest, WithoutParametersItIsTheLineRateAndNoWindow) {
  const Fixed cc(FixedParams{}, Context());
  EXPECT_EQ(cc.control().rate, Bandwidth::GigabitsPerSecond(100));
  EXPECT_EQ(cc.control().window, kNoWindow);
  EXPECT_FALSE(cc.control().has_deadline);
}

TEST(FixedTest, ParametersAreTheAnswerWhateverHappens) {
  FixedParams params;
  params.rate = Bandwidth::GigabitsPerSecond(10);
  params.window = Bytes(65536);
  Fixed cc(params, Context());
  Loss loss;
  loss.kind = LossKind::kTimeout;
  cc.OnLoss(loss);
  cc.OnCnp(Cnp{});
  cc.OnFeedback(Feedback{});
  EXPECT_EQ(cc.control().rate, Bandwidth::GigabitsPerSecond(10));
  EXPECT_EQ(cc.control().window, Bytes(65536));
}

TEST(FixedTest, NeverAboveTheLineRate) {
  FixedParams params;
  params.rate = Bandwidth::GigabitsPerSecond(400);
  EXPECT_EQ(Fixed(params, Context()).control().rate, Bandwidth::GigabitsPerSecond(100));
}

}  // namespace
}  // namespace sluice::cc
