// memory::KeyPermutation: the permutation of lib/base, by which this room draws its keys.
#ifndef SLUICE_MEMORY_KEY_PERMUTATION_H_
#define SLUICE_MEMORY_KEY_PERMUTATION_H_

#include "base/key_permutation.h"

namespace sluice::memory {

using sluice::KeyPermutation;

}  // namespace sluice::memory

#endif  // SLUICE_MEMORY_KEY_PERMUTATION_H_
