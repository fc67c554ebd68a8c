#include "bridge/tape.h"

#include <array>
#include <utility>

#include "absl/strings/str_format.h"

namespace sluice::bridge {
namespace {

std::string TextOf(const Decision& d) {
  return absl::StrFormat(
      "window %d B, rate %d bps, deadline %s, cause %d", d.window.count(), d.rate.bps(),
      d.has_deadline ? absl::StrFormat("%d ps", d.deadline.ps()) : "none", d.cause);
}

// Calls the controller with what was said; the samples of a feedback lie in one piece for the call.
class Speaker {
 public:
  Speaker(const Tape& tape, cc::Controller& controller) : tape_(tape), controller_(controller) {}

  void Say(const TapedCall& call) {
    call_ = &call;
    std::visit(*this, call.said);
  }

  void operator()(const cc::Feedback& feedback) {
    size_t hops = 0;
    for (size_t i = 0; i < call_->samples; ++i) {
      const TapedSample& taped = tape_.samples[call_->first_sample + i];
      samples_[i] = taped.sample;
      for (size_t h = 0; h < taped.hops; ++h) hops_[hops + h] = tape_.hops[taped.first_hop + h];
      samples_[i].hops = {hops_.data() + hops, taped.hops};
      hops += taped.hops;
    }
    cc::Feedback whole = feedback;
    whole.samples = {samples_.data(), call_->samples};
    controller_.OnFeedback(whole);
  }
  void operator()(const cc::Loss& loss) { controller_.OnLoss(loss); }
  void operator()(const cc::Cnp& cnp) { controller_.OnCnp(cnp); }
  void operator()(const cc::Sent& sent) { controller_.OnSent(sent); }
  void operator()(Time now) { controller_.OnDeadline(now); }
  void operator()(const cc::Controller::State& state) { controller_.Restore(state); }

 private:
  const Tape& tape_;
  cc::Controller& controller_;
  const TapedCall* call_ = nullptr;
  std::array<cc::Sample, cc::kMaxSamples> samples_;
  std::array<cc::IntHop, cc::kMaxSamples * cc::kMaxHops> hops_;
};

struct Destroy {
  void operator()(cc::Controller* controller) const { controller->~Controller(); }
};

}  // namespace

Decision DecisionOf(const cc::Control& control) {
  return {control.window, control.rate, control.has_deadline ? control.deadline : Time::Zero(),
          control.has_deadline, control.cause};
}

std::optional<std::string> Replay(const Tape& tape, const cc::Algorithm& algorithm) {
  alignas(64) std::array<std::byte, cc::kMaxControllerSize> storage;
  const std::unique_ptr<cc::Controller, Destroy> controller(
      algorithm.MakeController(storage.data(), tape.context));
  Speaker speaker(tape, *controller);
  const auto differs = [&](size_t calls, const Decision& taped) -> std::optional<std::string> {
    const Decision now = DecisionOf(controller->control());
    if (now == taped) return std::nullopt;
    return absl::StrFormat("after %d calls of %d: taped %s; replayed %s", calls, tape.calls.size(),
                           TextOf(taped), TextOf(now));
  };
  if (auto difference = differs(0, tape.first)) return difference;
  size_t calls = 0;
  for (const TapedCall& call : tape.calls) {
    speaker.Say(call);
    if (auto difference = differs(++calls, call.answer)) return difference;
  }
  return std::nullopt;
}

}  // namespace sluice::bridge
