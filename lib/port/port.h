// Port: lends bursts of Packets and takes them back. The one seam between the engine and the
// outside: a NIC, a virtual wire, a simulated link, a fake in a test.
//
// Threads: one; the core that polls the engine. Calls are virtual per burst, never per packet.
// A Port neither allocates nor blocks nor logs after it was opened.
#ifndef SLUICE_PORT_PORT_H_
#define SLUICE_PORT_PORT_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "base/optional_time.h"
#include "base/units.h"
#include "port/packet.h"

namespace sluice::port {

inline constexpr size_t kMaxBurst = 64;

struct Capabilities {
  // Bytes that the header span of an allocated packet has room for. A frame that fits may be
  // written there as a whole.
  uint32_t linear_room = 0;
  // The longest frame, from destination MAC to iCRC, that passes.
  uint32_t max_frame = 0;
  // Transmit accepts payload segments (and reads them until it releases the packet).
  bool segments = false;
  // Transmit wants headers only: the payload is accounted for by elided_length, and no iCRC is
  // computed or checked (RxMeta says good). Virtual time.
  bool elides_payload = false;
  // The receiver shares the sender's memory (net_ring): who alters a frame must own its bytes.
  bool shared_memory = false;
  // Packet::stamp of each received packet is the moment at which it came off the wire.
  bool hardware_stamps = false;
  // ReceiveStamp and TransmitStamp look at the clock that the poll's time comes from.
  bool burst_stamps = false;
  // What the port can send; the engine clamps every pacing rate to it.
  Bandwidth line_rate;
};

// A region of application memory that a port may read or write without a copy.
struct Region {
  const uint8_t* base = nullptr;
  size_t length = 0;
};

class Port {
 public:
  virtual ~Port() = default;

  // Lends up to burst.size() received frames, oldest first; returns how many. Each is the caller's
  // until it is given back by Release (or by Transmit of the same packet).
  virtual size_t Receive(std::span<Packet> burst) = 0;

  // Lends up to burst.size() empty packets for sending: header points to capabilities().linear_room
  // writable bytes, lengths are zero. Fewer than asked for, maybe none, when the pool is short.
  virtual size_t Allocate(std::span<Packet> burst) = 0;

  // Sends the packets in order and returns how many were taken; the loans of those end here. A
  // refused packet is neither dropped nor counted lost: it and those after it stay the caller's,
  // who keeps them first in line and offers them again.
  virtual size_t Transmit(std::span<Packet> burst) = 0;

  // The time stamps of a burst, for round-trip times (docs/decisions/0027-stamps.md): called once
  // per burst, and not at all where nobody times packets. `now`, the time of the poll, is the
  // answer of a port that knows no better. When the burst that Receive lent last was taken out of
  // its ring:
  virtual Time ReceiveStamp(Time now) { return now; }
  // When the frame that Transmit is given next begins to leave, as far as the port can tell; not
  // before `now`:
  virtual Time TransmitStamp(Time now) { return now; }

  // What a pause of the far end (PFC) keeps from leaving now. Asked under a WireModel only; a port
  // that cannot tell takes the packets and keeps them.
  struct Pauses {
    bool data = false;
    bool answers = false;
  };
  virtual Pauses pauses() const { return {}; }

  // Under a WireModel, of a port that keeps events of one moment in the order in which they were
  // planned: the modelled NIC has set its timer anew, or stopped it; the port has the engine polled
  // then, and TakeTimer says that it is for that. Others leave the timer to NextDeadline.
  virtual bool KeepsTimer() const { return false; }
  virtual void SetTimer(OptionalTime) {}
  virtual bool TakeTimer() { return false; }

  // Takes the packets back unsent.
  virtual void Release(std::span<Packet> burst) = 0;

  // Makes a region known to (and forgotten by) hardware that reads or writes it directly. A port
  // that copies has nothing to do.
  virtual absl::Status Map(const Region&) { return absl::OkStatus(); }
  virtual absl::Status Unmap(const Region&) { return absl::OkStatus(); }

  // Constant while the port is open.
  virtual const Capabilities& capabilities() const = 0;
};

}  // namespace sluice::port

#endif  // SLUICE_PORT_PORT_H_
