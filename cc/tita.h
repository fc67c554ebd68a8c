// Tita: an open delay-based window control in the spirit of what little is public about Tencent's
// TiTa. TiTa's own law is not published; this one is ours and does not claim to reproduce it.
// docs/algorithms/tita.md has the equations (numbered as here), the fixed point and the stability.
//
// The idea: keep the queueing delay of the fabric at a target that falls with the logarithm of the
// window (eq. 2), so that equal delay means equal windows without weights or additive probing, and
// steer there by "power", delay times its trend (eq. 4), which reacts before the queue is built.
// Updates are by acknowledged bytes (eq. 6), so that the answer does not hang on batching.
//
// Signals: RTT, required. Optional: our own host delay and the peer's turn-around (subtracted), CE
// bytes or CNPs (a hint for the ramp and for loss, never a reason to cut), active senders at the
// receiver (a cap, eq. 9). A base peer gives raw RTTs; then the smallest of a batch counts, because
// the peer's own jitter cannot be told apart.
// Starts at `start` of a bandwidth-delay product, doubles per quiet round trip.
//
// Loss: with a queue it is congestion and the window goes to what was delivered (eq. 8); without a
// queue and without marks it is the cable's, and nothing is cut.
// Not here: choice of paths (cc/path.h), the window on host delay.
#ifndef SLUICE_CC_TITA_H_
#define SLUICE_CC_TITA_H_

#include <array>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "cc/controller.h"
#include "cc/parts/slope.h"
#include "cc/parts/windowed_min.h"
#include "cc/registry.h"

namespace sluice::cc {

struct TitaParams {
  double t0 = 0.15;             // delay target of a full window, of tau
  double kappa = 0.7;           // how the target grows with ln(B / W)
  double gamma = 0.3;           // gain per round trip
  double beta = 0.004;          // additive step per round trip, of B ...
  double beta_share = 0.03;     // ... and at most of W
  double start = 0.25;          // first window, of B
  double max_window = 3;        // of B
  double rho = 1.25;            // cap by active senders: rho B / n
  std::optional<Duration> tau;  // base round trip; not set: learned
  Duration tau_window = Duration::Seconds(10);

  template <typename V>
  void Visit(V&& v) {
    v("t0", t0);
    v("kappa", kappa);
    v("gamma", gamma);
    v("beta", beta);
    v("beta_share", beta_share);
    v("start", start);
    v("max_window", max_window);
    v("rho", rho);
    v("tau", tau);
    v("tau_window", tau_window);
  }
  absl::Status Validate() const;
};

class Tita final : public Controller {
 public:
  enum Cause : uint16_t { kStart, kSteady, kRamp, kQuickAdapt, kTimeout, kSenders, kRestored };

  Tita(const TitaParams& params, const FlowContext& context);

  void OnFeedback(const Feedback& feedback) override;
  void OnLoss(const Loss& loss) override;
  void OnCnp(const Cnp&) override { marked_ = true; }
  void Describe(FieldSink& sink) const override;
  State Snapshot() const override;
  void Restore(const State& state) override;

 private:
  static constexpr int kClasses = 4;  // of wire length, quarters of a full frame

  struct Delay {
    bool measured = false;
    double theta = 0;  // fabric round trip, ps
    double queue = 0;  // of it beyond tau, ps
  };

  Delay Measure(const Feedback& feedback);
  float Tau(int length_class) const;
  void Steer(const Delay& delay, bool may_grow);
  double InversePower(double queue) const;
  void EndEpoch(Time now);
  void BeginEpoch(Time now);
  double MinWindow() const;
  void QuickAdapt(Time now);
  void SetTau(Time now);
  void SetBdp();
  void SetTarget();
  bool ProbeNow();
  void Ignore(Time now, double ps);
  bool Ignoring(Time now) const;
  void Publish(Cause cause);

  const TitaParams* params_;
  double line_bps_;
  double window_;     // W, payload bytes
  double reference_;  // Wold: W at the start of this epoch
  double bdp_;        // B
  double tau_;        // of full packets, ps
  // Single precision below: measurements, of which the stamps give fewer digits.
  float mtu_;
  float wire_ratio_;  // bytes on the wire per payload byte of full packets
  uint32_t quarter_frame_;
  float target_;       // T(W), ps
  float pending_ = 0;  // acknowledged, not yet steered by
  float last_queue_ = 0;
  std::array<WindowedMin, kClasses> minima_;
  Slope slope_;
  Time tau_rolled_;
  Time ignore_until_;
  uint32_t noise_;    // state of the dither
  float dither_ = 1;  // of the pace, drawn per epoch
  // This epoch, about a round trip.
  Time epoch_start_;
  float delivered_ = 0;
  float marked_bytes_ = 0;
  float queue_min_ = 0;
  float queue_max_ = 0;
  uint32_t senders_ = 0;
  uint16_t epoch_samples_ = 0;
  uint16_t epochs_ = 0;  // wraps: probes begin anew
  uint8_t quiet_ = 0;
  uint8_t distrust_ = 0;
  bool marked_ = false;      // CE or CNP in this epoch
  bool was_marked_ = false;  // in the one before
  bool limited_ = false;     // by the window, in this epoch
  bool starting_ = true;     // no congestion seen yet
  bool begun_ = false;       // first feedback came
  bool ignoring_ = false;
  bool tau_known_ = false;
  bool hinted_ = false;   // tau was given
  bool probing_ = false;  // sends little for an epoch, to see tau
};

namespace tita {
const RegistryEntry& Entry();
}  // namespace tita

}  // namespace sluice::cc

#endif  // SLUICE_CC_TITA_H_
