// Bytes, Bandwidth and the conversions between them and time, all in integers.
#ifndef SLUICE_BASE_UNITS_H_
#define SLUICE_BASE_UNITS_H_

#include <compare>
#include <cstdint>
#include <limits>

#include "base/int128.h"
#include "base/time.h"

namespace sluice {

// A signed count of bytes; differences may be negative.
class Bytes {
 public:
  constexpr Bytes() = default;
  explicit constexpr Bytes(int64_t v) : v_(v) {}
  constexpr int64_t count() const { return v_; }

  constexpr auto operator<=>(const Bytes&) const = default;
  constexpr Bytes operator+(Bytes o) const { return Bytes(v_ + o.v_); }
  constexpr Bytes operator-(Bytes o) const { return Bytes(v_ - o.v_); }
  constexpr Bytes operator*(int64_t k) const { return Bytes(v_ * k); }
  constexpr Bytes operator/(int64_t k) const { return Bytes(v_ / k); }
  constexpr Bytes& operator+=(Bytes o) {
    v_ += o.v_;
    return *this;
  }
  constexpr Bytes& operator-=(Bytes o) {
    v_ -= o.v_;
    return *this;
  }

 private:
  int64_t v_ = 0;
};

// Bits per second.
class Bandwidth {
 public:
  constexpr Bandwidth() = default;
  static constexpr Bandwidth BitsPerSecond(int64_t v) { return Bandwidth(v); }
  static constexpr Bandwidth MegabitsPerSecond(int64_t v) { return Bandwidth(v * 1000'000); }
  static constexpr Bandwidth GigabitsPerSecond(int64_t v) { return Bandwidth(v * 1000'000'000); }
  constexpr int64_t bps() const { return bps_; }
  constexpr double gbps() const { return static_cast<double>(bps_) * 1e-9; }
  constexpr auto operator<=>(const Bandwidth&) const = default;

 private:
  explicit constexpr Bandwidth(int64_t v) : bps_(v) {}
  int64_t bps_ = 0;
};

// Picoseconds per byte as a 32.32 fixed-point number: one multiplication per packet on the hot
// path. Rates below about 2 kb/s saturate.
class PsPerByte {
 public:
  constexpr PsPerByte() = default;
  static constexpr PsPerByte Of(Bandwidth b) {
    if (b.bps() <= 0) return PsPerByte(std::numeric_limits<uint64_t>::max());
    const Uint128 q =
        (static_cast<Uint128>(8'000'000'000'000ULL) << 32) / static_cast<uint64_t>(b.bps());
    constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
    return PsPerByte(q > kMax ? kMax : static_cast<uint64_t>(q));
  }
  // The time that `n` bytes take, rounded down to a picosecond.
  constexpr Duration TimeOf(Bytes n) const {
    const Uint128 p = (static_cast<Uint128>(q32_) * static_cast<uint64_t>(n.count())) >> 32;
    constexpr int64_t kMax = Duration::Max().ps();
    return Duration::Picoseconds(p > static_cast<uint64_t>(kMax) ? kMax : static_cast<int64_t>(p));
  }
  constexpr uint64_t q32() const { return q32_; }

 private:
  explicit constexpr PsPerByte(uint64_t q) : q32_(q) {}
  uint64_t q32_ = 0;
};

// Exact serialisation time of n bytes, rounded up to a picosecond. n >= 0, b > 0.
constexpr Duration TransmissionTime(Bytes n, Bandwidth b) {
  const Uint128 bits_ps =
      static_cast<Uint128>(static_cast<uint64_t>(n.count())) * 8'000'000'000'000ULL;
  const uint64_t rate = static_cast<uint64_t>(b.bps());
  const Uint128 p = (bits_ps + rate - 1) / rate;
  constexpr int64_t kMax = Duration::Max().ps();
  return Duration::Picoseconds(p > static_cast<uint64_t>(kMax) ? kMax : static_cast<int64_t>(p));
}

// What a link of rate b carries in d, rounded down. d >= 0.
constexpr Bytes BytesIn(Duration d, Bandwidth b) {
  const Uint128 v = static_cast<Uint128>(static_cast<uint64_t>(d.ps())) *
                    static_cast<uint64_t>(b.bps()) / 8'000'000'000'000ULL;
  return Bytes(static_cast<int64_t>(v));
}

// The rate at which n bytes take d, rounded down. d > 0.
constexpr Bandwidth RateOf(Bytes n, Duration d) {
  const Uint128 v = static_cast<Uint128>(static_cast<uint64_t>(n.count())) * 8'000'000'000'000ULL /
                    static_cast<uint64_t>(d.ps());
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  return Bandwidth::BitsPerSecond(v > static_cast<uint64_t>(kMax) ? kMax : static_cast<int64_t>(v));
}

// What every Ethernet frame costs on the wire beyond its bytes in a Packet: preamble and start
// delimiter 8, frame check sequence 4, inter-frame gap 12 (IEEE 802.3).
inline constexpr Bytes kEthernetOverhead{24};

}  // namespace sluice

#endif  // SLUICE_BASE_UNITS_H_
