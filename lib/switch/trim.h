// Trimming: a data packet of the extension for which there is no room is cut to its headers, and
// these go on in a queue of their own, so that the receiver can ask for the rest at once
// (docs/wire-formats.md, "Trimmed packets"; Handley et al., "Re-architecting datacenter networks
// and stacks for low latency and high performance" (NDP), SIGCOMM 2017, section 3.1).
//
// Only what the receiver may understand is cut: extension packets with payload, and each only once.
// Any thread.
#ifndef SLUICE_SWITCH_TRIM_H_
#define SLUICE_SWITCH_TRIM_H_

#include <cstdint>

#include "absl/status/status.h"
#include "base/units.h"
#include "switch/switch_packet.h"

namespace sluice::switching {

struct TrimConfig {
  Bytes size{0};         // of what stays of the frame, without FCS; 0: nothing is cut
  uint8_t priority = 1;  // the queue that what stays asks for, here and further on

  bool on() const { return size > Bytes(0); }
  // 0, or enough for the headers that a receiver needs, and no more than 1024.
  absl::Status Validate() const;
};

// Cuts the packet; false, and no change, if it is none to be cut. Its codepoint becomes
// wire::kTrimmedDscp, the IP length that of the rest and the IPv4 checksum right; wire_length and
// header_length shrink, priority changes.
bool Trim(const TrimConfig& config, SwitchPacket& packet);

}  // namespace sluice::switching

#endif  // SLUICE_SWITCH_TRIM_H_
