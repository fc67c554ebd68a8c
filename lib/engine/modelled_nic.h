// ModelledNic: what a host sends next, and when it looks again, by the rules of the NIC of the ns-3
// simulator of HPCC's authors (Alibaba's High-Precision-Congestion-Control: QbbNetDevice and
// RdmaEgressQueue at commits 3cb6e67 and b8fb7a7, RdmaHw at 0b41ed2). For runs under a WireModel,
// which are compared with that simulator's, and nothing else: what it does to flows that share a
// host is in docs/validation.md.
//
//   Answers  One for each packet that asked, in the order of arrival, before all data.
//   Turn     Round robin over the flows in the order in which they began: the first one behind the
//            one that sent last whose window is open and whose pace allows. Finished flows leave at
//            the end of a look that has met one. Whatever else makes the NIC look at the moment
//            when a flow begins has happened before: it looks without that flow, and then with it.
//            Of several such flows one after the other.
//   Timer    One for all flows. A look that finds the line free and nothing to send sets it to the
//            least next_send() of the flows that have data left, those with a full window too; but
//            not while it runs, and not if that moment is past. So a flow can wait longer than its
//            pace asks: until a packet arrives, or one has left.
//
// Owner: one engine; flows are removed before they go. Threads: one. Nothing fails. Allocates when
// more flows or answers wait than ever before.
#ifndef SLUICE_ENGINE_MODELLED_NIC_H_
#define SLUICE_ENGINE_MODELLED_NIC_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/optional_time.h"
#include "port/packet.h"
#include "transport/send_flow.h"

namespace sluice::engine {

class ModelledNic {
 public:
  // `repaces`: WireModel::repace.
  explicit ModelledNic(bool repaces) : repaces_(repaces) {}

  // The flow has something to send. Nothing happens if it is known already.
  void Add(transport::SendFlow* flow, Time now);
  void Remove(transport::SendFlow* flow);

  // The line is free: whose turn it is, or null. The caller sends a packet of it. `begun`: nothing
  // has happened at `now` but that flows have begun. `paused`: no data may leave.
  transport::SendFlow* Choose(Time now, bool begun, bool paused);
  // The controller of the flow was asked: if new rates count from the packet sent last, its
  // next_send() has moved, and the timer comes forward to it. True: the timer was set anew.
  bool OnFeedback(const transport::SendFlow& flow, Time now) {
    if (!repaces_ || !wake_ || flow.next_send() >= *wake_) return false;
    wake_ = Later(flow.next_send(), now);
    return true;
  }

  // Room to write an answer to, until the next call.
  port::Packet* NewAnswer();
  // Makes `packet` the oldest answer; false: there is none.
  bool TakeAnswer(port::Packet* packet);

  OptionalTime wake() const { return wake_; }
  bool IsDue(Time now) const { return wake_ && *wake_ <= now; }
  // The timer has run out.
  void ClearWake() { wake_.reset(); }

 private:
  // An answer with telemetry, over IPv6.
  static constexpr size_t kRoom = 512;
  struct Answer {
    port::Packet packet;
    std::array<uint8_t, kRoom> bytes;
  };

  transport::SendFlow* Look(Time now, bool paused);
  void DropFinished(size_t from, size_t* chosen);
  void Sleep(Time now);

  const bool repaces_;
  std::vector<Answer> answers_;
  size_t first_answer_ = 0;  // those before it are sent
  std::vector<transport::SendFlow*> flows_;
  size_t known_ = 0;  // the first so many; the others began at began_, and wait for their look
  Time began_;
  size_t last_ = 0;  // that sent
  OptionalTime wake_;
};

}  // namespace sluice::engine

#endif  // SLUICE_ENGINE_MODELLED_NIC_H_
