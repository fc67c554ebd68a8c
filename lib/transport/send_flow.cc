#include "transport/send_flow.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/whole_nanoseconds.h"

namespace sluice::transport {
namespace {

// Below this a rate would pace a packet for seconds; it is also far below what any algorithm means.
constexpr Bandwidth kLeastRate = Bandwidth::MegabitsPerSecond(1);
// Many packets in flight need no exact count of the window.
constexpr int64_t kMostPackets = 1 << 20;

}  // namespace

void SendFlow::ChargeModelled(Time now, uint32_t wire_bytes) {
  if (!paced_) return;
  charged_ = Bytes(wire_bytes);
  next_send_ = now + WholeNanoseconds(charged_, rate_);
}

SendFlow::~SendFlow() { Stop(); }

void SendFlow::Start(std::shared_ptr<const FlowProfile> profile, uint32_t qpn, Time now,
                     Counters* counters, void* room) {
  Stop();
  profile_ = std::move(profile);
  counters_ = counters;
  owns_room_ = room == nullptr;
  if (owns_room_) {
    const size_t size = profile_->maker.size;
    room = profile_->rooms != nullptr
               ? profile_->rooms->Allocate(size)
               : ::operator new (size, std::align_val_t{sluice::BlockPool::kLine});
  }
  qpn_ = qpn;
  const cc::FlowContext context = this->context();
  controller_ = profile_->maker.make(profile_->maker.algorithm, room, context);
  next_send_ = now;
  smoothed_rtt_ = context.base_rtt;
  Refresh();
}

cc::FlowContext SendFlow::context() const {
  cc::FlowContext context = profile_->context;
  context.seed ^= qpn_;
  return context;
}

void SendFlow::Stop() {
  if (controller_ == nullptr) return;
  // Where the most derived object begins: the room that it was made in.
  void* const room = dynamic_cast<void*>(controller_);
  controller_->~Controller();
  controller_ = nullptr;
  // Let go here, at set-up: nobody may free it while packets are handled.
  const std::shared_ptr<const FlowProfile> profile = std::move(profile_);
  if (!owns_room_) return;
  if (profile->rooms != nullptr) {
    profile->rooms->Free(room, profile->maker.size);
  } else {
    ::operator delete (room, std::align_val_t{sluice::BlockPool::kLine});
  }
}

void SendFlow::SetRate(Bandwidth rate) {
  if (rate == rate_ && paced_) return;
  rate_ = rate;
  paced_ = true;
  pace_ = PsPerByte::Of(rate);
  credit_time_ = pace_.TimeOf(profile_->pacing_credit);
}

void SendFlow::Refresh() {
  const cc::Control& c = controller_->control();
  const cc::FlowContext& context = profile_->context;
  window_ = c.window;
  if (window_.count() <= 0) {
    counters_->Add(Count::kClampedWindows);
    window_ = context.mtu;
  }
  Bandwidth rate = c.rate;
  if (rate != cc::kNoRate) {
    if (rate > context.line_rate || rate < kLeastRate) {
      counters_->Add(Count::kClampedRates);
      rate = std::clamp(rate, kLeastRate, context.line_rate);
    }
  }
  // A window below one packet is honoured by time: one packet per rtt * mtu / window.
  if (window_ < context.mtu && !modelled_) {
    if (smoothed_rtt_.ps() > 0) {
      const Bandwidth by_window = Bandwidth::BitsPerSecond(
          RateOf((context.mtu + context.header_bytes + kEthernetOverhead) * window_.count(),
                 smoothed_rtt_)
              .bps() /
          context.mtu.count());
      rate = std::max(kLeastRate, rate == cc::kNoRate ? by_window : std::min(rate, by_window));
    }
    window_ = context.mtu;
  }
  window_packets_ = static_cast<uint32_t>(
      std::clamp<int64_t>(window_.count() / context.mtu.count(), 1, kMostPackets));
  if (repaced_ && paced_ && rate != rate_) {
    next_send_ += WholeNanoseconds(charged_, rate) - WholeNanoseconds(charged_, rate_);
  }
  if (rate == cc::kNoRate) {
    paced_ = false;
    rate_ = rate;
  } else {
    SetRate(rate);
  }
}

void SendFlow::OnFeedback(const cc::Feedback& feedback) {
  if (feedback.newest_rtt.ps() > 0) {
    if (smoothed_rtt_.ps() == 0) {
      smoothed_rtt_ = feedback.newest_rtt;
    } else {
      smoothed_rtt_ += (feedback.newest_rtt - smoothed_rtt_) / 8;
    }
  }
  controller_->OnFeedback(feedback);
  Refresh();
}

void SendFlow::OnLoss(const cc::Loss& loss) {
  controller_->OnLoss(loss);
  Refresh();
}

void SendFlow::OnCnp(const cc::Cnp& cnp) {
  controller_->OnCnp(cnp);
  Refresh();
}

void SendFlow::OnSent(const cc::Sent& sent) {
  controller_->OnSent(sent);
  Refresh();
}

void SendFlow::OnDeadline(Time now) {
  controller_->OnDeadline(now);
  Refresh();
}

}  // namespace sluice::transport
