// The grid of a sweep: values of an experiment's parameters and of the arms' parameters, and every
// combination of them.
#ifndef SLUICE_LAB_SWEEP_GRID_H_
#define SLUICE_LAB_SWEEP_GRID_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "lab/experiment.h"

namespace sluice::lab {

// A parameter and the values it takes: "load=.3,.5,.8", of the experiment, or with a dot of arms:
// "tita.beta=0.004,0.01" of every arm with that algorithm, "b.beta=..." of that arm alone (a is the
// judged one, the rivals follow).
struct GridAxis {
  std::string name;
  std::vector<std::string> values;
};
absl::StatusOr<GridAxis> ParseGridAxis(std::string_view text);

struct SweepPoint {
  Chosen experiment;
  std::vector<std::string> arms;  // as `exec -a` takes them: with the values of the axes
  std::vector<std::pair<std::string, std::string>> values;  // of the axes
};

// Every combination, the last axis fastest; of no axis the experiment and the arms themselves. Each
// experiment and each arm is valid: what is not fails with the axis or the arm, the nearest name
// and the cure.
absl::StatusOr<std::vector<SweepPoint>> MakePoints(std::string_view experiment,
                                                   const std::vector<GridAxis>& grid,
                                                   const std::vector<std::string>& arms);

// "senders=8 tita.beta=0.01"; "-" of no axis.
std::string ValuesText(const SweepPoint& point);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_SWEEP_GRID_H_
