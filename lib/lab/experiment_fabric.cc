#include "lab/experiment_fabric.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "lab/json_fields.h"
#include "lab/limits.h"
#include "sim/topologies.h"

namespace sluice::lab {
namespace {

using cli::Json;

// [a, b, rate, delay] or [a, b, rate, delay, loss].
absl::Status ReadLink(const Json& json, const std::string& where, sim::Topology* topology) {
  const auto refuse = [&](std::string_view why) {
    return Invalid(
        absl::StrFormat("%s: %s; a link is [node, node, \"100Gbps\", \"1us\"] or that "
                        "with a loss behind it",
                        where, std::string(why)));
  };
  if (!json.is_array() || json.size() < 4 || json.size() > 5) return refuse("no link");
  const auto nodes = static_cast<int64_t>(topology->nodes.size());
  for (int end = 0; end < 2; ++end) {
    if (!json[end].is_number_integer() || json[end] < 0 || json[end] >= nodes) {
      return refuse(absl::StrFormat("its ends are nodes from 0 to %d", nodes - 1));
    }
  }
  const absl::StatusOr<Bandwidth> rate = RateOf(json[2]);
  if (!rate.ok()) return refuse("rate: " + MessageOf(rate.status()));
  const absl::StatusOr<Duration> delay = TimeOf(json[3]);
  if (!delay.ok()) return refuse("delay: " + MessageOf(delay.status()));
  sim::LinkConfig link;
  link.rate = *rate;
  link.delay = *delay;
  if (json.size() == 5) {
    if (!json[4].is_number()) return refuse("its loss is a number from 0 to 1");
    link.loss = json[4].get<double>();
  }
  if (absl::Status s = sim::ValidateDirection(link); !s.ok()) return refuse(MessageOf(s));
  topology->AddLink(json[0].get<sim::NodeId>(), json[1].get<sim::NodeId>(), link);
  return absl::OkStatus();
}

absl::Status ReadInline(JsonFields& f, sim::Topology* topology) {
  int64_t nodes = 0;
  f.Require("nodes");
  f.Integer("nodes", 1, kMostNodes, &nodes);
  const Json* switches = f.Require("switches");
  const Json* links = f.Require("links");
  if (absl::Status s = f.Finish(); !s.ok()) return s;
  topology->nodes.assign(static_cast<size_t>(nodes), sim::NodeKind::kHost);
  if (!switches->is_array()) return Invalid(f.Where("switches") + ": a list of nodes is needed");
  for (const Json& id : *switches) {
    if (!id.is_number_integer() || id < 0 || id >= nodes) {
      return Invalid(absl::StrFormat("%s: %s is no node from 0 to %d", f.Where("switches"),
                                     id.dump(), nodes - 1));
    }
    topology->nodes[id.get<size_t>()] = sim::NodeKind::kSwitch;
  }
  if (!links->is_array()) return Invalid(f.Where("links") + ": a list of links is needed");
  for (size_t i = 0; i < links->size(); ++i) {
    absl::Status s =
        ReadLink((*links)[i], absl::StrFormat("%s[%d]", f.Where("links"), i), topology);
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

struct Kind {
  std::string_view name;
  std::vector<std::string_view> counts;  // integers that it takes
};
const std::vector<Kind>& Kinds() {
  static const std::vector<Kind> kinds = {{"star", {"hosts"}},
                                          {"dumbbell", {"left", "right"}},
                                          {"parking-lot", {"switches", "hosts_per_switch"}},
                                          {"leaf-spine", {"leaves", "hosts_per_leaf", "spines"}},
                                          {"fat-tree", {"k"}},
                                          {"rail", {"servers", "rails", "unit", "spines"}},
                                          {"inline", {}}};
  return kinds;
}

sim::Topology Make(std::string_view kind, const std::vector<uint32_t>& n, bool planes,
                   const sim::LinkConfig& edge, const sim::LinkConfig& core) {
  if (kind == "star") return sim::Star(n[0], edge);
  if (kind == "dumbbell") return sim::Dumbbell(n[0], n[1], edge, core);
  if (kind == "parking-lot") return sim::ParkingLot(n[0], n[1], edge, core);
  if (kind == "leaf-spine") return sim::LeafSpine(n[0], n[1], n[2], edge, core);
  if (kind == "fat-tree") return sim::FatTree(n[0], edge, core);
  return sim::RailOptimised(
      {.servers = n[0], .rails = n[1], .unit = n[2], .spines = n[3], .planes = planes}, edge, core);
}

// More hosts than anybody asks for, before memory is spent on them.
absl::Status CheckCounts(const std::string& where, std::string_view kind,
                         const std::vector<uint32_t>& n) {
  double hosts = 1;
  for (const uint32_t count : n) hosts *= count;
  if (kind == "dumbbell") hosts = static_cast<double>(n[0]) + n[1];
  if (kind == "leaf-spine") hosts = static_cast<double>(n[0]) * std::max(n[1], n[2]);
  if (kind == "rail") hosts = static_cast<double>(n[0]) * n[1] + static_cast<double>(n[1]) * n[3];
  if (kind == "fat-tree") {
    if (n[0] % 2 != 0) return Invalid(where + ".k: must be even");
    hosts = static_cast<double>(n[0]) * n[0] * n[0] / 4;
  }
  if (hosts <= static_cast<double>(kMostNodes)) return absl::OkStatus();
  return Invalid(
      absl::StrFormat("%s: more than %d hosts or links between switches", where, kMostNodes));
}

absl::Status ReadEcn(const Json& json, const std::string& where, bool with_rate, RateEcn* ecn) {
  JsonFields f(json, where);
  const std::vector<std::string_view> modes = {"off", "dequeue", "enqueue"};
  size_t mode = 1;
  f.Choice("mode", modes, &mode);
  f.Size("kmin", &ecn->profile.kmin);
  f.Size("kmax", &ecn->profile.kmax);
  ecn->profile.pmax = 1;
  f.Number("pmax", 0, 1, &ecn->profile.pmax);
  if (with_rate) {
    f.Require("rate");
    f.Rate("rate", &ecn->rate);
  }
  if (absl::Status s = f.Finish(); !s.ok()) return s;
  using Mode = switching::EcnProfile::Mode;
  ecn->profile.mode = mode == 0 ? Mode::kOff : (mode == 1 ? Mode::kDequeue : Mode::kEnqueue);
  if (absl::Status s = ecn->profile.Validate(); !s.ok()) {
    return Invalid(where + ": " + MessageOf(s));
  }
  return absl::OkStatus();
}

// What stays of packets without room, and what the buffer keeps for that. Such a run uses the
// extension, whose receivers understand it.
absl::Status ReadTrim(const Json& json, const std::string& where, Scenario* s) {
  sim::SwitchConfig& config = s->switches;
  JsonFields f(json, where);
  config.trim = {.size = Bytes(128), .priority = 1};
  config.sharing.kept = config.buffer / 8;
  f.Size("size", &config.trim.size);
  f.Size("reserve", &config.sharing.kept);
  if (absl::Status status = f.Finish(); !status.ok()) return status;
  if (absl::Status status = config.trim.Validate(); !status.ok()) {
    return Invalid(where + ".size: " + MessageOf(status));
  }
  s->extended = true;
  if (!config.trim.on()) {
    config.sharing.kept = Bytes(0);
    return absl::OkStatus();
  }
  if (config.sharing.kept >= config.buffer) {
    return Invalid(where + ".reserve: must be less than the buffer");
  }
  config.sharing.kept_for = config.trim.priority;
  config.scheduler.queues = 2;
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadTopology(const Json& json, const std::string& where, sim::Topology* topology,
                          uint32_t* rails) {
  JsonFields f(json, where);
  std::vector<std::string_view> names;
  for (const Kind& k : Kinds()) names.push_back(k.name);
  size_t chosen = names.size() - 1;
  f.Require("kind");
  f.Choice("kind", names, &chosen);
  if (!f.ok()) return f.Finish();
  const Kind& kind = Kinds()[chosen];
  *rails = 1;
  if (kind.name == "inline") {
    if (absl::Status s = ReadInline(f, topology); !s.ok()) return s;
  } else {
    std::vector<uint32_t> counts;
    for (const std::string_view name : kind.counts) {
      int64_t n = 1;
      f.Require(name);
      f.Integer(name, 1, kMostNodes, &n);
      counts.push_back(static_cast<uint32_t>(n));
    }
    bool planes = false;
    if (kind.name == "rail") f.Boolean("planes", &planes);
    sim::LinkConfig edge;
    f.Rate("rate", &edge.rate);
    f.Time("delay", &edge.delay);
    sim::LinkConfig core = edge;
    if (kind.name != "star") {
      f.Rate("core_rate", &core.rate);
      f.Time("core_delay", &core.delay);
    }
    if (absl::Status s = f.Finish(); !s.ok()) return s;
    if (absl::Status s = CheckCounts(where, kind.name, counts); !s.ok()) return s;
    *topology = Make(kind.name, counts, planes, edge, core);
    if (kind.name == "rail") *rails = counts[1];
  }
  if (absl::Status s = topology->Validate(); !s.ok()) return Invalid(where + ": " + MessageOf(s));
  return absl::OkStatus();
}

absl::Status ReadSwitch(const Json& json, const std::string& where, Scenario* s) {
  JsonFields f(json, where);
  sim::SwitchConfig& config = s->switches;
  f.Size("buffer", &config.buffer);
  f.Number("alpha", 0, 1024, &config.sharing.alpha);
  bool pfc = false;
  f.Boolean("pfc", &pfc);
  f.Number("pfc_alpha", 0, 1024, &config.sharing.pfc_alpha);
  f.Size("reserve", &config.sharing.reserve);
  f.Size("resume_offset", &config.sharing.resume_offset);
  f.Size("headroom", &config.sharing.headroom);
  const Json* ecn = f.Get("ecn");
  const Json* trim = f.Get("trim");
  if (absl::Status status = f.Finish(); !status.ok()) return status;
  config.sharing.lossless = pfc ? 1 : 0;
  config.sharing.size = config.buffer;
  if (config.buffer < Bytes(1)) return Invalid(where + ".buffer: must be positive");
  if (absl::Status status = config.sharing.Validate(); !status.ok()) {
    return Invalid(where + ": " + MessageOf(status));
  }
  if (trim != nullptr) {
    if (absl::Status status = ReadTrim(*trim, f.Where("trim"), s); !status.ok()) return status;
  }
  if (ecn == nullptr) return absl::OkStatus();
  if (!ecn->is_array()) {
    RateEcn all;
    absl::Status status = ReadEcn(*ecn, f.Where("ecn"), false, &all);
    config.ecn = all.profile;
    return status;
  }
  for (size_t i = 0; i < ecn->size(); ++i) {
    RateEcn one;
    absl::Status status =
        ReadEcn((*ecn)[i], absl::StrFormat("%s[%d]", f.Where("ecn"), i), true, &one);
    if (!status.ok()) return status;
    s->ecn_by_rate.push_back(one);
  }
  return absl::OkStatus();
}

absl::Status ReadHost(const Json& json, const std::string& where, Scenario* s) {
  JsonFields f(json, where);
  const std::vector<std::string_view> presets = {"ideal", "dpdk"};
  size_t preset = 0;
  f.Choice("preset", presets, &preset);
  sim::HostModel& m = s->hosts;
  m = preset == 0 ? sim::HostModel() : sim::HostModel::Dpdk();
  f.Time("poll_period", &m.poll_period);
  f.Time("receive_delay", &m.receive_delay);
  f.Time("transmit_delay", &m.transmit_delay);
  f.Time("packet_cost", &m.packet_cost);
  f.Time("stall", &m.stall);
  f.Time("stall_every", &m.stall_every);
  f.Time("stamp_noise", &m.stamp_noise);
  const std::vector<std::string_view> stamps = {"nic", "poll"};
  size_t stamp = m.nic_stamps ? 0 : 1;
  f.Choice("stamps", stamps, &stamp);
  m.nic_stamps = stamp == 0;
  int64_t burst = m.burst;
  int64_t every = m.ask_every;
  f.Integer("burst", 1, 64, &burst);
  f.Integer("ack_every", 1, 64, &every);
  m.burst = static_cast<uint32_t>(burst);
  m.ask_every = static_cast<uint32_t>(every);
  if (absl::Status status = f.Finish(); !status.ok()) return status;
  if (s->profile == WireProfile::kHpccNs3 && !m.ideal()) {
    return Invalid(where + ": the profile hpcc-ns3 has hosts of its own; leave it out");
  }
  if (absl::Status status = m.Validate(); !status.ok()) {
    return Invalid(where + ": " + MessageOf(status));
  }
  return absl::OkStatus();
}

}  // namespace sluice::lab
