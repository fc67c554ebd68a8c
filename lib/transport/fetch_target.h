// What a READ or an atomic fetches goes into the segments of its request: verbs checked the right
// to write there when it was posted.
#ifndef SLUICE_TRANSPORT_FETCH_TARGET_H_
#define SLUICE_TRANSPORT_FETCH_TARGET_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "transport/work.h"

namespace sluice::transport {

// The request's segments as the memory that they are.
struct FetchTarget {
  explicit FetchTarget(const SendWork& work) : count(std::min<size_t>(work.segment_count, kMost)) {
    for (size_t i = 0; i < count; ++i) {
      runs[i] = {const_cast<uint8_t*>(work.segments[i].data), work.segments[i].length};
    }
  }
  std::span<const MutableSegment> span() const { return {runs, count}; }
  static constexpr size_t kMost = 16;
  MutableSegment runs[kMost];
  const size_t count;
};

// The result of an atomic, in host order.
inline void PutOriginal(const SendWork& work, uint64_t original) {
  const auto* from = reinterpret_cast<const uint8_t*>(&original);
  for (uint16_t i = 0; i < work.segment_count; ++i) {
    const Segment& s = work.segments[i];
    std::memcpy(const_cast<uint8_t*>(s.data), from, s.length);
    from += s.length;
  }
}

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_FETCH_TARGET_H_
