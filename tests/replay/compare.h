// Compares what our queue pair said in a replay with what the recorded end said, as (opcode, PSN,
// syndrome, MSN, payload) and the extension headers, responses and requests each in their order.
#ifndef SLUICE_TESTS_REPLAY_COMPARE_H_
#define SLUICE_TESTS_REPLAY_COMPARE_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "wire/packet_value.h"

namespace sluice::replay {

struct Verdict {
  bool equal = true;
  std::string why;               // the first pair that differs, and all of both sequences
  std::set<std::string> needed;  // the differences of the table that this replay had
};

// `credits`: receives that were posted when ours[i] was sent. `allowed`: the differences that the
// table lists (named in its head).
Verdict Compare(const std::vector<wire::DecodedFrame>& ours, const std::vector<uint32_t>& credits,
                const std::vector<wire::DecodedFrame>& recorded,
                const std::set<std::string>& allowed);

}  // namespace sluice::replay

#endif  // SLUICE_TESTS_REPLAY_COMPARE_H_
