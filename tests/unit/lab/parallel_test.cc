// Runs on several cores: the same bytes as on one.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_format.h"
#include "lab/cores.h"
#include "lab/experiment.h"
#include "lab/metrics.h"
#include "lab/result.h"
#include "lab/runner.h"

namespace sluice::lab {
namespace {

// 0 cores: one, and event by event.
absl::StatusOr<RunResult> Execute(const Chosen& chosen, const std::string& algorithm, int cores) {
  const auto scenario = chosen.Build(1);
  if (!scenario.ok()) return scenario.status();
  RunOptions options;
  options.algorithm = algorithm;
  options.series = true;
  options.cores = std::max(cores, 1);
  options.in_order = cores == 0;
  return Run(*scenario, options);
}

// result.json, fct.txt, queues.csv and rates.csv.
std::string FilesOf(std::string_view experiment, const std::string& algorithm, int cores) {
  const auto chosen = Choose(experiment);
  EXPECT_TRUE(chosen.ok()) << chosen.status();
  if (!chosen.ok()) return "";
  const auto run = Execute(*chosen, algorithm, cores);
  EXPECT_TRUE(run.ok()) << run.status();
  if (!run.ok()) return "";
  const RunLabel label{&*chosen, algorithm, 1, "0", "0"};
  return cli::JsonText(ResultJson(label, *run, Measure(*run))) + FctText(*run) +
         QueuesCsv(run->series) + RatesCsv(run->series);
}

TEST(Cores, OfPausedFabricsHavePauses) {
  const auto chosen = Choose("permutation:hosts=16,size=100KB,buffer=400KB,pfc=on");
  ASSERT_TRUE(chosen.ok()) << chosen.status();
  const auto run = Execute(*chosen, "fixed", 2);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_GT(run->pfc_pauses, 0u);
}

// Reused queue pairs, and links that are cut while packets are on them.
TEST(Cores, OfAFileWithCutsChangeNoByte) {
  const std::string path = testing::TempDir() + "/cuts.json";
  const absl::Status written = WriteText(path, R"({
    "format": "sluice-experiment/1", "name": "cuts",
    "topology": {"kind": "leaf-spine", "leaves": 4, "hosts_per_leaf": 4, "spines": 2},
    "switch": {"buffer": "1MiB", "ecn": {"kmin": "40KB", "kmax": "160KB", "pmax": 0.2}},
    "queue_pairs": "reused",
    "link_events": [{"at": "20us", "link": 20, "event": "down"},
                    {"at": "60us", "link": 20, "event": "up"},
                    {"at": "0", "link": "all", "event": "change", "loss": 1e-3},
                    {"at": "30us", "link": 17, "event": "change", "rate": "10Gbps",
                     "corrupt": 0.02, "burst": {"to_bad": 0.01, "to_good": 0.3}}],
    "workloads": [{"kind": "poisson", "cdf": "hadoop", "load": 0.4,
                   "warmup": "20us", "window": "100us"}]})");
  ASSERT_TRUE(written.ok()) << written;
  const std::string one = FilesOf(path, "dcqcn", 0);
  EXPECT_GT(one.size(), 1000u);
  for (const int cores : {1, 2, 3}) EXPECT_TRUE(FilesOf(path, "dcqcn", cores) == one) << cores;
}

class Parallel : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Parallel, ChangesNoByte) {
  const auto& [experiment, algorithm] = GetParam();
  const std::string one = FilesOf(experiment, algorithm, 0);
  EXPECT_GT(one.size(), 1000u);
  for (const int cores : {1, 2, 3, 4}) {
    // Not EXPECT_EQ, which would print both.
    EXPECT_TRUE(FilesOf(experiment, algorithm, cores) == one) << cores << " cores";
  }
}

INSTANTIATE_TEST_SUITE_P(
    Experiments, Parallel,
    testing::Values(std::pair{"incast:senders=6,size=100KB", "tita"},
                    std::pair{"permutation:hosts=16,size=100KB,buffer=400KB,pfc=on", "fixed"},
                    std::pair{"incast-shallow:senders=8,size=60KB", "dcqcn"},
                    std::pair{"loss:p=0.01,size=100KB,messages=5,window=64", "hpcc"},
                    std::pair{"permutation:hosts=16,topology=fat-tree,size=60KB", "hpcc"},
                    std::pair{"permutation:hosts=16,size=200KB,buffer=420KB,pfc=on,spread=0",
                              "dcqcn"},
                    std::pair{"permutation:hosts=16,size=60KB,buffer=100KB,spread=0", "timely"},
                    // Messages that wait for others of their own hosts.
                    std::pair{"allreduce:hosts=8,size=100KB", "tita"},
                    std::pair{"allreduce:hosts=8,size=100KB,algorithm=tree", "dcqcn"},
                    std::pair{"allreduce:hosts=8,size=100KB,algorithm=halving-doubling", "hpcc"},
                    std::pair{"training:hosts=8,size=100KB,steps=2", "tita"},
                    std::pair{"moe:hosts=8,tokens=20", "dctcp"}));

TEST(Cores, OfALargeFabricChangeNoByte) {
  for (const auto& [experiment, algorithm] :
       {std::pair{"permutation:hosts=128,topology=fat-tree,size=30KB", "tita"},
        std::pair{"permutation:hosts=64,size=200KB,buffer=1100KB,pfc=on,spread=0", "fixed"}}) {
    const std::string one = FilesOf(experiment, algorithm, 0);
    EXPECT_GT(one.size(), 1000u);
    for (const int cores : {1, 2, 3}) {
      EXPECT_TRUE(FilesOf(experiment, algorithm, cores) == one) << cores << " cores";
    }
  }
}

// Host 0 sends to 1, whose flow waits for that, and so on; `waits` says who waits.
std::string Chain(const char* queue_pairs, int waiting_source) {
  return absl::StrFormat(R"({
    "format": "sluice-experiment/1", "name": "chain", "topology": {"kind": "star", "hosts": 3},
    "queue_pairs": "%s",
    "flows": [{"source": 0, "destination": 1, "bytes": 30000},
              {"source": %d, "destination": 2, "bytes": 30000, "trigger": 0}],
    "triggers": [{"events": [{"flow": 0, "event": "received"}], "delay": "1us"}]})",
                         queue_pairs, waiting_source);
}

// Who waits for a message of its own host learns of it there; of another host's it would have to
// learn at once.
TEST(Cores, OfWhatWaitsForOtherHostsAreOne) {
  const std::string path = testing::TempDir() + "/chain.json";
  const auto status = [&path](const std::string& text, int cores) {
    EXPECT_TRUE(WriteText(path, text).ok());
    const auto chosen = Choose(path);
    EXPECT_TRUE(chosen.ok()) << chosen.status();
    return Execute(*chosen, "tita", cores).status();
  };
  EXPECT_TRUE(status(Chain("new", 1), 2).ok());
  EXPECT_TRUE(status(Chain("new", 0), 1).ok());
  for (const std::string& text : {Chain("new", 0), Chain("reused", 1)}) {
    const absl::Status refused = status(text, 2);
    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(refused.message(),
              "--cores 2: messages of this experiment wait for others of other hosts; one core is "
              "the most");
  }
}

TEST(Cores, OfLinksWithoutDelayAreOne) {
  const auto chosen = Choose("incast:senders=2,size=10KB,delay=0");
  ASSERT_TRUE(chosen.ok()) << chosen.status();
  EXPECT_TRUE(Execute(*chosen, "fixed", 1).ok());
  EXPECT_EQ(Execute(*chosen, "fixed", 2).status().message(),
            "--cores 2: a link has no delay; one core is the most");
}

}  // namespace
}  // namespace sluice::lab
