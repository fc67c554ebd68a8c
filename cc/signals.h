// Signals: what a congestion controller can be told, and which of it a peer can deliver.
//
// Each signal has a bit. A signal whose bit is not set was not measured: its fields are zero, and
// zero must not be read as "no congestion".
#ifndef SLUICE_CC_SIGNALS_H_
#define SLUICE_CC_SIGNALS_H_

#include <cstdint>

#include "base/time.h"
#include "base/units.h"

namespace sluice::cc {

enum class Signal : uint8_t {
  kRtt,            // round-trip times of single packets
  kCnp,            // congestion notification packets (IBTA 1.4, annex A17.9)
  kCeBytes,        // how many of the acknowledged bytes arrived CE-marked (extension peers)
  kHostDelay,      // our host's share of a round trip (ports that stamp)
  kRemoteDelay,    // turn-around of the acknowledgement in the peer's host (extension peers)
  kActiveSenders,  // backlogged senders at the receiver's port (extension peers)
  kInt,            // per-hop telemetry (fabrics that write it)
  kHopWait,        // the longest wait at one switch of the way (likewise)
};

class SignalSet {
 public:
  constexpr SignalSet() = default;
  constexpr SignalSet& Add(Signal s) {
    bits_ |= Bit(s);
    return *this;
  }
  constexpr SignalSet& Add(SignalSet o) {
    bits_ |= o.bits_;
    return *this;
  }
  constexpr bool Has(Signal s) const { return (bits_ & Bit(s)) != 0; }
  constexpr bool HasAll(SignalSet o) const { return (bits_ & o.bits_) == o.bits_; }
  constexpr SignalSet Without(SignalSet o) const { return SignalSet(bits_ & ~o.bits_); }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr uint32_t bits() const { return bits_; }
  constexpr bool operator==(const SignalSet&) const = default;

 private:
  explicit constexpr SignalSet(uint32_t b) : bits_(b) {}
  static constexpr uint32_t Bit(Signal s) { return 1u << static_cast<uint8_t>(s); }
  uint32_t bits_ = 0;
};

// Where the receive stamp of a sample was taken; the further from the wire, the more of our own
// host is in it. kNic: by the port, as the packet came off the wire; kBurst: as its burst was taken
// out of the receive ring; kPoll: when the poll began.
enum class StampSource : uint8_t { kNone, kNic, kBurst, kPoll };

// One switch hop's telemetry (HPCC, SIGCOMM 2019, section 4), as the shim of docs/wire-formats.md
// carries it. Only differences of two reports of one hop mean anything, where it says modulo.
struct IntHop {
  static constexpr int64_t kSentUnit = 64;
  uint32_t sent_units = 0;   // of 64 B, sent by the egress port so far, modulo 2^32
  uint32_t stamp_ns = 0;     // the switch's clock when the packet left, modulo 2^32
  uint32_t queue_bytes = 0;  // egress queue behind the packet
  Bandwidth speed;           // of the egress link
};
inline constexpr int kMaxHops = 8;

}  // namespace sluice::cc

#endif  // SLUICE_CC_SIGNALS_H_
