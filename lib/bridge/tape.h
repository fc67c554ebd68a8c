// Tape: all that a controller was told in one run, call by call, and what it answered each time.
//
// A controller is a function of its calls: played to a fresh one, without a clock and without a
// network, the same calls bring the same answers, bit for bit, wherever the tape was recorded.
#ifndef SLUICE_BRIDGE_TAPE_H_
#define SLUICE_BRIDGE_TAPE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/time.h"
#include "cc/controller.h"
#include "cc/registry.h"

namespace sluice::bridge {

// cc::Control, as far as a transport reads it.
struct Decision {
  Bytes window;
  Bandwidth rate;
  Time deadline;  // zero without one
  bool has_deadline = false;
  uint16_t cause = 0;
  bool operator==(const Decision&) const = default;
};
Decision DecisionOf(const cc::Control& control);

struct TapedSample {
  cc::Sample sample;     // its hops are those of the tape
  size_t first_hop = 0;  // of them
  uint8_t hops = 0;
};

struct TapedCall {
  // OnDeadline is a Time. The samples of a feedback are those of the tape.
  std::variant<cc::Feedback, cc::Loss, cc::Cnp, cc::Sent, Time, cc::Controller::State> said;
  size_t first_sample = 0;
  uint8_t samples = 0;
  Decision answer;
};

// Grows without moving what it has, so that a poll loop can write it.
struct Tape {
  std::shared_ptr<const cc::Algorithm> algorithm;
  cc::FlowContext context;
  Decision first;  // before any call
  std::deque<TapedCall> calls;
  std::deque<TapedSample> samples;
  std::deque<cc::IntHop> hops;
};

// Plays the tape to a fresh controller of the algorithm. The first answer that differs, in words;
// nullopt if none does.
std::optional<std::string> Replay(const Tape& tape, const cc::Algorithm& algorithm);

}  // namespace sluice::bridge

#endif  // SLUICE_BRIDGE_TAPE_H_
