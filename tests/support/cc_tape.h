// Tapes: what a transport could tell a controller, recorded in advance, and a player. The same tape
// can be played twice, at another time, interleaved with another, or in batches.
#ifndef SLUICE_TESTS_SUPPORT_CC_TAPE_H_
#define SLUICE_TESTS_SUPPORT_CC_TAPE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.h"
#include "cc/controller.h"
#include "cc/registry.h"

namespace sluice::test {

enum class TapeKind : uint8_t { kFeedback, kLoss, kCnp, kSent, kSpuriousDeadline };

struct TapeEvent {
  TapeKind kind = TapeKind::kSent;
  Duration at;                      // since the tape's start; never falls
  std::vector<cc::Sample> samples;  // kFeedback
  Bytes in_flight;
  bool app_limited = false;
  uint32_t active_senders = 0;
  Bytes payload;  // kSent, kLoss
  cc::LossKind loss = cc::LossKind::kSequenceNak;
  bool undo = false;
};
using Tape = std::vector<TapeEvent>;

// The context that tapes are made for: 100 Gb/s, MTU 4096.
cc::FlowContext TapeContext(const cc::Algorithm& algorithm);
// Everything that can happen, also what should not: round-trip times of zero and of seconds, counts
// of zero, the same event twice, neighbours exchanged.
Tape WildTape(uint64_t seed, size_t events);
// A flow that is limited by the network: one packet sent and one acknowledged per step of 330 ns,
// its round-trip time wandering between `low` and `high`, a CNP and a mark now and then when high.
Tape SaneTape(uint64_t seed, size_t packets, Duration low, Duration high);

// One controller and its receiver half in guarded storage.
class Player {
 public:
  Player(const cc::Algorithm& algorithm, const cc::FlowContext& context, Time origin);
  ~Player();
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  // Fires the deadlines up to this time.
  void Advance(Duration to) { FireDeadlines(origin_ + to); }
  // Advances to the event, then plays it. Allocates nothing.
  void Play(const TapeEvent& event);
  void PlayAll(const Tape& tape) {
    for (const TapeEvent& e : tape) Play(e);
  }
  cc::Controller& controller() { return *controller_; }
  const cc::Control& control() const { return controller_->control(); }
  // The answer, with its deadline relative to the origin: equal for equal tapes.
  struct Answer {
    int64_t window, rate, deadline;
    uint16_t cause;
    bool operator==(const Answer&) const = default;
  };
  Answer answer() const;
  // A deadline that stayed due after OnDeadline, or lay in the past after another call.
  int stale_deadlines() const { return stale_; }
  // Bytes outside of the controller's size were written.
  bool overran() const;

 private:
  void FireDeadlines(Time until);

  static constexpr size_t kGuard = 128;
  struct alignas(64) Storage {
    std::array<std::byte, cc::kMaxControllerSize + kGuard> bytes;
  };
  Storage storage_;
  const size_t size_;
  const Time origin_;
  cc::Controller* controller_;
  int stale_ = 0;
};

}  // namespace sluice::test

#endif  // SLUICE_TESTS_SUPPORT_CC_TAPE_H_
