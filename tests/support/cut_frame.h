// What a switch that trims makes of a frame (docs/wire-formats.md, "Trimmed packets"), written from
// the document and not with lib/switch.
#ifndef SLUICE_TESTS_SUPPORT_CUT_FRAME_H_
#define SLUICE_TESTS_SUPPORT_CUT_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/be.h"
#include "wire/ip_headers.h"

namespace sluice::test {

inline constexpr uint8_t kCutDscp = 43;

// An IPv4 or IPv6 frame, tagged or not, cut to `size` bytes.
inline std::vector<uint8_t> CutFrame(std::vector<uint8_t> frame, size_t size,
                                     uint8_t dscp = kCutDscp) {
  const size_t l3 = LoadBe16(frame.data() + 12) == 0x8100 ? 18 : 14;
  frame.resize(size);
  uint8_t* const ip = frame.data() + l3;
  if (ip[0] >> 4 == 4) {
    ip[1] = static_cast<uint8_t>(dscp << 2 | (ip[1] & 3));
    StoreBe16(ip + 2, static_cast<uint16_t>(size - l3));
    StoreBe16(ip + 10, 0);
    StoreBe16(ip + 10, wire::InternetChecksum(ip, 20));
  } else {
    ip[0] = static_cast<uint8_t>(0x60 | dscp >> 2);
    ip[1] = static_cast<uint8_t>((dscp & 3) << 6 | (ip[1] & 0x3f));
    StoreBe16(ip + 4, static_cast<uint16_t>(size - l3 - 40));
  }
  return frame;
}

}  // namespace sluice::test

#endif  // SLUICE_TESTS_SUPPORT_CUT_FRAME_H_
