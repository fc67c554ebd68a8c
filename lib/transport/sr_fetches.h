// SrFetches: the READs and atomics of a requester that agreed to the extension, and the stream of
// their responses (docs/wire-formats.md, "Responses"): which are outstanding, where what comes
// goes, and what is acknowledged of it.
//
// Every response packet is placed when it comes; requests are answered in order, and completed in
// order by the sender. One thread: the core that owns the queue pair.
#ifndef SLUICE_TRANSPORT_SR_FETCHES_H_
#define SLUICE_TRANSPORT_SR_FETCHES_H_

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/psn.h"
#include "transport/read_window.h"
#include "transport/sr_arrivals.h"
#include "transport/work.h"

namespace sluice::transport {

class SrFetches {
 public:
  static constexpr uint32_t kMaxDepth = ReadWindow::kMaxDepth;

  // `first`: PSN of the first response. At most `depth` requests are outstanding; 0: none may be.
  void Start(Psn first, uint32_t mtu, uint8_t depth, uint32_t window,
             cc::ReceiverHalf* receiver_half, BlockPool<ReceiveBlock>* pool) {
    mtu_ = mtu;
    SetDepth(depth);
    in_.Start(first, window, receiver_half, pool);
    next_first_ = in_.expected();
  }

  // For requests that are still to come.
  void SetDepth(uint8_t depth) { depth_ = std::min<uint32_t>(depth, kMaxDepth); }

  bool pending() const { return begun_ != completed_; }
  bool full() const { return begun_ - completed_ >= depth_; }
  // Requests begun and answered in full, ever, modulo 2^32.
  uint32_t begun() const { return begun_; }
  uint32_t completed() const { return completed_; }
  bool Answered(uint32_t number) const { return static_cast<int32_t>(number - completed_) < 0; }

  // A request goes out for the first time, not when full(); the work stays until it is answered.
  void Begin(const SendWork* work);
  // A response. Whether it brought something new.
  bool OnResponse(Context& ctx, const wire::FrameView& view, const port::Packet& packet);

  // Whether a packet with this number was asked for and has not come.
  bool Misses(Psn psn) const {
    const uint64_t sequence = in_.SequenceOf(psn);
    return sequence < next_first_ && in_.Misses(sequence);
  }

  // Says what has arrived, for a responder that seems to have stopped.
  void Ask() { in_.Ask(); }
  bool HasAnswer() const { return in_.HasAnswer(); }
  Answer TakeAnswer(Context& ctx) { return in_.TakeAnswer(ctx, completed_ & Psn::kMask, 0, 0); }
  const SrAnswer& answer() const { return in_.answer(); }

  // Nothing is waited for any more.
  void Clear() {
    completed_ = begun_;
    in_.Clear();
  }

 private:
  struct Entry {
    const SendWork* work = nullptr;
    uint64_t first = 0;  // of its response's packets
    uint64_t end = 0;
  };
  RxDrop JudgeSequence(uint64_t sequence) const;
  bool Fits(const Entry& e, const wire::FrameView& view, const wire::ExtendedData& data,
            uint64_t sequence) const;
  const Entry* Fitting(const wire::FrameView& view, const wire::ExtendedData& data,
                       uint64_t sequence) const;

  uint32_t mtu_ = 0;
  uint32_t depth_ = 0;
  uint32_t begun_ = 0;
  uint32_t completed_ = 0;
  uint64_t next_first_ = 0;               // sequence of the first packet of the next response
  std::array<Entry, kMaxDepth> entries_;  // by number
  SrArrivals in_;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_SR_FETCHES_H_
