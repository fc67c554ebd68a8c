// UdResponder: the receiving half of an unreliable datagram queue pair (IBTA 1.4, 9.8.3). Each
// packet is a message from anybody who knows the Q_Key; what cannot be taken is dropped in silence
// and counted.
//
// In front of the payload the receive gets 40 bytes, the area of a global route header: the IPv6
// header as it came, or 20 zero bytes and the IPv4 header, as Linux does. They count in the
// completion's length.
//
// Packets come with their iCRC verified. One thread: the core that owns the queue pair.
#ifndef SLUICE_TRANSPORT_UD_RESPONDER_H_
#define SLUICE_TRANSPORT_UD_RESPONDER_H_

#include <cstdint>

#include "port/packet.h"
#include "transport/context.h"
#include "transport/queues.h"
#include "transport/shared_receive_queue.h"
#include "wire/frame_view.h"

namespace sluice::transport {

class UdResponder {
 public:
  static constexpr uint32_t kGrhBytes = 40;

  UdResponder(ReceiveQueue* queue, SharedReceiveQueue* shared, CompletionRing* completions,
              uint32_t qpn)
      : queue_(queue), shared_(shared), completions_(completions), qpn_(qpn) {}

  void Start(uint32_t mtu) { mtu_ = mtu; }
  void SetQkey(uint32_t qkey) { qkey_ = qkey; }

  // Handles an intact datagram; whether it was taken.
  bool OnDatagram(Context& ctx, const wire::FrameView& view, const port::Packet& packet);

 private:
  RxDrop Check(const wire::FrameView& view);
  void Place(const wire::FrameView& view, const port::Packet& packet);
  void Finish(const wire::FrameView& view);

  ReceiveQueue* queue_;
  SharedReceiveQueue* shared_;
  CompletionRing* completions_;
  const uint32_t qpn_;
  uint32_t mtu_ = 4096;
  uint32_t qkey_ = 0;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_UD_RESPONDER_H_
