#include "cc/hpcc.h"

#include <algorithm>
#include <cmath>

#include "cc/parts/algorithm.h"

namespace sluice::cc {
namespace {

constexpr double kSecondsPerNs = 1e-9;
constexpr double kMostUse = 1000;
// A hop that sent this much more than its link can carry is not the one of before; what the units
// of its counters explain is less than the slack.
constexpr double kMostSpeed = 2;
constexpr double kSlackBytes = 4096;

}  // namespace

HpccParams HpccParams::Of(Preset preset) {
  HpccParams p;
  p.preset = preset;
  if (preset == Preset::kPaper) return p;
  p.max_stage = 0;
  p.min_rate = Bandwidth::GigabitsPerSecond(1);
  return p;
}

Hpcc::Hpcc(const HpccParams& params, const FlowContext& context)
    : params_(&params),
      base_rtt_(context.base_rtt),
      rtt_told_(context.base_rtt > Duration::Zero()),
      line_(static_cast<double>(context.line_rate.bps())),
      min_(std::min(static_cast<double>(params.min_rate.bps()), line_)),
      reference_(line_),
      rate_(line_),
      window_(WindowKind::kRtt, base_rtt_, context.line_rate) {
  Publish(kStart);
}

// Without one from outside, the smallest round trip seen.
void Hpcc::LearnRtt(const Feedback& feedback) {
  if (rtt_told_ || feedback.smallest_rtt <= Duration::Zero()) return;
  if (base_rtt_ > Duration::Zero() && feedback.smallest_rtt >= base_rtt_) return;
  SetRtt(feedback.smallest_rtt);
  Publish(static_cast<Cause>(control_.cause));
}

void Hpcc::SetRtt(Duration rtt) {
  base_rtt_ = rtt;
  window_ =
      RateWindow(WindowKind::kRtt, rtt, Bandwidth::BitsPerSecond(static_cast<int64_t>(line_)));
}

void Hpcc::OnFeedback(const Feedback& feedback) {
  LearnRtt(feedback);
  BatchInFlight in_flight(feedback);
  for (const Sample& sample : feedback.samples) Take(sample, in_flight.After(sample));
}

// Procedure NewAck of algorithm 1.
void Hpcc::Take(const Sample& sample, Bytes in_flight) {
  // A round may end with an acknowledgement that tells nothing; the next one that does sets Wc.
  update_ |= round_.Ends(sample.acked, in_flight);
  if (sample.hops.empty() || base_rtt_ <= Duration::Zero()) return;
  if (sample.hops.size() != hops_) {
    update_ = false;
    return Store(sample.hops);
  }
  if (!Measure(sample.hops)) return;
  Compute(update_);
  update_ = false;
}

void Hpcc::Store(std::span<const IntHop> hops) {
  hops_ = static_cast<uint32_t>(std::min<size_t>(hops.size(), kMaxHops));
  for (uint32_t i = 0; i < hops_; ++i) {
    hop_[i] = {hops[i].sent_units, hops[i].stamp_ns, hops[i].queue_bytes};
  }
}

// Function MeasureInflight: the fullest hop since the last report, smoothed over a base round trip.
// False if no time has passed at any hop, or if these are other hops. Two hops can be equally full
// over different times; which of them counts then is a matter of rounding, so terms are in the
// order of the authors' model, which makes the runs comparable to the nanosecond.
bool Hpcc::Measure(std::span<const IntHop> hops) {
  const double base_ns = static_cast<double>(base_rtt_.ps()) * 1e-3;
  const auto bdp = static_cast<double>(window_.bdp().count());
  double fullest = -1;
  double elapsed = 0;
  for (uint32_t i = 0; i < hops_; ++i) {
    const IntHop& hop = hops[i];
    const uint32_t tau = hop.stamp_ns - hop_[i].stamp;
    if (tau == 0 || hop.speed.bps() <= 0) continue;
    const auto speed = static_cast<double>(hop.speed.bps());
    const double seconds = tau * kSecondsPerNs;
    const double sent = static_cast<double>(hop.sent_units - hop_[i].sent) * IntHop::kSentUnit;
    const double can = speed * seconds / 8;
    if (static_cast<int32_t>(tau) < 0 || sent > kMostSpeed * can + kSlackBytes) {
      Store(hops);
      return false;
    }
    const double queue = std::min(hop.queue_bytes, hop_[i].queue);
    // Equation 2: txRate / B + qlen / (B T), where B T is the bandwidth-delay product at this hop.
    const double use = sent * 8 / seconds / speed + queue * line_ / speed / bdp;
    if (use > fullest) {
      fullest = use;
      elapsed = tau;
    }
  }
  if (fullest < 0) return false;
  Store(hops);
  elapsed = std::min(elapsed, base_ns);
  use_ = (use_ * (base_ns - elapsed) + std::min(fullest, kMostUse) * elapsed) / base_ns;
  return true;
}

// Function ComputeWind, in rates: all of it divided by the base round trip, in whole bit/s.
void Hpcc::Compute(bool update) {
  const double over = use_ / params_->eta;
  const bool full = over >= 1 || stage_ >= params_->max_stage;
  const auto ai = static_cast<double>(params_->ai.bps());
  // A link that is empty after max_stage steps raises the rate to all of it.
  const double base = full ? std::floor(reference_ / std::max(over, 1 / kMostUse)) : reference_;
  rate_ = std::clamp(base + ai, min_, line_);
  if (update) {
    reference_ = rate_;
    stage_ = full ? 0 : stage_ + 1;
  }
  Publish(full ? kFull : kRoom);
}

void Hpcc::OnLoss(const Loss& loss) {
  if (loss.kind != LossKind::kTimeout || loss.undo) return;
  reference_ = rate_ = std::max(min_, rate_ / 2);
  Publish(kTimeout);
}

void Hpcc::Publish(Cause cause) {
  control_.cause = cause;
  control_.rate = Bandwidth::BitsPerSecond(static_cast<int64_t>(rate_));
  control_.window = window_.Of(control_.rate);
}

void Hpcc::Describe(FieldSink& sink) const {
  sink.Field("rate", "bit/s", rate_);
  sink.Field("reference_rate", "bit/s", reference_);
  sink.Field("utilisation", "1", use_);
  sink.Field("stage", "1", stage_);
  sink.Field("hops", "1", hops_);
}

void Hpcc::Restore(const State& state) {
  reference_ = rate_ = std::clamp(static_cast<double>(state.rate.bps()), min_, line_);
  if (!rtt_told_ && state.base_rtt > Duration::Zero()) SetRtt(state.base_rtt);
  Publish(kRestored);
}

namespace hpcc {
namespace {

constexpr ParamSpec kSpecs[] = {
    {"preset", "name", "paper", "paper|ns3", "Li et al.; HPCC's ns-3 configuration",
     "what the other parameters default to"},
    {"eta", "number", "0.95", "0.01..1", "Li et al., section 5.1",
     "of a link that is wanted in use"},
    {"max_stage", "number", "5", "0..1000", "Li et al., section 5.1: maxStage",
     "additive steps before the rate is set anew although the link has room"},
    {"ai", "rate", "50Mbps", "1Mbps..1Tbps", "Li et al., section 3.3: W_AI / T", "additive part"},
    {"min_rate", "rate", "100Mbps", "1Mbps..1Tbps", "ns-3: MIN_RATE", "never below"},
};

Traits MakeTraits() {
  Traits traits;
  traits.required.Add(Signal::kInt);
  traits.optional.Add(Signal::kRtt);
  traits.uses_window = true;
  traits.uses_rate = true;
  // With few and large packets in flight a slow flow sees a queue that a fast one does not, by more
  // than the additive part makes good (docs/algorithms/hpcc.md).
  traits.min_jain = 0;
  return traits;
}

absl::StatusOr<std::shared_ptr<const Algorithm>> ConfigureHpcc(const ParamList& params) {
  return Configure<HpccParams, Hpcc>(Entry(), MakeTraits(), params,
                                     PresetOf<HpccParams>(Entry(), params));
}

}  // namespace

const RegistryEntry& Entry() {
  static const RegistryEntry entry{
      "hpcc", "rate and window from the telemetry of every hop; needs switches that write INT",
      kSpecs, ConfigureHpcc};
  return entry;
}

}  // namespace hpcc
}  // namespace sluice::cc
