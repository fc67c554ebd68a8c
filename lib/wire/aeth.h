// Aeth: the acknowledge extended transport header (IBTA 1.4, chapter 9.7.5.2), and the two code
// tables that its syndrome uses: end-to-end credits (table 45) and RNR timers (table 46).
#ifndef SLUICE_WIRE_AETH_H_
#define SLUICE_WIRE_AETH_H_

#include <cstddef>
#include <cstdint>

#include "base/be.h"
#include "base/time.h"

namespace sluice::wire {

// Low five bits of the syndrome of a NAK. Codes beyond the last one are reserved.
enum class NakCode : uint8_t {
  kPsnSequenceError = 0,
  kInvalidRequest = 1,
  kRemoteAccessError = 2,
  kRemoteOperationalError = 3,
  kInvalidRdRequest = 4,
};

struct Aeth {
  static constexpr size_t kSize = 4;
  static constexpr uint32_t kMsnMask = 0xffffff;
  // Credit code of a responder without end-to-end flow control (SRQ, or never counting).
  static constexpr uint8_t kCreditUnlimited = 31;

  uint8_t syndrome = kCreditUnlimited;
  uint32_t msn = 0;  // 24 bits: messages that the responder has completed

  static Aeth Read(const uint8_t* p) { return Aeth{p[0], LoadBe24(p + 1)}; }
  void Write(uint8_t* p) const {
    StoreBe32(p, static_cast<uint32_t>(syndrome) << 24 | (msn & kMsnMask));
  }

  static constexpr uint8_t AckSyndrome(uint8_t credit_code) { return credit_code & 0x1f; }
  static constexpr uint8_t RnrSyndrome(uint8_t timer_code) {
    return static_cast<uint8_t>(0x20 | (timer_code & 0x1f));
  }
  static constexpr uint8_t NakSyndrome(NakCode code) {
    return static_cast<uint8_t>(0x60 | (static_cast<uint8_t>(code) & 0x1f));
  }

  // At most one of the three holds; none for a reserved syndrome (top bits 010 or bit 7 set).
  constexpr bool IsAck() const { return (syndrome & 0xe0) == 0x00; }
  constexpr bool IsRnr() const { return (syndrome & 0xe0) == 0x20; }
  constexpr bool IsNak() const { return (syndrome & 0xe0) == 0x60; }
  constexpr uint8_t credit_code() const { return syndrome & 0x1f; }  // if IsAck()
  constexpr uint8_t rnr_timer() const { return syndrome & 0x1f; }    // if IsRnr()
  constexpr NakCode nak_code() const {                               // if IsNak(); may be reserved
    return static_cast<NakCode>(syndrome & 0x1f);
  }

  bool operator==(const Aeth&) const = default;
};

// Table 45. The count for codes 0-30; code 31 says "not counted" and gives ~0u.
inline constexpr uint32_t kUnlimitedCredits = ~uint32_t{0};
uint32_t CreditCount(uint8_t code);
// The largest code whose count is <= `count` (30 at most).
uint8_t CreditCode(uint32_t count);

// Table 46, codes 0-31 (higher bits are ignored). Code 0 is the longest, 655.36 ms.
Duration RnrTimer(uint8_t code);
// The code of the shortest timer that is >= `d`; 0 (the longest) beyond that.
uint8_t RnrTimerCode(Duration d);

}  // namespace sluice::wire

#endif  // SLUICE_WIRE_AETH_H_
