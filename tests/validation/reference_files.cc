#include "validation/reference_files.h"

#include <cmath>
#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/whole_nanoseconds.h"
#include "lab/profile.h"

namespace sluice::test {
namespace {

constexpr double kFirstSecond = 2;  // flow files start there
constexpr int64_t kOrigin = 2'000'000'000;

using Words = std::vector<std::string>;

absl::StatusOr<Words> ReadWords(const std::string& path) {
  std::ifstream in(path);
  if (!in.good()) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  Words words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// KEY value, or KEY n value...: what is asked for is the last word of a map of one rate.
class Config {
 public:
  explicit Config(const Words& words) : words_(words) {}
  std::string Text(const std::string& key, size_t ahead = 1) const {
    for (size_t i = 0; i + ahead < words_.size(); ++i) {
      if (words_[i] == key) return words_[i + ahead];
    }
    return "";
  }
  double Number(const std::string& key, size_t ahead = 1) const {
    return std::strtod(Text(key, ahead).c_str(), nullptr);
  }
  double Map(const std::string& key) const { return Number(key, 3); }

 private:
  const Words& words_;
};

sim::Topology TopologyOf(const Words& w) {
  const size_t nodes = std::stoul(w[0]), switches = std::stoul(w[1]), links = std::stoul(w[2]);
  sim::Topology topology;
  topology.nodes.assign(nodes, sim::NodeKind::kHost);
  size_t at = 3;
  for (size_t i = 0; i < switches; ++i)
    topology.nodes[std::stoul(w[at++])] = sim::NodeKind::kSwitch;
  for (size_t i = 0; i < links; ++i, at += 5) {
    sim::LinkConfig link;
    link.rate = Bandwidth::GigabitsPerSecond(std::stol(w[at + 2]));
    link.delay = Duration::Nanoseconds(std::stol(w[at + 3]));
    topology.AddLink(static_cast<sim::NodeId>(std::stoul(w[at])),
                     static_cast<sim::NodeId>(std::stoul(w[at + 1])), link);
  }
  return topology;
}

// Half of the starts have a double a little below them, and come a nanosecond earlier than they
// say.
std::vector<lab::FlowSpec> FlowsOf(const Words& w) {
  std::vector<lab::FlowSpec> flows;
  for (size_t at = 1; at + 6 <= w.size(); at += 6) {
    const int64_t start = WholeNanoseconds(std::strtod(w[at + 5].c_str(), nullptr));
    flows.push_back({static_cast<sim::NodeId>(std::stoul(w[at])),
                     static_cast<sim::NodeId>(std::stoul(w[at + 1])), Bytes(std::stol(w[at + 4])),
                     Time::Zero() + Duration::Nanoseconds(start - kOrigin)});
  }
  return flows;
}

// The algorithm by its mode and parameters.
std::string AlgorithmOf(const Config& c) {
  const std::string window = c.Number("HAS_WIN") > 0 ? "rtt" : "none";
  const std::string ai = c.Text("RATE_AI"), hai = c.Text("RATE_HAI");
  const auto rate = [](const std::string& text) {
    return text.substr(0, text.find("Mb/s")) + "Mbps";
  };
  switch (static_cast<int>(c.Number("CC_MODE"))) {
    case 1:
      return absl::StrCat(
          "dcqcn:preset=ns3-cx4,notice=ack,alpha_timer=", c.Text("ALPHA_RESUME_INTERVAL"),
          "us,decrease_interval=", c.Text("RATE_DECREASE_INTERVAL"),
          "us,rate_timer=", c.Text("RP_TIMER"), "us,fast_recovery=", c.Text("FAST_RECOVERY_TIMES"),
          ",ai=", rate(ai), ",hai=", rate(hai), ",window=", window);
    case 3:
      return absl::StrCat("hpcc:preset=ns3,eta=", c.Text("U_TARGET"),
                          ",max_stage=", c.Text("MI_THRESH"), ",ai=", rate(ai));
    case 7:
      return absl::StrCat("timely:preset=ns3,ai=", rate(ai), ",hai=", rate(hai),
                          ",window=", window);
    default:
      return absl::StrCat("dctcp:preset=ns3,g=", c.Text("EWMA_GAIN"),
                          ",ai=", rate(c.Text("DCTCP_RATE_AI")), ",window=", window);
  }
}

void SetSwitches(const Config& c, lab::Scenario& s) {
  s.switches.buffer = Bytes(static_cast<int64_t>(c.Number("BUFFER_SIZE")) << 20);
  s.switches.ecn.mode = switching::EcnProfile::Mode::kDequeue;
  s.switches.ecn.kmin = Bytes(static_cast<int64_t>(c.Map("KMIN_MAP") * 1000));
  s.switches.ecn.kmax = Bytes(static_cast<int64_t>(c.Map("KMAX_MAP") * 1000));
  s.switches.ecn.pmax = c.Map("PMAX_MAP");
  // PFC as in that simulator: threshold 1/8 of what is free, headroom 3 x rate x delay.
  const sim::LinkConfig& link = s.topology.links[0].forward;
  s.switches.sharing.lossless = 1;
  s.switches.sharing.headroom = BytesIn(link.delay, link.rate) * 3;
}

}  // namespace

absl::StatusOr<Reference> ReadReference(const std::string& directory, const std::string& scenario,
                                        const std::string& variant) {
  const auto config_words =
      ReadWords(absl::StrCat(directory, "/config_", scenario, "_", variant, ".txt"));
  if (!config_words.ok()) return config_words.status();
  const Config config(*config_words);
  const auto topology = ReadWords(absl::StrCat(directory, "/", config.Text("TOPOLOGY_FILE")));
  if (!topology.ok()) return topology.status();
  const auto flows = ReadWords(absl::StrCat(directory, "/", config.Text("FLOW_FILE")));
  if (!flows.ok()) return flows.status();
  Reference reference;
  lab::Scenario& s = reference.scenario;
  s.topology = TopologyOf(*topology);
  s.flows = FlowsOf(*flows);
  SetSwitches(config, s);
  s.limit = Duration::Milliseconds(
      std::lround((config.Number("SIMULATOR_STOP_TIME") - kFirstSecond) * 1e3));
  lab::UseHpccNs3(s, config.Number("ACK_HIGH_PRIO") > 0);
  reference.algorithm = AlgorithmOf(config);
  return reference;
}

}  // namespace sluice::test
