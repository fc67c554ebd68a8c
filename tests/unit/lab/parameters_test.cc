#include "lab/parameters.h"

#include <gtest/gtest.h>

#include "lab/experiment.h"

namespace sluice::lab {
namespace {

std::string ErrorOf(std::string_view text) {
  const auto chosen = Choose(text);
  if (chosen.ok()) return "";
  const absl::string_view m = chosen.status().message();
  return std::string(m.data(), m.size());
}

TEST(Choose, TypesEveryValue) {
  const auto c = Choose("incast:senders=4,size=64KiB,rate=25Gbps,delay=500ns,pmax=10%");
  ASSERT_TRUE(c.ok()) << c.status();
  EXPECT_EQ(c->parameters.Integer("senders"), 4);
  EXPECT_EQ(c->parameters.Size("size"), Bytes(65536));
  EXPECT_EQ(c->parameters.Rate("rate"), Bandwidth::GigabitsPerSecond(25));
  EXPECT_EQ(c->parameters.Time("delay"), Duration::Nanoseconds(500));
  EXPECT_DOUBLE_EQ(c->parameters.Number("pmax"), 0.1);
  EXPECT_FALSE(c->parameters.Has("timeout"));
  EXPECT_EQ(c->parameters.Size("buffer"), Bytes(32 << 20));
}

TEST(Choose, TwoWaysOfWritingAreTheSame) {
  const auto a = Choose("incast:size=1000KB,delay=1000ns");
  const auto b = Choose("incast:delay=1us,size=1MB");
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a->parameters.texts(), b->parameters.texts());
}

// One line, which names what is wrong, the nearest name, and what would be right.
TEST(Choose, RefusesWhatItDoesNotKnow) {
  const struct {
    const char* text;
    const char* says;
  } table[] = {
      {"incats", "did you mean 'incast'?"},
      {"", "there are: incast"},
      {"incast:", "nothing after the colon"},
      {"incast:senders", "is not name=value; write incast:name=value"},
      {"incast:senders=", "is not name=value"},
      {"incast:=3", "is not name=value"},
      {"incast:senders=4,", "ends with a comma"},
      {"incast:sender=4", "did you mean 'senders'?"},
      {"incast:senders=4,senders=5", "given twice"},
      {"incast:senders=0", "experiment incast: senders=0: must be at least 1"},
      {"incast:senders=1025", "at most 1024"},
      {"incast:senders=x", "senders=x"},
      {"incast:size=0", "at least 1"},
      {"incast:size=3GiB", "at most 2GiB"},
      {"incast:size=1XB", "size=1XB"},
      {"incast:mtu=1001", "choose 1000"},
      {"incast:mtu=128", "at least 256"},
      {"incast:pmax=2", "pmax=2"},
      {"incast:kmin=2MB,kmax=1MB", "kmin exceeds kmax"},
      {"incast:timeout=40", "at most 31"},
      {"incast:timeout=never", "timeout=never"},
      {"incast:rate=100", "at least 1Gbps"},
  };
  for (const auto& row : table) {
    const std::string error = ErrorOf(row.text);
    EXPECT_NE(error.find(row.says), std::string::npos) << row.text << ": " << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

TEST(Experiments, EveryDefaultBuilds) {
  for (const Experiment& e : Experiments()) {
    const auto chosen = Choose(e.name);
    ASSERT_TRUE(chosen.ok()) << chosen.status();
    const auto scenario = chosen->Build(7);
    ASSERT_TRUE(scenario.ok());
    EXPECT_FALSE(scenario->flows.empty());
  }
}

TEST(Incast, TheSeedVariesTheStartsWithinTheSpread) {
  const auto chosen = Choose("incast:senders=200,spread=10us");
  ASSERT_TRUE(chosen.ok());
  const auto one = chosen->Build(1), again = chosen->Build(1), two = chosen->Build(2);
  int64_t sum = 0;
  size_t same = 0;
  for (size_t i = 0; i < 200; ++i) {
    const Time start = one->flows[i].start;
    EXPECT_EQ(start, again->flows[i].start);
    same += start == two->flows[i].start;
    EXPECT_LE(start - Time::Zero(), Duration::Microseconds(10));
    sum += (start - Time::Zero()).ps();
  }
  EXPECT_LT(same, 3u);
  // Uniform in 10 us: the mean of 200 is 5 us, within five standard errors of 0.2 us.
  EXPECT_NEAR(static_cast<double>(sum) / 200, 5e6, 1e6);
}

}  // namespace
}  // namespace sluice::lab
