// SprayPair: two devices over a fabric of parallel links in virtual time, for tests of recovery:
// each frame takes the next of several paths with delays of their own, so that frames overtake each
// other, and a test says which frames are lost. Payload is elided; the line has a rate.
#ifndef SLUICE_TESTS_SUPPORT_SPRAY_PAIR_H_
#define SLUICE_TESTS_SUPPORT_SPRAY_PAIR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/optional_time.h"
#include "base/time.h"
#include "port/port.h"
#include "support/device_pair.h"
#include "verbs/verbs.h"
#include "wire/frame_view.h"

namespace sluice::test {

class SprayPort : public port::Port {
 public:
  SprayPort(Bandwidth rate, std::vector<Duration> delays, Time start);
  ~SprayPort() override;
  static void Connect(SprayPort& a, SprayPort& b);

  size_t Receive(std::span<port::Packet> burst) override;
  size_t Allocate(std::span<port::Packet> burst) override;
  size_t Transmit(std::span<port::Packet> burst) override;
  void Release(std::span<port::Packet> burst) override;
  const port::Capabilities& capabilities() const override { return capabilities_; }

  void SetNow(Time now) { now_ = now; }
  OptionalTime NextArrival() const;

  // Says of each frame sent, after it was put on the line, whether it is lost.
  using Loses = std::function<bool(const wire::FrameView& view, Time now)>;
  void SetLoss(Loses loses) { loses_ = std::move(loses); }
  // Is told of each frame that this port receives.
  using Sees = std::function<void(const wire::FrameView& view, Time now)>;
  void SetWatch(Sees sees) { sees_ = std::move(sees); }

 private:
  struct Record;
  port::Packet Lend(Record* record) const;

  port::Capabilities capabilities_;
  std::vector<Duration> delays_;
  SprayPort* peer_ = nullptr;
  Time now_;
  Time free_;  // the line
  size_t next_path_ = 0;
  uint64_t sequence_ = 0;
  std::vector<std::unique_ptr<Record>> records_;
  std::vector<Record*> idle_;
  std::vector<Record*> arrivals_;  // a heap, the earliest on top
  Loses loses_;
  Sees sees_;
};

class SprayPair {
 public:
  // One connected queue pair at each end; WRITEs go from a to b.
  SprayPair(Bandwidth rate, const std::vector<Duration>& delays, verbs::ConnectOptions options,
            uint32_t depth);
  ~SprayPair();

  SprayPort& port(int end) { return *sides_[end].port; }
  Time now() { return clock_.Now(); }
  uint64_t Count(int end, std::string_view name) const;

  // Posts a WRITE of `length` bytes, each to memory of its own.
  void PostWrite(uint32_t length);
  // Runs until that many have completed in all, with success; false when `limit` passed before.
  bool RunUntil(size_t completed, Duration limit);
  // Runs on for that long.
  void Idle(Duration time);
  size_t completed() const { return completed_; }

 private:
  struct Side {
    std::unique_ptr<SprayPort> port;
    std::unique_ptr<verbs::Device> device;
    std::unique_ptr<verbs::ProtectionDomain> pd;
    std::unique_ptr<verbs::CompletionQueue> cq;
    std::unique_ptr<verbs::MemoryRegion> region;
    std::unique_ptr<verbs::QueuePair> qp;
  };
  bool Step();

  VirtualClock clock_;
  Side sides_[2];
  uint64_t next_address_ = 0;
  size_t completed_ = 0;
};

}  // namespace sluice::test

#endif  // SLUICE_TESTS_SUPPORT_SPRAY_PAIR_H_
