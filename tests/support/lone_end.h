// LoneEnd: one verbs device with one connected queue pair over a FakePort, and no peer: the test is
// the peer. It reads what the device sends as decoded frames and answers with frames of its own, so
// that every packet of an exchange is under control. Time is the test's.
#ifndef SLUICE_TESTS_SUPPORT_LONE_END_H_
#define SLUICE_TESTS_SUPPORT_LONE_END_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/optional_time.h"
#include "support/device_pair.h"
#include "support/fake_port.h"
#include "verbs/assemble.h"
#include "verbs/verbs.h"
#include "wire/packet_value.h"

namespace sluice::test {

struct LoneEndOptions {
  LoneEndOptions() {
    connect.mtu = 1024;
    connect.algorithm = "fixed";
    connect.send_psn = 1000;
    connect.receive_psn = 5000;
    connect.timeout = 8;
    engine.pacing_credit = Bytes(int64_t{1} << 30);
  }
  verbs::ConnectOptions connect;  // the peer's identity is filled in
  FakePortOptions port;
  engine::EngineConfig engine;
  uint32_t send_depth = 64;
  uint32_t receive_depth = 64;
  size_t completions = 256;
  size_t memory = 1 << 16;
  int access = verbs::kLocalWrite | verbs::kRemoteWrite | verbs::kRemoteRead |
               verbs::kRemoteAtomic | verbs::kRemoteInvalidate;
  uint32_t max_inline = 0;
  bool ipv6 = false;
  Time start = Time::FromPs(1'000'000);
};

// What a request of the peer carries; extension headers go by the opcode.
struct PeerRequest {
  wire::Opcode opcode = wire::Opcode::kRcSendOnly;
  uint32_t psn = 5000;
  std::vector<uint8_t> payload;
  bool ack_request = true;
  uint64_t va = 0;
  uint32_t rkey = 0;
  uint32_t length = 0;  // of the RETH
  uint32_t imm = 0;
  wire::AtomicEth atomic = {};
  uint32_t invalidate = 0;
};

class LoneEnd {
 public:
  static constexpr uint32_t kPeerQpn = 0x054321;

  explicit LoneEnd(const LoneEndOptions& options = {});
  ~LoneEnd();

  Time now() { return clock_.Now(); }
  void Wait(Duration d) { SetNow(clock_.Now() + d); }
  void SetNow(Time t);
  // One poll; and polls without end of time until nothing happens any more.
  size_t PollOnce() { return device->Poll(); }
  void Poll();
  OptionalTime Deadline() { return device->impl().engine.NextDeadline(); }

  // What was sent since the last call, decoded.
  std::vector<wire::DecodedFrame> Sent();

  // Posts a message of the first `length` bytes of the region.
  verbs::PostResult Post(verbs::Opcode opcode, uint32_t length, uint64_t wr_id = 0,
                         bool signalled = true);
  verbs::PostResult PostReceive(uint32_t length, uint64_t wr_id = 0, size_t offset = 0);
  std::vector<verbs::WorkCompletion> Completions() { return Drain(cq.get()); }
  static std::vector<verbs::WorkCompletion> Drain(verbs::CompletionQueue* cq);
  uint64_t Count(std::string_view name) { return device->statistics().Value(name); }

  // Frames of the peer; Finish sets lengths, pad, checksum and iCRC.
  wire::DecodedFrame Frame(wire::Opcode opcode, uint32_t psn) const;
  wire::DecodedFrame Request(const PeerRequest& r) const;
  static void Finish(wire::DecodedFrame* frame);
  void Inject(const wire::DecodedFrame& frame) { fake.Inject(frame.Encode()); }
  void InjectRequest(const PeerRequest& r) { Inject(Request(r)); }
  void Aeth(uint32_t psn, uint8_t syndrome, uint32_t msn = 0);
  // A response to a READ, or to an atomic, of ours. AETH with this syndrome where the opcode has
  // one.
  wire::DecodedFrame ReadResponse(wire::Opcode opcode, uint32_t psn, std::vector<uint8_t> payload,
                                  uint8_t syndrome = 31, uint32_t msn = 1) const;
  void AtomicResponse(uint32_t psn, uint64_t original);
  void Ack(uint32_t psn, uint32_t msn = 0, uint8_t credits = 31) {
    Aeth(psn, wire::Aeth::AckSyndrome(credits), msn);
  }
  void Nak(uint32_t psn, wire::NakCode code = wire::NakCode::kPsnSequenceError) {
    Aeth(psn, wire::Aeth::NakSyndrome(code));
  }
  void Rnr(uint32_t psn, uint8_t timer) { Aeth(psn, wire::Aeth::RnrSyndrome(timer)); }

 private:
  LoneEndOptions options_;
  VirtualClock clock_;

 public:
  FakePort fake;
  std::unique_ptr<verbs::Device> device;
  std::unique_ptr<verbs::ProtectionDomain> pd;
  std::unique_ptr<verbs::CompletionQueue> cq;
  std::vector<uint8_t> memory;
  std::unique_ptr<verbs::MemoryRegion> region;
  std::unique_ptr<verbs::QueuePair> qp;
};

}  // namespace sluice::test

#endif  // SLUICE_TESTS_SUPPORT_LONE_END_H_
