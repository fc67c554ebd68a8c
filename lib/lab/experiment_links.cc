#include <algorithm>
#include <vector>

#include "absl/strings/str_format.h"
#include "lab/experiment_fabric.h"
#include "lab/json_fields.h"

namespace sluice::lab {
namespace {

using cli::Json;
using Kind = sim::LinkEvent::Kind;

constexpr int64_t kMostEvents = 1'000'000;

// The links that an event is for: one by its number, or "all".
std::vector<size_t> ReadWhich(JsonFields& f, const sim::Topology& topology) {
  const size_t links = topology.links.size();
  const Json* which = f.Require("link");
  std::vector<size_t> all;
  if (which != nullptr && which->is_string()) {
    if (*which != "all") f.Fail("link", "a link is a number, or \"all\"");
    for (size_t i = 0; i < links; ++i) all.push_back(i);
    return all;
  }
  int64_t link = 0;
  f.Integer("link", 0, static_cast<int64_t>(links) - 1, &link);
  all.push_back(static_cast<size_t>(link));
  return all;
}

absl::Status ReadBurst(const Json& json, const std::string& where, sim::LinkFaults* faults) {
  JsonFields f(json, where);
  f.Require("to_bad");
  f.Number("to_bad", 0, 1, &faults->to_bad);
  f.Require("to_good");
  f.Number("to_good", 0, 1, &faults->to_good);
  f.Number("loss", 0, 1, &faults->burst_loss);
  return f.Finish();
}

// What a link is from an event on; what is not named is as the topology has it.
struct Change {
  bool has_rate = false;
  bool has_loss = false;
  Bandwidth rate;
  double loss = 0;
  sim::LinkFaults faults;

  sim::LinkConfig Of(const sim::LinkConfig& link) const {
    sim::LinkConfig changed = link;
    if (has_rate) changed.rate = rate;
    if (has_loss) changed.loss = loss;
    changed.faults = faults;
    return changed;
  }
};

absl::Status ReadChange(JsonFields& f, Change* change) {
  change->has_rate = f.Get("rate") != nullptr;
  f.Rate("rate", &change->rate);
  change->has_loss = f.Get("loss") != nullptr;
  f.Number("loss", 0, 1, &change->loss);
  f.Number("corrupt", 0, 1, &change->faults.corrupt);
  f.Number("blackhole", 0, 1, &change->faults.blackhole);
  const Json* burst = f.Get("burst");
  if (absl::Status s = f.Finish(); !s.ok()) return s;
  if (burst == nullptr) return absl::OkStatus();
  return ReadBurst(*burst, f.Where("burst"), &change->faults);
}

absl::Status AddChange(JsonFields& f, Time at, const std::vector<size_t>& links, Scenario* s) {
  Change change;
  if (absl::Status status = ReadChange(f, &change); !status.ok()) return status;
  for (const size_t link : links) {
    const sim::LinkConfig changed = change.Of(s->topology.links[link].forward);
    if (absl::Status status = sim::ValidateDirection(changed); !status.ok()) {
      return Invalid(absl::StrFormat("%s: %s", f.Where("event"), MessageOf(status)));
    }
    s->link_events.push_back({at, link, Kind::kChange, changed});
  }
  return absl::OkStatus();
}

absl::Status AddFlaps(JsonFields& f, Time at, const std::vector<size_t>& links, Scenario* s) {
  Duration down;
  Duration period;
  int64_t times = 1;
  f.Require("down");
  f.Time("down", &down);
  f.Require("period");
  f.Time("period", &period);
  f.Require("times");
  f.Integer("times", 1, kMostEvents, &times);
  if (f.ok() && down <= Duration::Zero()) f.Fail("down", "must be positive");
  if (f.ok() && period <= down) f.Fail("period", "must be longer than it is down");
  const int64_t room = kMostEvents - static_cast<int64_t>(s->link_events.size());
  if (f.ok() && times > room / static_cast<int64_t>(2 * links.size())) {
    f.Fail("times", absl::StrFormat("more than %d events in all", kMostEvents));
  }
  if (absl::Status status = f.Finish(); !status.ok()) return status;
  for (const size_t link : links) {
    const auto flaps = sim::Flap(link, at, down, period, static_cast<int>(times));
    s->link_events.insert(s->link_events.end(), flaps.begin(), flaps.end());
  }
  return absl::OkStatus();
}

absl::Status ReadLinkEvent(const Json& json, const std::string& where, Scenario* s) {
  JsonFields f(json, where);
  const std::vector<std::string_view> events = {"down", "up", "flap", "change"};
  Duration at;
  size_t event = 0;
  f.Require("at");
  f.Time("at", &at);
  f.Require("event");
  f.Choice("event", events, &event);
  const std::vector<size_t> links = ReadWhich(f, s->topology);
  if (at < Duration::Zero()) f.Fail("at", "must not be negative");
  // The keys of an event that is none would all be unknown.
  if (!f.ok()) return f.Finish();
  const Time when = Time::Zero() + at;
  if (events[event] == "flap") return AddFlaps(f, when, links, s);
  if (events[event] == "change") return AddChange(f, when, links, s);
  if (absl::Status status = f.Finish(); !status.ok()) return status;
  for (const size_t link : links) {
    s->link_events.push_back({when, link, event == 0 ? Kind::kDown : Kind::kUp});
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadLinkEvents(const Json& json, const std::string& where, Scenario* s) {
  if (!json.is_array()) return Invalid(where + ": a list is needed");
  for (size_t i = 0; i < json.size(); ++i) {
    const std::string place = absl::StrFormat("%s[%d]", where, i);
    if (absl::Status status = ReadLinkEvent(json[i], place, s); !status.ok()) return status;
    if (s->link_events.size() > static_cast<size_t>(kMostEvents)) {
      return Invalid(absl::StrFormat("%s: more than %d events in all", place, kMostEvents));
    }
  }
  return absl::OkStatus();
}

}  // namespace sluice::lab
