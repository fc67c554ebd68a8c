// Whether seeds make a difference: repeating what nothing varies would only look like evidence.
#ifndef SLUICE_LAB_SEEDS_H_
#define SLUICE_LAB_SEEDS_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "lab/experiment.h"

namespace sluice::lab {

// InvalidArgument if seeds 1 and 2 give the same bytes, apart from the seed's own number, with arm
// a and with arm b. Where they already send something else nothing is run. `going_on`: asked now
// and then; false ends the look (Cancelled).
absl::Status CheckSeedsDiffer(const Chosen& experiment, const std::string& a, const std::string& b,
                              const std::function<bool()>& going_on);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_SEEDS_H_
