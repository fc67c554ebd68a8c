#include "cc/timely.h"

#include <algorithm>

#include "cc/parts/algorithm.h"

namespace sluice::cc {

TimelyParams TimelyParams::Of(Preset preset) {
  TimelyParams p;
  p.preset = preset;
  if (preset == Preset::kPaper) return p;
  p.law = Law::kNs3;
  p.ai = Bandwidth::MegabitsPerSecond(100);
  p.hai = Bandwidth::MegabitsPerSecond(500);
  p.min_rate = Bandwidth::GigabitsPerSecond(1);
  return p;
}

absl::Status TimelyParams::Validate() const {
  if (t_high < t_low) {
    return absl::InvalidArgumentError(
        "cc timely: t_high is below t_low; between them the gradient rules");
  }
  if (hai < ai) {
    return absl::InvalidArgumentError("cc timely: hai is below ai; the hyper step is the larger");
  }
  return absl::OkStatus();
}

Timely::Timely(const TimelyParams& params, const FlowContext& context)
    : params_(&params),
      window_(params.window, context.base_rtt, context.line_rate),
      line_(static_cast<double>(context.line_rate.bps())),
      min_(std::min(static_cast<double>(params.min_rate.bps()), line_)),
      rate_(line_) {
  Publish(kStart);
}

// `rtt`: the sample's, without our host's share.
bool Timely::Due(const Sample& sample, Duration rtt, Bytes in_flight) {
  const bool ended = round_.Ends(sample.acked, in_flight);
  segment_ += sample.acked.count();
  if (sample.stamp == StampSource::kNone || rtt <= Duration::Zero()) return false;
  const bool due =
      params_->law == TimelyParams::Law::kNs3 ? ended : segment_ >= params_->segment.count();
  if (due) segment_ = 0;
  return due;
}

void Timely::OnFeedback(const Feedback& feedback) {
  BatchInFlight in_flight(feedback);
  const bool host = feedback.present.Has(Signal::kHostDelay);
  for (const Sample& sample : feedback.samples) {
    const Duration rtt = host ? sample.rtt - sample.host_delay : sample.rtt;
    if (Due(sample, rtt, in_flight.After(sample))) Update(static_cast<double>(rtt.ps()));
  }
}

// Algorithm 1.
void Timely::Update(double rtt) {
  const double before = rtt_;
  rtt_ = rtt;
  if (!begun_) {
    begun_ = true;
    return;
  }
  diff_ = (1 - params_->gain) * diff_ + params_->gain * (rtt - before);
  const double gradient = diff_ / static_cast<double>(params_->min_rtt.ps());
  const auto high = static_cast<double>(params_->t_high.ps());
  if (rtt < static_cast<double>(params_->t_low.ps())) {
    return Raise(params_->law == TimelyParams::Law::kNs3);
  }
  if (rtt > high) return Lower(1 - params_->beta * (1 - high / rtt), kAbove);
  if (gradient <= 0) return Raise(true);
  Lower(1 - params_->beta * gradient, kGradient);
}

// `counts`: the step counts towards fast growth.
void Timely::Raise(bool counts) {
  const bool hyper = counts && steps_up_ >= params_->hai_after;
  rate_ = std::min(line_, rate_ + static_cast<double>((hyper ? params_->hai : params_->ai).bps()));
  steps_up_ = counts ? std::min(steps_up_ + 1, params_->hai_after) : 0;
  Publish(hyper ? kHyper : kAdditive);
}

void Timely::Lower(double factor, Cause cause) {
  rate_ = std::max(min_, rate_ * std::max(factor, 0.0));
  steps_up_ = 0;
  Publish(cause);
}

void Timely::OnLoss(const Loss& loss) {
  if (loss.kind == LossKind::kTimeout && !loss.undo) Lower(0.5, kTimeout);
}

void Timely::Publish(Cause cause) {
  control_.cause = cause;
  control_.rate = Bandwidth::BitsPerSecond(static_cast<int64_t>(rate_));
  control_.window = window_.Of(control_.rate);
}

void Timely::Describe(FieldSink& sink) const {
  sink.Field("rate", "bit/s", rate_);
  sink.Field("rtt", "ps", rtt_);
  sink.Field("rtt_difference", "ps", diff_);
  sink.Field("steps_up", "1", steps_up_);
}

void Timely::Restore(const State& state) {
  rate_ = std::clamp(static_cast<double>(state.rate.bps()), min_, line_);
  Publish(kRestored);
}

namespace timely {
namespace {

constexpr ParamSpec kSpecs[] = {
    {"preset", "name", "paper", "paper|ns3", "Mittal et al.; HPCC's ns-3 configuration",
     "what the other parameters default to"},
    {"law", "name", "paper", "paper|ns3", "Mittal et al., algorithm 1; ns-3",
     "an update per segment, or per round trip"},
    {"gain", "number", "0.875", "0.000001..1", "Mittal et al., section 4.3: alpha",
     "of the newest difference of round trips"},
    {"beta", "number", "0.8", "0.000001..1", "Mittal et al., section 4.3", "of the cuts"},
    {"t_low", "time", "50us", "1us..1s", "Mittal et al., section 4.3", "below it the rate grows"},
    {"t_high", "time", "500us", "1us..1s", "Mittal et al., section 4.3",
     "above it the rate is cut"},
    {"min_rtt", "time", "20us", "1us..1s", "Mittal et al., section 4.3",
     "by which the gradient is normalised"},
    {"ai", "rate", "10Mbps", "1Mbps..1Tbps", "Mittal et al., section 4.3: delta", "additive step"},
    {"hai", "rate", "50Mbps", "1Mbps..1Tbps", "Mittal et al., algorithm 1: N delta, N = 5",
     "hyper step"},
    {"hai_after", "number", "5", "1..1000", "Mittal et al., section 4.3: five completion events",
     "steps up before the hyper step"},
    {"min_rate", "rate", "10Mbps", "1Mbps..1Tbps", "Sluice: one additive step", "never below"},
    {"segment", "size", "16KB", "256B..1MB", "Mittal et al., section 3.2",
     "law=paper: acknowledged payload per update"},
    {"window", "name", "none", "none|rtt", "ns-3: HAS_WIN, VAR_WIN",
     "bound in flight to a base round trip of the rate"},
};

Traits MakeTraits() {
  Traits traits;
  traits.required.Add(Signal::kRtt);
  traits.optional.Add(Signal::kHostDelay);
  traits.uses_rate = true;
  traits.lossless_only = true;
  // Many rates share one gradient of zero: Zhu et al., "ECN or Delay", CoNEXT 2016, section 4.
  traits.min_jain = 0;
  traits.max_incast_queue_bdp = 0;
  traits.recovery = Duration::Zero();
  return traits;
}

absl::StatusOr<std::shared_ptr<const Algorithm>> ConfigureTimely(const ParamList& params) {
  return Configure<TimelyParams, Timely>(Entry(), MakeTraits(), params,
                                         PresetOf<TimelyParams>(Entry(), params));
}

}  // namespace

const RegistryEntry& Entry() {
  static const RegistryEntry entry{
      "timely", "rate control by the gradient of the round-trip time; meant for lossless fabrics",
      kSpecs, ConfigureTimely};
  return entry;
}

}  // namespace timely
}  // namespace sluice::cc
