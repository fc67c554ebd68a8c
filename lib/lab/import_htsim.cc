#include "lab/import_htsim.h"

#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/values.h"
#include "cli/values.h"
#include "lab/experiment_file.h"
#include "lab/htsim_topology.h"
#include "lab/limits.h"
#include "lab/tokens.h"

namespace sluice::lab {
namespace {

using cli::Json;

struct Connection {
  int64_t source = 0;
  int64_t destination = 0;
  int64_t start_ps = 0;
  int64_t bytes = 0;
  int64_t trigger = 0;  // 0: none, likewise below
  int64_t send_done = 0;
  int64_t receive_done = 0;
  int line = 0;
};

struct HtsimTrigger {
  int64_t needed = 1;
  bool multishot = false;
  int line = 0;
  std::vector<Json> events;
};

class Matrix {
 public:
  Matrix(const NamedText& file, std::vector<std::string>* notes)
      : file_(file), tokens_(file.name, file.text), notes_(notes) {}

  absl::Status Read();
  int64_t nodes() const { return nodes_; }
  Json FlowsJson() const;
  Json TriggersJson() const;

 private:
  absl::Status ReadHeader();
  absl::Status ReadConnection(std::string_view pair);
  absl::Status ReadEnds(std::string_view pair, Connection* c);
  absl::Status ReadTrigger();
  absl::Status Integer(std::string_view what, int64_t min, int64_t max, int64_t* value) {
    const absl::StatusOr<int64_t> v = tokens_.Integer(what, min, max);
    if (!v.ok()) return v.status();
    *value = *v;
    return absl::OkStatus();
  }
  absl::Status At(int line, const std::string& why) const {
    return absl::InvalidArgumentError(absl::StrFormat("%s: line %d: %s", file_.name, line, why));
  }
  absl::Status Event(size_t flow, int64_t trigger, bool received);
  absl::Status Link();  // triggers to flows, once all is read

  const NamedText& file_;
  Tokens tokens_;
  std::vector<std::string>* notes_;
  int64_t nodes_ = 0;
  int64_t wanted_connections_ = -1;
  int64_t wanted_triggers_ = 0;
  std::vector<Connection> connections_;
  std::map<int64_t, HtsimTrigger> triggers_;  // by id
  std::set<int64_t> ids_;
  bool priorities_ = false;
};

// Nodes, Connections, Triggers, Failures, in any order, with comments.
absl::Status Matrix::ReadHeader() {
  while (!tokens_.AtEnd()) {
    const std::string_view word = tokens_.Peek();
    if (word.starts_with("#")) {
      tokens_.SkipLine();
      continue;
    }
    int64_t* value = nullptr;
    int64_t failures = 0;
    if (word == "Nodes") value = &nodes_;
    if (word == "Connections") value = &wanted_connections_;
    if (word == "Triggers") value = &wanted_triggers_;
    if (word == "Failures") value = &failures;
    if (value == nullptr) break;
    if (auto w = tokens_.Word("a key"); !w.ok()) return w.status();
    if (absl::Status s = Integer("a number", 0, int64_t{kMaxFlows}, value); !s.ok()) return s;
    if (failures > 0) return tokens_.Wrong("failures are not supported");
  }
  if (nodes_ < 2 || nodes_ > kMostNodes) {
    return absl::InvalidArgumentError(file_.name + ": `Nodes N`, N at least 2, is missing");
  }
  if (wanted_connections_ < 1) {
    return absl::InvalidArgumentError(file_.name + ": `Connections N`, N at least 1, is missing");
  }
  return absl::OkStatus();
}

// "3->17"
absl::Status Matrix::ReadEnds(std::string_view pair, Connection* c) {
  const size_t arrow = pair.find("->");
  const auto refuse = [&] {
    return tokens_.Wrong(absl::StrFormat("'%s' is no pair such as 0->1 of nodes from 0 to %d",
                                         cli::OneLine(pair), nodes_ - 1));
  };
  if (arrow == std::string_view::npos) return refuse();
  const absl::StatusOr<int64_t> from = ParseInteger(pair.substr(0, arrow));
  const absl::StatusOr<int64_t> to = ParseInteger(pair.substr(arrow + 2));
  if (!from.ok() || !to.ok()) return refuse();
  if (*from < 0 || *from >= nodes_ || *to < 0 || *to >= nodes_) return refuse();
  if (*from == *to) return tokens_.Wrong("a connection from a node to itself");
  c->source = *from;
  c->destination = *to;
  return absl::OkStatus();
}

absl::Status Matrix::ReadConnection(std::string_view pair) {
  Connection c;
  c.line = tokens_.last_line();
  if (absl::Status s = ReadEnds(pair, &c); !s.ok()) return s;
  bool started = false;
  int64_t id = 0;
  while (!tokens_.AtEnd() && tokens_.line() == c.line) {
    const absl::StatusOr<std::string_view> key = tokens_.Word("a key");
    if (!key.ok()) return key.status();
    int64_t ignored = 0;
    absl::Status s = absl::OkStatus();
    if (*key == "id") {
      s = Integer("an id", 1, INT64_MAX, &id);
      if (s.ok() && !ids_.insert(id).second) {
        s = tokens_.Wrong(absl::StrFormat("the id %d stands twice", id));
      }
    } else if (*key == "start") {
      s = Integer("a start in ps", 0, int64_t{1'000'000'000'000'000}, &c.start_ps);
      started = true;
    } else if (*key == "size") {
      s = Integer("a size in bytes", 1, kMostMessageBytes, &c.bytes);
    } else if (*key == "trigger") {
      s = Integer("a trigger", 1, INT64_MAX, &c.trigger);
    } else if (*key == "send_done_trigger") {
      s = Integer("a trigger", 1, INT64_MAX, &c.send_done);
    } else if (*key == "recv_done_trigger") {
      s = Integer("a trigger", 1, INT64_MAX, &c.receive_done);
    } else if (*key == "prio") {
      s = Integer("a priority", 0, INT64_MAX, &ignored);
      priorities_ = true;
    } else if (*key != "addon") {
      s = tokens_.Wrong(absl::StrFormat(
          "'%s' is none of id, start, trigger, size, send_done_trigger, recv_done_trigger, prio, "
          "addon",
          cli::OneLine(*key)));
    }
    if (!s.ok()) return s;
  }
  if (c.bytes == 0) return At(c.line, "no size");
  if (started == (c.trigger != 0)) return At(c.line, "either a start or a trigger is needed");
  connections_.push_back(c);
  return absl::OkStatus();
}

// trigger id <tid> (oneshot | multishot | barrier count <n>)
absl::Status Matrix::ReadTrigger() {
  HtsimTrigger t;
  t.line = tokens_.last_line();
  int64_t id = 0;
  const absl::StatusOr<std::string_view> key = tokens_.Word("`id`");
  if (!key.ok()) return key.status();
  if (*key != "id") return tokens_.Wrong("`trigger id N` is needed");
  if (absl::Status s = Integer("an id", 1, INT64_MAX, &id); !s.ok()) return s;
  const absl::StatusOr<std::string_view> kind = tokens_.Word("oneshot, multishot or barrier");
  if (!kind.ok()) return kind.status();
  if (*kind == "barrier") {
    const absl::StatusOr<std::string_view> count = tokens_.Word("`count`");
    if (!count.ok()) return count.status();
    if (*count != "count") return tokens_.Wrong("`barrier count N` is needed");
    if (absl::Status s = Integer("a count", 1, int64_t{kMaxFlows}, &t.needed); !s.ok()) return s;
  } else if (*kind == "multishot") {
    t.multishot = true;
  } else if (*kind != "oneshot") {
    return tokens_.Wrong(
        absl::StrFormat("'%s' is none of oneshot, multishot, barrier", cli::OneLine(*kind)));
  }
  if (!triggers_.emplace(id, t).second) {
    return At(t.line, absl::StrFormat("trigger %d stands twice", id));
  }
  return absl::OkStatus();
}

absl::Status Matrix::Read() {
  if (absl::Status s = ReadHeader(); !s.ok()) return s;
  while (!tokens_.AtEnd()) {
    const absl::StatusOr<std::string_view> word = tokens_.Word("a connection");
    if (!word.ok()) return word.status();
    absl::Status s = absl::OkStatus();
    if (*word == "trigger") {
      s = ReadTrigger();
    } else if (*word == "failure") {
      s = tokens_.Wrong("failures are not supported");
    } else {
      s = ReadConnection(*word);
    }
    if (!s.ok()) return s;
  }
  const auto check = [&](const char* what, size_t have, int64_t wanted) {
    if (static_cast<int64_t>(have) == wanted) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrFormat("%s: %d %s, but the header promises %d", file_.name, have, what, wanted));
  };
  if (absl::Status s = check("connections", connections_.size(), wanted_connections_); !s.ok()) {
    return s;
  }
  if (absl::Status s = check("triggers", triggers_.size(), wanted_triggers_); !s.ok()) return s;
  if (priorities_) notes_->push_back("priorities of connections are passed over");
  return Link();
}

absl::Status Matrix::Event(size_t flow, int64_t trigger, bool received) {
  if (trigger == 0) return absl::OkStatus();
  const auto found = triggers_.find(trigger);
  if (found == triggers_.end()) {
    return At(connections_[flow].line, absl::StrFormat("there is no trigger %d", trigger));
  }
  found->second.events.push_back({{"flow", flow}, {"event", received ? "received" : "sent"}});
  return absl::OkStatus();
}

absl::Status Matrix::Link() {
  std::set<int64_t> waited;
  for (size_t i = 0; i < connections_.size(); ++i) {
    const Connection& c = connections_[i];
    if (absl::Status s = Event(i, c.send_done, false); !s.ok()) return s;
    if (absl::Status s = Event(i, c.receive_done, true); !s.ok()) return s;
    if (c.trigger != 0 && triggers_.count(c.trigger) == 0) {
      return At(c.line, absl::StrFormat("there is no trigger %d", c.trigger));
    }
    if (c.trigger != 0) waited.insert(c.trigger);
  }
  for (const auto& [id, t] : triggers_) {
    const auto events = static_cast<int64_t>(t.events.size());
    if (events < t.needed) {
      return At(t.line,
                absl::StrFormat("trigger %d needs %d events and gets %d", id, t.needed, events));
    }
    if (t.multishot && events > 1 && waited.count(id) != 0) {
      return At(t.line, absl::StrFormat("multishot trigger %d would start its connections %d times",
                                        id, events));
    }
  }
  return absl::OkStatus();
}

Json Matrix::FlowsJson() const {
  std::map<int64_t, size_t> place;
  for (const auto& [id, trigger] : triggers_) place.emplace(id, place.size());
  Json flows = Json::array();
  for (const Connection& c : connections_) {
    Json flow = {{"source", c.source}, {"destination", c.destination}, {"bytes", c.bytes}};
    if (c.trigger == 0) {
      flow["start"] = TimeText(Duration::Picoseconds(c.start_ps));
    } else {
      flow["trigger"] = place[c.trigger];
    }
    flows.push_back(std::move(flow));
  }
  return flows;
}

Json Matrix::TriggersJson() const {
  Json all = Json::array();
  for (const auto& [id, t] : triggers_) {
    all.push_back({{"events", t.events}, {"needed", t.needed}});
  }
  return all;
}

}  // namespace

absl::StatusOr<Json> ImportHtsim(const NamedText& matrix_file,
                                 const std::optional<NamedText>& topology_file,
                                 std::vector<std::string>* notes) {
  Matrix matrix(matrix_file, notes);
  if (absl::Status s = matrix.Read(); !s.ok()) return s;
  Json topology;
  if (topology_file) {
    int64_t hosts = 0;
    absl::StatusOr<Json> read = ReadHtsimTopology(*topology_file, &hosts, notes);
    if (!read.ok()) return read.status();
    if (hosts < matrix.nodes()) {
      return absl::InvalidArgumentError(absl::StrFormat("%s: %d nodes, but %s has %d",
                                                        topology_file->name, hosts,
                                                        matrix_file.name, matrix.nodes()));
    }
    topology = *std::move(read);
  } else {
    topology = DefaultHtsimTopology(matrix.nodes());
  }
  Json j;
  j["format"] = kExperimentFormat;
  j["name"] = "imported";
  const Json flows = matrix.FlowsJson();
  j["summary"] = absl::StrFormat("%d connections of htsim", flows.size());
  j["details"] = "From " + matrix_file.name + ".";
  j["sample"] = "10us";
  j["random"] = {"ecmp", "marking"};
  j["switch"] = {{"buffer", "32MiB"},
                 {"ecn", {{"kmin", "400KB"}, {"kmax", "1600KB"}, {"pmax", 0.2}}}};
  j["topology"] = std::move(topology);
  j["flows"] = flows;
  const Json triggers = matrix.TriggersJson();
  if (!triggers.empty()) j["triggers"] = triggers;
  return j;
}

}  // namespace sluice::lab
