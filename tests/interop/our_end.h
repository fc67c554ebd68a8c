// OurEnd: Sluice's end of one case: a device over the wire, its queue pairs, and the verdict on
// every byte. The mirror of guest/traffic.c; what a message must contain is agreed in
// guest/pattern.h.
#ifndef SLUICE_TESTS_INTEROP_OUR_END_H_
#define SLUICE_TESTS_INTEROP_OUR_END_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "interop/case_options.h"
#include "interop/wire.h"
#include "verbs/verbs.h"

namespace sluice::interop {

// What a case needs to know of the other end.
struct PeerEnd {
  uint64_t va = 0;
  uint32_t rkey = 0;
  uint32_t psn = 0;
  std::vector<uint32_t> qpns;
};

class OurEnd {
 public:
  // Wire and clock are borrowed.
  OurEnd(const CaseOptions& options, Wire* wire, Clock* clock);
  ~OurEnd();

  absl::Status Create();
  // Our side as the agent's `go` line wants it.
  std::string Description() const;
  absl::Status Connect(const PeerEnd& peer);
  absl::Status PostReceives();
  // Posts as much as depth allows, up to message `most` of each queue pair; Poll goes on with it.
  void PostUpTo(uint32_t most) { most_ = most; }
  absl::Status PostRequests();
  // Polls the device once and takes completions; the number of frames handled.
  absl::StatusOr<size_t> Poll();
  bool complete() const { return failed_as_expected_ || finished_ >= options_.messages(); }
  uint64_t finished() const { return finished_; }
  // The memory as a whole, when nothing more may arrive.
  absl::Status Verify() const;

  verbs::Statistics statistics() const { return device_->statistics(); }

 private:
  struct Queue {
    std::unique_ptr<verbs::QueuePair> qp;
    uint32_t posted = 0;
    uint32_t completed = 0;
    uint64_t word = 0;     // atomics: what the target's word must be now,
    uint64_t swapped = 0;  // and when all swaps that are posted have been done
  };

  size_t SlotOf(uint32_t q, uint32_t m) const { return (size_t{q} * options_.count + m) * stride_; }
  size_t MessageOf(uint32_t q, uint32_t m) const;
  absl::Status PostRequest(uint32_t q, uint32_t m);
  absl::Status Take(const verbs::WorkCompletion& c);
  absl::Status TakeFailure(const verbs::WorkCompletion& c);
  absl::Status CheckReceive(uint32_t q, uint32_t m, const verbs::WorkCompletion& c) const;
  absl::Status CheckRequest(uint32_t q, uint32_t m);
  absl::Status Compare(uint32_t q, uint32_t message, size_t at) const;
  void PrepareMemory();

  const CaseOptions options_;
  const size_t stride_;
  std::unique_ptr<verbs::Device> device_;
  std::unique_ptr<verbs::ProtectionDomain> pd_;
  std::unique_ptr<verbs::CompletionQueue> cq_;
  std::vector<uint64_t> words_;  // the memory, aligned for atomics
  uint8_t* memory_ = nullptr;
  size_t bytes_ = 0;
  std::unique_ptr<verbs::MemoryRegion> region_;
  std::vector<Queue> queues_;
  std::unique_ptr<verbs::AddressHandle> guest_;  // datagrams
  PeerEnd peer_;
  uint64_t finished_ = 0;
  bool failed_as_expected_ = false;
  uint32_t most_;  // messages that may be posted so far
};

}  // namespace sluice::interop

#endif  // SLUICE_TESTS_INTEROP_OUR_END_H_
