// SrResponder: what a responder that agreed to the extension owes to READs and atomics
// (docs/wire-formats.md, "Responses"): requests are executed once, in their turn, and their
// responses are a stream of their own, acknowledged and selectively repeated like requests.
//
// An atomic is executed when its request is taken, and its result kept until the requester has it,
// so a duplicate of either meets no second execution. READ responses look their memory up packet by
// packet; when it is gone, the requester hears so once it has everything before.
//
// READs that were taken and are not acknowledged whole are owed to the peer (peer_account.h). A
// stream that fell silent is owed nothing: it may have fallen silent because nobody is there any
// more. It goes on when its rest may be owed again.
// One thread: the core that owns the queue pair.
#ifndef SLUICE_TRANSPORT_SR_RESPONDER_H_
#define SLUICE_TRANSPORT_SR_RESPONDER_H_

#include <cstdint>
#include <optional>

#include "base/optional_time.h"
#include "base/psn.h"
#include "transport/context.h"
#include "transport/outgoing_packet.h"
#include "transport/queues.h"
#include "transport/read_responder.h"
#include "transport/sr_arrivals.h"
#include "transport/sr_sender.h"

namespace sluice::transport {

// A READ or an atomic as it was asked for.
struct FetchRequest {
  Op op = Op::kRead;
  uint32_t length = 0;
  uint32_t rkey = 0;
  uint32_t completed = 0;
  uint64_t va = 0;
  wire::ExtendedOperands operands;
};

struct SrResponderConfig {
  SrSenderConfig sender;  // first_psn: of the first response
  uint8_t resources = 0;  // requests that the peer may have outstanding; 0: none are served
};

class SrResponder {
 public:
  // Both outlive it; the flow of the responses is borrowed from `reads`.
  explicit SrResponder(ReadResponder* reads)
      : reads_(reads), queue_(ReadWindow::kMaxDepth, 1, sizeof(uint64_t)), sender_(&queue_) {}

  void Start(const SrResponderConfig& config, BlockPool<SendBlock>* pool) {
    config_ = config;
    sender_.Start(config.sender, pool);
  }
  // For requests that are still to come.
  void SetResources(uint8_t resources) { config_.resources = resources; }
  SrSender& sender() { return sender_; }
  // How many requests were executed, modulo 2^32: the number of the next one.
  uint32_t executed() const { return static_cast<uint32_t>(queue_.tail()); }
  // Whether something is not acknowledged yet.
  bool owes() const { return queue_.head() != queue_.tail(); }

  // Whether all that was sent is acknowledged and the next response waits for its pace, or the
  // stream fell silent and may not go on for what its peer is owed already.
  bool Waits() const {
    if (sender_.silent()) return owed_too_much_;
    return sender_.started() && !sender_.outstanding() && sender_.HasWork();
  }
  // The first response that is not acknowledged; only once one was sent.
  uint64_t oldest() const { return sender_.oldest(); }

  // The request whose turn it is. kNotReady: it may be tried again; a READ that its peer may not be
  // owed now is counted the first time.
  SrVerdict Execute(Context& ctx, const FetchRequest& request);

  // Whether a packet may go now by the flow's window.
  bool HasPacket();
  enum class Packet : uint8_t {
    kResponse,
    kNone,  // the memory is gone, but what is before it is not acknowledged yet
    kGone,  // the requester is to be told, and the queue pair fails
  };
  // Takes the next one out; only if HasPacket(). `run` becomes its payload's place.
  Packet Next(Context& ctx, OutgoingPacket* out, Segment* run);
  void EndBurst(Context& ctx, uint32_t frame_bytes) { sender_.EndBurst(ctx, frame_bytes); }

  void OnAcknowledge(Context& ctx, const SrAcknowledge& answer);
  void OnTrimmed(Context& ctx, const wire::ExtendedAck& ack) {
    if (sender_.started()) sender_.OnTrimmed(ctx, ack);
  }
  // The peer was heard.
  void Wake(Context& ctx) {
    if (sender_.silent()) [[unlikely]]
      WakeSilent(ctx);
  }
  void OnTimers(Context& ctx) {
    if (!sender_.started()) return;
    sender_.OnTimers(ctx);
    KeepAccount();
  }
  OptionalTime Deadline() const { return sender_.started() ? sender_.Deadline() : std::nullopt; }
  // Owes nothing any more.
  void Flush(Context& ctx) {
    sender_.Flush(ctx);
    KeepAccount();
  }

 private:
  SrVerdict Judge(const Context& ctx, const FetchRequest& r, uint8_t** address) const;
  bool MayOwe(uint64_t bytes) const;
  bool PutOff(Context& ctx, const FetchRequest& r);
  void Enqueue(Context& ctx, const FetchRequest& r, uint8_t* address);
  void WakeSilent(Context& ctx);
  // Bytes of the READs that are not acknowledged.
  uint64_t Unanswered() const { return owes() ? asked_ - queue_.At(queue_.head()).wr_id : 0; }
  void KeepAccount();

  ReadResponder* const reads_;
  SendQueue queue_;  // what was asked for
  SrSender sender_;
  SrResponderConfig config_;
  std::optional<uint64_t> gone_;  // the lowest sequence whose memory could not be read
  // Bytes of all READs ever; each request keeps in wr_id how many that were before it.
  uint64_t asked_ = 0;
  uint64_t owed_ = 0;           // of them, what stands in the peer's account
  uint64_t put_off_ = 0;        // position + 1 of the last READ that was put off
  bool owed_too_much_ = false;  // to wake the stream, when that was last tried
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_SR_RESPONDER_H_
