// TelemetryWriter: the reports that one switch writes into the telemetry shims of the packets that
// leave it (docs/wire-formats.md, "Telemetry"; HPCC, SIGCOMM 2019, section 4).
//
// A report holds the state of the egress port when the packet's transmission starts: the bytes that
// wait behind it in all queues, and those that the port sent before it. Beside the reports stands
// the longest wait of the packet at one switch, pauses included: the maximum of per-hop delays that
// CSIG's compact signals carry (Ravi et al., IETF draft-ravi-ippm-csig). Packets without a shim are
// counted and left alone. Nothing is allocated after construction. One thread.
#ifndef SLUICE_SWITCH_TELEMETRY_H_
#define SLUICE_SWITCH_TELEMETRY_H_

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "base/units.h"
#include "switch/switch_packet.h"

namespace sluice::switching {

struct TelemetryConfig {
  bool on = false;
  // Queues and bytes sent are told in whole multiples of these, rounded down; multiples of 64 B.
  Bytes queue_step{64};
  Bytes sent_step{64};
};

class TelemetryWriter {
 public:
  TelemetryWriter(size_t ports, const TelemetryConfig& config) : config_(config), ports_(ports) {}

  // At set-up. `overhead`: what each frame takes of the link beyond its length.
  void SetLink(PortIndex port, Bandwidth speed, Bytes overhead);

  // The packet enters a queue.
  static void OnArrival(Time now, SwitchPacket& packet) { packet.queued_ns = Nanoseconds(now); }
  // The packet starts to leave the port, and `waiting` bytes stay behind it.
  void OnDeparture(Time now, PortIndex port, Bytes waiting, SwitchPacket& packet);
  // A frame leaves that was in no queue.
  void OnControl(PortIndex port, const SwitchPacket& frame) { Count(ports_[port], frame); }

 private:
  // Modulo 2^32.
  static uint32_t Nanoseconds(Time t) { return static_cast<uint32_t>(t.ps() / 1000); }
  struct Port {
    int64_t sent = 0;  // bytes of the link
    int64_t overhead = 0;
    uint16_t speed = 0;
  };
  static void Count(Port& port, const SwitchPacket& packet) {
    port.sent += packet.length().count() + port.overhead;
  }

  TelemetryConfig config_;
  std::vector<Port> ports_;
};

}  // namespace sluice::switching

#endif  // SLUICE_SWITCH_TELEMETRY_H_
