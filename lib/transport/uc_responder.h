// UcResponder: the receiving half of an unreliable connection (IBTA 1.4, 9.8.2.2). Nothing is
// answered and no packet can fail the queue pair. A message with a packet missing, or with one that
// does not fit, is given up; what follows is dropped up to the next FIRST or ONLY, whose PSN is
// then the expected one. The receive of a SEND that was given up serves the next message.
//
// Packets come with their iCRC verified. One thread: the core that owns the queue pair.
#ifndef SLUICE_TRANSPORT_UC_RESPONDER_H_
#define SLUICE_TRANSPORT_UC_RESPONDER_H_

#include <cstdint>

#include "base/psn.h"
#include "port/packet.h"
#include "transport/context.h"
#include "transport/queues.h"
#include "transport/shared_receive_queue.h"
#include "wire/frame_view.h"

namespace sluice::transport {

struct UcResponderConfig {
  uint32_t mtu = 1024;
  Psn expected_psn;
  uint32_t pd = 0;
};

class UcResponder {
 public:
  UcResponder(ReceiveQueue* queue, SharedReceiveQueue* shared, CompletionRing* completions,
              uint32_t qpn)
      : queue_(queue), shared_(shared), completions_(completions), qpn_(qpn) {}

  void Start(const UcResponderConfig& config);
  void SetRemoteWrite(bool allowed) { remote_write_ = allowed; }

  // Handles an intact SEND or WRITE packet; whether its payload was taken.
  bool OnRequest(Context& ctx, const wire::FrameView& view, const port::Packet& packet);

 private:
  // kWaiting: a message was given up, its rest is dropped.
  enum class Message : uint8_t { kNone, kSend, kWrite, kWaiting };

  void GiveUp(Context& ctx, bool gap);
  RxDrop CheckSequence(const wire::FrameView& view) const;
  RxDrop PlaceSend(const wire::FrameView& view, const port::Packet& packet);
  // Where the WRITE under way goes: a part of a region or of a window.
  memory::Resolution Memory(const Context& ctx, uint64_t va, uint32_t length) const;
  RxDrop PlaceWrite(Context& ctx, const wire::FrameView& view, const port::Packet& packet);
  void Finish(Context& ctx, const wire::FrameView& view);

  ReceiveQueue* queue_;
  SharedReceiveQueue* shared_;
  CompletionRing* completions_;
  const uint32_t qpn_;
  UcResponderConfig config_;
  bool remote_write_ = true;

  Psn expected_;
  Message message_ = Message::kNone;
  uint32_t offset_ = 0;  // payload of the message so far
  uint64_t write_va_ = 0;
  uint32_t write_rkey_ = 0;
  uint32_t write_length_ = 0;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_UC_RESPONDER_H_
