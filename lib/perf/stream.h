// The bandwidth test: an initiator that keeps `depth` messages per queue pair outstanding, and a
// target that verifies every byte.
//
// SEND: the target reposts a slot once it has verified it.
// WRITE: a lap is `depth` messages, written to one half of the target's 2 x depth slots. The last
// WRITE of a lap carries an immediate with the number of messages in it; the target verifies them
// and frees the half by an empty SEND, which is not counted.
//
// Both sides are pumped between polls of their devices; one thread each.
#ifndef SLUICE_PERF_STREAM_H_
#define SLUICE_PERF_STREAM_H_

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/look_ahead.h"
#include "perf/end.h"
#include "perf/turns.h"
#include "telemetry/histogram.h"

namespace sluice::perf {

// Counts time in processor cycles or whatever unit the caller has.
using CycleClock = std::function<uint64_t()>;

class Initiator {
 public:
  // `limit`: messages to post over all queue pairs; 0: until Stop. `latency` gets the time from
  // post to completion of one message in 64, in units of `cycles`.
  Initiator(End* end, const EndAddress& peer, uint64_t limit, CycleClock cycles,
            telemetry::Histogram* latency);

  absl::Status Prepare();
  // Takes completions, posts what the depth allows. Returns false after a failure (see error()).
  bool Pump();
  // Posts no new messages; what is posted goes on, and an open lap is closed.
  void Stop() {
    if (!stopped_) turns_.AddAll();
    stopped_ = true;
  }
  // Everything posted is completed and, for WRITE, verified by the target.
  bool Drained() const { return completed_ == posted_ && open_laps_ == 0; }

  uint64_t posted() const { return posted_; }
  uint64_t completed() const { return completed_; }
  const std::string& error() const { return error_; }

 private:
  struct alignas(64) Stream {
    verbs::QueuePair* qp = nullptr;
    uint64_t limit = 0;  // messages to post; kNoLimit: until Stop
    uint64_t posted = 0;
    uint64_t completed = 0;
    uint64_t timed_message = 0;
    uint64_t timed_at = 0;
    uint32_t laps_closed = 0;  // WRITE: laps that carry their immediate,
    uint32_t laps_freed = 0;   // and those that the target gave back; both wrap
    uint32_t in_lap = 0;       // messages of the open lap
    bool timing = false;
  };
  static_assert(sizeof(Stream) == 64);

  static constexpr uint64_t kNoLimit = ~uint64_t{0};
  bool MayPost(const Stream& s) const;
  void PostMessages(uint32_t i);
  bool PostOne(uint32_t i, bool more);
  void CountLap(Stream* s, bool ends);
  bool OnCompletion(const verbs::WorkCompletion& c);
  bool Limited(const Stream& s) const { return stopped_ || s.posted >= s.limit; }

  End* end_;
  EndAddress peer_;
  const CycleClock cycles_;
  telemetry::Histogram* latency_;
  const uint32_t lap_;
  const uint32_t signal_every_;
  std::vector<Stream> streams_;
  Turns turns_;
  std::array<verbs::WorkCompletion, 32> done_;  // a member: a local would be cleared in every pump
  Upcoming<uint32_t, Turns::kPerPump, 40, 30, 20, 10> upcoming_;  // took their turn and post next
  uint64_t posted_ = 0;
  uint64_t completed_ = 0;
  uint64_t open_laps_ = 0;  // of all queue pairs: begun and not given back
  bool stopped_ = false;
  std::string error_;
};

class Target {
 public:
  explicit Target(End* end);
  absl::Status Prepare() { return end_->PostAll(); }
  // Verifies and frees what has arrived. Returns false after a failure.
  bool Pump();

  uint64_t received() const { return received_; }
  uint64_t verified_bytes() const { return verified_bytes_; }
  uint64_t mismatches() const { return mismatches_; }
  const std::string& error() const { return error_; }

 private:
  void Verify(uint32_t qp, uint64_t message);
  bool OnMessage(const verbs::WorkCompletion& c, uint32_t qp);
  bool OnLap(const verbs::WorkCompletion& c, uint32_t qp);

  End* end_;
  struct Stream {
    verbs::QueuePair* qp;
    uint64_t next;  // message to verify
  };
  std::vector<Stream> streams_;
  std::array<verbs::WorkCompletion, 32> done_;  // a member, as above
  uint64_t received_ = 0;
  uint64_t verified_bytes_ = 0;
  uint64_t mismatches_ = 0;
  std::string error_;
};

}  // namespace sluice::perf

#endif  // SLUICE_PERF_STREAM_H_
