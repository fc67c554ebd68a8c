#include "lab/experiment_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>

#include "lab/json_fields.h"
#include "lab/runner.h"

namespace sluice::lab {
namespace {

using cli::Json;
using ::testing::HasSubstr;

Json Minimal() {
  return {{"format", "sluice-experiment/1"},
          {"name", "mine"},
          {"topology", {{"kind", "star"}, {"hosts", 3}}},
          {"flows", {{0, 1, 1000, "0"}}}};
}

std::string ErrorOf(const Json& json) {
  const auto chosen = ParseExperimentFile("x.json", json.dump());
  return chosen.ok() ? "" : MessageOf(chosen.status());
}

Scenario BuildOf(const Json& json, uint64_t seed = 1) {
  const auto chosen = ParseExperimentFile("x.json", json.dump());
  EXPECT_TRUE(chosen.ok()) << chosen.status();
  return chosen.ok() ? *chosen->Build(seed) : Scenario();
}

// A cut; two of another link, 5 us from one to the next; and all three links changed.
void ExpectEvents(const std::vector<sim::LinkEvent>& events) {
  using Kind = sim::LinkEvent::Kind;
  ASSERT_EQ(events.size(), 1u + 4u + 3u);
  EXPECT_EQ(events[0].link, 2u);
  EXPECT_EQ(events[0].kind, Kind::kDown);
  EXPECT_EQ(events[4].link, 1u);
  EXPECT_EQ(events[4].kind, Kind::kUp);
  EXPECT_EQ(events[4].when, Time::Zero() + Duration::Microseconds(2006));
  for (size_t i = 5; i < 8; ++i) {
    EXPECT_EQ(events[i].link, i - 5);
    EXPECT_EQ(events[i].kind, Kind::kChange);
    EXPECT_EQ(events[i].config.rate, Bandwidth::GigabitsPerSecond(25));
    EXPECT_EQ(events[i].config.loss, 0.5);
    const sim::LinkFaults faults{
        .to_bad = 0.01, .to_good = 0.1, .corrupt = 0.25, .blackhole = 0.125};
    EXPECT_EQ(events[i].config.faults, faults);
  }
}

TEST(ExperimentFile, SaysWhatIsRun) {
  Json j = Minimal();
  j["mtu"] = 4096;
  j["limit"] = "3ms";
  j["origin"] = "2s";
  j["timeout"] = 9;
  j["switch"] = {{"buffer", "1MiB"},
                 {"pfc", true},
                 {"ecn", {{{"rate", "100Gbps"}, {"kmin", "10KB"}, {"kmax", "20KB"}}}}};
  j["link_events"] = Json::parse(R"([
      {"at": "1ms", "link": 2, "event": "down"},
      {"at": "2ms", "link": 1, "event": "flap", "down": "1us", "period": "5us", "times": 2},
      {"at": "0", "link": "all", "event": "change", "rate": "25Gbps", "loss": 0.5, "corrupt": 0.25,
       "blackhole": 0.125, "burst": {"to_bad": 0.01, "to_good": 0.1}}])");
  j["flows"].push_back({{"source", 2},
                        {"destination", 1},
                        {"bytes", "1MB"},
                        {"start", "5us"},
                        {"measured", false},
                        {"port", 100}});
  j["flows"].push_back({{"source", 1}, {"destination", 0}, {"bytes", 7}, {"trigger", 0}});
  j["triggers"] = {{{"events", {{{"flow", 0}, {"event", "received"}}}}, {"delay", "2us"}}};
  const Scenario s = BuildOf(j);
  EXPECT_EQ(s.mtu, 4096u);
  EXPECT_EQ(s.limit, Duration::Milliseconds(3));
  EXPECT_EQ(s.origin, Duration::Seconds(2));
  EXPECT_EQ(s.timeout, 9);
  EXPECT_EQ(s.switches.buffer, Bytes(1 << 20));
  EXPECT_EQ(s.switches.sharing.lossless, 1);
  ASSERT_EQ(s.ecn_by_rate.size(), 1u);
  EXPECT_EQ(s.ecn_by_rate[0].profile.kmax, Bytes(20'000));
  ExpectEvents(s.link_events);
  ASSERT_EQ(s.flows.size(), 3u);
  EXPECT_EQ(s.flows[1].size, Bytes(1'000'000));
  EXPECT_FALSE(s.flows[1].measured);
  EXPECT_EQ(s.flows[1].destination_port, 100);
  EXPECT_EQ(s.flows[2].trigger, 0u);
  ASSERT_EQ(s.triggers.size(), 1u);
  EXPECT_TRUE(s.triggers[0].events[0].received);
  EXPECT_EQ(s.triggers[0].needed, 1u);
  EXPECT_EQ(s.triggers[0].delay, Duration::Microseconds(2));
  // The busiest port: that towards host 1, which is the switch's second.
  EXPECT_EQ(s.watched_node, 3u);
  EXPECT_EQ(s.watched_port, 1);
}

// The profile tells whose wire it is, not what the switches do.
TEST(ExperimentFile, TheProfileLeavesMarkingToTheFile) {
  using Mode = switching::EcnProfile::Mode;
  Json j = Minimal();
  j["profile"] = "hpcc-ns3";
  EXPECT_EQ(BuildOf(j).switches.ecn.mode, Mode::kOff);
  j["switch"] = {{"ecn", {{"mode", "enqueue"}, {"kmin", "10KB"}, {"kmax", "20KB"}}}};
  EXPECT_EQ(BuildOf(j).switches.ecn.mode, Mode::kEnqueue);
  // 2 senders at once through a queue: packets wait, and none is marked.
  j = Minimal();
  j["profile"] = "hpcc-ns3";
  j["flows"] = {{0, 2, 100'000, "0"}, {1, 2, 100'000, "0"}};
  RunOptions options;
  options.algorithm = "fixed";
  const auto run = lab::Run(BuildOf(j), options);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_GT(run->queue_max, Bytes(0));
  EXPECT_EQ(run->ecn_marks, 0u);
}

TEST(ExperimentFile, EveryTopologyHasItsNodes) {
  const struct {
    Json topology;
    size_t nodes;
    size_t links;
  } table[] = {
      {{{"kind", "dumbbell"}, {"left", 2}, {"right", 3}}, 7, 6},
      {{{"kind", "parking-lot"}, {"switches", 3}, {"hosts_per_switch", 2}}, 9, 8},
      {{{"kind", "leaf-spine"}, {"leaves", 4}, {"hosts_per_leaf", 3}, {"spines", 2}}, 18, 20},
      {{{"kind", "fat-tree"}, {"k", 4}}, 36, 48},
      {{{"kind", "rail"}, {"servers", 4}, {"rails", 2}, {"unit", 2}, {"spines", 2}}, 14, 16},
      {{{"kind", "inline"},
        {"nodes", 3},
        {"switches", {1}},
        {"links", {{0, 1, "10Gbps", "1us"}, {1, 2, "10Gbps", "1us", 0.5}}}},
       3,
       2},
  };
  for (const auto& row : table) {
    Json j = Minimal();
    j["topology"] = row.topology;
    j["flows"] = {{0, 2, 1000, "0"}};
    const Scenario s = BuildOf(j);
    EXPECT_EQ(s.topology.nodes.size(), row.nodes) << row.topology;
    EXPECT_EQ(s.topology.links.size(), row.links) << row.topology;
  }
}

struct Wrong {
  const char* patch;  // RFC 7396
  const char* says;
};

void ExpectNamed(std::span<const Wrong> table) {
  for (const Wrong& row : table) {
    Json j = Minimal();
    j.merge_patch(Json::parse(row.patch));
    EXPECT_THAT(ErrorOf(j), HasSubstr(row.says)) << row.patch;
    EXPECT_THAT(ErrorOf(j), HasSubstr("x.json"));
  }
}

TEST(ExperimentFile, WhatIsWrongIsNamed) {
  const Wrong table[] = {
      {R"({"flow": []})", "x.json: no key 'flow'; did you mean 'flows'?"},
      {R"({"topology": {"host": 3}})", "topology: no key 'host'; did you mean 'hosts'?"},
      {R"({"topology": {"kind": "stra"}})", "topology.kind: 'stra'"},
      {R"({"switch": {"bufer": 3}})", "switch: no key 'bufer'; did you mean 'buffer'?"},
      {R"({"switch": {"ecn": {"kmin": "2KB", "kmax": "1KB"}}})", "switch.ecn"},
      {R"({"switch": {"buffer": "3 parsec"}})", "switch.buffer"},
      {R"({"format": "sluice-experiment/2"})", "format"},
      {R"({"name": null})", "name: is missing"},
      {R"({"mtu": 1001})", "mtu"},
      {R"({"flows": [[0, 1, 1000]]})", "flows[0]"},
      {R"({"flows": [[0, 3, 1000, "0"]]})", "flows[0].destination: node 3 is a switch"},
      {R"({"flows": [[0, 9, 1000, "0"]]})", "flows[0].destination"},
      {R"({"flows": [[0, 0, 1000, "0"]]})", "is the source too"},
      {R"({"flows": [[0, 1, 0, "0"]]})", "flows[0].bytes"},
      {R"({"flows": [[0, 1, 1, "-1us"]]})", "flows[0].start"},
      {R"({"flows": [{"source": 0, "destination": 1, "bytes": 1, "trigger": 0}]})",
       "the file has no triggers"},
      {R"({"triggers": [{"events": []}]})", "nothing would ever fire it"},
      {R"({"triggers": [{"events": [{"flow": 1}]}]})", "triggers[0].events[0].flow"},
      {R"({"triggers": [{"events": [{"flow": 0}], "needed": 2}]})", "triggers[0].needed"},
      {R"({"flows": null})", "neither flows nor workloads"},
      {R"({"flows": null, "workloads": [{"kind": "poison"}]})", "did you mean 'poisson'?"},
      {R"({"flows": null, "workloads": [{"kind": "poisson", "lod": 1}]})", "did you mean 'load'?"},
      {R"({"flows": null, "workloads": [{"kind": "incast", "senders": 0}]})",
       "x.json: workloads[0]: workload incast: senders=0: must be at least 1"},
      {R"({"random": ["marks"]})", "random: no factor 'marks'"},
      {R"({"arms": {"a": {"c": "dcqcn"}}})", "arms.a"},
      {R"({"profile": "hpcc-ns"})", "did you mean 'hpcc-ns3'?"},
      {R"({"profile_options": {}})", "only the profile hpcc-ns3"},
      {R"({"profile": "hpcc-ns3", "profile_options": {"exact": true},
           "link_events": [{"at": "1us", "link": 0, "event": "down"}]})",
       "profile_options.exact: not with link_events"},
      {R"({"profile": "hpcc-ns3", "timeout": 9})",
       "timeout: the profile hpcc-ns3 has no such timer"},
      {R"({"cdfs": {"a": [[0, 0], [10, 90]]}})", "cdfs.a"},
      {R"({"watch": {"node": 0, "port": 0}})", "no port of a switch"},
      {R"({"topology": {"kind": "leaf-spine", "hosts": null, "leaves": 100000,
           "hosts_per_leaf": 100000, "spines": 1}})",
       "more than"},
      {R"({"topology": {"kind": "inline", "hosts": null, "nodes": 3, "switches": [],
           "links": [[0, 1, "1Gbps", "1us"]]}})",
       "topology"},
  };
  ExpectNamed(table);
}

TEST(ExperimentFile, WhatIsWrongWithEventsOfLinksIsNamed) {
  const Wrong table[] = {
      {R"({"link_events": [{"at": "1us", "link": 7, "event": "down"}]})", "link_events[0].link"},
      {R"({"link_events": [{"at": "1us", "link": "any", "event": "down"}]})", "or \"all\""},
      {R"({"link_events": [{"at": "1us", "link": 0, "event": "dwn"}]})", "did you mean 'down'?"},
      {R"({"link_events": [{"at": "1us", "link": 0, "event": "down", "loss": 1}]})",
       "link_events[0]: no key 'loss'"},
      {R"({"link_events": [{"at": "1us", "link": 0, "event": "change", "los": 1}]})",
       "did you mean 'loss'?"},
      {R"({"link_events": [{"at": "1us", "link": 0, "event": "change", "loss": 2}]})",
       "link_events[0].loss"},
      {R"({"link_events": [{"at": "1us", "link": 0, "event": "change", "rate": "0bps"}]})",
       "rate is not positive"},
      {R"({"link_events": [{"at": "0", "link": 0, "event": "change", "burst": {"to_bad": 1}}]})",
       "link_events[0].burst.to_good: is missing"},
      {R"({"link_events": [{"at": "0", "link": 0, "event": "flap", "down": "2us",
           "period": "1us", "times": 3}]})",
       "link_events[0].period: must be longer"},
      {R"({"link_events": [{"at": "0", "link": "all", "event": "flap", "down": "1us",
           "period": "2us", "times": 1000000}]})",
       "link_events[0].times: more than"},
      {R"({"link_events": [{"at": "0", "link": 0, "event": "flap", "down": "1us",
                            "period": "2us", "times": 300000},
                           {"at": "0", "link": 1, "event": "flap", "down": "1us",
                            "period": "2us", "times": 200001}]})",
       "link_events[1].times: more than 1000000 events in all"},
      {R"({"link_events": [{"at": "0", "link": 0, "event": "flap", "down": "1us",
                            "period": "2us", "times": 500000},
                           {"at": "9s", "link": 1, "event": "up"}]})",
       "link_events[1]: more than 1000000 events in all"},
  };
  ExpectNamed(table);
}

// However often the reader asks for a key.
TEST(ExperimentFile, KnownKeysAreNamedOnce) {
  Json j = Minimal();
  j["topology"]["hots"] = 3;
  EXPECT_EQ(ErrorOf(j),
            "x.json: topology: no key 'hots'; did you mean 'hosts'? (there are: kind, hosts, rate, "
            "delay)");
}

TEST(ExperimentFile, TextThatIsNoJsonNamesTheLine) {
  const auto error = [](const char* text) {
    return MessageOf(ParseExperimentFile("x.json", text).status());
  };
  EXPECT_THAT(error("{\n  \"format\": \"a\",\n  oops\n}"), HasSubstr("x.json: line 3: "));
  EXPECT_THAT(error(""), HasSubstr("x.json"));
  EXPECT_EQ(error("[]"), "x.json: an object { ... } is needed");
  EXPECT_THAT(error("{\"name\": \"a\", \"name\": \"b\"}"), HasSubstr("'name' stands twice"));
  EXPECT_THAT(error(std::string(100, '[').c_str()), HasSubstr("nested deeper"));
}

TEST(ExperimentFile, WritingReadsBack) {
  Json j = Minimal();
  j["arms"] = {{"one", {{"cc", "dcqcn"}, {"parameters", {{"ai", "50Mbps"}, {"g", 0.5}}}}}};
  const std::string text = ExperimentText(j);
  EXPECT_EQ(Json::parse(text), j);
  const auto chosen = ParseExperimentFile("x.json", text);
  ASSERT_TRUE(chosen.ok()) << chosen.status();
  ASSERT_EQ(chosen->arms.size(), 1u);
  EXPECT_EQ(AlgorithmOf(chosen->arms, "one"), "dcqcn:ai=50Mbps,g=0.5");
  EXPECT_EQ(AlgorithmOf(chosen->arms, "tita"), "tita");
  EXPECT_EQ(chosen->experiment->name, "mine");
}

TEST(ExperimentFile, JitterAndFactorsAreTheSeeds) {
  Json j = Minimal();
  j["jitter"] = "100ns";
  EXPECT_NE(BuildOf(j, 1).flows[0].start, BuildOf(j, 2).flows[0].start);
  EXPECT_LE(BuildOf(j, 1).flows[0].start, Time::FromPs(100'000));
  j["random"] = {"marking"};
  EXPECT_EQ(BuildOf(j, 1).flows[0].start, BuildOf(j, 2).flows[0].start);
  EXPECT_TRUE(BuildOf(j).random.marking);
  EXPECT_FALSE(BuildOf(j).random.ecmp);
}

// What the command line adds is of the seed, whatever the file lets vary, and is drawn apart from
// what the file adds.
TEST(ExperimentFile, JitterOfTheCommandIsNotThatOfTheFile) {
  Json j = Minimal();
  j["random"] = {"marking"};
  RunOptions options;
  options.jitter = Duration::Nanoseconds(100);
  const auto shift = [&](uint64_t seed) {
    options.seed = seed;
    return WithJitter(BuildOf(j, seed), options).flows[0].start - BuildOf(j, seed).flows[0].start;
  };
  EXPECT_NE(shift(1), shift(2));
  EXPECT_LE(shift(1), options.jitter);
  j["jitter"] = "100ns";
  j["random"] = {"jitter"};
  EXPECT_NE(shift(1), BuildOf(j, 1).flows[0].start - Time::Zero());
}

TEST(ExperimentFile, OwnDistributionsAreUsed) {
  Json j = Minimal();
  j.erase("flows");
  j["topology"] = {{"kind", "star"}, {"hosts", 4}};
  j["cdfs"] = {{"mine", {{5000, 0}, {5000, 100}}}};
  j["workloads"] = {
      {{"kind", "poisson"}, {"cdf", "mine"}, {"load", 0.5}, {"warmup", "0"}, {"window", "20us"}},
      {{"kind", "incast"}, {"senders", 2}, {"size", "1KB"}}};
  const Scenario s = BuildOf(j);
  int own = 0;
  int incast = 0;
  for (const FlowSpec& f : s.flows) {
    if (f.size == Bytes(5000)) ++own;
    if (f.size == Bytes(1000)) ++incast;
  }
  EXPECT_GT(own, 10);
  EXPECT_EQ(incast, 2);
  EXPECT_EQ(own + incast, static_cast<int>(s.flows.size()));
}

// 10^-5 percent has five decimals, of which a row may have ten, however JSON writes it.
TEST(ExperimentFile, SmallPercentsAreTaken) {
  Json j = Minimal();
  for (const char* small : {"0.00001", "1e-5", "1e-10"}) {
    j["cdfs"] = {{"mine", {{0, 0}, {10, Json::parse(small)}, {20, 1e2}}}};
    EXPECT_EQ(ErrorOf(j), "") << small;
  }
  for (const char* wrong : {"1e-11", "1e300", "-1e-5", "1e-300"}) {
    j["cdfs"] = {{"mine", {{0, 0}, {10, Json::parse(wrong)}, {20, 100}}}};
    EXPECT_THAT(ErrorOf(j), HasSubstr("cdfs.mine[1]: '")) << wrong;
  }
}

}  // namespace
}  // namespace sluice::lab
