// HPCC: the rate from what the switches say themselves. Li et al., "HPCC: High Precision Congestion
// Control", SIGCOMM 2019, section 3 (algorithm 1).
//
// Each acknowledgement carries the telemetry of every hop (queue, bytes sent, time, speed). From
// two of them follows how full the fullest link is, in flight against what it can hold in a base
// round trip (equation 2); its smoothed value U moves the rate to eta of the link at once, and a
// small additive part makes flows equal. Every acknowledgement reacts, but against the rate of the
// last round trip (Wc), so that one queue is not counted many times.
//
// Signals: INT, required; RTT, for the base round trip where nobody told it.
// Starts at line rate. Window = base round trip x rate, and the rate is the pace: the paper's W and
// W / T.
// Departures from the paper: the first telemetry of a path is only stored, as in the ns-3 model of
// the authors; reports carry no pathID, so another way of as many hops is known by counters that
// cannot be; a timeout halves.
#ifndef SLUICE_CC_HPCC_H_
#define SLUICE_CC_HPCC_H_

#include <array>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "cc/controller.h"
#include "cc/parts/rate_window.h"
#include "cc/parts/round.h"
#include "cc/registry.h"

namespace sluice::cc {

// Defaults are the preset `paper`.
struct HpccParams {
  enum class Preset : uint8_t { kPaper, kNs3 };

  Preset preset = Preset::kPaper;
  double eta = 0.95;
  uint32_t max_stage = 5;
  Bandwidth ai = Bandwidth::MegabitsPerSecond(50);
  Bandwidth min_rate = Bandwidth::MegabitsPerSecond(100);

  static HpccParams Of(Preset preset);
  template <typename V>
  void Visit(V&& v) {
    v("preset", preset);
    v("eta", eta);
    v("max_stage", max_stage);
    v("ai", ai);
    v("min_rate", min_rate);
  }
  absl::Status Validate() const { return absl::OkStatus(); }
};

class Hpcc final : public Controller {
 public:
  enum Cause : uint16_t { kStart, kFull, kRoom, kTimeout, kRestored };

  Hpcc(const HpccParams& params, const FlowContext& context);

  void OnFeedback(const Feedback& feedback) override;
  void OnLoss(const Loss& loss) override;
  void Describe(FieldSink& sink) const override;
  State Snapshot() const override { return {control_.window, control_.rate, base_rtt_}; }
  void Restore(const State& state) override;

 private:
  void LearnRtt(const Feedback& feedback);
  void Take(const Sample& sample, Bytes in_flight);
  bool Measure(std::span<const IntHop> hops);
  void Store(std::span<const IntHop> hops);
  void SetRtt(Duration rtt);
  void Compute(bool update);
  void Publish(Cause cause);

  // What is kept of a hop: its queue, bytes sent and clock.
  struct Hop {
    uint32_t sent;
    uint32_t stamp;
    uint32_t queue;
  };

  const HpccParams* params_;
  Duration base_rtt_;
  bool rtt_told_;
  bool update_ = false;  // a round has ended since the reference was set
  double line_;
  double min_;
  double reference_;  // Wc / T, bit/s
  double rate_;       // W / T, bit/s
  double use_ = 1;    // U
  RateWindow window_;
  Round round_;
  uint32_t stage_ = 0;
  uint32_t hops_ = 0;  // of hop_, 0: nothing stored
  std::array<Hop, kMaxHops> hop_{};
};

namespace hpcc {
const RegistryEntry& Entry();
}  // namespace hpcc

}  // namespace sluice::cc

#endif  // SLUICE_CC_HPCC_H_
