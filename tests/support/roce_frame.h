// Hand-built RoCEv2 headers for tests that need frames but no transport.
#ifndef SLUICE_SUPPORT_ROCE_FRAME_H_
#define SLUICE_SUPPORT_ROCE_FRAME_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/be.h"

namespace sluice::support {

inline constexpr uint8_t kSendOnly = 0x04;
inline constexpr uint8_t kAcknowledge = 0x11;
inline constexpr uint8_t kCnp = 0x81;

// Ethernet 14, IPv4 20, UDP 8, BTH 12.
inline constexpr uint16_t kRoceHeaderBytes = 54;
inline constexpr uint32_t kIcrcBytes = 4;
inline constexpr uint32_t kAethBytes = 4;

// The Internet checksum (RFC 1071) of a header whose length is even; 0 if the header holds its own
// right checksum.
inline uint16_t InternetChecksum(std::span<const uint8_t> bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) sum += LoadBe16(&bytes[i]);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

struct RoceFrame {
  uint32_t source = 0;  // IPv4, host order
  uint32_t destination = 0;
  uint8_t opcode = kSendOnly;
  uint8_t ecn = 2;  // ECT(0)
  uint32_t psn = 0;
  uint32_t frame_length = 0;  // from destination MAC to iCRC
};

// Writes the kRoceHeaderBytes first bytes of the frame.
inline void WriteRoceHeader(const RoceFrame& frame, uint8_t* to) {
  std::memset(to, 0, kRoceHeaderBytes);
  StoreBe16(to + 12, 0x0800);
  uint8_t* const ip = to + 14;
  ip[0] = 0x45;
  ip[1] = frame.ecn;
  StoreBe16(ip + 2, static_cast<uint16_t>(frame.frame_length - 14));
  ip[8] = 64;
  ip[9] = 17;
  StoreBe32(ip + 12, frame.source);
  StoreBe32(ip + 16, frame.destination);
  StoreBe16(ip + 10, InternetChecksum({ip, 20}));
  uint8_t* const udp = ip + 20;
  StoreBe16(udp, 0xc000);
  StoreBe16(udp + 2, 4791);
  StoreBe16(udp + 4, static_cast<uint16_t>(frame.frame_length - 34));
  uint8_t* const bth = udp + 8;
  bth[0] = frame.opcode;
  StoreBe24(bth + 9, frame.psn & 0xffffff);
}

inline uint32_t PsnOf(const uint8_t* header) { return LoadBe24(header + 42 + 9); }
inline uint8_t OpcodeOf(const uint8_t* header) { return header[42]; }
inline uint8_t EcnBitsOf(const uint8_t* header) { return header[15] & 3; }
inline uint32_t SourceOf(const uint8_t* header) { return LoadBe32(header + 26); }

}  // namespace sluice::support

#endif  // SLUICE_SUPPORT_ROCE_FRAME_H_
