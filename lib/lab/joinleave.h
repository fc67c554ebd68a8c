// The staircase: flows join one bottleneck one after another and leave it in reverse order.
#ifndef SLUICE_LAB_JOINLEAVE_H_
#define SLUICE_LAB_JOINLEAVE_H_

#include "lab/experiment.h"

namespace sluice::lab {

Experiment JoinLeave();

}  // namespace sluice::lab

#endif  // SLUICE_LAB_JOINLEAVE_H_
