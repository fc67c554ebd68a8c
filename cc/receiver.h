// ReceiverHalf: what the receiving end of a queue pair does for congestion control: the
// notification point of DCQCN, receiver credits, hints. PortReceiver: the same across all flows of
// a port.
//
// Threads, memory and determinism as cc/controller.h; at most kMaxReceiverSize bytes inline.
#ifndef SLUICE_CC_RECEIVER_H_
#define SLUICE_CC_RECEIVER_H_

#include <cstddef>
#include <cstdint>

#include "base/time.h"
#include "base/units.h"

namespace sluice::cc {

inline constexpr size_t kMaxReceiverSize = 64;

// One intact data packet of the flow.
struct DataEvent {
  Time now;
  Bytes payload;  // newly accepted; zero: a duplicate or behind a gap, only its mark counts
  Bytes backlog;  // what the sender says it still has; zero: unknown
  uint16_t path = 0;
  bool ce = false;
};

struct ReceiverAction {
  bool cnp = false;      // send a congestion notification packet to the sender
  bool ack_now = false;  // acknowledge at once instead of coalescing
  Bytes grant;           // credit for the sender, where the extension carries it
  uint32_t hint = 0;     // active senders, where the extension carries it
};

class ReceiverHalf {
 public:
  virtual ~ReceiverHalf() = default;
  virtual ReceiverAction OnData(const DataEvent& event) = 0;
};

// Does nothing: for algorithms that need no help from the receiving end.
class SilentReceiver final : public ReceiverHalf {
 public:
  ReceiverAction OnData(const DataEvent&) override { return {}; }
};
static_assert(sizeof(SilentReceiver) <= kMaxReceiverSize);

// One per port, over all its flows and engines.
class PortReceiver {
 public:
  virtual ~PortReceiver() = default;
  // A flow began (or ended) to have a backlog for this port.
  virtual void OnBacklog(uint32_t flow, bool backlogged, Time now) = 0;
  virtual uint32_t active_senders() const = 0;
};

}  // namespace sluice::cc

#endif  // SLUICE_CC_RECEIVER_H_
