// Bth: the base transport header (IBTA 1.4, chapter 9.2), every bit of it as a value.
//
//   byte 0     opcode
//   byte 1     solicited event 1 bit, MigReq 1, pad count 2, transport version 4
//   bytes 2-3  P_Key
//   byte 4     FECN 1, BECN 1 (annex A17.9.3), reserved 6; not covered by the iCRC
//   bytes 5-7  destination QPN
//   byte 8     acknowledge request 1, reserved 7
//   bytes 9-11 PSN
#ifndef SLUICE_WIRE_BTH_H_
#define SLUICE_WIRE_BTH_H_

#include <cstddef>
#include <cstdint>

#include "base/be.h"
#include "base/psn.h"
#include "wire/opcode.h"

namespace sluice::wire {

struct Bth {
  static constexpr size_t kSize = 12;
  static constexpr uint16_t kDefaultPkey = 0xffff;
  static constexpr uint32_t kQpnMask = 0xffffff;

  Opcode opcode = Opcode::kRcSendFirst;
  bool solicited = false;
  bool mig_req = false;
  uint8_t pad_count = 0;  // 0-3 bytes between the payload and the iCRC
  uint8_t version = 0;    // TVer, 0-15; 0 is the only one in use
  uint16_t pkey = kDefaultPkey;
  bool fecn = false;
  bool becn = false;
  uint8_t reserved6 = 0;  // low 6 bits of byte 4
  uint32_t dest_qpn = 0;  // 24 bits
  bool ack_request = false;
  uint8_t reserved7 = 0;  // low 7 bits of byte 8
  Psn psn;

  static Bth Read(const uint8_t* p) {
    Bth h;
    h.opcode = static_cast<Opcode>(p[0]);
    h.solicited = (p[1] & 0x80) != 0;
    h.mig_req = (p[1] & 0x40) != 0;
    h.pad_count = (p[1] >> 4) & 3;
    h.version = p[1] & 15;
    h.pkey = LoadBe16(p + 2);
    h.fecn = (p[4] & 0x80) != 0;
    h.becn = (p[4] & 0x40) != 0;
    h.reserved6 = p[4] & 0x3f;
    h.dest_qpn = LoadBe24(p + 5);
    h.ack_request = (p[8] & 0x80) != 0;
    h.reserved7 = p[8] & 0x7f;
    h.psn = Psn(LoadBe24(p + 9));
    return h;
  }

  // Stores kSize bytes. Values wider than their field are cut.
  void Write(uint8_t* p) const {
    const uint32_t w0 = static_cast<uint32_t>(opcode) << 24 |
                        static_cast<uint32_t>(solicited) << 23 |
                        static_cast<uint32_t>(mig_req) << 22 | (pad_count & 3u) << 20 |
                        (version & 15u) << 16 | pkey;
    const uint32_t w1 = static_cast<uint32_t>(fecn) << 31 | static_cast<uint32_t>(becn) << 30 |
                        (reserved6 & 0x3fu) << 24 | (dest_qpn & kQpnMask);
    const uint32_t w2 =
        static_cast<uint32_t>(ack_request) << 31 | (reserved7 & 0x7fu) << 24 | psn.value();
    StoreBe32(p, w0);
    StoreBe32(p + 4, w1);
    StoreBe32(p + 8, w2);
  }

  bool operator==(const Bth&) const = default;
};

}  // namespace sluice::wire

#endif  // SLUICE_WIRE_BTH_H_
