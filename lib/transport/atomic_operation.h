// The atomic operations of IBTA 1.4, 9.4.5, on 8 aligned bytes of application memory. They are
// atomic towards the application's own threads as well (the "HCA and CPU" level of atomicity),
// because they are done by the processor; values are in host order in memory.
#ifndef SLUICE_TRANSPORT_ATOMIC_OPERATION_H_
#define SLUICE_TRANSPORT_ATOMIC_OPERATION_H_

#include <atomic>
#include <cstdint>

#include "wire/headers.h"
#include "wire/opcode.h"

namespace sluice::transport {

inline constexpr uint32_t kAtomicBytes = 8;

constexpr bool AtomicallyAligned(uint64_t va) { return va % kAtomicBytes == 0; }

// Executes COMPARE SWAP or FETCH ADD at `address`, which is aligned; returns the value before it.
inline uint64_t ExecuteAtomic(wire::Opcode opcode, const wire::AtomicEth& eth, uint8_t* address) {
  std::atomic_ref<uint64_t> value(*reinterpret_cast<uint64_t*>(address));
  if (opcode == wire::Opcode::kRcFetchAdd) return value.fetch_add(eth.swap_or_add);
  uint64_t expected = eth.compare;
  // Leaves the value found in `expected`, whether it was exchanged or not.
  value.compare_exchange_strong(expected, eth.swap_or_add);
  return expected;
}

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_ATOMIC_OPERATION_H_
