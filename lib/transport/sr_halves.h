// SrHalves: what a queue pair has behind one pointer once it agreed to the extension. Made at
// Connect, never before; a queue pair of base RC carries the pointer only.
#ifndef SLUICE_TRANSPORT_SR_HALVES_H_
#define SLUICE_TRANSPORT_SR_HALVES_H_

#include <cstdint>
#include <memory>

#include "base/checks.h"
#include "base/optional_time.h"
#include "transport/sr_fetches.h"
#include "transport/sr_receiver.h"
#include "transport/sr_responder.h"
#include "transport/sr_sender.h"
#include "transport/sr_telemetry.h"
#include "transport/sr_trims.h"
#include "transport/wire_model.h"

namespace sluice::transport {

struct SrHalves {
  SrHalves(SendQueue* send_queue, CompletionRing* send_completions, ReceiveQueue* receive_queue,
           SharedReceiveQueue* shared, CompletionRing* receive_completions, ReadResponder* reads,
           uint32_t qpn)
      : sender(send_queue, send_completions, qpn),
        responder(reads),
        receiver(receive_queue, shared, receive_completions, &responder, qpn) {}

  bool HoldsCompletions() const { return sender.HoldsCompletions() || receiver.HoldsCompletions(); }
  bool Flush(Context& ctx) {
    responder.Flush(ctx);
    trims.Clear();
    const bool sends = sender.Flush(ctx);
    const bool receives = receiver.Flush(ctx);
    return sends && receives;
  }
  // False: the queue pair must go to the error state.
  bool OnTimers(Context& ctx) {
    responder.OnTimers(ctx);
    return sender.OnTimers(ctx);
  }
  OptionalTime Deadline() const {
    const OptionalTime a = sender.Deadline();
    const OptionalTime b = responder.Deadline();
    return a && b ? Earlier(*a, *b) : a ? a : b;
  }

  // A request. False as of SrReceiver::OnRequest.
  bool OnRequest(Context& ctx, const wire::FrameView& view, const port::Packet& packet) {
    const bool ok = receiver.OnRequest(ctx, view, packet);
    if (telemetry != nullptr && receiver.Echoes(view.psn)) telemetry->Keep(view.shim());
    return ok;
  }
  // An acknowledgement whose iCRC was verified, of either stream. False as above.
  bool OnAcknowledge(Context& ctx, const wire::FrameView& view);
  // A packet of the peer without its payload, which a switch cut; nothing in it is protected.
  void OnTrimmed(Context& ctx, const wire::FrameView& view) {
    const bool response = view.opcode == wire::Opcode::kXtReadResponse;
    const bool missing = response ? fetches.Misses(view.psn) : receiver.Misses(view.psn);
    if (missing || !Enabled(Check::kXtTrimWindow)) trims.Note(ctx, view, response);
  }
  bool HasAnswer() const {
    return receiver.HasAnswer() || fetches.HasAnswer() || trims.HasAnswer();
  }
  // One answer; there may be more: trimmed packets first, then what either stream has to say.
  Answer TakeAnswer(Context& ctx) {
    if (trims.HasAnswer()) [[unlikely]] {
      trims.Take(ctx);
      says = Says::kTrimmed;
      Answer a;
      a.acknowledge = true;
      return a;
    }
    says = receiver.HasAnswer() ? Says::kRequests : Says::kResponses;
    return says == Says::kResponses ? fetches.TakeAnswer(ctx) : receiver.TakeAnswer(ctx);
  }
  // Opcode, PSN and headers of the acknowledgement that was taken last.
  void WriteAcknowledge(wire::Bth* bth, Extension* extension) const;

  SrFetches fetches;  // before the sender, which clears it
  SrSender sender;
  SrResponder responder;
  SrReceiver receiver;
  ScoreboardPools* pools = nullptr;
  uint32_t window = 0;
  bool relaxed = false;         // order of WRITEs that overlap
  uint32_t response_frame = 0;  // bytes of the last one
  // What the acknowledgement that was taken last is about.
  enum class Says : uint8_t { kRequests, kResponses, kTrimmed };
  Says says = Says::kRequests;
  SrTrims trims;
  std::unique_ptr<SrTelemetry> telemetry;  // null without
  WireModel model;
};

inline bool SrHalves::OnAcknowledge(Context& ctx, const wire::FrameView& view) {
  if (view.opcode == wire::Opcode::kXtTrimmed) {
    sender.OnTrimmed(ctx, view.extended_ack());
    return true;
  }
  if (view.opcode == wire::Opcode::kXtResponseTrimmed) {
    responder.OnTrimmed(ctx, view.extended_ack());
    return true;
  }
  SrAcknowledge answer{view.psn, view.extended_ack()};
  answer.has_block = (view.traits->extended_headers & wire::kXtBlock) != 0;
  if (answer.has_block) answer.block = view.sack_block();
  responder.Wake(ctx);
  const wire::Opcode opcode = wire::WithoutShim(view.opcode);
  if (opcode == wire::Opcode::kXtAck || opcode == wire::Opcode::kXtSack) {
    const uint8_t* shim = view.shim();
    if (telemetry != nullptr && shim != nullptr) {
      answer.hops = telemetry->Read(shim);
      answer.longest_wait_ns = telemetry->longest_wait_ns();
    }
    return sender.OnAcknowledge(ctx, answer);
  }
  const uint64_t before = responder.oldest();
  responder.OnAcknowledge(ctx, answer);
  // A question, as it says nothing new: the requester must not take a slow pace for a loss.
  if (responder.oldest() == before && responder.Waits()) receiver.Ask();
  return true;
}

inline void SrHalves::WriteAcknowledge(wire::Bth* bth, Extension* extension) const {
  if (says == Says::kTrimmed) {
    bth->opcode = trims.opcode();
    bth->psn = trims.psn();
    trims.ack().Write(extension->bytes);
    extension->length = wire::ExtendedAck::kSize;
    return;
  }
  const SrAnswer& answer = says == Says::kResponses ? fetches.answer() : receiver.answer();
  if (says == Says::kResponses) {
    bth->opcode = answer.block ? wire::Opcode::kXtResponseSack : wire::Opcode::kXtResponseAck;
  } else {
    bth->opcode = answer.block ? wire::Opcode::kXtSack : wire::Opcode::kXtAck;
  }
  bth->psn = answer.psn;
  answer.ack.Write(extension->bytes);
  extension->length = wire::ExtendedAck::kSize;
  if (answer.block) {
    answer.block->Write(extension->bytes + extension->length);
    extension->length += wire::SackBlock::kSize;
  }
  if (telemetry != nullptr) telemetry->AddKept(bth, extension);
}

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_SR_HALVES_H_
