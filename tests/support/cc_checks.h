// What is asked of every congestion-control algorithm, as functions that return what is wrong, so
// that the suite can be tested itself: on controllers that must fail it.
//
// The first group plays tapes at one controller, the second lets flows share a bottleneck.
#ifndef SLUICE_TESTS_SUPPORT_CC_CHECKS_H_
#define SLUICE_TESTS_SUPPORT_CC_CHECKS_H_

#include <string>
#include <vector>

#include "cc/registry.h"

namespace sluice::test {

using Failures = std::vector<std::string>;

// Answers are legal after anything: window and rate above zero, rate not above the line; state that
// Describe shows is finite; no deadline in the past.
Failures CheckSafety(const cc::Algorithm& algorithm);
// Loss and CNPs never raise the answer; a round-trip time that grows without bound and marks on
// everything do not either; a flow without work does not gain. Traits may exempt.
Failures CheckDirection(const cc::Algorithm& algorithm);
// Same tape, same bits; at another time the same; beside another instance the same.
Failures CheckDeterminism(const cc::Algorithm& algorithm);
// Feedback one by one or 32 at a time: the same answer within 5 %.
Failures CheckBatching(const cc::Algorithm& algorithm);
// No allocation after construction.
Failures CheckNoAllocation(const cc::Algorithm& algorithm);
// Fits where it says, and writes nowhere else.
Failures CheckSize(const cc::Algorithm& algorithm);
// Names and units.
Failures CheckDescribe(const cc::Algorithm& algorithm);
// A successor goes on about where its predecessor was, and survives any predecessor.
Failures CheckSnapshot(const cc::Algorithm& algorithm);

// One flow fills the link.
Failures CheckSingleFlow(const cc::Algorithm& algorithm);
// 2, 4, 8 and 16 flows share it.
Failures CheckFairness(const cc::Algorithm& algorithm);
// 16 senders of 1 MB each at one receiver all finish, with the queue as declared.
Failures CheckIncast(const cc::Algorithm& algorithm);
// The link falls to a quarter and comes back.
Failures CheckRecovery(const cc::Algorithm& algorithm);
// Without its optional signals, and with all of them, it still works.
Failures CheckMissingSignals(const cc::Algorithm& algorithm);

struct NamedCheck {
  const char* name;
  Failures (*run)(const cc::Algorithm&);
};
// All of the above.
const std::vector<NamedCheck>& AllChecks();

}  // namespace sluice::test

#endif  // SLUICE_TESTS_SUPPORT_CC_CHECKS_H_
