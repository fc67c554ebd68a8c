// The latency test: one message each way, one at a time per queue pair in turn. The initiator times
// the full round trip; both sides verify what they got.
#ifndef SLUICE_PERF_PINGPONG_H_
#define SLUICE_PERF_PINGPONG_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "perf/end.h"
#include "perf/stream.h"
#include "telemetry/histogram.h"

namespace sluice::perf {

// One side. The initiator serves, the target returns; otherwise they do the same.
class Pinger {
 public:
  Pinger(End* end, const EndAddress& peer, bool serves, uint64_t limit, CycleClock cycles,
         telemetry::Histogram* latency);

  absl::Status Prepare() { return end_->PostAll(); }
  bool Pump();
  void Stop() { stopped_ = true; }
  bool Drained() const { return completed_sends_ == sent_ && (!serves_ || received_ == sent_); }

  uint64_t posted() const { return sent_; }
  uint64_t completed() const { return completed_sends_; }
  uint64_t received() const { return received_; }
  uint64_t verified_bytes() const { return verified_bytes_; }
  uint64_t mismatches() const { return mismatches_; }
  const std::string& error() const { return error_; }

 private:
  bool Send(uint32_t qp);
  bool Receive(const verbs::WorkCompletion& c);

  End* end_;
  EndAddress peer_;
  const bool serves_;
  const uint64_t limit_;
  const CycleClock cycles_;
  telemetry::Histogram* latency_;
  std::vector<uint64_t> next_send_;  // messages per queue pair
  std::vector<uint64_t> next_receive_;
  uint32_t turn_ = 0;
  std::array<verbs::WorkCompletion, 8> done_;  // a member: a local would be cleared in every pump
  bool waiting_ = false;
  uint64_t sent_at_ = 0;
  uint64_t sent_ = 0;
  uint64_t completed_sends_ = 0;
  uint64_t received_ = 0;
  uint64_t verified_bytes_ = 0;
  uint64_t mismatches_ = 0;
  bool stopped_ = false;
  std::string error_;
};

}  // namespace sluice::perf

#endif  // SLUICE_PERF_PINGPONG_H_
