// Work requests without a packet: local invalidate, and the binding of a memory window (IBTA 1.4,
// 10.6.7.2.2 and 10.6.5). Both run when they are next, before anything that was posted after them.
#ifndef SLUICE_TRANSPORT_LOCAL_OPERATION_H_
#define SLUICE_TRANSPORT_LOCAL_OPERATION_H_

#include <cstdint>

#include "memory/window_table.h"
#include "transport/context.h"
#include "transport/work.h"

namespace sluice::transport {

// What a binding asks for beyond SendWork's own fields: its one segment begins where the window
// does (so that the region is known to be named), rkey is the window's new key. It lies in the room
// for inline data of the request's slot.
struct WindowOperands {
  uint64_t length = 0;
  uint32_t region_key = 0;
  uint8_t access = 0;
};
static_assert(sizeof(WindowOperands) <= sizeof(AtomicOperands), "every slot has as much room");

// Executes the request of a queue pair of ours; `room` is its slot's inline room. kSuccess, or how
// it fails.
[[gnu::noinline]] Status RunLocalOperation(Context& ctx, const SendWork& work, const uint8_t* room,
                                           const memory::WindowUser& user);

// Whether a region or a window lost its key for a peer's SEND with invalidate. A region must allow
// it; a window always does, to the queue pair that bound it (o10-37.2.26).
[[gnu::noinline]] bool RemoteInvalidate(Context& ctx, uint32_t key, const memory::WindowUser& user);

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_LOCAL_OPERATION_H_
