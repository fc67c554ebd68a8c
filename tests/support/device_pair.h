// DevicePair: two verbs devices over cross-connected FakePorts in virtual time. The shortest way to
// two real ends: everything from verbs down to the frame bytes is the shipped code.
#ifndef SLUICE_TESTS_SUPPORT_DEVICE_PAIR_H_
#define SLUICE_TESTS_SUPPORT_DEVICE_PAIR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "port/port.h"
#include "support/fake_port.h"
#include "verbs/assemble.h"
#include "verbs/verbs.h"

namespace sluice::test {

class VirtualClock : public Clock {
 public:
  Time Now() override { return now_; }
  void Set(Time t) { now_ = t; }

 private:
  Time now_;
};

struct DevicePairOptions {
  uint64_t seed = 1;
  Time start;
  FakePortOptions port;          // of both
  engine::EngineConfig engine;   // seed and start are overwritten
  uint32_t shared_receives = 0;  // depth of end b's shared receive queue; 0: it has none
  // Wraps the port of end 0 or 1 before its device is made (fault decorators); may be empty.
  std::function<std::unique_ptr<port::Port>(int end, port::Port* inner)> decorate;
};

// One end with one queue pair.
struct End {
  std::unique_ptr<FakePort> fake;
  std::unique_ptr<port::Port> decorated;
  std::unique_ptr<verbs::Device> device;
  std::unique_ptr<verbs::ProtectionDomain> pd;
  std::unique_ptr<verbs::CompletionQueue> cq;
  std::unique_ptr<verbs::SharedReceiveQueue> srq;
  std::unique_ptr<verbs::QueuePair> qp;
  std::vector<uint8_t> memory;
  std::unique_ptr<verbs::MemoryRegion> region;

  verbs::Segment At(size_t offset, uint32_t length) {
    return {memory.data() + offset, length, region->lkey()};
  }
  uint64_t Va(size_t offset) const { return reinterpret_cast<uintptr_t>(memory.data()) + offset; }
};

class DevicePair {
 public:
  explicit DevicePair(const DevicePairOptions& options = {});
  ~DevicePair();

  End& a() { return ends_[0]; }
  End& b() { return ends_[1]; }
  Time now() { return clock_.Now(); }

  // Makes both queue pairs (depth per direction) and registers `memory` bytes at each end, then
  // connects them with these options; addresses, QPNs and PSNs are filled in.
  void ConnectAll(const verbs::ConnectOptions& options, uint32_t depth = 64,
                  size_t memory = 1 << 20);

  // Polls both ends now and then jumps to the next moment at which something happens; false when
  // nothing is left to happen.
  bool Step();
  // Steps until done() or nothing is left or virtual `limit` has passed; whether done() holds.
  bool RunUntil(const std::function<bool()>& done, Duration limit = Duration::Seconds(10));
  // Runs on until nothing happens any more, or `limit` has passed.
  void Settle(Duration limit = Duration::Seconds(10));

  // Takes all completions of an end.
  static std::vector<verbs::WorkCompletion> Drain(End& end);

 private:
  VirtualClock clock_;
  End ends_[2];
};

// The address of an end, and of nobody else.
std::string EndAddress(int end);

}  // namespace sluice::test

#endif  // SLUICE_TESTS_SUPPORT_DEVICE_PAIR_H_
