// The one Eal of this test program: without hugepages, any user, as small as the tests allow.
#ifndef SLUICE_TESTS_UNIT_DPDK_TEST_EAL_H_
#define SLUICE_TESTS_UNIT_DPDK_TEST_EAL_H_

#include "dpdk/eal.h"

namespace sluice::dpdk {

// Made by the program's main before the tests; never null then.
extern Eal* test_eal;

}  // namespace sluice::dpdk

#endif  // SLUICE_TESTS_UNIT_DPDK_TEST_EAL_H_
