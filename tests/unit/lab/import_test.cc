#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "lab/experiment_file.h"
#include "lab/export_hpcc.h"
#include "lab/hpcc_config.h"
#include "lab/import_hpcc.h"
#include "lab/import_htsim.h"
#include "lab/json_fields.h"
#include "lab/result.h"
#include "sim/topologies.h"

namespace sluice::lab {
namespace {

using cli::Json;
using ::testing::HasSubstr;

std::string Data(const std::string& name) {
  const auto text = ReadText(std::string(SLUICE_TEST_DATA) + "/" + name);
  EXPECT_TRUE(text.ok()) << text.status();
  return text.ok() ? *text : "";
}

struct Files {
  std::string config = Data("hpcc/config_incast8_dcqcn.txt");
  std::string topology = Data("hpcc/topo_star8.txt");
  std::string flows = Data("hpcc/flow_incast8.txt");
  std::vector<std::string> notes;

  absl::StatusOr<Json> Import(bool exact = false) {
    return ImportHpcc({"c.txt", config}, {"t.txt", topology}, {"f.txt", flows}, exact, &notes);
  }
};

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

// config_incast8_dcqcn.txt and topo_star8.txt by hand.
TEST(ImportHpcc, ReadsAlgorithmSwitchesAndFlows) {
  Files files;
  const auto j = files.Import();
  ASSERT_TRUE(j.ok()) << j.status();
  EXPECT_EQ((*j)["profile"], "hpcc-ns3");
  EXPECT_EQ((*j)["profile_options"]["ack_first"], true);
  EXPECT_EQ((*j)["origin"], "2s");
  EXPECT_EQ((*j)["limit"], "100ms");
  EXPECT_EQ((*j)["mtu"], 1000);
  const Json& arm = (*j)["arms"]["imported"];
  EXPECT_EQ(arm["cc"], "dcqcn");
  EXPECT_EQ(arm["parameters"]["rate_timer"], "300us");
  EXPECT_EQ(arm["parameters"]["alpha_timer"], "1us");
  EXPECT_EQ(arm["parameters"]["decrease_interval"], "4us");
  EXPECT_EQ(arm["parameters"]["ai"], "20Mbps");
  EXPECT_EQ(arm["parameters"]["hai"], "200Mbps");
  EXPECT_EQ(arm["parameters"]["min_rate"], "1Gbps");
  EXPECT_EQ(arm["parameters"]["g"], "0.00390625");
  EXPECT_EQ(arm["parameters"]["fast_recovery"], 1);
  EXPECT_EQ(arm["parameters"]["target"], "kept");
  EXPECT_FALSE(arm["parameters"].contains("window"));
  const Json& s = (*j)["switch"];
  EXPECT_EQ(s["buffer"], 32 << 20);
  EXPECT_EQ(s["pfc"], true);
  EXPECT_EQ(s["headroom"], 37'500);  // 3 x 100 Gb/s x 1 us
  EXPECT_EQ(s["ecn"][0]["kmin"], 400'000);
  EXPECT_EQ(s["ecn"][0]["kmax"], 1'600'000);
  EXPECT_EQ(s["ecn"][0]["pmax"], 0.2);
  ASSERT_EQ((*j)["flows"].size(), 8u);
  EXPECT_EQ((*j)["flows"][7]["source"], 7);
  EXPECT_EQ((*j)["flows"][7]["bytes"], 1'000'000);
  EXPECT_EQ((*j)["flows"][7]["port"], 100);
  EXPECT_TRUE(files.notes.empty());

  const auto chosen = ParseExperimentFile("x.json", ExperimentText(*j));
  ASSERT_TRUE(chosen.ok()) << chosen.status();
  const auto scenario = chosen->Build(1);
  ASSERT_TRUE(scenario.ok());
  EXPECT_EQ(scenario->profile, WireProfile::kHpccNs3);
  EXPECT_TRUE(scenario->ack_priority);
  EXPECT_EQ(scenario->timeout, 0);
  EXPECT_EQ(scenario->topology.links[0].forward.delay, Duration::Microseconds(1));
}

TEST(ImportHpcc, PacketsAreAsLongAsTheConfigurationSays) {
  Files files;
  files.config = Replaced(files.config, "PACKET_PAYLOAD_SIZE 1000", "PACKET_PAYLOAD_SIZE 500");
  const auto j = files.Import();
  ASSERT_TRUE(j.ok()) << j.status();
  const auto chosen = ParseExperimentFile("x.json", ExperimentText(*j));
  ASSERT_TRUE(chosen.ok()) << chosen.status();
  const auto scenario = chosen->Build(1);
  ASSERT_TRUE(scenario.ok());
  EXPECT_EQ(scenario->mtu, 500u);
}

// Its links take 1 us. So an acknowledgement was on its way before a timer of 1 us was set, and
// after one of 50 us was.
TEST(ImportHpcc, ExactSaysWhatComesFirst) {
  Files files;
  EXPECT_FALSE((*files.Import())["profile_options"].contains("exact"));
  EXPECT_FALSE((*files.Import())["arms"]["imported"]["parameters"].contains("tie"));
  auto j = files.Import(true);
  ASSERT_TRUE(j.ok()) << j.status();
  EXPECT_EQ((*j)["profile_options"]["exact"], true);
  EXPECT_EQ((*j)["arms"]["imported"]["parameters"]["tie"], "cnp");
  files.config = Replaced(files.config, "ALPHA_RESUME_INTERVAL 1", "ALPHA_RESUME_INTERVAL 50");
  EXPECT_FALSE((*files.Import(true))["arms"]["imported"]["parameters"].contains("tie"));
}

TEST(ImportHpcc, EachAlgorithmHasItsParameters) {
  const struct {
    const char* config;
    const char* cc;
    std::vector<std::pair<const char*, Json>> parameters;
  } table[] = {
      {"hpcc", "hpcc", {{"eta", "0.95"}, {"max_stage", 0}, {"ai", "50Mbps"}}},
      {"timely", "timely", {{"ai", "100Mbps"}, {"hai", "500Mbps"}}},
      {"dctcp", "dctcp", {{"g", "0.0625"}, {"ai", "615Mbps"}, {"window", "rtt"}}},
      {"dcqcnwin", "dcqcn", {{"window", "rtt"}, {"ai", "20Mbps"}}},
  };
  for (const auto& row : table) {
    Files files;
    files.config = Data(std::string("hpcc/config_incast8_") + row.config + ".txt");
    const auto j = files.Import();
    ASSERT_TRUE(j.ok()) << j.status();
    const Json& arm = (*j)["arms"]["imported"];
    EXPECT_EQ(arm["cc"], row.cc);
    for (const auto& [name, value] : row.parameters) {
      EXPECT_EQ(arm["parameters"][name], value) << row.config << " " << name;
    }
  }
}

TEST(ImportHpcc, DamageNamesFileLineAndCause) {
  const struct {
    std::string Files::*file;
    const char* from;
    const char* to;
    const char* says;
  } table[] = {
      {&Files::config, "CC_MODE 1", "CC_MOD 1", "c.txt: line 12: 'CC_MOD' is no key; did you mean"},
      {&Files::config, "CC_MODE 1\n", "", "CC_MODE is missing"},
      {&Files::config, "CC_MODE 1", "CC_MODE 10", "CC_MODE 10 is not supported"},
      {&Files::config, "RP_TIMER 300", "RP_TIMER x", "c.txt: line 16: 'x'"},
      {&Files::config, "RATE_AI 20Mb/s", "RATE_AI 20", "c.txt: line 19: '20' is none such as"},
      {&Files::config, "RATE_AI 20Mb/s", "RATE_AI 20Mb/s\nRATE_AI 20Mb/s",
       "c.txt: line 20: RATE_AI stands twice"},
      {&Files::config, "KMAX_MAP 1 100000000000 1600", "KMAX_MAP 2 100000000000 1600",
       "is not a rate in bit/s"},
      {&Files::config, "KMAX_MAP 1 100000000000 1600", "KMAX_MAP 1 100000000000 300",
       "do not go together"},
      {&Files::config, "HAS_WIN 0", "HAS_WIN 1", "HAS_WIN and VAR_WIN differ"},
      {&Files::config, "L2_ACK_INTERVAL 1", "L2_ACK_INTERVAL 4", "c.txt: line 25"},
      {&Files::topology, "10 1 9", "10 1 8", "t.txt: line 11: more than the 8 links"},
      {&Files::topology, "10 1 9", "10 1 10", "t.txt: line 12: the file ends"},
      {&Files::topology, "0 9 100Gbps", "0 10 100Gbps", "t.txt: line 3: '10' is not a node"},
      {&Files::topology, "0 9 100Gbps", "0 0 100Gbps", "from node 0 to itself"},
      {&Files::topology, "100Gbps 1000ns", "100Gbit 1000ns", "t.txt: line 3: '100Gbit'"},
      {&Files::topology, "100Gbps 1000ns", "100Gbps 1000", "t.txt: line 3: '1000'"},
      {&Files::flows, "8\n", "7\n", "f.txt: line 9: more than the 7 flows"},
      {&Files::flows, "8\n", "9\n", "f.txt: line 10: the file ends"},
      {&Files::flows, "1 8 3", "9 8 3", "node 9 is a switch"},
      {&Files::flows, "1 8 3", "1 8 4", "f.txt: line 3: priority 4 after 3"},
      {&Files::flows, "2.000000000\n1", "2.000000001\n1", "f.txt: line 3: starts before"},
      {&Files::flows, "1000000 2.0", "1000000 2.x", "f.txt: line 2: '2.x00000000'"},
      {&Files::flows, "1000000 2.0", "0 2.0", "f.txt: line 2: '0' is not a size"},
  };
  for (const auto& row : table) {
    Files files;
    files.*row.file = Replaced(files.*row.file, row.from, row.to);
    const auto j = files.Import();
    ASSERT_FALSE(j.ok()) << row.to;
    EXPECT_TRUE(absl::IsInvalidArgument(j.status()));
    EXPECT_THAT(MessageOf(j.status()), HasSubstr(row.says));
  }
}

TEST(ImportHpcc, KeysThatNobodyKnowsAreTold) {
  Files files;
  files.config += "MY_PATCH 1 2 3\nLINK_DOWN 50 0 9\n";
  const auto j = files.Import();
  ASSERT_TRUE(j.ok()) << j.status();
  ASSERT_EQ(files.notes.size(), 1u);
  EXPECT_THAT(files.notes[0], HasSubstr("MY_PATCH"));
  EXPECT_EQ((*j)["link_events"][0]["at"], "50us");
  EXPECT_EQ((*j)["link_events"][0]["link"], 0);
}

Scenario TwoHosts() {
  Scenario s;
  sim::LinkConfig link;
  link.rate = Bandwidth::BitsPerSecond(12'345'678'901);
  s.topology = sim::Star(2, link);
  s.flows = {{0, 1, Bytes(1000), Time::Zero()}};
  s.switches.buffer = Bytes(32 << 20);
  s.limit = Duration::Milliseconds(1);
  return s;
}

// HPCC reads telemetry, so that its units matter; the profile has those of its authors' own files.
TEST(ImportHpcc, OtherUnitsOfTelemetryAreTold) {
  for (const char* to : {"INT_MULTI 4", "INT_MULTI 1", ""}) {
    Files files;
    files.config = Replaced(Data("hpcc/config_incast8_hpcc.txt"), "INT_MULTI 4", to);
    ASSERT_TRUE(files.Import().ok());
    const bool told =
        files.notes.size() == 1 && files.notes[0].find("INT_MULTI 1") != std::string::npos;
    EXPECT_EQ(told, to != std::string_view("INT_MULTI 4")) << to;
  }
  std::vector<std::string> notes;
  EXPECT_THAT(ExportHpcc(TwoHosts(), "hpcc:preset=ns3", &notes)->config,
              HasSubstr("\nINT_MULTI 4\n"));
}

// What is no whole number in the units of those files comes back as it was.
TEST(ExportHpcc, KeepsFractions) {
  std::vector<std::string> notes;
  const auto files = ExportHpcc(
      TwoHosts(),
      "dcqcn:preset=ns3-50us,notice=ack,rate_timer=1500ns,alpha_timer=55001ns,ai=2500Kbps", &notes);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_TRUE(notes.empty());
  EXPECT_THAT(files->topology, HasSubstr("0 2 12345678901bps 1us 0\n"));
  EXPECT_THAT(files->config, HasSubstr("\nRP_TIMER 1.5\n"));
  EXPECT_THAT(files->config, HasSubstr("\nALPHA_RESUME_INTERVAL 55.001\n"));
  EXPECT_THAT(files->config, HasSubstr("\nRATE_AI 2.5Mb/s\n"));
  const auto j = ImportHpcc({"c.txt", files->config}, {"t.txt", files->topology},
                            {"f.txt", files->flows}, false, &notes);
  ASSERT_TRUE(j.ok()) << j.status();
  const Json& parameters = (*j)["arms"]["imported"]["parameters"];
  EXPECT_EQ(parameters["rate_timer"], "1500ns");
  EXPECT_EQ(parameters["alpha_timer"], "55001ns");
  EXPECT_EQ(parameters["ai"], "2500Kbps");
  EXPECT_EQ((*j)["topology"]["links"][0][2], "12345678901bps");
}

TEST(ExportHpcc, TellsWhatIsNotAsItWas) {
  Scenario s = TwoHosts();
  s.one_queue_pair = true;
  s.switches.buffer = Bytes(100'000);
  s.switches.ecn = {
      .mode = switching::EcnProfile::Mode::kDequeue, .kmin = Bytes(1500), .kmax = Bytes(3000)};
  std::vector<std::string> notes;
  ASSERT_TRUE(ExportHpcc(s, "dcqcn:preset=ns3-50us", &notes).ok());
  EXPECT_THAT(notes,
              testing::UnorderedElementsAre("messages of one queue pair become flows of their own",
                                            "the buffer is at least 1 MiB there",
                                            "ECN thresholds are rounded down to KB"));
}

std::string Cm(const char* rest, int connections, int triggers = 0) {
  std::string text = "Nodes 16\nConnections " + std::to_string(connections) + "\n";
  if (triggers > 0) text += "Triggers " + std::to_string(triggers) + "\n";
  return text + rest;
}

absl::StatusOr<Json> ImportCm(const std::string& text) {
  std::vector<std::string> notes;
  return ImportHtsim({"m.cm", text}, std::nullopt, &notes);
}

TEST(ImportHtsim, ReadsTriggers) {
  const auto j =
      ImportCm(Cm("0->1 id 1 start 1000000 size 2000 send_done_trigger 1\n"
                  "2->1 id 2 start 0 size 3000 recv_done_trigger 1\n"
                  "1->3 id 3 trigger 1 size 4000\n"
                  "trigger id 1 barrier count 2\n",
                  3, 1));
  ASSERT_TRUE(j.ok()) << j.status();
  EXPECT_EQ((*j)["topology"]["kind"], "fat-tree");
  EXPECT_EQ((*j)["topology"]["k"], 4);
  const auto chosen = ParseExperimentFile("x.json", ExperimentText(*j));
  ASSERT_TRUE(chosen.ok()) << chosen.status();
  const auto s = chosen->Build(1);
  ASSERT_TRUE(s.ok());
  EXPECT_EQ(s->flows[0].start, Time::FromPs(1'000'000));
  EXPECT_EQ(s->flows[2].trigger, 0u);
  ASSERT_EQ(s->triggers.size(), 1u);
  EXPECT_EQ(s->triggers[0].needed, 2u);
  EXPECT_FALSE(s->triggers[0].events[0].received);
  EXPECT_TRUE(s->triggers[0].events[1].received);
}

TEST(ImportHtsim, ReadsTopologies) {
  std::vector<std::string> notes;
  const auto j = ImportHtsim({"m.cm", Data("htsim/incast8.cm")},
                             NamedText{"t.topo", Data("htsim/ls64.topo")}, &notes);
  // The matrix has 128 nodes, that topology 64.
  ASSERT_FALSE(j.ok());
  EXPECT_THAT(MessageOf(j.status()), HasSubstr("64 nodes, but m.cm has 128"));
  const std::string matrix = "Nodes 64\nConnections 1\n63->0 start 5 size 1000\n";
  const auto k =
      ImportHtsim({"m.cm", matrix}, NamedText{"t.topo", Data("htsim/ls64.topo")}, &notes);
  ASSERT_TRUE(k.ok()) << k.status();
  // 8 ToRs of 8 hosts, 8 spines: as topo_ls64.txt of the HPCC simulator.
  EXPECT_EQ((*k)["topology"]["nodes"], 80);
  EXPECT_EQ((*k)["topology"]["links"].size(), 128u);
  EXPECT_EQ((*k)["topology"]["links"][127], Json({71, 79, "100Gbps", "1us"}));
}

TEST(ImportHtsim, ThreeTiersAndSwitchLatency) {
  const std::string topo =
      "Nodes 16\nTiers 3\nPodsize 4\nTier 0\nDownlink_speed_Gbps 100\nRadix_Down 2\nRadix_Up 2\n"
      "Downlink_Latency_ns 100\nSwitch_Latency_ns 50\nTier 1\nDownlink_speed_Gbps 200\n"
      "radix_down 2\nRadix_Up 2\nDownlink_Latency_ns 200\nSwitch_Latency_ns 30\nTier 2\n"
      "Downlink_speed_Gbps 400\nRadix_Down 4\nDownlink_Latency_ns 300\n";
  std::vector<std::string> notes;
  const auto j =
      ImportHtsim({"m.cm", Cm("0->15 start 0 size 9\n", 1)}, NamedText{"t", topo}, &notes);
  ASSERT_TRUE(j.ok()) << j.status();
  // The k = 4 fat tree: 16 hosts, 8 + 8 + 4 switches, 16 links per tier.
  EXPECT_EQ((*j)["topology"]["nodes"], 36);
  const Json& links = (*j)["topology"]["links"];
  ASSERT_EQ(links.size(), 48u);
  EXPECT_EQ(links[0], Json({0, 16, "100Gbps", "125ns"}));
  EXPECT_EQ(links[16], Json({16, 24, "200Gbps", "240ns"}));
  EXPECT_EQ(links[32], Json({24, 32, "400Gbps", "315ns"}));
  EXPECT_TRUE(ParseExperimentFile("x.json", ExperimentText(*j)).ok());
}

TEST(ImportHtsim, DamageNamesFileLineAndCause) {
  const struct {
    std::string text;
    const char* says;
  } table[] = {
      {"Connections 1\n0->1 start 0 size 1\n", "`Nodes N`"},
      {Cm("0->16 start 0 size 1\n", 1), "m.cm: line 3: '0->16'"},
      {Cm("0-1 start 0 size 1\n", 1), "m.cm: line 3: '0-1'"},
      {Cm("0->1 start 0 size 1\n", 2), "1 connections, but the header promises 2"},
      {Cm("0->1 start 0\n", 1), "m.cm: line 3: no size"},
      {Cm("0->1 size 1\n", 1), "m.cm: line 3: either a start or a trigger"},
      {Cm("0->1 start 0 sise 1\n", 1), "m.cm: line 3: 'sise'"},
      {Cm("0->1 trigger 4 size 1\n", 1), "there is no trigger 4"},
      {Cm("0->1 id 1 start 0 size 1\n0->1 id 1 start 0 size 1\n", 2), "line 4: the id 1 stands"},
      {Cm("0->1 start 0 size 1\ntrigger id 1 barrier count 2\n", 1, 1),
       "m.cm: line 5: trigger 1 needs 2 events and gets 0"},
      {Cm("0->1 start 0 size 1\nfailure switch_type TOR switch_id 1 link_id 1\n", 1),
       "failures are not supported"},
  };
  for (const auto& row : table) {
    const auto j = ImportCm(row.text);
    ASSERT_FALSE(j.ok()) << row.text;
    EXPECT_THAT(MessageOf(j.status()), HasSubstr(row.says));
  }
}

// Bytes altered, removed, doubled and cut off at random: always a document or an error that names
// the file.
std::string Mutated(const std::string& text, Rng& rng) {
  std::string t = text;
  for (uint64_t i = 0; i <= rng.Below(3) && !t.empty(); ++i) {
    const size_t at = rng.Below(t.size());
    switch (rng.Below(5)) {
      case 0:
        t[at] = static_cast<char>(rng.Below(256));
        break;
      case 1:
        t.erase(at, 1 + rng.Below(8));
        break;
      case 2:
        t.insert(at, t.substr(rng.Below(t.size()), rng.Below(20)));
        break;
      case 3:
        t[at] = "0123456789.-{}[]\",: "[rng.Below(20)];
        break;
      default:
        t.resize(at);
        break;
    }
  }
  return t;
}

TEST(Imports, SurviveMutations) {
  Rng rng(20);
  const Files good;
  const std::string matrix =
      "Nodes 64\nConnections 2\nTriggers 1\n1->2 id 1 start 0 size 9 send_done_trigger 1\n"
      "63->0 trigger 1 size 1000\ntrigger id 1 oneshot\n";
  const std::string topo = Data("htsim/ls64.topo");
  Files whole;
  const std::string experiment = ExperimentText(*whole.Import());
  int refused = 0;
  int matrices = 0;
  for (int i = 0; i < 3000; ++i) {
    Files files = good;
    std::string* const parts[] = {&files.config, &files.topology, &files.flows};
    std::string& part = *parts[rng.Below(3)];
    part = Mutated(part, rng);
    const absl::StatusOr<Json> j = files.Import();
    if (!j.ok()) {
      ++refused;
      EXPECT_THAT(MessageOf(j.status()), HasSubstr(".txt: "));
    }
    std::vector<std::string> notes;
    const bool other = rng.Below(2) == 0;
    const auto k = ImportHtsim({"m.cm", other ? matrix : Mutated(matrix, rng)},
                               NamedText{"t.topo", other ? Mutated(topo, rng) : topo}, &notes);
    if (k.ok()) {
      ++matrices;
    } else {
      EXPECT_TRUE(absl::IsInvalidArgument(k.status()));
    }
    const auto chosen = ParseExperimentFile("x.json", Mutated(experiment, rng));
    if (!chosen.ok()) {
      EXPECT_THAT(MessageOf(chosen.status()), HasSubstr("x.json"));
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(matrices, 10);  // most damages are found
}

}  // namespace
}  // namespace sluice::lab
