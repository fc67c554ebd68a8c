// WireProfile: what packets look like and what hosts do beside the algorithm.
//
// kDefault is our own stack: RoCEv2 frames, every byte on the line counted. kHpccNs3 does as the
// simulator of the HPCC authors does (alibaba-edu/High-Precision-Congestion-Control), so that runs
// can be laid beside its runs: its header sizes, a line without gaps whose times are whole
// nanoseconds, rounded down, an acknowledgement per packet with its echo, its rule of
// retransmission and its choice of paths. One for all scenarios. Its few switches are
// keys of that simulator's configuration.
#ifndef SLUICE_LAB_WIRE_PROFILE_H_
#define SLUICE_LAB_WIRE_PROFILE_H_

#include <cstdint>

namespace sluice::lab {

struct WireProfile {
  enum class Kind : uint8_t { kDefault, kHpccNs3 };
  Kind kind = Kind::kDefault;

  // Of kHpccNs3 only.
  bool ack_first = true;       // ACK_HIGH_PRIO: acknowledgements pass data in every queue
  bool global_window = true;   // GLOBAL_T: the longest base round trip of all pairs is everyone's

  bool operator==(const WireProfile&) const = default;
};

}  // namespace sluice::lab

#endif  // SLUICE_LAB_WIRE_PROFILE_H_
