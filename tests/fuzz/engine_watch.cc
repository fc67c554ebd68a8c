// The oracles of EngineWorld: what must hold after every poll, of every completion, and at the end.
#include <algorithm>

#include "engine_world.h"
#include "require.h"
#include "wire/icrc.h"

namespace sluice::fuzz {

using transport::Count;
using transport::RxDrop;
using wire::DropCause;

void EngineWorld::Watch() {
  for (const test::FakeFrame& f : port_->sent()) WatchSent(f);
  port_->ClearSent();
  WatchCounters();
}

// What the device sends is a frame for one of its peers, in order, and right.
void EngineWorld::WatchSent(const test::FakeFrame& frame) {
  wire::FrameView v;
  Require(wire::ParseFrame(frame.bytes, frame.frame_length, &v) == DropCause::kNone,
          "a sent frame parses");
  if (checks_icrc() && !elides()) Require(wire::IcrcGood(v), "a sent frame has its iCRC");
  Require(v.source() == address(false) && v.destination() == address(true), "addresses sent");
  const uint32_t index = v.dest_qpn - kPeerQpn;
  Require(index < kPeers, "a sent frame is for a peer");
  Peer& p = peers_[index];
  if (v.traits->service == wire::Service::kCnp) return;
  Require(v.traits->extended == p.extended, "a packet of the kind that was agreed");
  if (p.extended) return WatchExtended(v, p);
  if (v.traits->acknowledge) {
    const wire::Aeth a = v.aeth();
    Require(a.IsAck() || a.IsRnr() || a.IsNak(), "a sent syndrome");
    Require(v.payload_length == 0, "an acknowledgement has no payload");
    p.request = a.IsAck() ? v.psn + 1 : v.psn;
    return;
  }
  Require(v.payload_length <= p.mtu, "a sent packet is no longer than the MTU");
  if (v.traits->read_response) return;
  Require(v.traits->request, "a sent request");
  p.newest = v.psn;
}

void EngineWorld::WatchExtended(const wire::FrameView& v, Peer& p) {
  Require(v.payload_length <= p.mtu, "a sent packet is no longer than the MTU");
  if ((v.traits->extended_headers & wire::kXtAnswer) != 0) {
    const wire::Aeth a{v.extended_ack().syndrome, 0};
    Require(a.IsAck() || a.IsRnr() || a.IsNak(), "a sent syndrome");
    const bool of_requests = v.opcode == wire::Opcode::kXtAck || v.opcode == wire::Opcode::kXtSack;
    Require(of_requests || a.IsAck(), "responses are not refused");
    if (of_requests) p.request = v.psn + 1;
    return;
  }
  const wire::ExtendedData data = v.extended_data();
  Require(data.offset <= data.length, "a packet lies within its message");
  if (v.opcode == wire::Opcode::kXtReadResponse || v.opcode == wire::Opcode::kXtAtomicResponse) {
    p.response = v.psn;
  } else {
    p.newest = v.psn;
  }
}

void EngineWorld::WatchCounters() {
  const engine::Engine& e = device_->impl().engine;
  const auto count = [&e](Count c) { return e.counters().value(c); };
  Require(count(Count::kRxPackets) + port_->under_way() == delivered_, "frames received");
  uint64_t dropped = 0;
  for (size_t i = 0; i < wire::kDropCauses; ++i) dropped += e.wire_drops(static_cast<DropCause>(i));
  for (size_t i = 0; i < static_cast<size_t>(RxDrop::kCount); ++i) {
    dropped += e.drops().value(static_cast<RxDrop>(i));
  }
  Require(e.wire_drops(DropCause::kNone) == 0 && e.drops().value(RxDrop::kNone) == 0,
          "a drop has a cause");
  Require(dropped <= count(Count::kRxPackets), "no frame is dropped twice");
  const uint64_t taken = count(Count::kAcksReceived) + count(Count::kNaksReceived) +
                         count(Count::kRnrNaksReceived) + count(Count::kCnpsReceived) +
                         count(Count::kCnpsIgnored) + count(Count::kMessagesReceived);
  Require(dropped + taken <= count(Count::kRxPackets), "no frame is dropped and taken");
  Require(count(Count::kGhostAcks) == e.drops().value(RxDrop::kPsn), "ghosts");
  // Those of READs and atomics are answered.
  Require(count(Count::kDuplicateRequests) >= e.drops().value(RxDrop::kDuplicate), "duplicates");
  // Selective repeat keeps them.
  if ((options_[0] & kWorldExtended) != 0) return;
  // An unreliable connection drops what is left of a message, too, without counting it here.
  Require(count(Count::kOutOfSequence) <= e.drops().value(RxDrop::kOutOfSequence), "gaps");
}

void EngineWorld::Drain() {
  verbs::WorkCompletion out[16];
  for (verbs::CompletionQueue* cq : {cq_.get(), small_cq_.get()}) {
    for (size_t n; (n = cq->Poll(out)) > 0;) {
      for (size_t i = 0; i < n; ++i) OnCompletion(out[i]);
    }
  }
}

// Each request completes once, in its order; a send that was not signalled may do so in silence.
void EngineWorld::OnCompletion(const verbs::WorkCompletion& c) {
  Peer* p = Find(c.qpn);
  if (p == nullptr) return;  // of a queue pair destroyed since
  const bool good = c.status == verbs::CompletionStatus::kSuccess;
  std::deque<Posted>& queue = c.receive ? p->receives : p->sends;
  while (!c.receive && !queue.empty() && queue.front().wr_id != c.wr_id) {
    Require(!queue.front().signalled, "a signalled send completes");
    queue.pop_front();
  }
  Require(!queue.empty() && queue.front().wr_id == c.wr_id, "completions come once, in order");
  const Posted posted = queue.front();
  queue.pop_front();
  const bool send_error = p->qp->state() == verbs::QueuePairState::kSendError && !c.receive;
  Require(good || p->qp->in_error() || send_error, "only a queue pair in error fails a request");
  if (good && c.receive && c.opcode != verbs::Opcode::kRdmaWriteWithImm) {
    Require(c.byte_length <= posted.length, "a message fits its receive");
  }
  if (good && !c.receive) Require(posted.signalled, "a completion that nobody asked for");
}

// Polls without time until nothing happens any more.
void EngineWorld::Rest() {
  for (int i = 0; i < 2000; ++i) {
    const size_t handled = device_->Poll();
    Watch();
    Drain();
    if (handled == 0) return;
  }
  Require(false, "the engine comes to rest");
}

void EngineWorld::Finish() {
  LimitPort(0, 0);
  Rest();
  // A while of silence: retries run out, or nothing was under way.
  for (int i = 0; i < 12; ++i) {
    AdvanceToDeadline();
    Rest();
  }
  for (auto& m : memory_) m->Check("a byte outside of what was asked for");
  for (Peer& p : peers_) {
    if (p.qp != nullptr) p.qp->Fail();
  }
  // Completion queues may be small: what did not fit comes when there is room.
  const auto left = [this] {
    return std::any_of(peers_.begin(), peers_.end(), [](const Peer& p) {
      return p.qp != nullptr && !(p.sends.empty() && p.receives.empty());
    });
  };
  for (size_t i = 0; i < 2 * kPeers * kDepth + 8 && left(); ++i) {
    Drain();
    device_->Poll();
  }
  Rest();
  for (const Peer& p : peers_) {
    if (p.qp == nullptr) continue;
    Require(p.receives.empty(), "every receive completes at last");
    for (const Posted& s : p.sends) Require(!s.signalled, "every signalled send completes at last");
  }
  // Queue pairs in error write nothing, whatever comes.
  for (auto& m : memory_) m->Freeze();
  const std::vector<test::FakeFrame> last = last_;
  for (const test::FakeFrame& f : last) {
    port_->Inject(f);
    ++delivered_;
  }
  Rest();
  for (auto& m : memory_) m->Check("a byte written by a queue pair in error");
  Drain();
}

}  // namespace sluice::fuzz
