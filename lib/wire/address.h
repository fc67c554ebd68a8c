// MacAddress and IpAddress: the addresses of a frame as small values.
#ifndef SLUICE_WIRE_ADDRESS_H_
#define SLUICE_WIRE_ADDRESS_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/be.h"

namespace sluice::wire {

struct MacAddress {
  std::array<uint8_t, 6> bytes{};  // in the order of the wire

  // "52:54:00:00:00:0a", either case, two digits each.
  static absl::StatusOr<MacAddress> Parse(std::string_view text);
  static MacAddress Read(const uint8_t* p) {
    MacAddress m;
    std::memcpy(m.bytes.data(), p, 6);
    return m;
  }
  void Write(uint8_t* p) const { std::memcpy(p, bytes.data(), 6); }
  std::string ToString() const;
  constexpr bool operator==(const MacAddress&) const = default;
};

// 16 bytes in the order of the wire; IPv4 as ::ffff:a.b.c.d, which is also the GID of a RoCEv2
// IPv4 port (IBTA annex A17.4.2). The text forms of the two are read as the same address.
class IpAddress {
 public:
  // The unspecified IPv6 address.
  constexpr IpAddress() = default;

  // "198.51.100.1" or any IPv6 text form; no zone, no prefix length.
  static absl::StatusOr<IpAddress> Parse(std::string_view text);
  // `p`: 4 bytes as they lie in an IPv4 header.
  static IpAddress ReadV4(const uint8_t* p) {
    IpAddress a;
    a.bytes_[10] = a.bytes_[11] = 0xff;
    std::memcpy(a.bytes_.data() + 12, p, 4);
    return a;
  }
  // `p`: 16 bytes as they lie in an IPv6 header or a GID.
  static IpAddress Read(const uint8_t* p) {
    IpAddress a;
    std::memcpy(a.bytes_.data(), p, 16);
    return a;
  }
  // 0xc6336401 is 198.51.100.1.
  static IpAddress FromV4(uint32_t v) {
    uint8_t b[4];
    StoreBe32(b, v);
    return ReadV4(b);
  }

  bool is_v4() const { return High() == 0 && LoadBe32(bytes_.data() + 8) == 0xffff; }
  bool is_unspecified() const { return High() == 0 && Low() == 0; }
  // The IPv4 address as a number; meaningful only if is_v4().
  uint32_t v4() const { return LoadBe32(bytes_.data() + 12); }
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }
  void Write(uint8_t* p) const { std::memcpy(p, bytes_.data(), 16); }
  void WriteV4(uint8_t* p) const { std::memcpy(p, bytes_.data() + 12, 4); }

  std::string ToString() const;

  bool operator==(const IpAddress& o) const {
    return ((High() ^ o.High()) | (Low() ^ o.Low())) == 0;
  }

 private:
  uint64_t High() const {
    uint64_t v;
    std::memcpy(&v, bytes_.data(), 8);
    return v;
  }
  uint64_t Low() const {
    uint64_t v;
    std::memcpy(&v, bytes_.data() + 8, 8);
    return v;
  }

  std::array<uint8_t, 16> bytes_{};
};

}  // namespace sluice::wire

#endif  // SLUICE_WIRE_ADDRESS_H_
