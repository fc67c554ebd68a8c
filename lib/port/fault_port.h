// FaultPort: a Port that loses, doubles, reorders, corrupts and delays what another Port receives.
//
// Faults act on the receive side. There they need no promise that the decorator could not keep: a
// packet dropped on the way out would have to be reported as sent, and a doubled one would need
// room in a queue that may refuse it, while a received packet is the decorator's to withhold. With
// both ends decorated each direction has its faults.
//
// Time-free: a packet that is held back waits for other packets or for calls of Receive, never for
// a clock, so a run is a function of the seed and of the sequence of calls. Each kind of fault
// draws once per received packet from a stream of its own: more loss does not move the corruptions.
//
// Ownership: a received frame may be the sender's memory (net_ring), so a frame that is altered or
// doubled is copied first into a packet allocated from the inner port. When none is free the fault
// does not happen and is counted in no_buffer. Every packet that enters leaves: by Receive, or to
// the inner port's Release, at the latest in the destructor.
//
// A corruption flips 1 to 3 distinct bits in the bytes behind the two MAC addresses. CRC-32 finds
// every error of up to 3 bits in frames up to 11 KiB (Koopman, DSN 2002: Hamming distance 4), so
// what passes undetected is only what RoCEv2 leaves out of both the iCRC and the IPv4 checksum: the
// UDP checksum and the FECN/BECN byte of the BTH (IBTA, annex A17). Where the port elides payloads
// nothing checks a CRC: there the bytes stay and RxMeta::icrc becomes kBad.
#ifndef SLUICE_PORT_FAULT_PORT_H_
#define SLUICE_PORT_FAULT_PORT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "base/rng.h"
#include "port/packet.h"
#include "port/port.h"

namespace sluice::port {

// Probabilities per received packet, 0 to 1.
struct FaultRates {
  double drop = 0;
  double duplicate = 0;  // the copy follows the original at once
  double reorder = 0;    // held back until 1 to 8 later packets have passed
  double corrupt = 0;
  double delay = 0;  // it and everything behind it wait for 1 to 16 calls of Receive, in order
};

// Since construction. A packet counts in every kind that struck it.
struct FaultCounts {
  uint64_t received = 0;  // from the inner port
  uint64_t dropped = 0;
  uint64_t duplicated = 0;
  uint64_t reordered = 0;
  uint64_t corrupted = 0;
  uint64_t delayed = 0;
  uint64_t no_buffer = 0;  // faults that did not happen for want of a packet to copy into
};

class FaultPort : public Port {
 public:
  // Held packets go on after this many calls of Receive in a row in which the inner port had
  // nothing, so that the last packet of a burst is not held for ever.
  static constexpr uint32_t kFlushAfterEmpty = 32;

  // `inner` is borrowed and must outlive this. Faults of two ports with equal seeds differ when
  // their `entity` does. InvalidArgument from Check when a rate lies outside [0, 1].
  FaultPort(Port* inner, const FaultRates& rates, uint64_t seed, uint64_t entity);
  ~FaultPort() override;
  FaultPort(const FaultPort&) = delete;
  FaultPort& operator=(const FaultPort&) = delete;

  static absl::Status Check(const FaultRates& rates);

  size_t Receive(std::span<Packet> burst) override;
  size_t Allocate(std::span<Packet> burst) override { return inner_->Allocate(burst); }
  size_t Transmit(std::span<Packet> burst) override { return inner_->Transmit(burst); }
  Time ReceiveStamp(Time now) override { return inner_->ReceiveStamp(now); }
  Time TransmitStamp(Time now) override { return inner_->TransmitStamp(now); }
  void Release(std::span<Packet> burst) override { inner_->Release(burst); }
  absl::Status Map(const Region& region) override { return inner_->Map(region); }
  absl::Status Unmap(const Region& region) override { return inner_->Unmap(region); }
  const Capabilities& capabilities() const override { return inner_->capabilities(); }

  const FaultCounts& counts() const { return counts_; }
  // Packets that wait inside: while there are any, Receive must be called again.
  size_t waiting() const { return held_count_ + (ready_end_ - ready_begin_); }

 private:
  static constexpr size_t kMaxHeld = 64;
  struct Held {
    Packet packet;
    uint32_t remaining = 0;  // packets that still have to pass
  };
  struct Ready {
    Packet packet;
    uint32_t stall = 0;  // calls of Receive before this one goes
  };

  void Strike(Packet packet);
  void Pass(const Packet& packet, uint32_t stall);
  void Append(const Packet& packet, uint32_t stall);
  void FlushHeld();
  size_t TakeReady(std::span<Packet> burst);
  bool Copy(const Packet& from, Packet* to);
  bool Corrupt(Packet* packet);

  Port* const inner_;
  const FaultRates rates_;
  Rng drop_;
  Rng duplicate_;
  Rng reorder_;
  Rng corrupt_;
  Rng delay_;
  FaultCounts counts_;
  uint32_t empty_calls_ = 0;
  std::array<Held, kMaxHeld> held_;  // oldest first
  size_t held_count_ = 0;
  // Packets that go next. Filled only when empty: a burst, its copies and every held packet fit.
  std::array<Ready, 2 * kMaxBurst + kMaxHeld> ready_;
  size_t ready_begin_ = 0;
  size_t ready_end_ = 0;
};

}  // namespace sluice::port

#endif  // SLUICE_PORT_FAULT_PORT_H_
