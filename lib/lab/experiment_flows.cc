#include "lab/experiment_flows.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/str_format.h"
#include "lab/ideal.h"
#include "lab/json_fields.h"
#include "lab/limits.h"

namespace sluice::lab {
namespace {

using cli::Json;

constexpr int64_t kLatest = 1'000'000'000'000'000;  // ps: 1000 s

// [source, destination, bytes, start] as the object that says the same.
absl::StatusOr<Json> Unfold(const Json& json, const std::string& where) {
  if (!json.is_array()) return json;
  if (json.size() != 4) {
    return Invalid(where + ": a flow is [source, destination, bytes, \"start\"] or an object");
  }
  return Json{
      {"source", json[0]}, {"destination", json[1]}, {"bytes", json[2]}, {"start", json[3]}};
}

// A host, and not another node.
void ReadHost(JsonFields& f, std::string_view key, const sim::Topology& topology,
              sim::NodeId* host) {
  int64_t node = 0;
  f.Require(key);
  f.Integer(key, 0, static_cast<int64_t>(topology.nodes.size()) - 1, &node);
  *host = static_cast<sim::NodeId>(node);
  if (f.ok() && topology.nodes[*host] != sim::NodeKind::kHost) {
    f.Fail(key, absl::StrFormat("node %d is a switch", node));
  }
}

absl::Status ReadFlow(const Json& given, const std::string& where, const Scenario& s,
                      size_t triggers, FlowSpec* flow) {
  const absl::StatusOr<Json> json = Unfold(given, where);
  if (!json.ok()) return json.status();
  JsonFields f(*json, where);
  ReadHost(f, "source", s.topology, &flow->source);
  ReadHost(f, "destination", s.topology, &flow->destination);
  f.Require("bytes");
  f.Size("bytes", &flow->size);
  Duration start;
  f.Time("start", &start);
  int64_t trigger = -1;
  if (f.Get("trigger") != nullptr && triggers == 0) f.Fail("trigger", "the file has no triggers");
  f.Integer("trigger", 0, static_cast<int64_t>(triggers) - 1, &trigger);
  f.Boolean("measured", &flow->measured);
  int64_t port = flow->destination_port;
  f.Integer("port", 0, 65535, &port);
  if (flow->size < Bytes(1) || flow->size > Bytes(kMostMessageBytes)) {
    f.Fail("bytes", "must be from 1 to 2^31");
  }
  if (start < Duration::Zero() || start.ps() > kLatest) f.Fail("start", "must be from 0 to 1000s");
  if (flow->source == flow->destination) f.Fail("destination", "is the source too");
  flow->start = Time::Zero() + start;
  flow->trigger = trigger < 0 ? kNoTrigger : static_cast<uint32_t>(trigger);
  flow->destination_port = static_cast<uint16_t>(port);
  return f.Finish();
}

absl::Status ReadTrigger(const Json& json, const std::string& where, size_t flows, Trigger* t) {
  JsonFields f(json, where);
  const Json* events = f.Require("events");
  f.Time("delay", &t->delay);
  if (t->delay < Duration::Zero()) f.Fail("delay", "must not be negative");
  if (events != nullptr && !events->is_array()) f.Fail("events", "a list is needed");
  int64_t needed = events == nullptr ? 1 : static_cast<int64_t>(events->size());
  f.Integer("needed", 1, std::max<int64_t>(needed, 1), &needed);
  if (absl::Status s = f.Finish(); !s.ok()) return s;
  if (events->empty()) return Invalid(f.Where("events") + ": nothing would ever fire it");
  t->needed = static_cast<uint32_t>(needed);
  for (size_t i = 0; i < events->size(); ++i) {
    JsonFields e((*events)[i], absl::StrFormat("%s[%d]", f.Where("events"), i));
    int64_t flow = 0;
    size_t what = 0;
    e.Require("flow");
    e.Integer("flow", 0, static_cast<int64_t>(flows) - 1, &flow);
    e.Choice("event", {"sent", "received"}, &what);
    if (absl::Status s = e.Finish(); !s.ok()) return s;
    t->events.push_back({static_cast<uint32_t>(flow), what == 1});
  }
  return absl::OkStatus();
}

// The shortest text of the number, without an exponent: the one that was written.
std::string PlainText(double value) {
  char text[400];  // the longest double has 309 digits, the smallest 324 decimals and few more
  const auto [end, error] =
      std::to_chars(text, text + sizeof text, value, std::chars_format::fixed);
  return error == std::errc() ? std::string(text, end) : "";
}

absl::Status ReadPoints(const Json& json, const std::string& where,
                        std::vector<Cdf::Point>* points) {
  if (!json.is_array()) return Invalid(where + ": a list of [bytes, percent] is needed");
  for (size_t i = 0; i < json.size(); ++i) {
    const Json& row = json[i];
    if (!row.is_array() || row.size() != 2 || !row[0].is_number_integer() || !row[1].is_number()) {
      return Invalid(absl::StrFormat("%s[%d]: a row is [bytes, percent]", where, i));
    }
    const absl::StatusOr<int64_t> part = Cdf::ParsePercent(PlainText(row[1].get<double>()));
    if (!part.ok()) {
      return Invalid(absl::StrFormat("%s[%d]: %s", where, i, MessageOf(part.status())));
    }
    points->push_back({row[0].get<int64_t>(), *part});
  }
  return absl::OkStatus();
}

// A parameter's value as the command line would have it.
std::string TextOf(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "on" : "off";
  return value.dump();
}

}  // namespace

absl::Status ReadFlows(const Json* flows, const Json* triggers, const std::string& where,
                       Scenario* s) {
  if (flows == nullptr) {
    return triggers == nullptr ? absl::OkStatus()
                               : Invalid(where + " triggers: there are no flows to wait for them");
  }
  if (!flows->is_array() || flows->size() > kMaxFlows) {
    return Invalid(
        absl::StrFormat("%s flows: a list of at most %d flows is needed", where, kMaxFlows));
  }
  if (triggers != nullptr && !triggers->is_array()) {
    return Invalid(where + " triggers: a list is needed");
  }
  const size_t count = triggers == nullptr ? 0 : triggers->size();
  const Paths paths(s->topology);
  for (size_t i = 0; i < flows->size(); ++i) {
    const std::string place = absl::StrFormat("%s flows[%d]", where, i);
    FlowSpec flow;
    absl::Status status = ReadFlow((*flows)[i], place, *s, count, &flow);
    if (!status.ok()) return status;
    if (!paths.Reaches(flow.source, flow.destination)) {
      return Invalid(absl::StrFormat("%s: there is no way from node %d to node %d", place,
                                     flow.source, flow.destination));
    }
    s->flows.push_back(flow);
  }
  for (size_t i = 0; i < count; ++i) {
    Trigger trigger;
    absl::Status status = ReadTrigger((*triggers)[i], absl::StrFormat("%s triggers[%d]", where, i),
                                      s->flows.size(), &trigger);
    if (!status.ok()) return status;
    s->triggers.push_back(std::move(trigger));
  }
  return absl::OkStatus();
}

absl::Status ReadCdfs(const Json& json, const std::string& where, CdfTable* cdfs) {
  if (!json.is_object()) return Invalid(where + ": an object { ... } is needed");
  for (const auto& [name, rows] : json.items()) {
    std::vector<Cdf::Point> points;
    const std::string place = where + "." + name;
    if (absl::Status s = ReadPoints(rows, place, &points); !s.ok()) return s;
    absl::StatusOr<Cdf> cdf = Cdf::Of(place, std::move(points));
    if (!cdf.ok()) return cdf.status();
    cdfs->emplace(name, *std::move(cdf));
  }
  return absl::OkStatus();
}

absl::Status ReadWorkloads(const Json& json, const std::string& where,
                           std::vector<WorkloadPlan>* plans) {
  if (!json.is_array()) return Invalid(where + ": a list is needed");
  for (size_t i = 0; i < json.size(); ++i) {
    const std::string place = absl::StrFormat("%s[%d]", where, i);
    const Json& one = json[i];
    if (!one.is_object() || !one.contains("kind") || !one["kind"].is_string()) {
      return Invalid(place + ": an object with a \"kind\" is needed");
    }
    const absl::StatusOr<const Workload*> workload = FindWorkload(one["kind"].get<std::string>());
    if (!workload.ok()) return Invalid(place + ": " + MessageOf(workload.status()));
    Parameters::Items items;
    for (const auto& [key, value] : one.items()) {
      if (key != "kind") items.emplace_back(key, TextOf(value));
    }
    absl::StatusOr<Parameters> parameters = Parameters::Of(
        "workload " + std::string((*workload)->name), (*workload)->parameters, items);
    if (!parameters.ok()) return Invalid(place + ": " + MessageOf(parameters.status()));
    plans->push_back({*workload, *std::move(parameters)});
  }
  return absl::OkStatus();
}

}  // namespace sluice::lab
