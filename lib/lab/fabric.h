// What the experiments on a fabric have in common: the parameters of links, switches and packets,
// and the topologies by name.
#ifndef SLUICE_LAB_FABRIC_H_
#define SLUICE_LAB_FABRIC_H_

#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lab/parameters.h"
#include "lab/scenario.h"
#include "sim/simulation.h"

namespace sluice::lab {

// rate, delay, buffer, alpha, pfc, kmin, kmax, pmax, mtu, timeout, sample.
void AddFabricSpecs(std::vector<ParameterSpec>& specs);

// Fills in switches, mtu and sample from these parameters; `owner` names the experiment in errors.
absl::Status ApplyFabric(std::string_view owner, const Parameters& p, Scenario& s);
sim::LinkConfig EdgeLink(const Parameters& p);
// The timer of the parameter, or one that no queue makes fire; after flows and topology are known.
uint8_t TimerOf(const Parameters& p, const Scenario& s);
// The latter, by the slowest link.
uint8_t AutoTimer(const Scenario& s);

// star, dumbbell, parking-lot, leaf-spine, fat-tree, rail, rail-planes.
std::span<const std::string_view> TopologyNames();
// How many NICs of one server lie side by side among the hosts: 8 with rails, 1 else.
uint32_t RailsOf(std::string_view topology);
// With `hosts` hosts and as many links up as down at every leaf. Fails if the topology cannot have
// that number, and says which it can.
absl::StatusOr<sim::Topology> MakeTopology(std::string_view name, uint32_t hosts,
                                           const sim::LinkConfig& edge,
                                           const sim::LinkConfig& core);

// At set-up: Scenario::ecn_by_rate of the switches' ports.
absl::Status SetEcnByRate(const Scenario& scenario, sim::Simulation& simulation);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_FABRIC_H_
