#include "cli/interrupt.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

namespace sluice::cli {
namespace {

TEST(InterruptScope, FirstSignalSetsTheFlag) {
  testing::internal::CaptureStderr();
  {
    InterruptScope scope;
    EXPECT_FALSE(InterruptScope::Interrupted());
    raise(SIGINT);
    EXPECT_TRUE(InterruptScope::Interrupted());
  }
  EXPECT_NE(testing::internal::GetCapturedStderr().find("interrupted"), std::string::npos);
  InterruptScope again;
  EXPECT_FALSE(InterruptScope::Interrupted());
}

TEST(InterruptScopeDeathTest, SecondSignalKills) {
  const auto twice = [] {
    InterruptScope scope;
    raise(SIGINT);
    raise(SIGINT);
    std::exit(0);
  };
  EXPECT_EXIT(twice(), testing::KilledBySignal(SIGINT), "interrupted");
}

TEST(InterruptScopeDeathTest, TheOldHandlerComesBack) {
  const auto after = [] {
    { InterruptScope scope; }
    raise(SIGINT);
    std::exit(0);
  };
  EXPECT_EXIT(after(), testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace sluice::cli
