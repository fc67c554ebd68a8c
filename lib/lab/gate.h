// Gate: a condition on a comparison of new runs with old ones: "worse:p99_slowdown>2%".
#ifndef SLUICE_LAB_GATE_H_
#define SLUICE_LAB_GATE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lab/judge.h"

namespace sluice::lab {

// Fails when `metric` is worse by more than `margin`: 0.02 of ">2%". Worse is higher where lower is
// better, and lower where it is not.
struct Gate {
  std::string text;
  size_t metric = 0;  // of MetricKinds()
  double margin = 0;
};

// "worse:METRIC" or "worse:METRIC>NUMBER%".
absl::StatusOr<Gate> ParseGate(std::string_view text);

enum class GateState {
  kMet,        // the interval lies below the margin
  kNotMet,     // the interval lies above it
  kUndecided,  // it does neither, or there is none: too few seeds
};
const char* NameOf(GateState state);

// a: the new runs.
GateState Decide(const Gate& gate, const Judgement& judgement);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_GATE_H_
