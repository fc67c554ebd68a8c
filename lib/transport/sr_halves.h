// SrHalves: what a queue pair has behind one pointer once it agreed to the extension. Made at
// Connect, never before; a queue pair of base RC carries the pointer only.
#ifndef SLUICE_TRANSPORT_SR_HALVES_H_
#define SLUICE_TRANSPORT_SR_HALVES_H_

#include <cstdint>
#include <memory>

#include "transport/sr_receiver.h"
#include "transport/sr_sender.h"
#include "transport/sr_telemetry.h"
#include "transport/wire_model.h"

namespace sluice::transport {

struct SrHalves {
  SrHalves(SendQueue* send_queue, CompletionRing* send_completions, ReceiveQueue* receive_queue,
           CompletionRing* receive_completions, uint32_t qpn)
      : sender(send_queue, send_completions, qpn),
        receiver(receive_queue, receive_completions, qpn) {}

  bool HoldsCompletions() const { return sender.HoldsCompletions() || receiver.HoldsCompletions(); }
  bool Flush(Context& ctx) {
    const bool sends = sender.Flush(ctx);
    const bool receives = receiver.Flush(ctx);
    return sends && receives;
  }

  // A data packet. False as of SrReceiver::OnRequest.
  bool OnRequest(Context& ctx, const wire::FrameView& view, const port::Packet& packet) {
    const bool ok = receiver.OnRequest(ctx, view, packet);
    const uint8_t* shim = view.shim();
    if (telemetry != nullptr && shim != nullptr && receiver.Echoes(view.psn)) telemetry->Keep(shim);
    return ok;
  }
  // An acknowledgement whose iCRC was verified.
  bool OnAcknowledge(Context& ctx, const wire::FrameView& view) {
    SrAcknowledge answer{view.psn, view.extended_ack()};
    answer.has_block = wire::WithoutShim(view.opcode) == wire::Opcode::kXtSack;
    if (answer.has_block) answer.block = view.sack_block();
    const uint8_t* shim = view.shim();
    if (telemetry != nullptr && shim != nullptr) answer.hops = telemetry->Read(shim);
    return sender.OnAcknowledge(ctx, answer);
  }
  // Opcode, PSN and headers of the acknowledgement that was taken last.
  void WriteAcknowledge(wire::Bth* bth, Extension* extension) const {
    const SrAnswer& answer = receiver.answer();
    bth->opcode = answer.block ? wire::Opcode::kXtSack : wire::Opcode::kXtAck;
    bth->psn = answer.psn;
    answer.ack.Write(extension->bytes);
    extension->length = wire::ExtendedAck::kSize;
    if (answer.block) {
      answer.block->Write(extension->bytes + extension->length);
      extension->length += wire::SackBlock::kSize;
    }
    if (telemetry != nullptr) telemetry->AddKept(bth, extension);
  }

  SrSender sender;
  SrReceiver receiver;
  std::unique_ptr<SrTelemetry> telemetry;  // null without
  WireModel model;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_SR_HALVES_H_
