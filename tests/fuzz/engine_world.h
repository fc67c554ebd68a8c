// EngineWorld: a verbs device over a FakePort with everything that a received frame can meet: queue
// pairs connected, in error, in reset and destroyed; regions that peers may write, may not, and of
// another protection domain; posted receives, requests under way, full completion queues. The test
// is every peer. What the device does is watched by oracles, which end the process.
#ifndef SLUICE_TESTS_FUZZ_ENGINE_WORLD_H_
#define SLUICE_TESTS_FUZZ_ENGINE_WORLD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/psn.h"
#include "engine_program.h"
#include "guarded_region.h"
#include "support/fake_port.h"
#include "verbs/assemble.h"
#include "verbs/verbs.h"
#include "wire/frame_view.h"

namespace sluice::fuzz {

class FuzzClock : public Clock {
 public:
  Time Now() override { return now_; }
  void Set(Time t) { now_ = t; }

 private:
  Time now_;
};

// The regions. A receive of queue pairs of domain 0 lies in kReceives, so the gaps between posted
// buffers are guards; peers may write kShared (domain 0) and kForeign (domain 1) and nothing else.
enum RegionIndex : uint8_t { kShared, kReceives, kSource, kForeign, kRegions };

struct Posted {
  uint64_t wr_id = 0;
  uint32_t length = 0;
  bool signalled = true;
};

// A queue pair with what its peer knows of it.
struct Peer {
  std::unique_ptr<verbs::QueuePair> qp;
  verbs::CompletionQueue* cq = nullptr;
  int domain = 0;
  uint32_t mtu = 1024;
  bool connected = false;
  uint32_t qpn = 0;
  Psn request;  // of the peer's next request
  Psn newest;   // of the last request that the device sent
  uint32_t msn = 0;
  // Of the extension: what the peer's next packet says, and the last response that came.
  bool extended = false;
  uint32_t message = 0, offset = 0, length = 0, receive = 0, fetch = 0;
  Psn response;
  std::deque<Posted> sends;
  std::deque<Posted> receives;
};

class EngineWorld {
 public:
  static constexpr size_t kPeers = 8;
  static constexpr size_t kUc = 6, kUd = 7;  // the others are of RC, or of the extension
  static constexpr uint32_t kQkey = 0x11111111;
  static constexpr uint32_t kPeerQpn = 0x500000;  // of peer i: plus i
  static constexpr uint32_t kDepth = 8;

  explicit EngineWorld(std::span<const uint8_t, kWorldBytes> options);
  ~EngineWorld();
  EngineWorld(const EngineWorld&) = delete;
  EngineWorld& operator=(const EngineWorld&) = delete;

  Peer& peer(size_t i) { return peers_[i % kPeers]; }
  bool ipv6() const { return (options_[0] & kWorldIpv6) != 0; }
  bool elides() const { return (options_[0] & kWorldElides) != 0; }
  bool checks_icrc() const { return (options_[0] & kWorldNoIcrc) == 0; }
  uint64_t va(RegionIndex r) const { return memory_[r]->va(); }
  size_t size(RegionIndex r) const { return memory_[r]->size(); }
  uint32_t rkey(RegionIndex r) const { return rkeys_[r]; }
  wire::IpAddress address(bool peer) const;
  Psn first_send_psn() const { return Psn(0xffffff - options_[2]); }

  // Hands the frame to the device at its next poll, after noting what it may write.
  void Deliver(test::FakeFrame frame);

  void PollOnce();
  void Advance(Duration d);
  void AdvanceToDeadline();
  void LimitPort(uint8_t accept, uint8_t lend);
  void PostSend(Peer& p, const Instruction& i);
  // The bytes of these may change from now on.
  void AllowAll(std::span<const verbs::Segment> segments);
  void PostReceive(Peer& p, const Instruction& i);
  void Drain();
  void Run(Peer& p, Control control);

  // To be called at the end: fails everything, drains it, and looks at what is left.
  void Finish();

 private:
  void MakePort();
  void MakePeers();
  void Create(Peer& p);
  void Connect(Peer& p);
  void ConnectDatagrams(Peer& p);
  void Register(RegionIndex r, int domain, int access);
  void Forget(RegionIndex r, bool ask);
  void NoteWrite(const test::FakeFrame& frame);
  void WatchExtended(const wire::FrameView& v, Peer& p);
  void Watch();
  void WatchSent(const test::FakeFrame& frame);
  void WatchCounters();
  void OnCompletion(const verbs::WorkCompletion& c);
  void Rest();
  Peer* Find(uint32_t qpn);
  size_t Spread(Peer& p, const Instruction& i, uint32_t length, std::span<verbs::Segment> out);

  std::array<uint8_t, kWorldBytes> options_;
  FuzzClock clock_;
  std::unique_ptr<test::FakePort> port_;
  std::unique_ptr<verbs::Device> device_;
  std::array<std::unique_ptr<verbs::ProtectionDomain>, 2> domains_;
  std::unique_ptr<verbs::CompletionQueue> cq_;
  std::unique_ptr<verbs::CompletionQueue> small_cq_;
  std::array<std::unique_ptr<GuardedRegion>, kRegions> memory_;
  std::array<std::unique_ptr<verbs::MemoryRegion>, kRegions> regions_;
  std::array<uint32_t, kRegions> rkeys_{};
  std::unique_ptr<verbs::AddressHandle> address_handle_;
  std::array<Peer, kPeers> peers_;
  uint64_t next_wr_ = 1;
  uint64_t delivered_ = 0;
  std::vector<test::FakeFrame> last_;  // frames for the end, when nothing may be written any more
};

}  // namespace sluice::fuzz

#endif  // SLUICE_TESTS_FUZZ_ENGINE_WORLD_H_
