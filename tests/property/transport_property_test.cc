// Model-based test of the transport: random schedules over faulty ports, each judged by a model.
//   success of a send  <=>  delivered exactly once, intact, in order
//   failure or flush    =>  delivered at most once, and nothing behind what did not arrive
//   memory that nothing was aimed at is not touched; everything posted completes exactly once;
//   every schedule comes to an end; no packet and no record leaks.
//
// Once over base RC and once over selective repeat.
//
// transport_property_test [--seed=N] [--schedules=N]; the environment's SLUICE_SCHEDULES counts as
// the latter. A failure prints the line that replays it.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "property/schedule.h"

namespace sluice::test {
namespace {

uint64_t first_seed = 1;
uint64_t schedules = 10'000;

void RunSchedules(bool extended) {
  Schedule::Tally tally;
  for (uint64_t seed = first_seed; seed < first_seed + schedules; ++seed) {
    Schedule schedule(seed, extended);
    const std::string error = schedule.Run();
    schedule.AddTo(&tally);
    ASSERT_EQ(error, "") << "replay: transport_property_test --seed=" << seed << " --gtest_filter=*"
                         << (extended ? "Extended" : "Base");
  }
  std::printf(
      "%llu messages: %llu succeeded, %llu failed, %llu flushed; %llu schedules with a "
      "failure, %llu queue pairs destroyed\n",
      static_cast<unsigned long long>(tally.messages),
      static_cast<unsigned long long>(tally.successes),
      static_cast<unsigned long long>(tally.failures),
      static_cast<unsigned long long>(tally.flushes),
      static_cast<unsigned long long>(tally.failed_schedules),
      static_cast<unsigned long long>(tally.destroyed));
  if (schedules < 1000) return;
  // The test must reach both ends of what can happen.
  EXPECT_GT(tally.successes, tally.messages / 3);
  EXPECT_GT(tally.failed_schedules, schedules / 20);
  EXPECT_GT(tally.destroyed, schedules / 50);
}

TEST(EverySchedule, IsOneThatTheModelAllowsBase) { RunSchedules(false); }
TEST(EverySchedule, IsOneThatTheModelAllowsExtended) { RunSchedules(true); }

}  // namespace
}  // namespace sluice::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (const char* env = std::getenv("SLUICE_SCHEDULES"); env != nullptr) {
    sluice::test::schedules = std::strtoull(env, nullptr, 10);
  }
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg.starts_with("--seed=")) {
      sluice::test::first_seed = std::strtoull(argv[i] + 7, nullptr, 10);
      sluice::test::schedules = 1;
    } else if (arg.starts_with("--schedules=")) {
      sluice::test::schedules = std::strtoull(argv[i] + 12, nullptr, 10);
    } else {
      std::fprintf(stderr, "unknown argument %s: --seed=N or --schedules=N\n", argv[i]);
      return 2;
    }
  }
  return RUN_ALL_TESTS();
}
