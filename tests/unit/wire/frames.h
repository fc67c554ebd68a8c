// Frames for the tests of lib/wire: golden ones typed as hex, each with its origin, and a builder.
#ifndef SLUICE_TESTS_UNIT_WIRE_FRAMES_H_
#define SLUICE_TESTS_UNIT_WIRE_FRAMES_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "wire/header_template.h"
#include "wire/headers.h"
#include "wire/icrc.h"

namespace sluice::wire {

inline std::vector<uint8_t> Hex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::vector<uint8_t> out;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    out.push_back(static_cast<uint8_t>(digit(text[i]) << 4 | digit(text[i + 1])));
  }
  return out;
}

struct GoldenFrame {
  const char* name;
  Opcode opcode;
  const char* hex;
  std::vector<uint8_t> bytes() const { return Hex(hex); }
};

// Emitted by Linux rdma_rxe 6.1 between two virtual machines, 198.51.100.1 and .2, fd00:51::1 and
// ::2; name: what was run. The CNP was made by hand with an independent iCRC.
inline constexpr GoldenFrame kGoldenFrames[] = {
    {"SEND of 1 byte", Opcode::kRcSendOnly,
     "52540000000b52540000000a08004500003052a24000401193b0c6336401c6336402c12112b7001c0000"
     "0430ffff0000001180de779a05000000d7ac00ce"},
    {"WRITE of 3 bytes, IPv6", Opcode::kRcWriteOnly,
     "52540000000b52540000000a86dd60000000002c1140fd000051000000000000000000000001fd000051"
     "000000000000000000000002c48412b7002c00000a10ffff000000228036bfb40000558ebe61c0000000"
     "13370000000305080b0068556578"},
    {"ATOMIC ACKNOWLEDGE", Opcode::kRcAtomicAcknowledge,
     "52540000000a52540000000b080045000038e70140004011ff48c6336402c6336401c2d912b700240000"
     "1200ffff0000001b0054c3561f000001322b241d160f0801bef23cf5"},
    {"WRITE with immediate, 0 bytes", Opcode::kRcWriteOnlyImm,
     "52540000000b52540000000a080045000040a5794000401140c9c6336401c6336402c73912b7002c0000"
     "0b00ffff0000002b80d0e6d400005573eb4e300000001ce400000000cafe00007245059c"},
    {"UD SEND with immediate, 100 bytes", Opcode::kUdSendOnlyImm,
     "52540000000b52540000000a08004500009ca6f4400040113ef2c6336401c6336402fcf412b700880000"
     "6500ffff0000002f00267169111111110000002fcafe000005080b0e1114171a1d202326292c2f323538"
     "3b3e4144474a4d505356595c5f6265686b6e7174777a7d808386898c8f9295989b9ea1a4a7aaadb0b3b6"
     "b9bcbfc2c5c8cbced1d4d7dadde0e3e6e9eceff2f5f8fbfe0104070a0d101316191c1f2225282b2e106c"
     "f826"},
    {"FETCH ADD, IPv6", Opcode::kRcFetchAdd,
     "52540000000b52540000000a86dd6000000000341140fd000051000000000000000000000001fd000051"
     "000000000000000000000002c5a412b7003400001400ffff0000002680cbe643000055ceaf9100000000"
     "174400000000000011110000000000000000648d0e6b"},
    {"CNP (made by hand)", Opcode::kCnp,
     "52540000000a52540000000b08004500003c9ae6400040114b60c6336402c6336401c5f112b700280000"
     "8100ffff400000270000000000000000000000000000000000000000e448b8a1"},
};

// A copy of exactly n bytes on the heap: AddressSanitizer sees any access beyond it.
class ExactCopy {
 public:
  explicit ExactCopy(std::span<const uint8_t> bytes)
      : size_(bytes.size()), data_(std::make_unique<uint8_t[]>(size_)) {
    if (size_ > 0) std::memcpy(data_.get(), bytes.data(), size_);
  }
  std::span<const uint8_t> span() const { return {data_.get(), size_}; }

 private:
  size_t size_;
  std::unique_ptr<uint8_t[]> data_;
};

inline PathHeader TestPath(bool ipv6, bool tagged) {
  PathHeader path;
  path.source = {{0x52, 0x54, 0, 0, 0, 0x0a}};
  path.destination = {{0x52, 0x54, 0, 0, 0, 0x0b}};
  if (tagged) path.vlan_tci = 0x6123;
  path.source_ip = *IpAddress::Parse(ipv6 ? "fd00:51::1" : "198.51.100.1");
  path.destination_ip = *IpAddress::Parse(ipv6 ? "fd00:51::2" : "198.51.100.2");
  path.dscp = 26;
  path.ecn = 2;
  path.flow_label = 0x12345;
  path.source_port = 0xc123;
  return path;
}

// A whole frame of the opcode: extension headers of a counting pattern, `payload` bytes, then
// `bth.pad_count` bytes of pad and the iCRC. Says nothing about whether these fit together.
inline std::vector<uint8_t> BuildFrame(const PathHeader& path, const Bth& bth, size_t payload) {
  const HeaderTemplate head(path);
  const size_t extension = TraitsOf(bth.opcode).extension_bytes;
  const size_t transport = Bth::kSize + extension + payload + bth.pad_count + kIcrcBytes;
  std::vector<uint8_t> frame(head.size() + transport);
  head.Write(frame.data(), static_cast<uint32_t>(transport));
  bth.Write(frame.data() + head.size());
  for (size_t i = head.size() + Bth::kSize; i < frame.size(); ++i) {
    frame[i] = static_cast<uint8_t>(7 * i + 1);
  }
  SealFrame(frame.data(), head.l3_offset(), head.ipv6(), frame.size() - kIcrcBytes);
  return frame;
}

// Stores a right IPv4 header checksum at `ip`.
inline void FixIpv4Checksum(uint8_t* ip) {
  StoreBe16(ip + 10, 0);
  StoreBe16(ip + 10, InternetChecksum(ip, Ipv4Header::kSize));
}

}  // namespace sluice::wire

#endif  // SLUICE_TESTS_UNIT_WIRE_FRAMES_H_
