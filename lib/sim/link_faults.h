// LinkFaults: what a link does to frames beside carrying them.
//
// Losses of four kinds, each off by default and independent of the others:
//   burst      the two-state chain of Gilbert and Elliott: before each frame the link may turn bad,
//              or good again; in the bad state it loses with probability `burst_loss`. In the long
//              run to_bad / (to_bad + to_good) of the frames find it bad, in runs of 1 / to_good.
//              Gilbert, "Capacity of a Burst-Noise Channel", BSTJ 39(5), 1960; Elliott 1963.
//   corrupt    bits are wrong; the MAC at the far end sees it (FCS) and drops the frame.
//   blackhole  this part of all 5-tuples, picked by a keyed hash, vanishes without a trace, every
//              packet of them and no packet of others: a broken entry in a table.
//   down       no frame that is on the link then, or sent later, arrives.
// The state is one object per direction; one thread.
#ifndef SLUICE_SIM_LINK_FAULTS_H_
#define SLUICE_SIM_LINK_FAULTS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "base/rng.h"

namespace sluice::sim {

struct LinkFaults {
  double to_bad = 0;  // probabilities per frame
  double to_good = 0;
  double burst_loss = 1;
  double corrupt = 0;
  double blackhole = 0;  // part of the 5-tuples

  bool any() const { return to_bad > 0 || corrupt > 0 || blackhole > 0; }
  absl::Status Validate() const;
  bool operator==(const LinkFaults&) const = default;
};

// What one direction did, or several together.
struct LinkCounters {
  uint64_t frames = 0;      // put on the line
  uint64_t bytes = 0;       // of these frames, without the link's overhead
  uint64_t lost = 0;        // of these frames, for whatever reason
  uint64_t corrupt = 0;     // of the lost
  uint64_t blackholed = 0;  // of the lost

  LinkCounters& operator+=(const LinkCounters& o) {
    frames += o.frames;
    bytes += o.bytes;
    lost += o.lost;
    corrupt += o.corrupt;
    blackholed += o.blackholed;
    return *this;
  }
};

class LinkFaultState {
 public:
  // `rng` draws for one direction of one link; `key` picks its 5-tuples.
  LinkFaultState(const LinkFaults& faults, Rng rng, uint64_t key)
      : faults_(faults), rng_(rng), key_(key) {}

  enum class Fate : uint8_t { kArrives, kLost, kCorrupt, kBlackhole };
  Fate Decide(uint32_t flow_key);

 private:
  LinkFaults faults_;
  Rng rng_;
  uint64_t key_;
  bool bad_ = false;
};

}  // namespace sluice::sim

#endif  // SLUICE_SIM_LINK_FAULTS_H_
