#include "lab/import_hpcc.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/values.h"
#include "base/whole_nanoseconds.h"
#include "lab/experiment_file.h"
#include "lab/hpcc_config.h"
#include "lab/limits.h"
#include "lab/tokens.h"
#include "sim/topology.h"

namespace sluice::lab {
namespace {

using cli::Json;

// When the simulator's generators begin, and what LINK_DOWN counts from.
constexpr int64_t kOriginNs = 2'000'000'000;
constexpr int64_t kMostStartPs = int64_t{1000} * 1'000'000'000'000;

struct Link {
  int64_t a = 0;
  int64_t b = 0;
  Bandwidth rate;
  Duration delay;
};

struct Topology {
  std::vector<bool> is_switch;
  std::vector<Link> links;
  Json json;
};

// <a> <b> <rate> <delay> <loss>
absl::Status ReadLink(Tokens& tokens, double config_loss, Topology* t, Json* rows) {
  const auto last = static_cast<int64_t>(t->is_switch.size()) - 1;
  const absl::StatusOr<int64_t> a = tokens.Integer("a node", 0, last);
  if (!a.ok()) return a.status();
  const absl::StatusOr<int64_t> b = tokens.Integer("a node", 0, last);
  if (!b.ok()) return b.status();
  if (*a == *b) return tokens.Wrong(absl::StrFormat("a link from node %d to itself", *a));
  const absl::StatusOr<std::string_view> rate = tokens.Word("a rate");
  if (!rate.ok()) return rate.status();
  const absl::StatusOr<Bandwidth> bps = ParseNs3Rate(*rate);
  if (!bps.ok()) return tokens.Wrong(bps.status());
  const absl::StatusOr<std::string_view> delay = tokens.Word("a delay");
  if (!delay.ok()) return delay.status();
  const absl::StatusOr<Duration> time = ParseNs3Time(*delay);
  if (!time.ok()) return tokens.Wrong(time.status());
  if (*time > Duration::Seconds(1)) return tokens.Wrong("a delay of more than a second");
  const absl::StatusOr<double> loss = tokens.Number("a loss", 0, 1);
  if (!loss.ok()) return loss.status();
  t->links.push_back({*a, *b, *bps, *time});
  Json row = {*a, *b, RateText(*bps), TimeText(*time)};
  const double effective = *loss > 0 ? *loss : config_loss;
  if (effective > 0) row.push_back(effective);
  rows->push_back(std::move(row));
  return absl::OkStatus();
}

absl::StatusOr<Topology> ReadTopology(const NamedText& file, double config_loss) {
  Tokens tokens(file.name, file.text);
  const absl::StatusOr<int64_t> nodes = tokens.Integer("the number of nodes", 1, kMostNodes);
  if (!nodes.ok()) return nodes.status();
  const absl::StatusOr<int64_t> switches = tokens.Integer("the number of switches", 0, *nodes);
  if (!switches.ok()) return switches.status();
  const absl::StatusOr<int64_t> links = tokens.Integer("the number of links", 1, kMostLinks);
  if (!links.ok()) return links.status();
  Topology t;
  t.is_switch.resize(static_cast<size_t>(*nodes));
  Json ids = Json::array();
  for (int64_t i = 0; i < *switches; ++i) {
    const absl::StatusOr<int64_t> id = tokens.Integer("a switch", 0, *nodes - 1);
    if (!id.ok()) return id.status();
    if (t.is_switch[static_cast<size_t>(*id)]) {
      return tokens.Wrong(absl::StrFormat("switch %d stands twice", *id));
    }
    t.is_switch[static_cast<size_t>(*id)] = true;
    ids.push_back(*id);
  }
  Json rows = Json::array();
  for (int64_t i = 0; i < *links; ++i) {
    if (absl::Status s = ReadLink(tokens, config_loss, &t, &rows); !s.ok()) return s;
  }
  if (!tokens.AtEnd()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: line %d: more than the %d links that the first line promises",
                        file.name, tokens.line(), *links));
  }
  t.json = {{"kind", "inline"}, {"nodes", *nodes}, {"switches", ids}, {"links", rows}};
  return t;
}

struct Flows {
  Json json = Json::array();
  int64_t origin_ns = 0;
};

// <src> <dst> <pg> <dport> <bytes> <start seconds>
struct FlowLine {
  int64_t source = 0;
  int64_t destination = 0;
  int64_t priority = 0;
  int64_t port = 0;
  int64_t bytes = 0;
  int64_t start_ps = 0;  // as it is written
};

// When a flow starts that is written with that start. The simulator reads a double of seconds and
// cuts it to whole nanoseconds, so half of all starts come a nanosecond before what is written.
int64_t StartNs(const FlowLine& f) {
  return WholeNanoseconds(static_cast<double>(f.start_ps) / 1e12);
}

absl::StatusOr<FlowLine> ReadFlow(Tokens& tokens, const Topology& t) {
  const auto last = static_cast<int64_t>(t.is_switch.size()) - 1;
  FlowLine f;
  const struct {
    std::string_view what;
    int64_t min;
    int64_t max;
    int64_t* value;
  } fields[] = {{"a source", 0, last, &f.source},
                {"a destination", 0, last, &f.destination},
                {"a priority", 0, 7, &f.priority},
                {"a port", 0, 65535, &f.port},
                {"a size in bytes", 1, kMostMessageBytes, &f.bytes}};
  for (const auto& field : fields) {
    const absl::StatusOr<int64_t> v = tokens.Integer(field.what, field.min, field.max);
    if (!v.ok()) return v.status();
    *field.value = *v;
  }
  const absl::StatusOr<std::string_view> word = tokens.Word("a start in seconds");
  if (!word.ok()) return word.status();
  const absl::StatusOr<int64_t> start = ParseDecimal(*word, 12);
  if (!start.ok()) return tokens.Wrong(start.status());
  if (*start > kMostStartPs) return tokens.Wrong("a start after 1000 s");
  f.start_ps = *start;
  for (const int64_t host : {f.source, f.destination}) {
    if (t.is_switch[static_cast<size_t>(host)]) {
      return tokens.Wrong(
          absl::StrFormat("node %d is a switch, and sends or receives nothing", host));
    }
  }
  if (f.source == f.destination) return tokens.Wrong("a flow from a host to itself");
  return f;
}

absl::StatusOr<Flows> ReadFlows(const NamedText& file, const Topology& t) {
  Tokens tokens(file.name, file.text);
  const absl::StatusOr<int64_t> count =
      tokens.Integer("the number of flows", 1, int64_t{kMaxFlows});
  if (!count.ok()) return count.status();
  Flows flows;
  std::optional<FlowLine> before;
  for (int64_t i = 0; i < *count; ++i) {
    const absl::StatusOr<FlowLine> f = ReadFlow(tokens, t);
    if (!f.ok()) return f.status();
    if (!before) {
      flows.origin_ns = StartNs(*f) >= kOriginNs ? kOriginNs : 0;
    } else if (f->start_ps < before->start_ps) {
      return tokens.Wrong("starts before the flow above it; flows are sorted by start");
    } else if (f->priority != before->priority) {
      return tokens.Wrong(
          absl::StrFormat("priority %d after %d: flows of several priorities are not supported",
                          f->priority, before->priority));
    }
    before = *f;
    flows.json.push_back({{"source", f->source},
                          {"destination", f->destination},
                          {"bytes", f->bytes},
                          {"start", TimeText(Duration::Nanoseconds(StartNs(*f) - flows.origin_ns))},
                          {"port", f->port}});
  }
  if (!tokens.AtEnd()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: line %d: more than the %d flows that the first line promises",
                        file.name, tokens.line(), *count));
  }
  return flows;
}

// The headroom that the simulator gives a port: 3 x rate x delay. Ours is one for all ports.
Bytes Headroom(const Topology& t, std::vector<std::string>* notes) {
  std::set<int64_t> sizes;
  for (const Link& link : t.links) {
    // bit/s x ps / 8e12; 10 Tb/s and 1 s still fit.
    const double bytes =
        static_cast<double>(link.rate.bps()) / 8e12 * static_cast<double>(link.delay.ps()) * 3;
    sizes.insert(static_cast<int64_t>(bytes));
  }
  if (sizes.size() > 1) {
    notes->push_back(absl::StrFormat("links differ: every port gets the longest headroom, %d bytes",
                                     *sizes.rbegin()));
  }
  return Bytes(*sizes.rbegin());
}

// Whether an acknowledgement that arrives as alpha's timer fires was planned before it: as its last
// link began to carry it.
bool AcksBeforeAlpha(const HpccConfig& config, const Topology& t) {
  return std::all_of(t.links.begin(), t.links.end(),
                     [&](const Link& link) { return config.alpha_timer <= link.delay; });
}

Json SwitchJson(const HpccConfig& config, const Topology& t, std::vector<std::string>* notes) {
  Json j = {{"buffer", config.buffer.count()}, {"pfc", config.lossless}};
  if (config.lossless) {
    j["pfc_alpha"] = 0.125;
    j["reserve"] = 4096;
    j["resume_offset"] = 3072;
    j["headroom"] = Headroom(t, notes).count();
  }
  j["ecn"] = Json::array();
  for (const HpccConfig::Ecn& e : config.ecn) {
    j["ecn"].push_back({{"rate", RateText(e.rate)},
                        {"mode", "dequeue"},
                        {"kmin", e.kmin.count()},
                        {"kmax", e.kmax.count()},
                        {"pmax", e.pmax}});
  }
  return j;
}

absl::StatusOr<Json> LinkEvents(const HpccConfig& config, const NamedText& file,
                                const Topology& t) {
  Json events = Json::array();
  for (const HpccConfig::Cut& cut : config.cuts) {
    size_t link = 0;
    while (link < t.links.size() &&
           std::minmax(t.links[link].a, t.links[link].b) != std::minmax(cut.a, cut.b)) {
      ++link;
    }
    if (link == t.links.size()) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "%s: LINK_DOWN: there is no link between %d and %d", file.name, cut.a, cut.b));
    }
    events.push_back({{"at", TimeText(cut.at)}, {"link", link}, {"event", "down"}});
  }
  return events;
}

}  // namespace

absl::StatusOr<Json> ImportHpcc(const NamedText& config_file, const NamedText& topology_file,
                                const NamedText& flow_file, bool exact,
                                std::vector<std::string>* notes) {
  const absl::StatusOr<HpccConfig> config =
      ParseHpccConfig(config_file.name, config_file.text, notes);
  if (!config.ok()) return config.status();
  const absl::StatusOr<Topology> topology = ReadTopology(topology_file, config->loss);
  if (!topology.ok()) return topology.status();
  const absl::StatusOr<Flows> flows = ReadFlows(flow_file, *topology);
  if (!flows.ok()) return flows.status();
  const absl::StatusOr<Json> events = LinkEvents(*config, config_file, *topology);
  if (!events.ok()) return events.status();

  Json j;
  j["format"] = kExperimentFormat;
  j["name"] = "imported";
  j["summary"] = absl::StrFormat("%d flows of the HPCC simulator", flows->json.size());
  j["details"] =
      absl::StrFormat("From %s, %s and %s.", config_file.name, topology_file.name, flow_file.name);
  j["profile"] = "hpcc-ns3";
  j["profile_options"] = {{"ack_first", config->ack_first}};
  if (exact) j["profile_options"]["exact"] = true;
  j["mtu"] = config->payload;
  j["origin"] = TimeText(Duration::Nanoseconds(flows->origin_ns));
  const Duration end = config->stop - Duration::Nanoseconds(flows->origin_ns);
  if (end > Duration::Zero()) j["limit"] = TimeText(end);
  j["sample"] = "10us";
  j["random"] = {"marking"};
  if (config->loss > 0) j["random"].push_back("loss");
  j["arms"] = {{"imported", HpccArm(*config, exact && AcksBeforeAlpha(*config, *topology))}};
  j["switch"] = SwitchJson(*config, *topology, notes);
  j["topology"] = topology->json;
  if (!events->empty()) j["link_events"] = *events;
  j["flows"] = flows->json;
  return j;
}

}  // namespace sluice::lab
