// The incast: N senders, one receiver, one switch; all start within a few microseconds.
#ifndef SLUICE_LAB_INCAST_H_
#define SLUICE_LAB_INCAST_H_

#include "lab/experiment.h"

namespace sluice::lab {

// 32 MiB of buffer by default, as incast16 of the HPCC simulator (rates, delays and ECN profile
// likewise): nothing is lost, the queue shows the algorithm.
Experiment Incast();
// The same with 2 MiB: an algorithm that lets the queue grow loses packets.
Experiment IncastShallow();

}  // namespace sluice::lab

#endif  // SLUICE_LAB_INCAST_H_
