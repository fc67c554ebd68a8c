#include "perf/pattern.h"

#include "base/rng.h"

namespace sluice::perf {
namespace {

constexpr uint64_t kPatternStream = 0x706174;

}  // namespace

Pattern::Pattern(uint64_t seed, uint32_t size) : size_(size), buffer_(kWindows * kStride + size) {
  Rng rng(seed, 0, kPatternStream);
  size_t at = 0;
  for (; at + 8 <= buffer_.length(); at += 8) {
    const uint64_t word = rng.Next();
    std::memcpy(buffer_.data() + at, &word, 8);
  }
  for (; at < buffer_.length(); ++at) buffer_.data()[at] = static_cast<uint8_t>(rng.Next());
}

uint64_t Pattern::Mismatches(uint32_t qp, uint64_t message, const uint8_t* got) const {
  const uint8_t* want = Of(qp, message);
  if (std::memcmp(want, got, size_) == 0) return 0;
  uint64_t n = 0;
  for (uint32_t i = 0; i < size_; ++i) n += want[i] != got[i];
  return n;
}

}  // namespace sluice::perf
