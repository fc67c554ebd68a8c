// CnpGate: which of the congestion notifications of a flow count. They carry no PSN, so whoever
// knows the addresses and the queue pair number can send them.
//
// A receiver sends one per 50 us and flow (Zhu et al., SIGCOMM 2015, 3.1), NICs down to one per 4
// us. One per 40 us counts, which leaves room for jitter; more would only repeat the same news.
// Half a million a second is what no receiver sends: from then on until they cease, one per
// millisecond counts, so that a storm cannot hold the flow down, nor make it deaf to congestion.
#ifndef SLUICE_TRANSPORT_CNP_GATE_H_
#define SLUICE_TRANSPORT_CNP_GATE_H_

#include <cstdint>

#include "base/time.h"

namespace sluice::transport {

class CnpGate {
 public:
  static constexpr uint32_t kGapUs = 40;
  static constexpr uint32_t kStormGapUs = 1000;
  static constexpr uint16_t kStormPerGap = 25;  // too early ones since the last that counted
  static constexpr uint16_t kStormPerStormGap = 500;

  // Whether one that arrived now counts.
  bool Take(Time now) {
    const uint32_t us = static_cast<uint32_t>(now.ps() / 1'000'000);
    const uint32_t since = us - last_;
    if (since >= (storm_ ? kStormGapUs : kGapUs)) {
      storm_ = storm_ && early_ >= kStormPerStormGap && since < 2 * kStormGapUs;
      early_ = 0;
      last_ = us;
      return true;
    }
    if (early_ < kStormPerStormGap) ++early_;
    storm_ |= early_ >= kStormPerGap;
    return false;
  }

 private:
  uint32_t last_ = 0u - kStormGapUs;
  uint16_t early_ = 0;
  bool storm_ = false;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_CNP_GATE_H_
