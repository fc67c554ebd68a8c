// RateWindow: bounds what is in flight to a base round trip's worth of the current rate, as the
// ns-3 model of HPCC's authors does for every algorithm with HAS_WIN and VAR_WIN: W = BDP * rate /
// line (Li et al., SIGCOMM 2019, section 3.2: "limiting inflight bytes").
//
// Whole numbers only: bytes, and at least one.
#ifndef SLUICE_CC_PARTS_RATE_WINDOW_H_
#define SLUICE_CC_PARTS_RATE_WINDOW_H_

#include <cstdint>

#include "base/int128.h"
#include "base/time.h"
#include "base/units.h"
#include "cc/controller.h"

namespace sluice::cc {

// A parameter's words "none|rtt".
enum class WindowKind : uint8_t { kNone, kRtt };

class RateWindow {
 public:
  // No window without a round trip: rtt zero means that nobody knows it.
  RateWindow(WindowKind kind, Duration rtt, Bandwidth line)
      : bdp_(kind == WindowKind::kRtt && rtt > Duration::Zero() ? BytesIn(rtt, line).count() : 0),
        line_(line.bps()) {}

  Bytes Of(Bandwidth rate) const {
    if (bdp_ == 0) return kNoWindow;
    const auto w =
        static_cast<int64_t>(static_cast<Uint128>(static_cast<uint64_t>(bdp_)) *
                             static_cast<uint64_t>(rate.bps()) / static_cast<uint64_t>(line_));
    return Bytes(w > 0 ? w : 1);
  }
  // At line rate; 0 without a window.
  Bytes bdp() const { return Bytes(bdp_); }

 private:
  int64_t bdp_;
  int64_t line_;
};

}  // namespace sluice::cc

#endif  // SLUICE_CC_PARTS_RATE_WINDOW_H_
