#include "lab/scenario.h"

namespace sluice::lab {

uint8_t TimeoutCode(Bytes buffer, Bandwidth rate, Duration base_rtt) {
  constexpr uint8_t kLast = 31;  // of the field (IBTA 1.4, 9.7.6.1.3)
  const Duration longest = TransmissionTime(buffer, rate) * 5 / 4 + base_rtt * 8;
  uint8_t code = 1;
  while (code < kLast && Duration::Nanoseconds(4096) * (int64_t{1} << code) < longest) ++code;
  return code;
}

}  // namespace sluice::lab
