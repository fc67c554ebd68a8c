// Hosts of the model.
#include <algorithm>
#include <utility>

#include "validation/ns3_model/world.h"

namespace sluice::test::ns3 {
namespace {

constexpr size_t kNobody = ~size_t{0};

bool MaySend(const World& w, const Device& device, const Flow& flow) {
  if (device.paused || flow.left() == 0) return false;
  const uint64_t window = WindowOf(w, flow);
  return window == 0 || flow.next - flow.acknowledged < window;
}

// By turns. Finished flows leave if this has met one; the others move up, and so does `chosen`.
size_t Choose(World& w, Device& device) {
  std::vector<Flow*>& flows = device.flows;
  size_t chosen = kNobody, finished = kNobody;
  for (size_t i = 1; i <= flows.size(); ++i) {
    const size_t at = (i + device.last) % flows.size();
    if (MaySend(w, device, *flows[at])) {
      if (flows[at]->available > w.now) continue;
      chosen = at;
      break;
    }
    if (flows[at]->finished()) finished = std::min(finished, at);
  }
  if (finished == kNobody) return chosen;
  size_t to = finished;
  for (size_t i = finished; i < flows.size(); ++i) {
    if (flows[i]->finished()) continue;
    if (i == chosen) chosen = to;
    flows[to++] = flows[i];
  }
  flows.resize(to);
  return chosen;
}

void SetTimer(World& w, Device& device, int64_t at) {
  device.timer_set = true;
  device.timer = at;
  device.timer_event = w.Plan(at - w.now, {.kind = EventKind::kTimer, .device = &device});
}

void Sleep(World& w, Device& device) {
  if (device.timer_set) return;
  int64_t least = std::numeric_limits<int64_t>::max();
  for (const Flow* flow : device.flows) {
    if (flow->left() > 0) least = std::min(least, flow->available);
  }
  if (least != std::numeric_limits<int64_t>::max() && least > w.now) SetTimer(w, device, least);
}

void Send(World& w, Device& device, Flow& flow) {
  auto frame = std::make_unique<Frame>();
  frame->flow = &flow;
  frame->payload = static_cast<uint32_t>(std::min<uint64_t>(kPayload, flow.left()));
  frame->size = frame->payload + DataHeader(w.inputs.law);
  frame->sequence = flow.next;
  frame->stamp = w.now;
  flow.next += frame->payload;
  flow.last_size = frame->size;
  flow.available = w.now + LineTime(frame->size, flow.rate);
  Transmit(w, device, std::move(frame));
}

void Answer(World& w, Device& device, FramePtr frame) {
  Flow& flow = *frame->flow;
  if (frame->sequence != flow.expected) w.failure = "data came in another order";
  flow.expected += frame->payload;
  frame->kind = Frame::Kind::kAck;
  frame->sequence = flow.expected;
  frame->size = AckSize(w.inputs.law);
  device.answers.push_back(std::move(frame));
}

}  // namespace

void Look(World& w, Device& device) {
  if (device.busy) return;
  if (!device.answers.empty() && (w.inputs.ack_first || !device.paused)) {
    FramePtr frame = std::move(device.answers.front());
    device.answers.pop_front();
    return Transmit(w, device, std::move(frame));
  }
  const size_t chosen = Choose(w, device);
  if (chosen == kNobody) return Sleep(w, device);
  device.last = chosen;
  Send(w, device, *device.flows[chosen]);
}

// With Order::kPlace a host looks once for all that happens to it in a nanosecond.
void LookSoon(World& w, Device& device) {
  if (w.options.order == Order::kCause) return Look(w, device);
  if (std::exchange(device.look_planned, true)) return;
  w.Plan(0, {.kind = EventKind::kLook, .device = &device});
}

void OnLineFree(World& w, Device& device) {
  device.busy = false;
  if (device.node->is_switch) return ServeSwitch(w, device);
  LookSoon(w, device);
}

void OnTimer(World& w, Device& device) {
  device.timer_set = false;
  LookSoon(w, device);
}

// What is past comes at once.
void BringTimerForward(World& w, Device& device, int64_t to) {
  if (device.timer_set && to < device.timer) SetTimer(w, device, std::max(to, w.now));
}

void Deliver(World& w, Device& device, FramePtr frame) {
  if (frame->kind == Frame::Kind::kPfc) {
    w.result.pauses.push_back({w.now, device.node->id, device.port, frame->stop});
    device.paused = frame->stop;
    if (frame->stop) return;
    return device.node->is_switch ? ServeSwitch(w, device) : LookSoon(w, device);
  }
  if (device.node->is_switch) return Forward(w, device, std::move(frame));
  if (frame->kind == Frame::Kind::kData) {
    Answer(w, device, std::move(frame));
  } else {
    Flow& flow = *frame->flow;
    flow.acknowledged = std::max(flow.acknowledged, frame->sequence);
    if (flow.finished()) {
      ++flow.timers;
      ++flow.increase_timer;
      w.result.completions.push_back({flow.index, flow.start, w.now - flow.start});
    }
    OnAck(w, flow, *frame);
  }
  LookSoon(w, device);
}

void BeginFlow(World& w, Flow& flow) {
  flow.start = flow.available = w.now;
  flow.rate = flow.reference = flow.device->rate;
  flow.device->flows.push_back(&flow);
  Look(w, *flow.device);
}

}  // namespace sluice::test::ns3
