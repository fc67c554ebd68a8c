// WireParts: what a wire run stands on: a clock and links. DPDK's is in bridge/machine.h; a test
// has its own.
#ifndef SLUICE_BRIDGE_WIRE_PARTS_H_
#define SLUICE_BRIDGE_WIRE_PARTS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/units.h"
#include "port/port.h"

namespace sluice::bridge {

class WireParts {
 public:
  virtual ~WireParts() = default;

  virtual Clock& clock() = 0;

  // One link for each line rate, until Close. Its two ends carry frames of up to `max_frame`, and
  // the host's stamps its bursts by `clock`, which is the run's and outlives the links.
  // Unavailable: this machine lacks what it takes.
  virtual absl::Status Open(std::span<const Bandwidth> line_rates, Bytes max_frame,
                            Clock* clock) = 0;
  virtual port::Port& host(size_t link) = 0;
  virtual port::Port& bridge(size_t link) = 0;
  // Around the loop of a run: what the machine may do so that nothing interrupts it, and its end.
  virtual void BeginLoop() {}
  virtual void EndLoop() {}
  // Returns how many packets nobody gave back.
  virtual size_t Close() = 0;
};

}  // namespace sluice::bridge

#endif  // SLUICE_BRIDGE_WIRE_PARTS_H_
