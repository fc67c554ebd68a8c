// Limits of what the laboratory takes: what a laptop sets up.
#ifndef SLUICE_LAB_LIMITS_H_
#define SLUICE_LAB_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace sluice::lab {

// Of one topology.
inline constexpr int64_t kMostNodes = 1 << 17;
inline constexpr int64_t kMostLinks = 1 << 20;
// Of one run.
inline constexpr size_t kMaxFlows = 1'000'000;
// Bytes of one message (IBTA 1.4, 9.7.2).
inline constexpr int64_t kMostMessageBytes = int64_t{1} << 31;

}  // namespace sluice::lab

#endif  // SLUICE_LAB_LIMITS_H_
