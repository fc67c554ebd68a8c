#include "lab/export_hpcc.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "absl/strings/str_format.h"
#include "base/values.h"
#include "base/whole_nanoseconds.h"
#include "cc/registry.h"
#include "lab/profile.h"

namespace sluice::lab {
namespace {

constexpr int64_t kMiB = 1 << 20;

absl::StatusOr<std::string> TopologyText(const sim::Topology& t) {
  std::vector<sim::NodeId> switches;
  for (sim::NodeId node = 0; node < t.nodes.size(); ++node) {
    if (t.nodes[node] == sim::NodeKind::kSwitch) switches.push_back(node);
  }
  std::string text = absl::StrFormat("%d %d %d\n", t.nodes.size(), switches.size(), t.links.size());
  for (size_t i = 0; i < switches.size(); ++i) {
    text += absl::StrFormat("%s%d", i == 0 ? "" : " ", switches[i]);
  }
  text += "\n";
  for (const sim::Link& link : t.links) {
    if (link.forward.rate != link.backward.rate || link.forward.delay != link.backward.delay ||
        link.forward.loss != link.backward.loss) {
      return absl::InvalidArgumentError(
          absl::StrFormat("the directions of the link between %d and %d differ, which that "
                          "simulator cannot have",
                          link.a, link.b));
    }
    // That simulator knows no "Kbps" and no "Tbps".
    text += absl::StrFormat("%d %d %dbps %s %s\n", link.a, link.b, link.forward.rate.bps(),
                            TimeText(link.forward.delay), NumberText(link.forward.loss));
  }
  return text;
}

// Seconds that the simulator, which keeps a double and cuts it to whole nanoseconds, reads as
// those.
std::string StartText(int64_t ns) {
  const std::string text = absl::StrFormat("%d.%09d", ns / 1'000'000'000, ns % 1'000'000'000);
  const bool below = WholeNanoseconds(static_cast<double>(ns) / 1e9) < ns;
  return below ? text + "1" : text;
}

absl::StatusOr<std::string> FlowText(const Scenario& s, std::vector<std::string>* notes) {
  std::vector<const FlowSpec*> flows;
  bool rounded = false;
  for (const FlowSpec& f : s.flows) {
    if (f.trigger != kNoTrigger) {
      return absl::InvalidArgumentError(
          "flows that wait for others have no place in that simulator's flow file");
    }
    rounded = rounded || f.start.ps() % 1000 != 0;
    flows.push_back(&f);
  }
  if (rounded) notes->push_back("starts are rounded down to nanoseconds");
  std::stable_sort(flows.begin(), flows.end(),
                   [](const FlowSpec* a, const FlowSpec* b) { return a->start < b->start; });
  std::string text = absl::StrFormat("%d\n", flows.size());
  for (const FlowSpec* f : flows) {
    const int64_t ns = (HpccOrigin(s) + (f->start - Time::Zero())).ps() / 1000;
    text += absl::StrFormat("%d %d 3 %d %d %s\n", f->source, f->destination, f->destination_port,
                            f->size.count(), StartText(ns));
  }
  return text;
}

// n / 10^decimals, exactly: "12.5".
std::string DecimalText(int64_t n, int decimals) {
  int64_t one = 1;
  for (int i = 0; i < decimals; ++i) one *= 10;
  std::string text = absl::StrFormat("%d.%0*d", n / one, decimals, n % one);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string MegabitText(const std::string& rate) {
  const absl::StatusOr<Bandwidth> bps = ParseRate(rate);
  return bps.ok() ? DecimalText(bps->bps(), 6) + "Mb/s" : rate;
}

std::string MicrosecondText(const std::string& time) {
  const absl::StatusOr<Duration> t = ParseTime(time);
  return t.ok() ? DecimalText(t->ps(), 6) : time;
}

// Key of the configuration, name of our parameter.
struct Key {
  const char* key;
  const char* parameter;
  std::string (*text)(const std::string&);
};
std::string AsIs(const std::string& text) { return text; }

struct AlgorithmKeys {
  const char* name;
  int mode;
  std::vector<Key> keys;
};
const std::vector<AlgorithmKeys>& Algorithms() {
  static const std::vector<AlgorithmKeys> all = {
      {"dcqcn",
       1,
       {{"EWMA_GAIN", "g", AsIs},
        {"RP_TIMER", "rate_timer", MicrosecondText},
        {"ALPHA_RESUME_INTERVAL", "alpha_timer", MicrosecondText},
        {"RATE_DECREASE_INTERVAL", "decrease_interval", MicrosecondText},
        {"FAST_RECOVERY_TIMES", "fast_recovery", AsIs},
        {"RATE_AI", "ai", MegabitText},
        {"RATE_HAI", "hai", MegabitText},
        {"MIN_RATE", "min_rate", MegabitText}}},
      {"hpcc",
       3,
       {{"U_TARGET", "eta", AsIs},
        {"MI_THRESH", "max_stage", AsIs},
        {"RATE_AI", "ai", MegabitText},
        {"MIN_RATE", "min_rate", MegabitText}}},
      {"timely",
       7,
       {{"RATE_AI", "ai", MegabitText},
        {"RATE_HAI", "hai", MegabitText},
        {"MIN_RATE", "min_rate", MegabitText}}},
      {"dctcp",
       8,
       {{"EWMA_GAIN", "g", AsIs},
        {"DCTCP_RATE_AI", "ai", MegabitText},
        {"MIN_RATE", "min_rate", MegabitText}}}};
  return all;
}

absl::StatusOr<std::string> AlgorithmText(const std::string& text,
                                          std::vector<std::string>* notes) {
  const auto algorithm = cc::MakeAlgorithm(text);
  if (!algorithm.ok()) return algorithm.status();
  std::map<std::string, std::string, std::less<>> values;
  for (const auto& [name, value] : (*algorithm)->params()) values[name] = value;
  for (const AlgorithmKeys& a : Algorithms()) {
    if (a.name != (*algorithm)->name()) continue;
    std::string lines = absl::StrFormat("CC_MODE %d\n", a.mode);
    for (const Key& key : a.keys) {
      lines += absl::StrFormat("%s %s\n", key.key, key.text(values[key.parameter]));
    }
    if (a.mode == 1) {
      lines += absl::StrFormat("CLAMP_TARGET_RATE %d\n", values["target"] == "kept" ? 0 : 1);
    }
    const bool window = a.mode == 3 || values["window"] == "rtt";
    return lines + absl::StrFormat("HAS_WIN %d\nVAR_WIN %d\nFAST_REACT %d\nINT_MULTI %d\n", window,
                                   window, a.mode == 3, a.mode == 3 ? kIntMulti : 1);
  }
  notes->push_back(
      absl::StrFormat("that simulator has no %s: the configuration is without CC_MODE", text));
  return std::string();
}

std::string ConfigHead(const Scenario& s) {
  const int64_t stop_ns = (HpccOrigin(s) + s.limit).ps() / 1000;
  return absl::StrFormat(
      "ENABLE_QCN %d\nUSE_DYNAMIC_PFC_THRESHOLD 1\nPACKET_PAYLOAD_SIZE %d\n"
      "TOPOLOGY_FILE topology.txt\nFLOW_FILE flow.txt\nTRACE_FILE trace.txt\n"
      "TRACE_OUTPUT_FILE mix.tr\nFCT_OUTPUT_FILE fct.txt\nPFC_OUTPUT_FILE pfc.txt\n"
      "QLEN_MON_FILE qlen.txt\nQLEN_MON_START 0\nQLEN_MON_END %d\nSIMULATOR_STOP_TIME %d.%09d\n"
      "ERROR_RATE_PER_LINK 0\nL2_CHUNK_SIZE 4000\nL2_ACK_INTERVAL 1\nL2_BACK_TO_ZERO 0\n"
      "GLOBAL_T 1\nMULTI_RATE 0\nSAMPLE_FEEDBACK 0\nRATE_BOUND 1\n"
      "ACK_HIGH_PRIO %d\nLINK_DOWN 0 0 0\nENABLE_TRACE 0\nBUFFER_SIZE %d\n",
      s.switches.sharing.lossless != 0, s.mtu, stop_ns, stop_ns / 1'000'000'000,
      stop_ns % 1'000'000'000, s.ack_priority,
      std::max<int64_t>(s.switches.buffer.count() / kMiB, 1));
}

// ECN of every rate of a link at a switch.
std::string EcnText(const Scenario& s, std::vector<std::string>* notes) {
  bool rounded = false;
  std::set<int64_t> rates;
  for (const sim::Link& link : s.topology.links) rates.insert(link.forward.rate.bps());
  std::string kmin, kmax, pmax;
  for (const int64_t rate : rates) {
    switching::EcnProfile profile = s.switches.ecn;
    for (const RateEcn& e : s.ecn_by_rate) {
      if (e.rate.bps() == rate) profile = e.profile;
    }
    const bool off = profile.mode == switching::EcnProfile::Mode::kOff;
    rounded =
        rounded || (!off && (profile.kmin.count() % 1000 != 0 || profile.kmax.count() % 1000 != 0));
    kmin += absl::StrFormat(" %d %d", rate, off ? 1'000'000 : profile.kmin.count() / 1000);
    kmax += absl::StrFormat(" %d %d", rate, off ? 1'000'000 : profile.kmax.count() / 1000);
    pmax += absl::StrFormat(" %d %s", rate, NumberText(off ? 0 : profile.pmax));
  }
  if (rounded) notes->push_back("ECN thresholds are rounded down to KB");
  const size_t n = rates.size();
  return absl::StrFormat("KMIN_MAP %d%s\nKMAX_MAP %d%s\nPMAX_MAP %d%s\n", n, kmin, n, kmax, n,
                         pmax);
}

}  // namespace

Duration HpccOrigin(const Scenario& s) {
  return s.origin > Duration::Zero() ? s.origin : Duration::Seconds(2);
}

absl::StatusOr<HpccFiles> ExportHpcc(const Scenario& s, const std::string& algorithm,
                                     std::vector<std::string>* notes) {
  absl::StatusOr<std::string> topology = TopologyText(s.topology);
  if (!topology.ok()) return topology.status();
  absl::StatusOr<std::string> flows = FlowText(s, notes);
  if (!flows.ok()) return flows.status();
  const absl::StatusOr<std::string> cc = AlgorithmText(algorithm, notes);
  if (!cc.ok()) return cc.status();
  if (!s.link_events.empty()) notes->push_back("failures of links are not written");
  if (s.switches.trim.on()) notes->push_back("that simulator knows no trimming: it drops");
  if (s.one_queue_pair || s.queue_pairs.reused) {
    notes->push_back("messages of one queue pair become flows of their own");
  }
  const int64_t buffer = s.switches.buffer.count();
  if (buffer < kMiB) {
    notes->push_back("the buffer is at least 1 MiB there");
  } else if (buffer % kMiB != 0) {
    notes->push_back("the buffer is rounded down to MiB");
  }
  const std::string ecn = EcnText(s, notes);
  return HpccFiles{*std::move(topology), *std::move(flows), ConfigHead(s) + *cc + ecn};
}

std::string PfcText(const Scenario& s, const RunResult& run) {
  std::string text;
  for (const FabricTrace::Pfc& p : run.trace.pfc) {
    const int64_t ns = (HpccOrigin(s) + (p.time - Time::Zero())).ps() / 1000;
    text +=
        absl::StrFormat("%d %d %d %d %d\n", ns, p.node,
                        s.topology.nodes[p.node] == sim::NodeKind::kSwitch, p.port + 1, p.pause);
  }
  return text;
}

std::string QlenText(const Scenario& s, const RunResult& run) {
  std::string text = absl::StrFormat("time: %d\n", (HpccOrigin(s) + run.end).ps() / 1000);
  for (const FabricTrace::Queue& q : run.trace.queues) {
    text += absl::StrFormat("%d %d", q.node, q.port + 1);
    for (const int64_t count : q.counts) text += absl::StrFormat(" %d", count);
    text += "\n";
  }
  return text;
}

}  // namespace sluice::lab
