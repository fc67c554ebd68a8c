// Counts every allocation of the process; linking it replaces the global operator new.
#ifndef SLUICE_TESTS_SUPPORT_COUNTING_NEW_H_
#define SLUICE_TESTS_SUPPORT_COUNTING_NEW_H_

#include <cstdint>

namespace sluice::test {

// Allocations by operator new so far, all threads.
uint64_t AllocationCount();

}  // namespace sluice::test

#endif  // SLUICE_TESTS_SUPPORT_COUNTING_NEW_H_
