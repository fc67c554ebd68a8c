// The laws of congestion control of the model. Rates are whole bit/s; what is computed of them in
// doubles is cut.
#include <algorithm>

#include "validation/ns3_model/world.h"

namespace sluice::test::ns3 {
namespace {

constexpr double kTimelyAlpha = 0.875, kTimelyBeta = 0.8, kTimelyMinRtt = 20000;
constexpr int64_t kTimelyLow = 50000, kTimelyHigh = 500000;
constexpr uint32_t kTimelySteps = 5;  // then the steps are HAI
constexpr uint32_t kTelemetrySent = 128, kTelemetryQueue = 80;

uint64_t Scaled(uint64_t rate, double by) {
  return static_cast<uint64_t>(static_cast<double>(rate) * by);
}

uint64_t Line(const Flow& flow) { return flow.device->rate; }

uint64_t Faster(const Flow& flow, uint64_t rate, uint64_t by) {
  return std::min(rate + by, Line(flow));
}

// DCQCN, as Mellanox's NICs have it. A notice counts at the next look of each timer.
void PlanTimer(World& w, Flow& flow, EventKind kind, int64_t in) {
  const uint64_t version = kind == EventKind::kIncrease ? ++flow.increase_timer : flow.timers;
  w.Plan(in, {.kind = kind, .flow = &flow, .version = version});
}

void OnNotice(World& w, Flow& flow) {
  flow.alpha_noticed = flow.decrease_noticed = true;
  if (flow.noticed) return;
  flow.noticed = true;
  flow.alpha = 1;
  flow.alpha_noticed = false;
  PlanTimer(w, flow, EventKind::kAlpha, w.inputs.alpha_interval);
  PlanTimer(w, flow, EventKind::kDecrease, w.inputs.decrease_interval + 1);
  flow.reference = flow.rate;
}

void OnAlpha(World& w, Flow& flow) {
  const double gain = w.inputs.gain;
  flow.alpha = (1 - gain) * flow.alpha + (flow.alpha_noticed ? gain : 0);
  flow.alpha_noticed = false;
  PlanTimer(w, flow, EventKind::kAlpha, w.inputs.alpha_interval);
}

void OnDecrease(World& w, Flow& flow) {
  PlanTimer(w, flow, EventKind::kDecrease, w.inputs.decrease_interval);
  if (!flow.decrease_noticed) return;
  if (flow.step > 0) flow.reference = flow.rate;
  flow.rate = std::max(w.inputs.min_rate, Scaled(flow.rate, 1 - flow.alpha / 2));
  flow.step = 0;
  flow.decrease_noticed = false;
  PlanTimer(w, flow, EventKind::kIncrease, w.inputs.increase_interval);
}

void OnIncrease(World& w, Flow& flow) {
  PlanTimer(w, flow, EventKind::kIncrease, w.inputs.increase_interval);
  if (flow.step >= w.inputs.fast_recovery) {
    const bool first = flow.step == w.inputs.fast_recovery;
    flow.reference = Faster(flow, flow.reference, first ? w.inputs.ai : w.inputs.hai);
  }
  flow.rate = flow.rate / 2 + flow.reference / 2;
  ++flow.step;
}

// HPCC.
uint32_t Since(uint32_t later, uint32_t before, int bits) {
  return (later - before) & ((uint32_t{1} << bits) - 1);
}

void SetPace(World& w, Flow& flow, uint64_t rate) {
  flow.available += LineTime(flow.last_size, rate) - LineTime(flow.last_size, flow.rate);
  BringTimerForward(w, *flow.device, flow.available);
  flow.rate = rate;
}

// The fullest hop, and over which time.
std::pair<double, int64_t> Fullest(const World& w, Flow& flow, const Frame& ack) {
  const auto line = static_cast<double>(Line(flow));
  const uint32_t multi = w.inputs.int_multi;
  double most = 0;
  int64_t over = 0;
  for (uint32_t i = 0; i < ack.hops; ++i) {
    const Hop &now = ack.hop[i], &then = flow.hop[i];
    const uint32_t ns = Since(now.time, then.time, 24);
    const double seconds = ns * 1e-9;
    const uint64_t sent = uint64_t{Since(now.sent, then.sent, 20)} * kTelemetrySent * multi;
    const uint32_t queue = std::min(now.queue, then.queue) * kTelemetryQueue * multi;
    const double rate = static_cast<double>(sent * 8) / seconds;
    const double use = rate / line + queue * line / line / static_cast<double>(w.window);
    if (use > most) {
      most = use;
      over = ns;
    }
    flow.hop[i] = now;
  }
  return {most, over};
}

void OnAckHpcc(World& w, Flow& flow, const Frame& ack) {
  if (flow.round_end == 0) {
    flow.round_end = flow.next;
    flow.hop = ack.hop;
    return;
  }
  const bool round = ack.sequence > flow.round_end;
  const auto [most, over] = Fullest(w, flow, ack);
  const auto base = static_cast<double>(w.longest_rtt);
  const auto weight = static_cast<double>(std::min(over, w.longest_rtt));
  flow.alpha = (flow.alpha * (base - weight) + most * weight) / base;
  const double full = flow.alpha / w.inputs.target;
  const bool anew = full >= 1 || flow.step >= w.inputs.least_steps;
  uint64_t rate = w.inputs.ai;
  rate += anew ? static_cast<uint64_t>(static_cast<double>(flow.reference) / full) : flow.reference;
  rate = std::clamp(rate, w.inputs.min_rate, Line(flow));
  SetPace(w, flow, rate);
  if (!round) return;
  flow.reference = rate;
  flow.step = anew ? 0 : flow.step + 1;
  flow.round_end = std::max(flow.round_end, flow.next);
}

// TIMELY, once a round.
void StepTimely(const World& w, Flow& flow, int64_t rtt) {
  const auto change = static_cast<double>(rtt - flow.last_rtt);
  flow.rtt_slope = (1 - kTimelyAlpha) * flow.rtt_slope + kTimelyAlpha * change;
  const double gradient = flow.rtt_slope / kTimelyMinRtt;
  if (rtt < kTimelyLow || (rtt <= kTimelyHigh && gradient <= 0)) {
    const bool few = flow.step++ < kTimelySteps;
    flow.rate = Faster(flow, flow.rate, few ? w.inputs.ai : w.inputs.hai);
    return;
  }
  const double by =
      rtt > kTimelyHigh
          ? 1 - kTimelyBeta * (1 - static_cast<double>(kTimelyHigh) / static_cast<double>(rtt))
          : std::max(0.0, 1 - kTimelyBeta * gradient);
  flow.rate = std::max(w.inputs.min_rate, Scaled(flow.rate, by));
  flow.step = 0;
}

void OnAckTimely(World& w, Flow& flow, const Frame& ack) {
  if (ack.sequence <= flow.round_end) return;
  const int64_t rtt = w.now - ack.stamp;
  if (flow.round_end != 0) StepTimely(w, flow, rtt);
  if (flow.next <= flow.round_end) return;
  flow.round_end = flow.next;
  flow.last_rtt = rtt;
}

// DCTCP, in rates.
void OnAckDctcp(World& w, Flow& flow, const Frame& ack) {
  const bool round = ack.sequence > flow.round_end;
  flow.marks += ack.marked ? 1 : 0;
  if (round && flow.round_end == 0) {
    flow.batch = flow.next / kPayload + 1;
  } else if (round) {
    const double share =
        std::min(1.0, static_cast<double>(flow.marks) / static_cast<double>(flow.batch));
    flow.alpha = (1 - w.inputs.gain) * flow.alpha + w.inputs.gain * share;
    flow.marks = 0;
    flow.batch = (flow.next - ack.sequence) / kPayload + 1;
  }
  if (round) flow.round_end = flow.next;
  if (flow.reduced && ack.sequence > flow.reduced_until) flow.reduced = false;
  if (ack.marked && !flow.reduced) {
    flow.rate = std::max(w.inputs.min_rate, Scaled(flow.rate, 1 - flow.alpha / 2));
    flow.reduced = true;
    flow.reduced_until = flow.next;
  }
  if (round && !flow.reduced) flow.rate = Faster(flow, flow.rate, w.inputs.dctcp_ai);
}

}  // namespace

void OnAck(World& w, Flow& flow, const Frame& ack) {
  switch (w.inputs.law) {
    case Law::kDcqcn:
      return ack.marked ? OnNotice(w, flow) : void();
    case Law::kHpcc:
      return OnAckHpcc(w, flow, ack);
    case Law::kTimely:
      return OnAckTimely(w, flow, ack);
    case Law::kDctcp:
      return OnAckDctcp(w, flow, ack);
  }
}

void OnControlTimer(World& w, Flow& flow, EventKind kind, uint64_t version) {
  if (kind == EventKind::kIncrease) {
    if (version == flow.increase_timer) OnIncrease(w, flow);
  } else if (version == flow.timers) {
    kind == EventKind::kAlpha ? OnAlpha(w, flow) : OnDecrease(w, flow);
  }
}

uint64_t WindowOf(const World& w, const Flow& flow) {
  return w.window == 0 ? 0 : std::max<uint64_t>(w.window * flow.rate / Line(flow), 1);
}

}  // namespace sluice::test::ns3
