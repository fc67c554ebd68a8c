// SrArrivals: which packets of one stream of the extension have arrived, and what is to be answered
// (docs/wire-formats.md, "Receiver"): the scoreboard of a receiving end, the echo, the running
// counts, and the choice of the block of an XT_SACK. What a packet means is its owner's business.
//
// What arrived out of order is noted in blocks from the engine's pool (sr_scoreboard.h). Answers
// are flags: the engine asks once per poll. One thread: the core that owns the queue pair.
#ifndef SLUICE_TRANSPORT_SR_ARRIVALS_H_
#define SLUICE_TRANSPORT_SR_ARRIVALS_H_

#include <cstdint>
#include <optional>

#include "base/checks.h"
#include "base/psn.h"
#include "base/time.h"
#include "cc/receiver.h"
#include "port/packet.h"
#include "transport/context.h"
#include "transport/rate_limit.h"
#include "transport/responder.h"
#include "transport/sr_scoreboard.h"
#include "wire/frame_view.h"
#include "wire/headers.h"

namespace sluice::transport {

// An acknowledgement to be written: with a block the SACK of its stream, else the ACK.
struct SrAnswer {
  Psn psn;
  wire::ExtendedAck ack;
  std::optional<wire::SackBlock> block;
};

// What became of a packet; kNone: taken. `receive`: how the receive at fault completes, if any.
struct SrVerdict {
  RxDrop drop = RxDrop::kNone;
  wire::NakCode nak = wire::NakCode::kInvalidRequest;
  Status receive = Status::kFlushed;
};

class SrArrivals {
 public:
  void Start(Psn first, uint32_t window, cc::ReceiverHalf* receiver_half,
             BlockPool<ReceiveBlock>* pool);

  uint64_t expected() const { return expected_; }
  uint64_t SequenceOf(Psn psn) const { return SequenceNear(expected_, psn); }
  bool InWindow(uint64_t sequence) const { return sequence < expected_ + window_; }
  // What lies further back was acknowledged before the sender could send what came since.
  bool FarBehind(uint64_t sequence) const { return sequence + window_ < expected_; }
  bool Received(uint64_t sequence) const;
  // Whether it is within the window and has not arrived.
  bool Misses(uint64_t sequence) const { return InWindow(sequence) && !Received(sequence); }

  // Whether the packet is whole and its iCRC right; counted if it is not.
  static bool Intact(Context& ctx, const wire::FrameView& view, const port::Packet& packet);
  // Of every intact packet with data, as in RC. Whether to acknowledge at once.
  bool TellReceiverHalf(Context& ctx, const wire::FrameView& view, const port::Packet& packet,
                        const wire::ExtendedData& data, bool accepted);
  void OnDuplicate(Context& ctx, uint64_t sequence, const wire::ExtendedData& data);

  // Makes sure that there is a block for a packet out of order; false, and counted, when the pool
  // is empty.
  bool MakeRoom(Context& ctx, uint64_t sequence);
  // A packet was taken: it is echoed, and what its place says is answered.
  void Note(Context& ctx, const wire::FrameView& view, uint64_t sequence,
            const wire::ExtendedData& data);
  // Keeps one that is out of order until its turn comes.
  void Keep(Context& ctx, uint64_t sequence, const ReceivedPacket& p);
  const ReceivedPacket& At(uint64_t sequence) const {
    return blocks_.Find(sequence)->packets[BitOf(sequence)];
  }
  bool NextHasArrived() const { return expected_ < highest_ && Received(expected_); }
  void Advance() { ++expected_; }
  // After Advance, from where it stood before: gives back what is not needed any more.
  void Passed(uint64_t from);

  // Answers. Refuse names the refused packet in the acknowledgement, whatever else arrives.
  void Ask() { ack_pending_ = true; }
  // For a packet that has not become part of the stream and so may come again and again: at the
  // rate of duplicates.
  void AskAtRate(Context& ctx, Check check);
  // As Refuse, at its rate: who heeds the timer comes back after 10 us at the soonest.
  void RefuseNotReady(Context& ctx, uint64_t sequence, const wire::ExtendedData& data,
                      uint8_t rnr_timer);
  void AskCnp() { cnp_pending_ = true; }
  void NoteEcho(Context& ctx, uint64_t sequence, const wire::ExtendedData& data);
  void Refuse(Context& ctx, uint64_t sequence, const wire::ExtendedData& data, uint8_t syndrome);
  void Refuse(uint8_t syndrome) {
    nak_pending_ = true;
    nak_syndrome_ = syndrome;
  }
  void Unrefuse() {
    if (!nak_pending_) return;
    nak_pending_ = false;
    pending_.flags = 0;
  }
  bool HasAnswer() const { return ack_pending_ || nak_pending_ || cnp_pending_; }
  // Which packets are due; clears that. `receives` is the credit limit, `flags` more of the header.
  Answer TakeAnswer(Context& ctx, uint32_t msn, uint32_t receives, uint16_t flags);
  const SrAnswer& answer() const { return answer_; }

  // Whether the next acknowledgement echoes this packet.
  bool Echoes(Psn psn) const { return pending_.echoes() && pending_.psn == psn; }

  // Nothing will be received any more.
  void Clear();

 private:
  void FillBlock(uint64_t first, wire::SackBlock* block) const;
  uint64_t ChooseBlock();

  cc::ReceiverHalf* receiver_half_ = nullptr;
  uint32_t window_ = 0;
  BlockWindow<ReceiveBlock> blocks_;
  uint64_t expected_ = 0;
  uint64_t highest_ = 0;

  RateLimit<10, 32> duplicate_rate_;  // of acknowledgements that only AskAtRate asks for
  RateLimit<10, 8> rnr_rate_;
  bool ack_pending_ = false;
  bool nak_pending_ = false;
  bool cnp_pending_ = false;
  uint8_t nak_syndrome_ = 0;
  // Arrivals beyond expected_ since the last acknowledgement: the lowest and the highest.
  bool news_ = false;
  uint64_t news_low_ = 0, news_high_ = 0;
  uint64_t sweep_ = 0;  // where the next block in turn begins
  uint32_t acks_ = 0;
  // What the next acknowledgement echoes, and the running counts.
  wire::ExtendedAck pending_;
  SrAnswer answer_;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_SR_ARRIVALS_H_
