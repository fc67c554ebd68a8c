// TokenBucket: how often something may happen that a stranger can cause: `rate` per second on
// average, `burst` at once. One thread.
#ifndef SLUICE_BASE_TOKEN_BUCKET_H_
#define SLUICE_BASE_TOKEN_BUCKET_H_

#include <cstdint>

#include "base/optional_time.h"
#include "base/time.h"

namespace sluice {

class TokenBucket {
 public:
  // Both at least 1. Full at first.
  TokenBucket(uint32_t rate, uint32_t burst)
      : interval_(Duration::Seconds(1) / rate), burst_(burst), tokens_(burst) {}

  // Takes a token; false when there is none. `now` does not run backwards.
  bool Take(Time now) {
    if (!filled_) filled_ = now;
    const int64_t fresh = (now - *filled_) / interval_;
    if (fresh > 0) {
      *filled_ += interval_ * fresh;
      tokens_ = fresh >= static_cast<int64_t>(burst_ - tokens_)
                    ? burst_
                    : tokens_ + static_cast<uint32_t>(fresh);
    }
    if (tokens_ == 0) return false;
    --tokens_;
    return true;
  }

 private:
  const Duration interval_;
  const uint32_t burst_;
  uint32_t tokens_;
  OptionalTime filled_;
};

}  // namespace sluice

#endif  // SLUICE_BASE_TOKEN_BUCKET_H_
