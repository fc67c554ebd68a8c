#include "cc/dctcp.h"

#include <algorithm>

#include "cc/parts/algorithm.h"

namespace sluice::cc {
namespace {

constexpr double kFirstPackets = 10;     // RFC 6928
constexpr double kLeastPackets = 0.125;  // below one packet the transport paces
constexpr double kMostWindow = 1 << 30;  // bytes

}  // namespace

DctcpParams DctcpParams::Of(Preset preset) {
  DctcpParams p;
  p.preset = preset;
  if (preset == Preset::kPaper) return p;
  p.law = Law::kRate;
  p.min_rate = Bandwidth::GigabitsPerSecond(1);
  p.window = WindowKind::kRtt;
  return p;
}

Dctcp::Dctcp(const DctcpParams& params, const FlowContext& context)
    : params_(&params), window_(params.window, context.base_rtt, context.line_rate) {
  const auto line = static_cast<double>(context.line_rate.bps());
  const auto mtu = static_cast<double>(context.mtu.count());
  const bool by_window = params.law == DctcpParams::Law::kWindow;
  low_ =
      by_window ? mtu * kLeastPackets : std::min(static_cast<double>(params.min_rate.bps()), line);
  high_ = by_window ? kMostWindow : line;
  step_ = by_window ? mtu : static_cast<double>(params.ai.bps());
  value_ = by_window ? mtu * kFirstPackets : line;
  slow_start_ = by_window;
  Publish(kStart);
}

void Dctcp::OnFeedback(const Feedback& feedback) {
  marked_ += feedback.ce_packets;
  acked_ += feedback.acked_packets;
  BatchInFlight in_flight(feedback);
  for (const Sample& sample : feedback.samples) {
    Take(sample, in_flight.After(sample), feedback.app_limited);
  }
}

void Dctcp::Take(const Sample& sample, Bytes in_flight, bool app_limited) {
  if (sample.acked <= Bytes(0) && !sample.ce) return;
  const bool ended = round_.Ends(sample.acked, in_flight);
  if (ended) EndRound();
  if (reduced_ && static_cast<int64_t>(round_.acked() - reduced_until_) > 0) reduced_ = false;
  if (sample.ce) {
    slow_start_ = false;
    if (!reduced_) Cut(1 - alpha_ / 2, round_.sent(), kCut);
  }
  // What was not used is no measure of what there is.
  if (!reduced_ && !app_limited) Grow(sample, ended);
}

// Equation 1; the first acknowledgement ends no round of its own.
void Dctcp::EndRound() {
  if (first_round_) {
    first_round_ = false;
    return;
  }
  // Two rounds may end in one batch; the first of them took all.
  if (acked_ == 0) return;
  // Duplicates count as marked, but not as acknowledged.
  const double part = std::min(1.0, static_cast<double>(marked_) / static_cast<double>(acked_));
  alpha_ = (1 - params_->g) * alpha_ + params_->g * part;
  marked_ = acked_ = 0;
}

void Dctcp::Cut(double factor, uint64_t until, Cause cause) {
  value_ = std::clamp(value_ * factor, low_, high_);
  reduced_ = true;
  reduced_until_ = until;
  Publish(cause);
}

void Dctcp::Grow(const Sample& sample, bool round_ended) {
  if (slow_start_) {
    value_ = std::min(value_ + static_cast<double>(sample.acked.count()), high_);
    return Publish(kSlowStart);
  }
  if (!round_ended) return;
  value_ = std::min(value_ + step_, high_);
  Publish(kGrowth);
}

void Dctcp::OnLoss(const Loss& loss) {
  if (loss.undo || loss.kind == LossKind::kRnr || loss.kind == LossKind::kCorruption) return;
  slow_start_ = false;
  if (reduced_) return;
  const int64_t in_flight = std::max<int64_t>(loss.in_flight.count(), 0);
  Cut(0.5, round_.acked() + static_cast<uint64_t>(in_flight), kLoss);
}

void Dctcp::Publish(Cause cause) {
  control_.cause = cause;
  if (params_->law == DctcpParams::Law::kWindow) {
    control_.window = Bytes(std::max<int64_t>(1, static_cast<int64_t>(value_)));
    return;
  }
  control_.rate = Bandwidth::BitsPerSecond(static_cast<int64_t>(value_));
  control_.window = window_.Of(control_.rate);
}

void Dctcp::Describe(FieldSink& sink) const {
  const bool by_window = params_->law == DctcpParams::Law::kWindow;
  sink.Field(by_window ? "window" : "rate", by_window ? "bytes" : "bit/s", value_);
  sink.Field("alpha", "1", alpha_);
  sink.Field("reduced", "1", reduced_ ? 1 : 0);
}

void Dctcp::Restore(const State& state) {
  const bool by_window = params_->law == DctcpParams::Law::kWindow;
  const auto given = static_cast<double>(by_window ? state.window.count() : state.rate.bps());
  // "No limit" of the predecessor says nothing of the network.
  if (!by_window || state.window != kNoWindow) {
    value_ = std::clamp(given, low_, high_);
    slow_start_ = false;
  }
  Publish(kRestored);
}

namespace dctcp {
namespace {

constexpr ParamSpec kSpecs[] = {
    {"preset", "name", "paper", "paper|ns3", "Alizadeh et al.; HPCC's ns-3 configuration",
     "what the other parameters default to"},
    {"law", "name", "window", "window|rate", "Alizadeh et al., section 3.1; ns-3",
     "what is cut and grows: a congestion window, or a rate"},
    {"g", "number", "0.0625", "0.000001..1", "Alizadeh et al., section 3.4", "gain of alpha"},
    {"ai", "rate", "615Mbps", "1Mbps..1Tbps", "ns-3: DCTCP_RATE_AI",
     "law=rate: growth per round trip"},
    {"min_rate", "rate", "100Mbps", "1Mbps..1Tbps", "ns-3: MIN_RATE", "law=rate: never below"},
    {"window", "name", "none", "none|rtt", "ns-3: HAS_WIN, VAR_WIN",
     "law=rate: bound in flight to a base round trip of the rate"},
};

Traits MakeTraits(bool by_rate) {
  Traits traits;
  traits.required.Add(Signal::kCeBytes);
  traits.uses_window = true;
  traits.uses_rate = by_rate;
  // Sixteen rates without a window keep ten times what the link holds in a round trip.
  if (by_rate) traits.max_incast_queue_bdp = 0;
  return traits;
}

absl::StatusOr<std::shared_ptr<const Algorithm>> ConfigureDctcp(const ParamList& params) {
  const auto preset = PresetOf<DctcpParams>(Entry(), params);
  bool by_rate = preset.law == DctcpParams::Law::kRate;
  for (const auto& [name, text] : params) by_rate = name == "law" ? text == "rate" : by_rate;
  return Configure<DctcpParams, Dctcp>(Entry(), MakeTraits(by_rate), params, preset);
}

}  // namespace

const RegistryEntry& Entry() {
  static const RegistryEntry entry{
      "dctcp", "cuts by the marked part of the packets; needs ECN and a peer of the extension",
      kSpecs, ConfigureDctcp};
  return entry;
}

}  // namespace dctcp
}  // namespace sluice::cc
