#include "cc/tita.h"

#include <algorithm>

#include "base/math.h"
#include "base/rng.h"
#include "cc/parts/algorithm.h"

namespace sluice::cc {
namespace {

// Before anything is known of the way: a two-tier fabric.
constexpr Duration kGuessedTau = Duration::Microseconds(8);
constexpr double kMinWindowMtus = 0.02;
constexpr double kMaxDelayPs = 1e12;
// One measurement stands for at most this many round trips of feedback; towards peers that
// acknowledge seldom a small window would otherwise jump by a single sample.
constexpr double kMaxTrips = 4;
constexpr uint8_t kDistrustAfter = 8;

double Ps(Duration d) { return static_cast<double>(d.ps()); }

}  // namespace

Tita::Tita(const TitaParams& params, const FlowContext& context) : params_(&params) {
  noise_ = static_cast<uint32_t>(Mix64(context.seed));
  mtu_ = static_cast<float>(context.mtu.count());
  const Bytes frame = context.mtu + context.header_bytes;
  quarter_frame_ = static_cast<uint32_t>((frame.count() + kClasses - 1) / kClasses);
  wire_ratio_ = static_cast<float>((frame + kEthernetOverhead).count()) / mtu_;
  line_bps_ = static_cast<double>(context.line_rate.bps());
  Duration tau = params.tau.value_or(context.base_rtt);
  tau_known_ = tau > Duration::Zero();
  if (!tau_known_) tau = kGuessedTau;
  tau_ = Ps(tau);
  hinted_ = tau_known_;
  if (tau_known_) minima_[kClasses - 1].Add(static_cast<float>(tau_));
  SetBdp();
  window_ = params.start * bdp_;
  if (context.fan_in > 1) {
    window_ = std::min(window_, params.rho * bdp_ / static_cast<double>(context.fan_in));
  }
  window_ = std::max(window_, MinWindow());
  reference_ = window_;
  SetTarget();
  Publish(kStart);
}

void Tita::OnFeedback(const Feedback& feedback) {
  const Time now = feedback.now;
  if (!begun_) {
    begun_ = true;
    epoch_start_ = tau_rolled_ = now;
  }
  const float acked = static_cast<float>(std::max<int64_t>(feedback.acked.count(), 0));
  delivered_ += acked;
  pending_ += acked;
  if (feedback.ce_bytes > Bytes(0)) {
    marked_ = true;
    marked_bytes_ += static_cast<float>(feedback.ce_bytes.count());
  }
  if (feedback.present.Has(Signal::kActiveSenders)) senders_ = feedback.active_senders;
  // What was in flight before this batch tells whether the window held the flow back.
  const double before = static_cast<double>(feedback.in_flight.count()) + acked;
  const bool limited = !feedback.app_limited && before + static_cast<double>(mtu_) >= 0.8 * window_;
  limited_ = limited_ || limited;

  const Delay delay = Measure(feedback);
  if (delay.measured) {
    last_queue_ = static_cast<float>(delay.queue);
    queue_min_ = epoch_samples_ == 0 ? last_queue_ : std::min(queue_min_, last_queue_);
    queue_max_ = std::max(queue_max_, last_queue_);
    if (epoch_samples_ < 1000) ++epoch_samples_;
    slope_.Add(now, delay.theta, Duration::Picoseconds(static_cast<int64_t>(tau_ / 2)));
    if (!Ignoring(now)) Steer(delay, limited);
  }
  const double passed = Ps(now - epoch_start_);
  if (passed < 0 || passed >= tau_ + static_cast<double>(last_queue_)) EndEpoch(now);
  Publish(static_cast<Cause>(control_.cause));
}

// Equation 1 over the batch: the mean, or towards a peer that does not tell its turn-around the
// smallest.
Tita::Delay Tita::Measure(const Feedback& feedback) {
  const bool host = feedback.present.Has(Signal::kHostDelay);
  const bool remote = feedback.present.Has(Signal::kRemoteDelay);
  Delay sum;
  double smallest_queue = kMaxDelayPs, smallest_theta = kMaxDelayPs;
  int n = 0;
  for (const Sample& s : feedback.samples) {
    if (s.stamp == StampSource::kNone || s.rtt <= Duration::Zero()) continue;
    Duration fabric = s.rtt;
    if (host) fabric -= s.host_delay;
    if (remote) fabric -= s.remote_delay;
    if (fabric <= Duration::Zero()) continue;
    const double theta = std::min(Ps(fabric), kMaxDelayPs);
    const int c = (s.wire_length > quarter_frame_) + (s.wire_length > 2 * quarter_frame_) +
                  (s.wire_length > 3 * quarter_frame_);
    minima_[static_cast<size_t>(c)].Add(static_cast<float>(theta));
    const double queue = std::max(0.0, theta - static_cast<double>(Tau(c)));
    sum.theta += theta;
    sum.queue += queue;
    smallest_queue = std::min(smallest_queue, queue);
    smallest_theta = std::min(smallest_theta, theta);
    ++n;
  }
  if (n == 0) return sum;
  SetTau(feedback.now);
  if (remote) return {true, sum.theta / n, sum.queue / n};
  return {true, smallest_theta, smallest_queue};
}

float Tita::Tau(int length_class) const {
  return minima_[static_cast<size_t>(length_class)].value();
}

// tau of full packets; while none was timed, of the longest that were.
void Tita::SetTau(Time now) {
  if (Ps(now - tau_rolled_) >= Ps(params_->tau_window) / 2) {
    tau_rolled_ = now;
    for (WindowedMin& m : minima_) m.Roll();
  }
  for (int c = kClasses - 1; c >= 0; --c) {
    if (!minima_[static_cast<size_t>(c)].known()) continue;
    const double tau = std::max(1.0, static_cast<double>(Tau(c)));
    if (tau != tau_) {
      tau_ = tau;
      SetBdp();
      SetTarget();
    }
    tau_known_ = true;
    return;
  }
}

void Tita::SetBdp() { bdp_ = line_bps_ * tau_ / (8e12 * static_cast<double>(wire_ratio_)); }

// Equation 2.
void Tita::SetTarget() {
  const double ratio = std::max(1.0, bdp_ / window_);
  target_ = static_cast<float>(params_->t0 * tau_ * (1 + params_->kappa * Ln(ratio)));
}

// Equations 4 and 5, as 1 / power: one division.
double Tita::InversePower(double queue) const {
  const double target = static_cast<double>(target_);
  const double g = std::clamp(slope_.value(), -0.5, 1.0);
  const double trend = queue < target && g < 0 ? g / 2 : g;
  double inverse = (tau_ + target) / ((tau_ + queue) * (1 + trend));
  if (queue < target) inverse = std::max(inverse, 1.0);
  if (queue > target && g < 0 && !marked_) inverse = std::min(inverse, 1.0);
  return std::clamp(inverse, 0.25, 1 / 0.6);
}

// Equation 6. The gain 1 - exp(-x), x = gamma b / W, makes splitting and merging of feedback the
// same; here by its Pade form 12 x / (12 + 6 x + x^2), which is within 0.0012 of it up to x = 1.2
// (the bound for the default gamma) and costs one division.
void Tita::Steer(const Delay& delay, bool may_grow) {
  const double b = params_->gamma * std::min(static_cast<double>(pending_), kMaxTrips * window_);
  pending_ = 0;
  const double gain = 12 * b * window_ / (12 * window_ * window_ + 6 * b * window_ + b * b);
  const double beta = std::min(params_->beta * bdp_, params_->beta_share * window_);
  double next = (1 - gain) * window_ + gain * (reference_ * InversePower(delay.queue) + beta);
  if (!may_grow) next = std::min(next, window_);
  window_ = std::clamp(next, MinWindow(), std::max(params_->max_window * bdp_, MinWindow()));
  control_.cause = kSteady;
}

// Once per round trip: equation 7, the trigger of 8, the trust in marks.
void Tita::EndEpoch(Time now) {
  const bool all_marked = marked_bytes_ > 0.9 * delivered_ && delivered_ > 0;
  const bool calm = epoch_samples_ > 0 && queue_max_ < 0.3 * target_;
  if (all_marked && calm) {
    if (distrust_ < kDistrustAfter) ++distrust_;
  } else if (marked_bytes_ < 0.5 * delivered_) {
    distrust_ = 0;
  }
  const bool unmarked = !marked_ || distrust_ >= kDistrustAfter;
  if (queue_max_ > target_) starting_ = false;
  if (epoch_samples_ > 0 && queue_min_ > 4 * target_ && !Ignoring(now)) {
    QuickAdapt(now);
    return;
  }
  probing_ = false;
  if (ProbeNow() && !Ignoring(now)) {
    probing_ = true;
    quiet_ = 0;
    Ignore(now, 2 * (tau_ + static_cast<double>(last_queue_)));
    BeginEpoch(now);
    return;
  }
  quiet_ = calm && unmarked && !Ignoring(now) && limited_
               ? static_cast<uint8_t>(std::min(quiet_ + 1, 3))
               : 0;
  if (quiet_ >= (starting_ ? 1 : 2) && window_ < bdp_) {
    window_ = std::min(bdp_, window_ * (starting_ || quiet_ > 2 ? 2.0 : 1.5));
    control_.cause = kRamp;
  }
  BeginEpoch(now);
}

void Tita::BeginEpoch(Time now) {
  reference_ = window_;
  SetTarget();
  // The next one is due a round trip after this one was, not after this batch came: batches must
  // not stretch the epochs.
  const Duration trip =
      Duration::Picoseconds(static_cast<int64_t>(tau_ + static_cast<double>(last_queue_)));
  const Time due = epoch_start_ + trip;
  epoch_start_ = due <= now && now - due < trip ? due : now;
  noise_ = static_cast<uint32_t>(Mix64(noise_));
  dither_ = static_cast<float>(0.95 + 0.1 * static_cast<double>(noise_) * 0x1p-32);
  delivered_ = marked_bytes_ = queue_min_ = queue_max_ = 0;
  epoch_samples_ = 0;
  was_marked_ = marked_;
  marked_ = limited_ = false;
}

// Equation 8: the window goes to what the fabric delivered, less a part for the queue; what was
// sent under the old window says nothing about the new one and is ignored.
void Tita::QuickAdapt(Time now) {
  const double queue = static_cast<double>(epoch_samples_ > 0 ? queue_min_ : last_queue_);
  const double span = Ps(now - epoch_start_);
  double next = window_ / 2;
  if (span >= tau_ / 2 && delivered_ > 0) {
    next = delivered_ / span * tau_ * std::max(0.25, 1 - 0.5 * queue / (queue + tau_));
  }
  next = std::max({next, window_ / 8, MinWindow()});
  window_ = std::min(window_, next);
  starting_ = false;
  quiet_ = 0;
  pending_ = 0;
  Ignore(now, tau_ + queue / 2);
  BeginEpoch(now);
  control_.cause = kQuickAdapt;
}

double Tita::MinWindow() const { return kMinWindowMtus * static_cast<double>(mtu_); }

// Without a hint tau is what the flow happened to see, and who came last saw the others' queue. So
// it sends a quarter for one round trip now and then, after 8, 16, 32 ... round trips: the flow
// that gained most by its error empties most of the queue.
bool Tita::ProbeNow() {
  ++epochs_;
  return !hinted_ && !starting_ && epochs_ >= 8 && (epochs_ & (epochs_ - 1)) == 0;
}

void Tita::Ignore(Time now, double ps) {
  ignoring_ = true;
  ignore_until_ = now + Duration::Picoseconds(static_cast<int64_t>(ps));
}

bool Tita::Ignoring(Time now) const { return ignoring_ && now < ignore_until_; }

void Tita::OnLoss(const Loss& loss) {
  if (loss.undo || loss.kind == LossKind::kRnr || loss.kind == LossKind::kCorruption) return;
  if (Ignoring(loss.now)) return;
  const bool marks = (marked_ || was_marked_) && distrust_ < kDistrustAfter;
  const bool queue = last_queue_ >= target_ || queue_max_ >= target_;
  // Trimming happens at full queues only; of the others, those in an empty fabric are the cable's.
  if (begun_ && !marks && !queue && loss.kind != LossKind::kTrim) {
    if (loss.kind != LossKind::kTimeout) return;
  }
  QuickAdapt(loss.now);
  if (loss.kind == LossKind::kTimeout) control_.cause = kTimeout;
  Publish(static_cast<Cause>(control_.cause));
}

// Equation 9 (the cap) and the pace.
void Tita::Publish(Cause cause) {
  double window = probing_ ? window_ / 4 : window_;
  if (senders_ > 1) {
    const double cap = params_->rho * bdp_ / static_cast<double>(senders_);
    if (cap < window) {
      window = std::max(cap, MinWindow());
      cause = kSenders;
    }
  }
  // The pace W / theta is what holds the flow; the window is its guard, a packet wider, because
  // windows of few packets would be rounded to whole ones and lock their phases to each other.
  control_.window = Bytes(static_cast<int64_t>(window + static_cast<double>(mtu_)));
  double pace = line_bps_;
  if (tau_known_) {
    pace = window * 8e12 * static_cast<double>(wire_ratio_) /
           (tau_ + static_cast<double>(last_queue_));
    if (window < bdp_) pace *= dither_;
  }
  control_.rate = Bandwidth::BitsPerSecond(
      static_cast<int64_t>(std::clamp(pace, std::min(1e6, line_bps_), line_bps_)));
  control_.cause = cause;
}

void Tita::Describe(FieldSink& sink) const {
  sink.Field("window", "bytes", window_);
  sink.Field("tau", "ps", tau_);
  sink.Field("queue_delay", "ps", last_queue_);
  sink.Field("target", "ps", target_);
  sink.Field("slope", "1", slope_.value());
  sink.Field("active_senders", "1", senders_);
}

Controller::State Tita::Snapshot() const {
  State state{Bytes(static_cast<int64_t>(window_)), control_.rate, Duration::Zero()};
  if (tau_known_) state.base_rtt = Duration::Picoseconds(static_cast<int64_t>(tau_));
  return state;
}

void Tita::Restore(const State& state) {
  if (state.base_rtt > Duration::Zero()) {
    tau_ = Ps(state.base_rtt);
    tau_known_ = true;
    SetBdp();
    minima_[kClasses - 1].Add(static_cast<float>(tau_));
  }
  // A predecessor without a window tells its rate.
  const double by_rate = static_cast<double>(state.rate.bps()) / line_bps_ * bdp_;
  const double by_window = static_cast<double>(state.window.count());
  window_ = std::clamp(std::min(by_rate, by_window), MinWindow(),
                       std::max(params_->max_window * bdp_, MinWindow()));
  reference_ = window_;
  starting_ = false;
  SetTarget();
  Publish(kRestored);
}

absl::Status TitaParams::Validate() const {
  if (start > max_window) {
    return absl::InvalidArgumentError("cc tita: start is above max_window; lower it");
  }
  return absl::OkStatus();
}

namespace tita {
namespace {

constexpr ParamSpec kSpecs[] = {
    {"t0", "number", "0.15", "0.01..2", "Sluice", "delay target of a full window, times tau"},
    {"kappa", "number", "0.7", "0..4", "Sluice", "growth of the target with ln(B / W)"},
    {"gamma", "number", "0.3", "0.01..1", "Sluice; 0.9 (PowerTCP) oscillates here",
     "gain per round trip"},
    {"beta", "number", "0.004", "0..0.5", "Sluice", "additive step per round trip, times B"},
    {"beta_share", "number", "0.03", "0..0.5", "Sluice", "bound of the additive step, times W"},
    {"start", "number", "0.25", "0.01..2", "Sluice: 64 senders fit a buffer of 2 MiB",
     "first window, times B"},
    {"max_window", "number", "3", "0.1..16", "Sluice", "largest window, times B"},
    {"rho", "number", "1.25", "1..8", "Sluice", "cap by active senders n: rho B / n"},
    {"tau", "time", "learn", "100ns..1s|learn", "Sluice", "base round trip without queues"},
    {"tau_window", "time", "10s", "1ms..1000s", "Sluice", "how long a smallest RTT is believed"},
};

Traits MakeTraits() {
  Traits traits;
  traits.required.Add(Signal::kRtt);
  traits.optional.Add(Signal::kCnp)
      .Add(Signal::kCeBytes)
      .Add(Signal::kHostDelay)
      .Add(Signal::kRemoteDelay)
      .Add(Signal::kActiveSenders);
  traits.uses_window = true;
  traits.uses_rate = true;
  traits.min_utilisation = 0.95;
  traits.min_jain = 0.95;
  traits.max_incast_queue_bdp = 1;
  return traits;
}

absl::StatusOr<std::shared_ptr<const Algorithm>> ConfigureTita(const ParamList& params) {
  return Configure<TitaParams, Tita>(Entry(), MakeTraits(), params, TitaParams{});
}

}  // namespace

const RegistryEntry& Entry() {
  static const RegistryEntry entry{
      "tita", "open TiTa-like window by fabric delay; needs RTTs, survives loss", kSpecs,
      ConfigureTita};
  return entry;
}

}  // namespace tita
}  // namespace sluice::cc
