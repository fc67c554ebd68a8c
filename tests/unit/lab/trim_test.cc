// Trimming in the laboratory: an incast that does not fit the buffer, with headers kept and
// without.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "lab/experiment_file.h"
#include "lab/runner.h"
#include "lab/status.h"

namespace sluice::lab {
namespace {

using cli::Json;

constexpr int kSenders = 16;
constexpr int64_t kBytes = 32'000;  // 32 packets each

// Host 0 receives from 16 others at once, everybody at line rate: 512 packets of 1,094 B (89 ns
// with preamble and gap) arrive within the 2.9 us that 32 of them last, and the buffer has room for
// less than 200 of them: its threshold leaves a third of the pool free, so that acknowledgements
// and reports, which take other ports of the same pool, find room.
Json Incast(const Json& trim) {
  Json j = {{"format", "sluice-experiment/1"},
            {"name", "small-buffer"},
            {"topology",
             {{"kind", "star"}, {"hosts", kSenders + 1}, {"rate", "100Gbps"}, {"delay", "2us"}}},
            {"switch", {{"buffer", "200KB"}, {"alpha", 2}, {"trim", trim}}},
            {"timeout", 12}};
  for (int i = 1; i <= kSenders; ++i) j["flows"].push_back({i, 0, kBytes, "0us"});
  return j;
}

RunResult RunOf(const Json& json) {
  const auto chosen = ParseExperimentFile("x.json", json.dump());
  EXPECT_TRUE(chosen.ok()) << chosen.status();
  RunOptions options;
  options.algorithm = "fixed";
  auto run = lab::Run(*chosen->Build(1), options);
  EXPECT_TRUE(run.ok()) << run.status();
  return run.ok() ? *std::move(run) : RunResult();
}

double LastUs(const RunResult& run) {
  Duration last;
  for (const FlowResult& f : run.flows) last = std::max(last, f.fct);
  return last.us();
}

// 512 frames last 46 us, and a round trip is 8 us. With trimming every sender hears within a round
// trip what is missing, while the queue still has data to send: on top of one way there and one
// back come the headers, less than 8 us, and two round trips at most. Without it the tails of flows
// are lost in silence, until a probe two round trips of a full queue later asks for them.
TEST(Trim, AnIncastThatDoesNotFitRecoversInARoundTrip) {
  const RunResult cut = RunOf(Incast({{"size", "128B"}, {"reserve", "40KB"}}));
  const RunResult dropped = RunOf(Incast({{"size", 0}}));
  ASSERT_EQ(cut.finished.size(), static_cast<size_t>(kSenders));
  ASSERT_EQ(dropped.finished.size(), static_cast<size_t>(kSenders));
  EXPECT_GT(cut.trims, 250u);
  EXPECT_EQ(cut.drops, 0u);
  EXPECT_EQ(cut.timeouts, 0u);
  EXPECT_EQ(dropped.trims, 0u);
  EXPECT_GT(dropped.drops, 200u);
  EXPECT_LT(LastUs(cut), 4 + 46 + 8 + 2 * 8 + 4);
  EXPECT_GT(LastUs(dropped), LastUs(cut) + 2 * 8);
  RecordProperty("trimmed_us", std::to_string(LastUs(cut)));
  RecordProperty("dropped_us", std::to_string(LastUs(dropped)));
}

TEST(Trim, TheSameRunIsTheSame) {
  const RunResult a = RunOf(Incast({{"size", "128B"}}));
  const RunResult b = RunOf(Incast({{"size", "128B"}}));
  EXPECT_EQ(a.trace_hash, b.trace_hash);
  EXPECT_EQ(a.trims, b.trims);
}

TEST(Trim, MistakesAreNamed) {
  const auto error = [](const Json& trim) {
    const auto chosen = ParseExperimentFile("x.json", Incast(trim).dump());
    return chosen.ok() ? std::string() : MessageOf(chosen.status());
  };
  EXPECT_NE(error({{"size", "64B"}}).find("switch.trim.size: trim size is not in 102..1024 B"),
            std::string::npos)
      << error({{"size", "64B"}});
  EXPECT_NE(error({{"reserve", "200KB"}}).find("switch.trim.reserve"), std::string::npos);
  EXPECT_NE(error({{"sise", "128B"}}).find("size"), std::string::npos);
  Json j = Incast({{"size", "128B"}});
  j["profile"] = "hpcc-ns3";
  j.erase("timeout");
  const auto chosen = ParseExperimentFile("x.json", j.dump());
  ASSERT_TRUE(!chosen.ok() || !chosen->Build(1).ok());
}

}  // namespace
}  // namespace sluice::lab
