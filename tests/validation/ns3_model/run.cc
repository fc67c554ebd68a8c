// Setting up the model, and its events.
#include <algorithm>
#include <map>
#include <utility>

#include "validation/ns3_model/world.h"

namespace sluice::test::ns3 {
namespace {

constexpr int64_t kFirstSecond = 2'000'000'000;  // where flow files begin

uint64_t PlaceOf(const Device& device) { return uint64_t{device.node->id} << 20 | device.port; }

// Of Order::kPlace. The timers of congestion control; then frames by where they arrive; then lines
// that become free, by where they lead to, and what a host does; flows begin last.
uint64_t RankOf(const Event& event) {
  constexpr int kShift = 60;
  switch (event.kind) {
    case EventKind::kAlpha:
    case EventKind::kDecrease:
    case EventKind::kIncrease:
      return 0;
    case EventKind::kArrival:
      return uint64_t{1} << kShift | PlaceOf(*event.device);
    case EventKind::kLineFree:
      return uint64_t{2} << kShift | PlaceOf(*event.device->peer);
    case EventKind::kTimer:
      return uint64_t{2} << kShift;
    case EventKind::kLook:
      return uint64_t{3} << kShift;
    case EventKind::kNextFlow:
    case EventKind::kInstall:
    case EventKind::kBegin:
      return uint64_t{4} << kShift;
  }
  return 0;
}

void BuildNodes(World& w) {
  const Inputs& in = w.inputs;
  for (uint32_t i = 0; i < in.nodes; ++i) {
    auto node = std::make_unique<Node>();
    node->id = i;
    node->is_switch = in.is_switch[i];
    node->ways.resize(in.nodes);
    node->pool = in.buffer;
    w.nodes.push_back(std::move(node));
  }
  for (const Link& link : in.links) {
    Device* ends[2] = {};
    for (const bool second : {false, true}) {
      Node& node = *w.nodes[second ? link.b : link.a];
      auto device = std::make_unique<Device>();
      device->node = &node;
      device->rate = link.rate;
      device->delay = link.delay;
      device->headroom = link.rate * static_cast<uint64_t>(link.delay) / 8 / 1'000'000'000 * 3;
      node.pool -= device->headroom + 4096;  // and its reserve
      ends[second] = device.get();
      node.devices.push_back(std::move(device));
      ends[second]->port = static_cast<uint32_t>(node.devices.size());
    }
    ends[0]->peer = ends[1];
    ends[1]->peer = ends[0];
  }
}

// The shortest ways to a host, next hops by their numbers; hosts forward nothing. Also what a round
// trip from there to each host takes: propagation both ways, a payload once on each line.
void FindWays(World& w, Node& host) {
  std::vector<int> distance(w.nodes.size(), -1);
  std::vector<int64_t> trip(w.nodes.size());
  std::vector<uint64_t> slowest(w.nodes.size(), ~uint64_t{0});
  std::vector<Node*> reached = {&host};
  distance[host.id] = 0;
  for (size_t i = 0; i < reached.size(); ++i) {
    std::map<uint32_t, Device*> neighbours;
    for (const auto& device : reached[i]->devices)
      neighbours[device->peer->node->id] = device.get();
    const uint32_t here = reached[i]->id;
    for (const auto& [id, device] : neighbours) {
      if (distance[id] < 0) {
        distance[id] = distance[here] + 1;
        const uint64_t payload_time = kPayload * 8ULL * 1'000'000'000 / device->rate;
        trip[id] = trip[here] + 2 * device->delay + static_cast<int64_t>(payload_time);
        slowest[id] = std::min(slowest[here], device->rate);
        if (w.nodes[id]->is_switch) reached.push_back(w.nodes[id].get());
      }
      if (distance[id] == distance[here] + 1) w.nodes[id]->ways[host.id].push_back(device->peer);
    }
  }
  for (uint32_t id = 0; id < w.nodes.size(); ++id) {
    if (w.nodes[id]->is_switch || distance[id] <= 0) continue;
    w.longest_rtt = std::max(w.longest_rtt, trip[id]);
    const uint64_t bits = static_cast<uint64_t>(trip[id]) * slowest[id] / 1'000'000'000;
    w.window = std::max(w.window, bits / 8);
  }
}

void BuildFlows(World& w) {
  const Inputs& in = w.inputs;
  for (uint32_t i = 0; i < in.flows.size(); ++i) {
    auto flow = std::make_unique<Flow>();
    flow->index = i;
    flow->input = &in.flows[i];
    flow->device = w.nodes[in.flows[i].source]->devices[0].get();
    flow->start = Cut(in.flows[i].start) + (w.options.later.empty() ? 0 : w.options.later[i]);
    w.flows.push_back(std::move(flow));
  }
  std::stable_sort(w.flows.begin(), w.flows.end(),
                   [](const auto& a, const auto& b) { return a->start < b->start; });
}

// A flow begins two events after the file is read, which is read as far as its time has come.
void ReadFlows(World& w, uint64_t next) {
  for (; next < w.flows.size() && w.flows[next]->start == w.now; ++next) {
    w.Plan(0, {.kind = EventKind::kInstall, .flow = w.flows[next].get()});
  }
  if (next == w.flows.size()) return;
  w.Plan(w.flows[next]->start - w.now, {.kind = EventKind::kNextFlow, .version = next});
}

void Handle(World& w, const Event& event) {
  switch (event.kind) {
    case EventKind::kArrival:
      return Deliver(w, *event.device, FramePtr(event.frame));
    case EventKind::kLineFree:
      return OnLineFree(w, *event.device);
    case EventKind::kTimer:
      if (event.device->timer_set && event.number == event.device->timer_event) {
        OnTimer(w, *event.device);
      }
      return;
    case EventKind::kLook:
      event.device->look_planned = false;
      return Look(w, *event.device);
    case EventKind::kNextFlow:
      return ReadFlows(w, event.version);
    case EventKind::kInstall:
      w.Plan(0, {.kind = EventKind::kBegin, .flow = event.flow});
      return;
    case EventKind::kBegin:
      return BeginFlow(w, *event.flow);
    default:
      return OnControlTimer(w, *event.flow, event.kind, event.version);
  }
}

}  // namespace

uint64_t World::Plan(int64_t in, Event event) {
  event.at = now + in;
  event.number = planned++;
  if (options.order == Order::kPlace) event.rank = RankOf(event);
  events.push(event);
  return event.number;
}

absl::StatusOr<Result> Run(const Inputs& inputs, const Options& options) {
  World w(inputs, options);
  if (options.coins == Coins::kTheirs) {
    w.coins = std::make_unique<TheirCoins>(inputs.nodes);
  } else {
    w.coins = std::make_unique<OurCoins>(options.seed);
  }
  BuildNodes(w);
  for (auto& node : w.nodes) {
    if (!node->is_switch) FindWays(w, *node);
  }
  if (!inputs.window) w.window = 0;
  BuildFlows(w);
  ReadFlows(w, 0);
  const bool ends = options.until < std::numeric_limits<int64_t>::max() - kFirstSecond;
  const int64_t end = ends ? kFirstSecond + options.until : options.until;
  while (!w.events.empty() && w.result.completions.size() < w.flows.size() && w.failure.empty()) {
    const Event event = w.events.top();
    if (event.at > end) break;
    w.events.pop();
    w.now = event.at;
    ++w.result.events;
    Handle(w, event);
  }
  for (; !w.events.empty(); w.events.pop()) delete w.events.top().frame;
  if (!w.failure.empty()) return absl::FailedPreconditionError(w.failure);
  return std::move(w.result);
}

}  // namespace sluice::test::ns3
