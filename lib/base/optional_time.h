// OptionalTime: a Time or none, as a std::optional of Time, but of two plain members. A value:
// owned by whoever holds it, as safe between threads as a Time.
//
// Compilers keep it in two registers. std::optional, whose value lies in a union, is written to
// memory in two pieces and copied from there in one of 16 bytes, which a core cannot forward from
// its store buffer: it waits until both have reached the cache, some fifteen cycles each time.
#ifndef SLUICE_BASE_OPTIONAL_TIME_H_
#define SLUICE_BASE_OPTIONAL_TIME_H_

#include <optional>

#include "base/time.h"

namespace sluice {

class OptionalTime {
 public:
  constexpr OptionalTime() = default;
  // Implicit, as std::optional's are.
  // NOLINTNEXTLINE(google-explicit-constructor): std::nullopt stands for none.
  constexpr OptionalTime(std::nullopt_t) {}
  // NOLINTNEXTLINE(google-explicit-constructor): a Time stands for itself.
  constexpr OptionalTime(Time time) : time_(time), has_(true) {}

  constexpr bool has_value() const { return has_; }
  constexpr explicit operator bool() const { return has_; }
  // Only with a value.
  constexpr Time operator*() const { return time_; }
  constexpr Time& operator*() { return time_; }
  constexpr const Time* operator->() const { return &time_; }
  constexpr Time value_or(Time other) const { return has_ ? time_ : other; }
  constexpr void reset() { *this = OptionalTime(); }

  // None equals none.
  constexpr bool operator==(const OptionalTime&) const = default;

 private:
  Time time_;  // zero without a value
  bool has_ = false;
};

// None comes after all times.
constexpr OptionalTime Earlier(OptionalTime a, OptionalTime b) {
  if (!a.has_value()) return b;
  if (!b.has_value()) return a;
  return Earlier(*a, *b);
}

}  // namespace sluice

#endif  // SLUICE_BASE_OPTIONAL_TIME_H_
