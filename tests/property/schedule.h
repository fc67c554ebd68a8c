// One random schedule of the transport property test: two queue pairs, random messages, random
// faults, and a model of what may have happened. Everything is drawn from one seed.
#ifndef SLUICE_TESTS_PROPERTY_SCHEDULE_H_
#define SLUICE_TESTS_PROPERTY_SCHEDULE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "port/fault_port.h"
#include "support/device_pair.h"
#include "support/fake_port.h"
#include "verbs/assemble.h"
#include "verbs/verbs.h"

namespace sluice::test {

// What a verb does.
inline bool TakesReceive(verbs::Opcode op) {
  return op == verbs::Opcode::kSend || op == verbs::Opcode::kSendWithImm ||
         op == verbs::Opcode::kRdmaWriteWithImm;
}
inline bool IsAtomic(verbs::Opcode op) {
  return op == verbs::Opcode::kAtomicFetchAdd || op == verbs::Opcode::kAtomicCompareSwap;
}
inline bool FetchesData(verbs::Opcode op) { return op == verbs::Opcode::kRdmaRead || IsAtomic(op); }
inline bool HasImm(verbs::Opcode op) {
  return op == verbs::Opcode::kSendWithImm || op == verbs::Opcode::kRdmaWriteWithImm;
}
inline bool IsWrite(verbs::Opcode op) {
  return op == verbs::Opcode::kRdmaWrite || op == verbs::Opcode::kRdmaWriteWithImm;
}

class Schedule {
 public:
  // `extended`: over selective repeat, with what it serves.
  explicit Schedule(uint64_t seed, bool extended = false);
  ~Schedule();

  // Runs to the end; an empty string, or the first thing that the model does not allow.
  std::string Run();

  // What a set of schedules covered.
  struct Tally {
    uint64_t messages = 0, successes = 0, failures = 0, flushes = 0;
    uint64_t failed_schedules = 0, destroyed = 0;
  };
  void AddTo(Tally* tally) const;

 private:
  static constexpr uint32_t kMaxMessages = 12;
  static constexpr uint32_t kSlots = 16;  // receives and WRITE targets
  static constexpr uint32_t kGap = 16;    // bytes between them that nobody may touch
  static constexpr uint32_t kWords = 2;   // targets of atomics
  static constexpr uint8_t kUntouched = 0xee;

  struct Message {
    verbs::Opcode op = verbs::Opcode::kSend;
    uint32_t length = 0;
    uint32_t source = 0;      // offset in the sender's memory
    uint32_t target = 0;      // of a WRITE, READ or atomic, in the receiver's memory
    bool own_target = false;  // nobody else writes there
    uint32_t landing = 0;     // of a READ or an atomic, in the sender's memory
    int32_t reads = -1;       // the message whose WRITE it reads back, or -1: the peer's source
    uint64_t operand = 0;     // of an atomic: added or put there,
    uint64_t compare = 0;     // compared,
    uint64_t before = 0;      // found and left by it if all before it were executed
    uint64_t after = 0;
    bool fence = false;
    bool inlined = false;
    bool bad_key = false;  // must fail
    bool signalled = true;
    uint32_t imm = 0;
    std::optional<verbs::CompletionStatus> status;
  };
  struct Receive {
    uint32_t offset = 0;
    uint32_t length = 0;
    bool done = false;
  };
  struct Side {
    std::unique_ptr<FakePort> fake;
    std::unique_ptr<port::FaultPort> fault;
    std::unique_ptr<verbs::Device> device;
    std::unique_ptr<verbs::ProtectionDomain> pd;
    std::unique_ptr<verbs::CompletionQueue> send_cq, receive_cq;
    std::unique_ptr<verbs::QueuePair> qp;
    std::unique_ptr<verbs::MemoryRegion> region;
    std::vector<uint8_t> memory;
    std::vector<Message> messages;
    std::vector<Receive> receives;
    size_t posted = 0, receives_posted = 0;
    size_t completed = 0;  // messages with a status, in order
    size_t receives_done = 0;
    size_t delivered = 0;      // of the peer's messages that take a receive
    bool send_failed = false;  // a completion of that direction said so
    bool receive_failed = false;
    bool destroyed = false;
  };

  uint32_t SlotSize() const { return max_length_ + kGap; }
  uint32_t ReceiveBase() const { return kGap + source_size_ + kGap; }
  uint32_t TargetBase() const { return ReceiveBase() + kSlots * SlotSize(); }
  uint32_t SharedBase() const { return TargetBase() + kSlots * SlotSize(); }
  uint32_t LandingBase() const { return SharedBase() + SlotSize(); }
  uint32_t WordBase() const { return LandingBase() + kSlots * SlotSize(); }
  uint32_t MemorySize() const { return WordBase() + kWords * 2 * kGap + kGap; }
  bool Chance(double p) { return rng_.Bernoulli(p); }
  std::string Fault(const std::string& what) {
    if (error_.empty()) error_ = what;
    return error_;
  }

  void MakeSide(int i);
  void PlanMessages(int side);
  void PlanRead(int side, size_t k, Message* m);
  void PlanAtomic(size_t k, Message* m, uint64_t (&words)[kWords]);
  void ConnectSides();
  void Act(int side);
  void PostSend(int side);
  void PostReceive(int side);
  void TakeSendCompletions(int side);
  void TakeReceiveCompletions(int side);
  void OnSend(int side, const verbs::WorkCompletion& c);
  void OnReceive(int side, const verbs::WorkCompletion& c);
  bool Intact(int from, const Message& m, uint32_t offset) const;
  bool GotWhatItAskedFor(int side, const Message& m) const;
  bool SendsOver(int side) const;
  bool StepOnce();
  void Finish();
  void CheckMemory();
  void CheckSuccesses();
  void CheckSharedArea(int to);
  void CheckRelaxedArea(int to);
  void CheckAtomics(int from);

  void DrawExtended();

  Rng rng_;
  const bool extended_;
  VirtualClock clock_;
  port::FaultRates rates_;
  verbs::ConnectOptions connect_;
  FakePortOptions port_;
  uint32_t max_length_ = 0;
  uint32_t source_size_ = 0;
  uint32_t depth_ = 0;
  double eagerness_ = 0;  // of the applications
  bool must_succeed_ = false;
  int fails_ = -1;     // the side whose queue pair is failed by hand, or -1
  int destroys_ = -1;  // likewise destroyed
  uint64_t strike_step_ = 0;
  uint64_t step_ = 0;
  std::array<Side, 2> sides_;
  std::string error_;
};

}  // namespace sluice::test

#endif  // SLUICE_TESTS_PROPERTY_SCHEDULE_H_
