// For tests that are the requester of a LoneEnd: the requests that they send, and the answer that
// they expect.
#ifndef SLUICE_TESTS_SUPPORT_PEER_REQUEST_H_
#define SLUICE_TESTS_SUPPORT_PEER_REQUEST_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "support/lone_end.h"

namespace sluice::test {

inline constexpr uint8_t kRnr = 0x20;       // | timer code
inline constexpr uint8_t kSequence = 0x60;  // IBTA 1.4, table 44
inline constexpr uint8_t kInvalid = 0x61;
inline constexpr uint8_t kAccess = 0x62;
inline constexpr uint8_t kOperation = 0x63;

inline std::vector<uint8_t> Pattern(size_t n, uint8_t first = 1) {
  std::vector<uint8_t> v(n);
  for (size_t i = 0; i < n; ++i) v[i] = static_cast<uint8_t>(first + i * 3);
  return v;
}

// One answer is expected: its PSN, syndrome and MSN.
inline void ExpectAnswer(LoneEnd& end, uint32_t psn, uint8_t syndrome, uint32_t msn) {
  const std::vector<wire::DecodedFrame> sent = end.Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].bth.opcode, wire::Opcode::kRcAcknowledge);
  EXPECT_EQ(sent[0].bth.dest_qpn, LoneEnd::kPeerQpn);
  EXPECT_EQ(sent[0].bth.psn.value(), psn);
  ASSERT_TRUE(sent[0].aeth.has_value());
  EXPECT_EQ(sent[0].aeth->syndrome, syndrome);
  EXPECT_EQ(sent[0].aeth->msn, msn);
  EXPECT_EQ(sent[0].ecn(), 0) << "answers are Not-ECT";
}

inline PeerRequest Send(uint32_t psn, size_t length,
                        wire::Opcode opcode = wire::Opcode::kRcSendOnly) {
  return {opcode, psn, Pattern(length, static_cast<uint8_t>(psn))};
}

inline PeerRequest Write(LoneEnd& end, uint32_t psn, size_t offset, std::vector<uint8_t> payload,
                         wire::Opcode opcode = wire::Opcode::kRcWriteOnly) {
  PeerRequest r{opcode, psn, std::move(payload)};
  r.va = reinterpret_cast<uintptr_t>(end.memory.data()) + offset;
  r.rkey = end.region->rkey();
  r.length = static_cast<uint32_t>(r.payload.size());
  return r;
}

}  // namespace sluice::test

#endif  // SLUICE_TESTS_SUPPORT_PEER_REQUEST_H_
