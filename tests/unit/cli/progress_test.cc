#include "cli/progress.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <string>

namespace sluice::cli {
namespace {

class ProgressTest : public testing::Test {
 protected:
  MonotonicClock Clock() {
    return [this] { return now_; };
  }
  std::string Taken() {
    const std::string s = err_.str();
    err_.str("");
    return s;
  }

  Duration now_ = Duration::Seconds(1000);
  std::ostringstream err_;
  const Terminal terminal_ = {.interactive = true, .colour = true, .columns = 80};
};

TEST_F(ProgressTest, IsSilentForTwoSecondsThenSpeaksTwiceASecond) {
  Progress p("runs", err_, terminal_, Clock());
  for (int ms = 0; ms < 2000; ms += 100) {
    p.Update(0.1, "");
    now_ += Duration::Milliseconds(100);
  }
  EXPECT_EQ(Taken(), "");
  p.Update(0.25, "10/40");
  EXPECT_EQ(Taken(), "\rruns  25%  10/40  left 6s");  // 2 s for a quarter
  now_ += Duration::Milliseconds(400);
  p.Update(0.3, "12/40");
  EXPECT_EQ(Taken(), "");
  now_ += Duration::Milliseconds(100);
  p.Update(0.5, "20/40");
  EXPECT_EQ(Taken(), "\rruns  50%  20/40  left 3s");  // 2.5 s for a half, rounded
}

TEST_F(ProgressTest, OverwritesALongerLineAndErasesItAtTheEnd) {
  {
    Progress p("x", err_, terminal_, Clock());
    now_ += Duration::Seconds(3);
    p.Update(0, "a long detail");
    EXPECT_EQ(Taken(), "\rx   0%  a long detail");
    now_ += Duration::Seconds(1);
    p.Update(0, "short");
    EXPECT_EQ(Taken(), "\rx   0%  short        ");
  }
  EXPECT_EQ(Taken(), "\r             \r");
}

TEST_F(ProgressTest, WritesNothingToAPipe) {
  {
    Progress p("x", err_, Terminal{}, Clock());
    now_ += Duration::Seconds(10);
    p.Update(0.5, "detail");
  }
  EXPECT_EQ(Taken(), "");
}

TEST_F(ProgressTest, FitsTheWindowAndBearsAnyFraction) {
  Progress p("x", err_, {.interactive = true, .colour = false, .columns = 30}, Clock());
  for (double f : {-1.0, 0.0, 1e-300, 0.0011, 2.0, std::strtod("nan", nullptr)}) {
    now_ += Duration::Seconds(100'000);
    p.Update(f, std::string(100, 'y'));
    EXPECT_EQ(Taken().size(), 30u) << f;  // a carriage return and 29 columns
  }
}

TEST(SpanText, RoundsToSeconds) {
  EXPECT_EQ(SpanText(Duration::Milliseconds(7500)), "8s");
  EXPECT_EQ(SpanText(Duration::Seconds(72)), "1m12s");
  EXPECT_EQ(SpanText(Duration::Seconds(7500)), "2h05m");
  EXPECT_EQ(SpanText(Duration::Seconds(-5)), "0s");
}

TEST(Terminal, APipeHasNoColourUnlessForced) {
  unsetenv("FORCE_COLOR");
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_FALSE(Terminal::Of(ends[1]).interactive);
  EXPECT_FALSE(Terminal::Of(ends[1]).colour);
  setenv("FORCE_COLOR", "1", 1);
  EXPECT_TRUE(Terminal::Of(ends[1]).colour);
  EXPECT_FALSE(Terminal::Of(ends[1]).interactive);
  unsetenv("FORCE_COLOR");
  close(ends[0]);
  close(ends[1]);
}

TEST(Terminal, NoColorAndDumbAreRespected) {
  const int fd = posix_openpt(O_RDWR | O_NOCTTY);
  if (fd < 0) GTEST_SKIP() << "this machine has no pseudo terminal";
  unsetenv("FORCE_COLOR");
  unsetenv("NO_COLOR");
  setenv("TERM", "xterm", 1);
  EXPECT_TRUE(Terminal::Of(fd).interactive);
  EXPECT_TRUE(Terminal::Of(fd).colour);
  setenv("NO_COLOR", "1", 1);
  EXPECT_TRUE(Terminal::Of(fd).interactive);
  EXPECT_FALSE(Terminal::Of(fd).colour);
  setenv("NO_COLOR", "", 1);
  EXPECT_TRUE(Terminal::Of(fd).colour);
  setenv("TERM", "dumb", 1);
  EXPECT_FALSE(Terminal::Of(fd).interactive);
  EXPECT_FALSE(Terminal::Of(fd).colour);
  close(fd);
}

}  // namespace
}  // namespace sluice::cli
