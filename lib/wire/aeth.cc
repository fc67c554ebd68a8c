#include "wire/aeth.h"

#include <bit>
#include <cstdint>

namespace sluice::wire {
namespace {

constexpr uint32_t kCredits[31] = {
    0,   1,   2,   3,   4,    6,    8,    12,   16,   24,   32,   48,    64,    96,    128,  192,
    256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384, 24576, 32768};

// In units of 10 us.
constexpr int64_t kRnrTimers[32] = {65536, 1,    2,    3,     4,     6,     8,     12,
                                    16,    24,   32,   48,    64,    96,    128,   192,
                                    256,   384,  512,  768,   1024,  1536,  2048,  3072,
                                    4096,  6144, 8192, 12288, 16384, 24576, 32768, 49152};

}  // namespace

uint32_t CreditCount(uint8_t code) {
  code &= 0x1f;
  return code == Aeth::kCreditUnlimited ? kUnlimitedCredits : kCredits[code];
}

// From 2 on the counts are 2^e and 1.5 * 2^e in turn: the exponent and the bit below the leading
// one give the code.
uint8_t CreditCode(uint32_t count) {
  if (count < 2) return static_cast<uint8_t>(count);
  if (count >= kCredits[30]) return 30;
  const uint32_t exponent = static_cast<uint32_t>(std::bit_width(count)) - 1;
  return static_cast<uint8_t>(2 * exponent + (count >> (exponent - 1) & 1));
}

Duration RnrTimer(uint8_t code) { return Duration::Microseconds(10 * kRnrTimers[code & 0x1f]); }

uint8_t RnrTimerCode(Duration d) {
  for (uint8_t code = 1; code < 32; ++code) {
    if (RnrTimer(code) >= d) return code;
  }
  return 0;
}

}  // namespace sluice::wire
