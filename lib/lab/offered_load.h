// What a load means on a fabric.
//
// Load is the offered load of the most loaded tier: hosts that send to all others alike load some
// link more than every other, for the links of one tier of a regular fabric all the same. A load of
// 1 fills that link with payload.
#ifndef SLUICE_LAB_OFFERED_LOAD_H_
#define SLUICE_LAB_OFFERED_LOAD_H_

#include <cstdint>

#include "sim/topology.h"

namespace sluice::lab {

// Bit/s of payload that each host offers at load 1. Each sends to all hosts that are as many places
// away as a multiple of `rails` (1: to all others), and at a switch equal paths carry equal parts.
// Every such pair is connected, and there are at least two such hosts. Time and memory O(hosts x
// links). Set-up only.
double HostRateAtFullLoad(const sim::Topology& topology, uint32_t rails);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_OFFERED_LOAD_H_
