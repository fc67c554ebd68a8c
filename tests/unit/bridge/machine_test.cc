// The wire itself: net_ring ports without hugepages beside the real clock. Nothing here depends on
// how long anything takes.
#include "bridge/machine.h"

#include <gtest/gtest.h>

#include <string>

#include "bridge/wire_run.h"
#include "cc/registry.h"
#include "lab/experiment.h"

namespace sluice::bridge {
namespace {

// DPDK starts once per process.
WireParts* TheMachine() {
  static const auto* const kMachine =
      new absl::StatusOr<std::unique_ptr<Machine>>(Machine::Start());
  EXPECT_TRUE(kMachine->ok()) << kMachine->status();
  return kMachine->ok() ? (*kMachine)->get() : nullptr;
}

class Differential : public ::testing::TestWithParam<const char*> {};

// The tape of a run in real time, replayed without a clock, gives identical decisions.
TEST_P(Differential, TheTapeOfAWireRunIsReplayedInVirtualTime) {
  WireParts* const machine = TheMachine();
  ASSERT_NE(machine, nullptr);
  const auto chosen = lab::Choose("incast:senders=3,size=100KB,kmin=20KB,kmax=60KB");
  ASSERT_TRUE(chosen.ok()) << chosen.status();
  lab::RunOptions options;
  options.algorithm = GetParam();
  Recorder recorder(true);
  const auto run = RunOnWire(*machine, *chosen->Build(1), options, recorder);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->finished.size(), 3u);
  EXPECT_EQ(run->real->verified, Bytes(300'000));
  const auto algorithm = cc::MakeAlgorithm(GetParam());
  size_t calls = 0;
  for (const Tape& tape : recorder.tapes()) {
    calls += tape.calls.size();
    EXPECT_EQ(Replay(tape, **algorithm), std::nullopt);
  }
  EXPECT_GT(calls, 50u);
}

std::vector<const char*> Names() {
  std::vector<const char*> names;
  for (const cc::RegistryEntry& entry : cc::Algorithms()) names.push_back(entry.name);
  return names;
}
INSTANTIATE_TEST_SUITE_P(Wire, Differential, ::testing::ValuesIn(Names()),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace sluice::bridge
