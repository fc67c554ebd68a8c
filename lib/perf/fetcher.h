// The test of READs and atomics: an initiator that fetches and verifies, and a target that only
// holds the memory.
//
// READ: message i is read from its place in the target's pattern, and every byte is compared.
// fadd: each adds another number to one word of the target per queue pair; each must find the sum
// of those before it, and a READ at the end must find the sum of all. cas: each exchanges what the
// one before it left; each must find that, and a READ at the end what the last one left.
//
// Both sides are pumped between polls of their devices; one thread each.
#ifndef SLUICE_PERF_FETCHER_H_
#define SLUICE_PERF_FETCHER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "perf/end.h"
#include "perf/stream.h"
#include "perf/turns.h"
#include "telemetry/histogram.h"

namespace sluice::perf {

class Fetcher {
 public:
  // As Initiator. In the latency test every message is timed.
  Fetcher(End* end, const EndAddress& peer, uint64_t limit, CycleClock cycles,
          telemetry::Histogram* latency);

  absl::Status Prepare() { return absl::OkStatus(); }
  bool Pump();
  void Stop() {
    if (!stopped_) turns_.AddAll();
    stopped_ = true;
  }
  // Everything posted is completed, and the words of atomics were read back.
  bool Drained() const;

  uint64_t posted() const { return posted_; }
  uint64_t completed() const { return completed_; }
  uint64_t verified_bytes() const { return verified_bytes_; }
  uint64_t mismatches() const { return mismatches_; }
  const std::string& error() const { return error_; }

 private:
  struct Stream {
    uint64_t limit = 0;
    uint64_t posted = 0;
    uint64_t completed = 0;
    uint64_t left = 0;   // what the last posted atomic leaves in the word,
    uint64_t found = 0;  // and what the next one to complete must find
    uint64_t timed_message = 0;
    uint64_t timed_at = 0;
    bool timing = false;
    bool checking = false;  // the word is being read back
    bool checked = false;
  };

  bool Over(const Stream& s) const { return stopped_ || s.posted >= s.limit; }
  uint64_t After(uint32_t i, uint64_t message, uint64_t before) const;
  void PostMessages(uint32_t i);
  bool PostOne(uint32_t i, bool more);
  bool Post(uint32_t i, const verbs::SendRequest& r, bool more);
  void PostCheck(uint32_t i);
  bool OnCompletion(const verbs::WorkCompletion& c);
  void Verify(uint32_t i, uint64_t message);
  void VerifyWord(const uint8_t* got, uint64_t want);

  End* end_;
  EndAddress peer_;
  const CycleClock cycles_;
  telemetry::Histogram* latency_;
  const uint32_t signal_every_;
  const uint64_t time_every_;
  std::vector<Stream> streams_;
  Turns turns_;
  std::array<verbs::WorkCompletion, 32> done_;  // a member: a local would be cleared in every pump
  uint64_t posted_ = 0;
  uint64_t completed_ = 0;
  uint64_t verified_bytes_ = 0;
  uint64_t mismatches_ = 0;
  size_t checked_ = 0;  // words of atomics that were read back
  bool stopped_ = false;
  std::string error_;
};

// The target: its engine does everything.
class Holder {
 public:
  explicit Holder(End* end) : end_(end) {}
  absl::Status Prepare() { return absl::OkStatus(); }
  // False when a queue pair has failed.
  bool Pump();
  uint64_t received() const { return 0; }
  uint64_t verified_bytes() const { return 0; }
  uint64_t mismatches() const { return 0; }
  const std::string& error() const { return error_; }

 private:
  End* end_;
  uint32_t looked_at_ = 0;
  std::string error_;
};

}  // namespace sluice::perf

#endif  // SLUICE_PERF_FETCHER_H_
