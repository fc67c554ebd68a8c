// FlowKeyOf: what a switch hashes of a flow's packets.
#ifndef SLUICE_LAB_FLOW_KEY_H_
#define SLUICE_LAB_FLOW_KEY_H_

#include <cstdint>

#include "lab/scenario.h"

namespace sluice::lab {

// Of the addresses and ports of the packets of a flow with this UDP source port.
uint32_t FlowKeyOf(const FlowSpec& flow, uint16_t source_port);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_FLOW_KEY_H_
