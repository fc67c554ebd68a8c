// For each check of the receive path (base/checks.h) a program with a frame that it refuses.
#ifndef SLUICE_TESTS_FUZZ_CHECK_SEEDS_H_
#define SLUICE_TESTS_FUZZ_CHECK_SEEDS_H_

#include "base/checks.h"
#include "engine_program.h"

namespace sluice::fuzz {

ProgramWriter SeedOf(Check check);

}  // namespace sluice::fuzz

#endif  // SLUICE_TESTS_FUZZ_CHECK_SEEDS_H_
