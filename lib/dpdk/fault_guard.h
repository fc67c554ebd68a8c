// FaultGuard: lets a poll core survive a driver that reads memory which its peer took away.
//
// net_memif maps the rings of its peer. When that process dies, DPDK's interrupt thread unmaps them
// while the poll core may stand in the middle of a burst (DPDK 22.11, memif_disconnect: the flag
// that the burst looks at is cleared first, but nothing waits for a burst under way). The access
// fault is then the only news of it. A guarded call that faults comes to an end as if the link had
// gone down; docs/decisions/0016-a-peer-that-takes-its-memory-along.md says what is lost by it.
//
// Costs 10 to 20 ns per call, so a port guards its bursts only where the driver needs it.
//
// Threads: any number; each guards its own calls, one at a time. A fault outside a guarded call
// goes to whoever handled it before, so that crashes still crash and sanitizers still report.
#ifndef SLUICE_DPDK_FAULT_GUARD_H_
#define SLUICE_DPDK_FAULT_GUARD_H_

namespace sluice::dpdk {

class FaultGuard {
 public:
  // Takes over SIGSEGV and SIGBUS of the process, once; later calls do nothing.
  static void Install();

  // Runs call(argument). False when it faulted: it was left where it stood, nothing of it was
  // unwound, so it may neither hold a lock nor own memory that anybody will miss.
  static bool Run(void (*call)(void* argument), void* argument);
};

}  // namespace sluice::dpdk

#endif  // SLUICE_DPDK_FAULT_GUARD_H_
