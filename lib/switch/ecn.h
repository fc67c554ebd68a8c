// EcnProfile: which packets of an egress queue a switch marks.
//
// The probability is 0 up to Kmin, rises linearly to Pmax at Kmax and is 1 above Kmax; Kmin = Kmax
// is a step. Source: Zhu et al., "Congestion Control for Large-Scale RDMA Deployments" (DCQCN),
// SIGCOMM 2015, section 3.1 and figure 5; the step is DCTCP's.
#ifndef SLUICE_SWITCH_ECN_H_
#define SLUICE_SWITCH_ECN_H_

#include "absl/status/status.h"
#include "base/units.h"

namespace sluice::switching {

struct EcnProfile {
  enum class Mode : uint8_t {
    kOff,
    kDequeue,  // tests the bytes that wait behind a packet at the moment when it leaves the queue
    kEnqueue,  // tests the bytes that wait ahead of a packet at the moment when it joins the queue
  };
  Mode mode = Mode::kOff;
  Bytes kmin;
  Bytes kmax;
  double pmax = 0;

  // 0 <= kmin <= kmax and 0 <= pmax <= 1, or an error that names the field.
  absl::Status Validate() const;

  // In [0, 1], of a queue of `waiting` bytes; whatever the mode.
  double Probability(Bytes waiting) const;

  // Draws from the coins, an Rng or a CoinSource, only where the probability is neither 0 nor 1.
  template <typename Coins>
  bool Decide(Bytes waiting, Coins& coins) const {
    if (waiting <= kmin) return false;
    if (waiting > kmax) return true;
    return coins.Bernoulli(Probability(waiting));
  }
};

// Decides instead of a stream of ours for each queue.
class CoinSource {
 public:
  virtual ~CoinSource() = default;
  // True with this probability.
  virtual bool Bernoulli(double probability) = 0;
};

}  // namespace sluice::switching

#endif  // SLUICE_SWITCH_ECN_H_
