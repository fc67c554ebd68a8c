// SendFlow: what congestion control owns of a queue pair (docs/decisions/0005-send-flows.md): the
// controller, its answer as the hot path reads it, and the pace.
//
// A queue pair has one send flow for its requester and, once it serves READs, a second one for its
// responses. The flow knows no PSN and no queue: its half of the queue pair asks it whether it may
// send, and tells it what left.
// One thread: the core that polls the engine.
#ifndef SLUICE_TRANSPORT_SEND_FLOW_H_
#define SLUICE_TRANSPORT_SEND_FLOW_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/time.h"
#include "base/units.h"
#include "cc/controller.h"
#include "transport/counters.h"
#include "transport/flow_profile.h"
#include "transport/wire_model.h"
#include "wheel/wheel.h"

namespace sluice::transport {

class QueuePair;
class SendFlow;

// A flow's entry in the wheel, with the way back.
struct FlowTimer : wheel::Entry {
  SendFlow* flow = nullptr;
};

class alignas(64) SendFlow {
 public:
  SendFlow() { timer.flow = this; }
  ~SendFlow();
  SendFlow(const SendFlow&) = delete;
  SendFlow& operator=(const SendFlow&) = delete;

  // Makes the flow's controller as `profile` says, with a seed of its own for each `qpn`: in
  // `room`, cc::kMaxControllerSize bytes on a cache line that outlive the flow, or in room that it
  // takes from the profile's pool (set-up only) and gives back when it stops.
  void Start(std::shared_ptr<const FlowProfile> profile, uint32_t qpn, Time now, Counters* counters,
             void* room = nullptr);
  void Stop();
  bool started() const { return controller_ != nullptr; }

  cc::Controller* controller() { return controller_; }
  // While started.
  const std::shared_ptr<const FlowProfile>& profile() const { return profile_; }
  // What the controller was made with: the profile's, with the seed of this flow.
  cc::FlowContext context() const;

  // The controller's answer in effect, after clamping.
  Bytes window() const { return window_; }
  Bandwidth rate() const { return rate_; }
  // Window in whole packets, at least 1; for the spacing of acknowledgement requests.
  uint32_t window_packets() const { return window_packets_; }

  // Pacing. next_send() is kept in ps, so rounding never accumulates.
  bool PaceAllows(Time now) const { return !paced_ || next_send_ <= now; }
  bool paced() const { return paced_; }
  Time next_send() const { return next_send_; }
  void ChargeFrame(Time now, uint32_t frame_bytes) {
    if (!paced_) return;
    const Time floor = now - credit_time_;
    if (next_send_ < floor) next_send_ = floor;
    next_send_ += pace_.TimeOf(Bytes(frame_bytes) + kEthernetOverhead);
  }
  // The same by another simulator's rules (WireModel). SetModel comes before the first packet.
  void SetModel(const WireModel& model) {
    modelled_ = model.on();
    repaced_ = model.repace;
  }
  void ChargeModelled(Time now, uint32_t wire_bytes);
  // Keeps next_send() comparable with a time that is days ahead (Time wraps).
  void Normalise(Time now) {
    if (next_send_ < now - credit_time_) next_send_ = now - credit_time_;
  }

  // Calls into the controller; each refreshes the answer.
  void OnFeedback(const cc::Feedback& feedback);
  void OnLoss(const cc::Loss& loss);
  void OnCnp(const cc::Cnp& cnp);
  void OnSent(const cc::Sent& sent);
  void OnDeadline(Time now);
  bool has_deadline() const {
    return controller_ != nullptr && controller_->control().has_deadline;
  }
  Time deadline() const { return controller_->control().deadline; }

  // From the start of such a packet to that of the next; zero without a pace.
  Duration PaceOf(Bytes n) const { return paced_ ? pace_.TimeOf(n) : Duration::Zero(); }

  // When an acknowledgement was last requested, or nothing was in flight; the requester's to keep.
  Time asked() const { return asked_; }
  void SetAsked(Time now) { asked_ = now; }

  // A smoothed round-trip time (gain 1/8), zero until one was measured or configured; for recovery
  // and for windows below one packet.
  Duration smoothed_rtt() const { return smoothed_rtt_; }

  // The one entry that this flow has in its engine's wheel, armed lazily for the earliest of pace
  // and timers.
  FlowTimer timer;
  QueuePair* owner = nullptr;  // with the timer one cache line
  // The engine's list of flows that may send now.
  SendFlow* next_ready = nullptr;
  bool in_ready_list = false;
  bool responds = false;  // the second flow of its queue pair

  // Where its controller lies; a hint for engines of many queue pairs.
  void PrefetchController() const {
    if (controller_ == nullptr) return;
    const std::byte* const room = reinterpret_cast<const std::byte*>(controller_);
    for (size_t at = 0; at < profile_->maker.size; at += 64) __builtin_prefetch(room + at, 1);
  }

 private:
  void Refresh();
  void SetRate(Bandwidth rate);

  // What every packet looks at shares a cache line with next_ready.
  bool paced_ = false;
  bool modelled_ = false;
  bool repaced_ = false;
  bool owns_room_ = false;
  uint32_t window_packets_ = 1;
  uint32_t qpn_ = 0;
  Time next_send_;
  PsPerByte pace_;
  Bytes window_ = cc::kNoWindow;
  cc::Controller* controller_ = nullptr;

  Duration credit_time_;
  Time asked_;
  Duration smoothed_rtt_;
  Counters* counters_ = nullptr;
  Bandwidth rate_ = cc::kNoRate;
  Bytes charged_;  // modelled: of the last packet
  std::shared_ptr<const FlowProfile> profile_;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_SEND_FLOW_H_
