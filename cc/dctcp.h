// DCTCP: a cut in proportion to the part of the packets that were marked. Alizadeh et al., "Data
// Center TCP (DCTCP)", SIGCOMM 2010, section 3; RFC 8257.
//
// Each round trip the marked part F of what was acknowledged moves alpha = (1 - g) alpha + g F
// (equation 1). The first mark of a round trip cuts to (1 - alpha / 2) (equation 2) and nothing
// grows for a round trip; without a mark the answer grows once per round trip.
//
// Signals: CE bytes, required: the receiver of the extension counts marks.
//
// Two laws (parameter `law`):
//   window   the paper: a congestion window, one MTU more per round trip, doubling per round trip
//            until the first mark; no pace
//   rate     the ns-3 model of HPCC's authors: starts at line rate, `ai` more per round trip, and a
//            window of a base round trip of the rate (`window`); preset ns3
// Departures from the paper: the receiver echoes counts instead of toggling a bit (nothing is lost
// by delayed acknowledgements); loss halves once per round trip as in TCP, and so does a timeout,
// where TCP begins again with one packet; after either nothing grows for a round trip.
#ifndef SLUICE_CC_DCTCP_H_
#define SLUICE_CC_DCTCP_H_

#include <cstdint>

#include "absl/status/status.h"
#include "cc/controller.h"
#include "cc/parts/rate_window.h"
#include "cc/parts/round.h"
#include "cc/registry.h"

namespace sluice::cc {

// Defaults are the preset `paper`.
struct DctcpParams {
  enum class Preset : uint8_t { kPaper, kNs3 };
  enum class Law : uint8_t { kWindow, kRate };

  Preset preset = Preset::kPaper;
  Law law = Law::kWindow;
  double g = 0.0625;
  Bandwidth ai = Bandwidth::MegabitsPerSecond(615);        // rate: per round trip
  Bandwidth min_rate = Bandwidth::MegabitsPerSecond(100);  // rate
  WindowKind window = WindowKind::kNone;                   // rate

  static DctcpParams Of(Preset preset);
  template <typename V>
  void Visit(V&& v) {
    v("preset", preset);
    v("law", law);
    v("g", g);
    v("ai", ai);
    v("min_rate", min_rate);
    v("window", window);
  }
  absl::Status Validate() const { return absl::OkStatus(); }
};

class Dctcp final : public Controller {
 public:
  enum Cause : uint16_t { kStart, kGrowth, kSlowStart, kCut, kLoss, kRestored };

  Dctcp(const DctcpParams& params, const FlowContext& context);

  void OnFeedback(const Feedback& feedback) override;
  void OnLoss(const Loss& loss) override;
  void Describe(FieldSink& sink) const override;
  void Restore(const State& state) override;

 private:
  void Take(const Sample& sample, Bytes in_flight, bool app_limited);
  void EndRound();
  void Cut(double factor, uint64_t until, Cause cause);
  void Grow(const Sample& sample, bool round_ended);
  void Publish(Cause cause);

  const DctcpParams* params_;
  RateWindow window_;
  double low_;    // of value_
  double high_;   // of value_
  double step_;   // per round trip
  double value_;  // bytes of window, or bit/s
  double alpha_ = 1;
  Round round_;
  uint64_t marked_ = 0;  // packets of this round, by the counts of whole batches
  uint64_t acked_ = 0;
  uint64_t reduced_until_ = 0;  // place in the stream, if reduced_
  bool reduced_ = false;
  bool first_round_ = true;
  bool slow_start_;
};

namespace dctcp {
const RegistryEntry& Entry();
}  // namespace dctcp

}  // namespace sluice::cc

#endif  // SLUICE_CC_DCTCP_H_
