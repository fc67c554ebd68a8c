// Clock, Pollable and Executor: the three ways in which the outside reaches the core.
#ifndef SLUICE_BASE_CLOCK_H_
#define SLUICE_BASE_CLOCK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "base/optional_time.h"
#include "base/time.h"

namespace sluice {

// Who owns time: a calibrated TSC beside a poll loop, the event queue in virtual time. Now() never
// runs backwards. Read once per poll iteration and handed down; the core never calls it.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time Now() = 0;
};

// Something that is driven by time. One thread.
class Pollable {
 public:
  virtual ~Pollable() = default;

  // Does the work that is due at `now`; returns how many items it handled (0: idle). Calling it
  // too early, or twice, is a harmless no-op.
  virtual size_t Poll(Time now) = 0;

  // The exact earliest time at which Poll has something to do without new input; nullopt if
  // nothing is armed. May change after Poll, and after any input. Never later than the truth.
  virtual OptionalTime NextDeadline() const = 0;

  // A hint: Poll will be called soon, and this frame will be waiting for it. Fetches into the cache
  // what that looks at, step by step from 0: each step reads where the next one's lines are.
  virtual void Prefetch(std::span<const uint8_t>, int) const {}
};

// Runs tasks on threads that the program owns; lib/sim gets its threads only through this.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void Run(std::function<void()> task) = 0;
  // Returns when all tasks given so far have finished.
  virtual void Wait() = 0;
};

}  // namespace sluice

#endif  // SLUICE_BASE_CLOCK_H_
