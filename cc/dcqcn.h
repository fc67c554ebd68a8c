// DCQCN: the rate control that RoCEv2 hosts have agreed on. Zhu et al., "Congestion Control for
// Large-Scale RDMA Deployments", SIGCOMM 2015, section 3.
//
// The idea: a switch marks packets (RED on its queue), the receiver turns marks into congestion
// notification packets (CNPs, at most one per interval), and the sender cuts its rate in proportion
// to how often they came of late (alpha), then climbs back towards the rate before the cut: fast
// recovery (halves the gap), additive increase, hyper increase, each step by a timer or by a byte
// counter.
//
// Signals: CNP, required. It reads no round-trip time, no acknowledgement and sets no window, so
// what is in flight has no bound but rate times delay: it is meant for lossless fabrics.
// Starts at line rate.
//
// Two laws for what a CNP does (parameter `law`):
//   at-cnp   the paper: a CNP cuts at once and moves alpha; alpha decays by its own timer
//   timed    CNPs are noted; one timer cuts if any came since its last tick, another moves alpha.
//            NICs work so, and the ns-3 model of the HPCC authors; presets ns3-50us and ns3-cx4
// With `notice=ack` no CNPs are sent: a marked packet counts when its acknowledgement tells of it
// (peers of the extension), at most once per `cnp_interval`; that costs no packet of its own. With
// `window=rtt` what is in flight is bounded to a base round trip of the rate. Both as there, and so
// are whole bit/s: what is computed of a rate is cut.
// Departures from the paper: alpha decays in one step when it is next needed instead of by a timer
// that never stops (the same numbers); hyper increase adds a constant, as in the ns-3 models (the
// paper leaves it to QCN); a timeout or a trimmed packet counts as a CNP, at most one per 50 us,
// other loss not at all (parameter `loss`): DCQCN has no law for it.
#ifndef SLUICE_CC_DCQCN_H_
#define SLUICE_CC_DCQCN_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "cc/controller.h"
#include "cc/parts/alpha.h"
#include "cc/parts/rate_window.h"
#include "cc/receiver.h"
#include "cc/registry.h"

namespace sluice::cc {

// Defaults are the preset `paper`.
struct DcqcnParams {
  enum class Preset : uint8_t { kPaper, kNs3, kNs3Cx4 };
  enum class Notice : uint8_t { kCnp, kAck };
  enum class Law : uint8_t { kAtCnp, kTimed };
  enum class Target : uint8_t { kRate, kKept };
  enum class CutOn : uint8_t { kTimeout, kAny, kIgnore };
  enum class Tie : uint8_t { kTimer, kCnp };

  Preset preset = Preset::kPaper;
  Law law = Law::kAtCnp;
  double g = 0.00390625;
  Bandwidth ai = Bandwidth::MegabitsPerSecond(40);
  Bandwidth hai = Bandwidth::MegabitsPerSecond(400);
  Bandwidth min_rate = Bandwidth::MegabitsPerSecond(40);
  uint32_t fast_recovery = 5;                             // F, steps
  std::optional<Bytes> byte_counter = Bytes(10'000'000);  // B, payload; not set: no counter
  Duration rate_timer = Duration::Microseconds(55);       // T
  Duration alpha_timer = Duration::Microseconds(55);      // K
  Duration decrease_interval = Duration::Zero();  // at-cnp: least time between cuts; timed: period
  Target target = Target::kRate;
  Duration cnp_interval = Duration::Microseconds(50);  // N; zero: a CNP per marked packet
  CutOn loss = CutOn::kTimeout;
  Notice notice = Notice::kCnp;
  WindowKind window = WindowKind::kNone;
  Tie tie = Tie::kTimer;  // timed: what comes first at the very moment when alpha's timer fires

  static DcqcnParams Of(Preset preset);
  template <typename V>
  void Visit(V&& v) {
    v("preset", preset);
    v("law", law);
    v("g", g);
    v("ai", ai);
    v("hai", hai);
    v("min_rate", min_rate);
    v("fast_recovery", fast_recovery);
    v("byte_counter", byte_counter);
    v("rate_timer", rate_timer);
    v("alpha_timer", alpha_timer);
    v("decrease_interval", decrease_interval);
    v("target", target);
    v("cnp_interval", cnp_interval);
    v("loss", loss);
    v("notice", notice);
    v("window", window);
    v("tie", tie);
  }
  absl::Status Validate() const;
};

// The reaction point: the sender's half.
class Dcqcn final : public Controller {
 public:
  enum Cause : uint16_t { kStart, kCut, kFastRecovery, kAdditive, kHyper, kRestored };

  Dcqcn(const DcqcnParams& params, const FlowContext& context);

  void OnFeedback(const Feedback& feedback) override;
  void OnLoss(const Loss& loss) override;
  void OnCnp(const Cnp& cnp) override { Notified(cnp.now); }
  void OnSent(const Sent& sent) override;
  void OnDeadline(Time now) override;
  void Describe(FieldSink& sink) const override;
  void Restore(const State& state) override;

 private:
  void Notified(Time now);
  void AdvanceAlpha(Time now);
  void Cut(Time now);
  void Increase();
  void Publish(Cause cause);

  const DcqcnParams* params_;
  RateWindow window_;
  double line_;
  double min_;
  double current_;  // RC, bit/s
  double target_;   // RT, bit/s
  AlphaEstimator alpha_;
  Time alpha_base_;           // alpha is up to date until here
  Time cut_base_;             // at-cnp: the last cut; timed: a tick of the timer that cuts
  Time cut_due_;              // timed: the tick that will cut, if cut_pending_
  Time rate_due_;             // of the increase timer, if recovering_
  Time loss_base_;            // when loss last counted
  Time mark_base_;            // notice=ack: when a mark last counted
  int64_t sent_ = 0;          // bytes since the byte counter last fired
  uint32_t timer_steps_ = 0;  // T and BC of the paper, reset by a cut
  uint32_t byte_steps_ = 0;
  bool notified_ = false;      // a CNP came, ever
  bool alpha_marked_ = false;  // timed: one came in this period of alpha
  bool cut_pending_ = false;
  bool recovering_ = false;  // below line rate
  bool lost_ = false;        // loss counted, ever
  bool marked_ = false;      // a mark counted, ever
};

// The notification point: the receiver's half.
class DcqcnNotifier final : public ReceiverHalf {
 public:
  DcqcnNotifier(const DcqcnParams& params, const FlowContext&)
      : interval_(params.cnp_interval), silent_(params.notice == DcqcnParams::Notice::kAck) {}
  ReceiverAction OnData(const DataEvent& event) override;

 private:
  Duration interval_;
  Time last_;
  bool sent_ = false;
  bool silent_;
};

namespace dcqcn {
const RegistryEntry& Entry();
}  // namespace dcqcn

}  // namespace sluice::cc

#endif  // SLUICE_CC_DCQCN_H_
