// UnackedEnd: one verbs device with one UC or UD queue pair (or an RC one, for comparison) over a
// FakePort, taken to any state; the test is the peer.
#ifndef SLUICE_TESTS_SUPPORT_UNACKED_END_H_
#define SLUICE_TESTS_SUPPORT_UNACKED_END_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/device_pair.h"
#include "support/fake_port.h"
#include "support/lone_end.h"
#include "verbs/verbs.h"
#include "wire/packet_value.h"

namespace sluice::test {

struct UnackedEndOptions {
  verbs::QueuePairType type = verbs::QueuePairType::kUc;
  bool ipv6 = false;
  bool shared = false;  // with a shared receive queue
  bool management = false;
  uint32_t shared_depth = 16;
  uint32_t depth = 16;
  size_t completions = 64;
  std::string algorithm = "fixed";
  Bytes pacing_credit{int64_t{1} << 30};
  FakePortOptions port;
};

class UnackedEnd {
 public:
  static constexpr uint32_t kPeerQpn = 0x054321;
  static constexpr uint32_t kQkey = 0x11112222;
  static constexpr uint32_t kMtu = 1024;

  explicit UnackedEnd(const UnackedEndOptions& options = {});
  ~UnackedEnd();

  // From RESET, step by step, to `state`. SQE by a datagram that is too long, so only of UD.
  void GoTo(verbs::QueuePairState state);
  // The attributes that the step from RESET to INIT, on to RTR, or to RTS needs.
  verbs::QueuePairAttributes Needed(verbs::QueuePairState to) const;

  void Poll();
  void Wait(Duration d);
  std::vector<wire::DecodedFrame> Sent();
  std::vector<verbs::WorkCompletion> Completions() { return LoneEnd::Drain(cq.get()); }
  uint64_t Count(std::string_view name) { return device->statistics().Value(name); }
  // All drops by cause together.
  uint64_t Drops();

  verbs::PostResult PostReceive(uint32_t length, uint64_t wr_id = 0, size_t offset = 0);
  verbs::PostResult Post(verbs::SendRequest r, uint32_t length);
  verbs::PostResult PostDatagram(uint32_t length, uint32_t qkey, uint64_t wr_id = 0);

  // Frames of the peer, whole and with their iCRC. UD: with the DETH.
  wire::DecodedFrame Frame(uint8_t opcode, uint32_t psn, std::vector<uint8_t> payload = {}) const;
  void Inject(wire::DecodedFrame frame) {
    LoneEnd::Finish(&frame);
    fake.Inject(frame.Encode());
  }
  void Receive(wire::Opcode opcode, uint32_t psn, std::vector<uint8_t> payload = {}) {
    Inject(Frame(static_cast<uint8_t>(opcode), psn, std::move(payload)));
  }

  std::string PeerAddress() const;

 private:
  UnackedEndOptions options_;
  VirtualClock clock_;

 public:
  FakePort fake;
  std::unique_ptr<verbs::Device> device;
  std::unique_ptr<verbs::ProtectionDomain> pd;
  std::unique_ptr<verbs::CompletionQueue> cq;
  std::vector<uint8_t> memory;
  std::unique_ptr<verbs::MemoryRegion> region;
  std::unique_ptr<verbs::SharedReceiveQueue> srq;
  std::unique_ptr<verbs::AddressHandle> peer;
  std::unique_ptr<verbs::QueuePair> qp;
};

}  // namespace sluice::test

#endif  // SLUICE_TESTS_SUPPORT_UNACKED_END_H_
