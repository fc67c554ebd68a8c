// The parts of an experiment file that describe a fabric: topology, switches, hosts, links that
// fail.
#ifndef SLUICE_LAB_EXPERIMENT_FABRIC_H_
#define SLUICE_LAB_EXPERIMENT_FABRIC_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "cli/json.h"
#include "lab/scenario.h"

namespace sluice::lab {

// "topology": by kind and parameters, or inline. `rails`: how many hosts of one server lie side by
// side. The topology is valid.
absl::Status ReadTopology(const cli::Json& json, const std::string& where, sim::Topology* topology,
                          uint32_t* rails);
// "switch".
absl::Status ReadSwitch(const cli::Json& json, const std::string& where, Scenario* s);
// "host": a preset and what differs from it. Not with the profile hpcc-ns3, whose hosts are its
// own.
absl::Status ReadHost(const cli::Json& json, const std::string& where, Scenario* s);
// "link_events": cuts, repairs, flaps, and changes of rate and losses; the topology is known. In
// experiment_links.cc.
absl::Status ReadLinkEvents(const cli::Json& json, const std::string& where, Scenario* s);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_EXPERIMENT_FABRIC_H_
