#include "lab/result.h"

#include <gtest/gtest.h>

namespace sluice::lab {
namespace {

RunResult TwoFlows() {
  RunResult run;
  for (sim::NodeId i = 0; i < 2; ++i) {
    FlowResult f;
    f.spec = {i, 2, Bytes(1000), Time::FromPs(1'500 * i)};
    f.finished = true;
    f.fct = Duration::Picoseconds(12'345'678);
    f.ideal = Duration::Picoseconds(4'000'999);
    run.flows.push_back(f);
  }
  run.finished = {1, 0};
  return run;
}

// Addresses as in the HPCC simulator: 0x0b000001 + 256 x id. Times rounded down to ns.
TEST(FctText, HasTheEightColumns) {
  EXPECT_EQ(FctText(TwoFlows()),
            "0b000101 0b000201 10000 200 1000 1 12345 4000\n"
            "0b000001 0b000201 10000 200 1000 0 12345 4000\n");
}

TEST(FctText, PortsCountPerPairAndUnfinishedFlowsAreMissing) {
  RunResult run = TwoFlows();
  run.flows[1].spec.source = 0;
  run.finished = {1};
  EXPECT_EQ(FctText(run), "0b000001 0b000201 10001 200 1000 1 12345 4000\n");
}

TEST(ResultJson, HasTheFieldsOfTheContract) {
  const auto chosen = Choose("incast:senders=2");
  ASSERT_TRUE(chosen.ok());
  const RunResult run = TwoFlows();
  const cli::Json j = ResultJson({&*chosen, "tita:t0=0.2", 9, "1.2.3", "abc"}, run, Measure(run));
  for (const char* name :
       {"experiment",  "arm",        "params",          "seed",       "commit",
        "flows",       "unfinished", "slowdown",        "buckets",    "goodput_gbps",
        "utilisation", "jain",       "queue_bytes",     "pfc_pauses", "drops",
        "ecn_marks",   "cnps",       "retransmissions", "timeouts",   "virtual_seconds",
        "packet_hops"}) {
    EXPECT_TRUE(j.contains(name)) << name;
  }
  for (const char* name : {"p50", "p95", "p99", "mean"}) {
    EXPECT_TRUE(j["slowdown"].contains(name)) << name;
  }
  for (const char* name : {"max", "mean", "p99"}) {
    EXPECT_TRUE(j["queue_bytes"].contains(name)) << name;
  }
  EXPECT_EQ(j["experiment"], "incast");
  EXPECT_EQ(j["arm"], "tita:t0=0.2");
  EXPECT_EQ(j["seed"], 9);
  EXPECT_EQ(j["commit"], "abc");
  EXPECT_EQ(j["params"]["experiment"]["senders"], "2");
  EXPECT_EQ(j["params"]["cc"]["t0"], "0.2");
  EXPECT_EQ(j["buckets"].size(), 7u);
  EXPECT_TRUE(j["buckets"][6]["up_to_bytes"].is_null());
  EXPECT_TRUE(j["buckets"][6]["p50"].is_null());
  EXPECT_EQ(j["buckets"][0]["n"], 2);
  EXPECT_FALSE(j.contains("cpu_seconds"));  // wall time lies in timing.json
}

TEST(TimingJson, HasTheFieldsOfTheContract) {
  RunResult run;
  run.cpu_seconds = 2;
  run.packet_hops = 1000;
  EXPECT_EQ(TimingJson(run)["cpu_seconds"], 2.0);
  EXPECT_EQ(TimingJson(run)["packet_hops_per_cpu_second"], 500.0);
}

TEST(Csv, NamesItsUnits) {
  Series s;
  s.step = Duration::Microseconds(1);
  s.queue_bytes = {0, 500};
  s.sent_bytes = {0, 1250};
  s.hosts = {0, 3};
  s.host_bytes = {{0, 125}, {0, 1250}};
  EXPECT_EQ(QueuesCsv(s), "time_ns,queue_bytes,sent_bytes\n0,0,0\n1000,500,1250\n");
  // 125 B in 1 us are 1 Gb/s.
  EXPECT_EQ(RatesCsv(s), "time_ns,host_0_bps,host_3_bps\n1000,1000000000,10000000000\n");
}

TEST(Files, ErrorsNameThePath) {
  EXPECT_EQ(ReadText("/nowhere/at/all").status().code(), absl::StatusCode::kInvalidArgument);
  const absl::Status s = WriteText("/nowhere/at/all", "x");
  EXPECT_NE(s.ToString().find("/nowhere/at/all"), std::string::npos);
}

TEST(ShellWord, IsWhatAShellReadsAsTheText) {
  EXPECT_EQ(ShellWord("out/a_1.json"), "out/a_1.json");
  EXPECT_EQ(ShellWord("incast:senders=2,load=0.5"), "incast:senders=2,load=0.5");
  EXPECT_EQ(ShellWord("my runs"), "'my runs'");
  EXPECT_EQ(ShellWord("it's"), "'it'\\''s'");
  EXPECT_EQ(ShellWord("$(x)"), "'$(x)'");
  EXPECT_EQ(ShellWord(""), "''");
}

}  // namespace
}  // namespace sluice::lab
