// XtEnd: a LoneEnd whose queue pair uses the extension; the test is the peer, packet by packet.
#ifndef SLUICE_TESTS_SUPPORT_EXTENDED_END_H_
#define SLUICE_TESTS_SUPPORT_EXTENDED_END_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>

#include "support/lone_end.h"
#include "support/peer_request.h"
#include "wire/opcode.h"

namespace sluice::test {

inline constexpr uint32_t kMtu = 1024;
inline constexpr uint32_t kWindow = 256;
inline constexpr uint32_t kExpected = 5000;
inline constexpr uint32_t kFirst = 1000;

inline LoneEndOptions Extended() {
  LoneEndOptions o;
  o.connect.reliability = verbs::Reliability::kExtended;
  o.connect.tracking_window = kWindow;
  o.connect.timeout = 0;
  return o;
}

// A packet of the peer; offset and length as for a message of this one packet.
struct XtPacket {
  wire::Opcode opcode = wire::Opcode::kXtWrite;
  uint32_t psn = kExpected;
  uint32_t message = 0;
  size_t payload = 64;
  uint32_t offset = 0;
  uint32_t length = 64;
  uint32_t receive = 0;
  size_t at = 4096;  // a WRITE's place in the region
};

// A READ or an atomic of the peer.
struct XtFetch {
  wire::Opcode opcode = wire::Opcode::kXtRead;
  uint32_t psn = kExpected;
  uint32_t message = 0;
  uint32_t number = 0;
  uint32_t length = 64;
  uint32_t completed = 0;
  size_t at = 4096;
};

class XtEnd : public LoneEnd {
 public:
  explicit XtEnd(const LoneEndOptions& options = Extended()) : LoneEnd(options) {}

  wire::DecodedFrame Data(const XtPacket& p) const {
    wire::DecodedFrame f = Frame(p.opcode, p.psn);
    f.extended_data.emplace();
    f.extended_data->message = p.message;
    f.extended_data->offset = p.offset;
    f.extended_data->length = p.length;
    f.extended_data->receive = p.receive;
    const wire::Opcode plain = wire::WithoutShim(p.opcode);
    if (plain == wire::Opcode::kXtWrite || plain == wire::Opcode::kXtWriteImm) {
      f.extended_target = {reinterpret_cast<uintptr_t>(memory.data()) + p.at, region->rkey()};
    }
    if (wire::TraitsOf(p.opcode).imm) f.imm = wire::ImmDt{7};
    f.payload = Pattern(p.payload, 77);
    Finish(&f);
    return f;
  }
  void Take(const XtPacket& p) {
    Inject(Data(p));
    Poll();
  }
  wire::DecodedFrame Fetch(const XtFetch& r) const {
    wire::DecodedFrame f = Frame(r.opcode, r.psn);
    f.extended_data.emplace();
    f.extended_data->message = r.message;
    f.extended_data->length = r.length;
    f.extended_data->receive = r.number;
    f.extended_target = {reinterpret_cast<uintptr_t>(memory.data()) + r.at, region->rkey()};
    f.extended_request = wire::ExtendedRequest{r.completed};
    if (r.opcode != wire::Opcode::kXtRead) f.extended_operands = wire::ExtendedOperands{1, 0};
    f.bth.ack_request = true;
    Finish(&f);
    return f;
  }
  void Ask(const XtFetch& r) {
    Inject(Fetch(r));
    Poll();
  }
  // What the peer says to have of the responses.
  void AcknowledgeResponses(uint32_t psn, const wire::ExtendedAck& ack = {}) {
    wire::DecodedFrame f = Frame(wire::Opcode::kXtResponseAck, psn);
    f.extended_ack = ack;
    Finish(&f);
    Inject(f);
    Poll();
  }
  // The acknowledgement that is due.
  wire::ExtendedAck Answer() {
    const auto sent = Sent();
    EXPECT_EQ(sent.size(), 1u);
    if (sent.size() != 1 || !sent[0].extended_ack) return {};
    return *sent[0].extended_ack;
  }
  void Acknowledge(uint32_t psn, const wire::ExtendedAck& ack,
                   const std::optional<wire::SackBlock>& block = {}) {
    wire::DecodedFrame f = Frame(block ? wire::Opcode::kXtSack : wire::Opcode::kXtAck, psn);
    f.extended_ack = ack;
    f.sack_block = block;
    Finish(&f);
    Inject(f);
    Poll();
  }
  // `n` WRITEs of one packet, sent: to places far apart, since overlapping ones wait.
  void SendWrites(int n) {
    for (int i = 0; i < n; ++i) {
      ASSERT_EQ(Post(verbs::Opcode::kRdmaWrite, 64, static_cast<uint64_t>(i) * 4096),
                verbs::PostResult::kOk);
    }
    Poll();
    ASSERT_EQ(Sent().size(), static_cast<size_t>(n));
  }
};

inline wire::ExtendedAck Ack(uint8_t syndrome = 0) {
  wire::ExtendedAck a;
  a.syndrome = syndrome;
  return a;
}

}  // namespace sluice::test

#endif  // SLUICE_TESTS_SUPPORT_EXTENDED_END_H_
