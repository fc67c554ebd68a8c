// Psn: a 24-bit packet sequence number with its serial arithmetic (IBTA 1.4, chapter 9.7.2).
//
// Differences are signed 24-bit: a - b lies in [-2^23, 2^23). An order holds while fewer than 2^23
// PSNs are outstanding, which the transport guarantees.
#ifndef SLUICE_BASE_PSN_H_
#define SLUICE_BASE_PSN_H_

#include <cstdint>

namespace sluice {

class Psn {
 public:
  static constexpr uint32_t kMask = 0xffffff;

  constexpr Psn() = default;
  explicit constexpr Psn(uint32_t v) : v_(v & kMask) {}

  constexpr uint32_t value() const { return v_; }
  constexpr bool operator==(const Psn&) const = default;
  constexpr Psn operator+(int32_t n) const { return Psn(v_ + static_cast<uint32_t>(n)); }
  constexpr Psn operator-(int32_t n) const { return Psn(v_ - static_cast<uint32_t>(n)); }
  constexpr Psn& operator++() { return *this = *this + 1; }
  // Signed distance from o to this.
  constexpr int32_t operator-(Psn o) const { return static_cast<int32_t>((v_ - o.v_) << 8) >> 8; }
  constexpr bool operator<(Psn o) const { return *this - o < 0; }
  constexpr bool operator>(Psn o) const { return *this - o > 0; }
  constexpr bool operator<=(Psn o) const { return *this - o <= 0; }
  constexpr bool operator>=(Psn o) const { return *this - o >= 0; }

 private:
  uint32_t v_ = 0;
};

}  // namespace sluice

#endif  // SLUICE_BASE_PSN_H_
