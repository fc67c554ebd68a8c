// TIMELY: a rate that follows the gradient of the round-trip time. Mittal et al., "TIMELY:
// RTT-based Congestion Control for the Datacenter", SIGCOMM 2015, section 4 (algorithm 1).
//
// Below t_low the rate grows, above t_high it is cut by how far above, and between them a rising
// round trip cuts in proportion to its slope while a falling one lets the rate grow, five times
// faster after five such steps.
//
// Signals: RTT, required. Optional: our own host's delay, which is no queue of the fabric
// (subtracted; the paper's round trips are those of the NIC). Starts at line rate.
//
// Two laws (parameter `law`):
//   paper   an update per `segment` acknowledged; fast growth counts only gradients <= 0
//   ns3     the model of HPCC's authors: an update per round trip; fast growth counts every step
//           up; preset ns3
// Departures from the paper: the round trip is that of one packet, so no segment's own
// serialisation is taken off; a timeout halves (the paper's fabric loses nothing).
#ifndef SLUICE_CC_TIMELY_H_
#define SLUICE_CC_TIMELY_H_

#include <cstdint>

#include "absl/status/status.h"
#include "cc/controller.h"
#include "cc/parts/rate_window.h"
#include "cc/parts/round.h"
#include "cc/registry.h"

namespace sluice::cc {

// Defaults are the preset `paper`.
struct TimelyParams {
  enum class Preset : uint8_t { kPaper, kNs3 };
  enum class Law : uint8_t { kPaper, kNs3 };

  Preset preset = Preset::kPaper;
  Law law = Law::kPaper;
  double gain = 0.875;
  double beta = 0.8;
  Duration t_low = Duration::Microseconds(50);
  Duration t_high = Duration::Microseconds(500);
  Duration min_rtt = Duration::Microseconds(20);
  Bandwidth ai = Bandwidth::MegabitsPerSecond(10);
  Bandwidth hai = Bandwidth::MegabitsPerSecond(50);
  uint32_t hai_after = 5;
  Bandwidth min_rate = Bandwidth::MegabitsPerSecond(10);
  Bytes segment{16'000};  // paper
  WindowKind window = WindowKind::kNone;

  static TimelyParams Of(Preset preset);
  template <typename V>
  void Visit(V&& v) {
    v("preset", preset);
    v("law", law);
    v("gain", gain);
    v("beta", beta);
    v("t_low", t_low);
    v("t_high", t_high);
    v("min_rtt", min_rtt);
    v("ai", ai);
    v("hai", hai);
    v("hai_after", hai_after);
    v("min_rate", min_rate);
    v("segment", segment);
    v("window", window);
  }
  absl::Status Validate() const;
};

class Timely final : public Controller {
 public:
  enum Cause : uint16_t { kStart, kAdditive, kHyper, kAbove, kGradient, kTimeout, kRestored };

  Timely(const TimelyParams& params, const FlowContext& context);

  void OnFeedback(const Feedback& feedback) override;
  void OnLoss(const Loss& loss) override;
  void Describe(FieldSink& sink) const override;
  void Restore(const State& state) override;

 private:
  bool Due(const Sample& sample, Duration rtt, Bytes in_flight);
  void Update(double rtt);
  void Raise(bool counts);
  void Lower(double factor, Cause cause);
  void Publish(Cause cause);

  const TimelyParams* params_;
  RateWindow window_;
  double line_;
  double min_;
  double rate_;      // bit/s
  double rtt_ = 0;   // of the last update, ps
  double diff_ = 0;  // smoothed difference of two round trips, ps
  Round round_;
  int64_t segment_ = 0;  // acknowledged since the last update
  uint32_t steps_up_ = 0;
  bool begun_ = false;
};

namespace timely {
const RegistryEntry& Entry();
}  // namespace timely

}  // namespace sluice::cc

#endif  // SLUICE_CC_TIMELY_H_
