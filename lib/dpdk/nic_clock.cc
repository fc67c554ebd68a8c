#include "dpdk/nic_clock.h"

namespace sluice::dpdk {

void NicClock::Observe(uint64_t count, Time seen) {
  if (!begun_) {
    begun_ = true;
    base_ = count;
    zero_ = before_ = newest_ = seen;
    window_end_ = seen + kWindow;
    return;
  }
  const Time zero = seen - Since(count);
  if (seen >= window_end_) {
    const Duration moved = Since(count);
    base_ = count;
    before_ = newest_ + moved;
    newest_ = seen;
    // After a silence of more than a window nothing of what is old is believed.
    if (seen - window_end_ >= kWindow) before_ = seen;
    window_end_ = seen + kWindow;
  } else {
    newest_ = Earlier(newest_, zero);
  }
  zero_ = Earlier(before_, newest_);
}

}  // namespace sluice::dpdk
