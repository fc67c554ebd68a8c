// Loss: one queue pair, a long path that loses packets in both directions, and what is left of the
// goodput.
#ifndef SLUICE_LAB_LOSS_H_
#define SLUICE_LAB_LOSS_H_

#include "lab/experiment.h"

namespace sluice::lab {

Experiment LossExperiment();

}  // namespace sluice::lab

#endif  // SLUICE_LAB_LOSS_H_
