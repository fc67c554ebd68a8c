// The permutation: every host sends one message and receives one.
#ifndef SLUICE_LAB_PERMUTATION_H_
#define SLUICE_LAB_PERMUTATION_H_

#include "lab/experiment.h"

namespace sluice::lab {

Experiment Permutation();

}  // namespace sluice::lab

#endif  // SLUICE_LAB_PERMUTATION_H_
