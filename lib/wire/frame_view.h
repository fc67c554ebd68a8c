// FrameView: a checked view of the headers of one received RoCEv2 frame.
//
// ParseFrame checks everything once; after kNone no accessor can fail or read outside the header
// span. The view points into that span and lives no longer than it. Nothing is copied but the
// fields below, nothing is allocated, any thread.
//
// ParseFrame does not judge the P_Key, the iCRC, a UDP checksum, addresses or the QPN.
#ifndef SLUICE_WIRE_FRAME_VIEW_H_
#define SLUICE_WIRE_FRAME_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/psn.h"
#include "wire/address.h"
#include "wire/headers.h"
#include "wire/opcode.h"
#include "wire/telemetry_shim.h"

namespace sluice::wire {

// Why a frame is no usable RoCEv2 packet, in the order in which the checks apply.
enum class DropCause : uint8_t {
  kNone,              // it is one
  kRunt,              // the header span ends before the headers do
  kEtherType,         // neither IPv4 nor IPv6 behind at most one 802.1Q tag
  kIpHeader,          // wrong IP version, or IPv4 options
  kFragment,          // an IPv4 or IPv6 fragment
  kNotUdp,            //
  kNotRoce,           // UDP to a port other than 4791
  kIpChecksum,        // IPv4 header checksum
  kLength,            // IP, UDP and frame lengths contradict each other or the opcode's headers
  kUdpChecksum,       // CheckUdpChecksum only
  kTransportVersion,  // TVer other than 0
  kOpcode,            // reserved or of a service that we do not speak
  kPayload,           // payload on an opcode that has none
  kPad,               // pad count beyond the payload, or payload + pad no multiple of 4
  kIcrc,              // never from ParseFrame: for those who check it
};
inline constexpr size_t kDropCauses = 15;

// Lower case with underscores, e.g. "ip_checksum": the key of a counter in JSON.
const char* NameOf(DropCause cause);

// A run of bytes that somebody else owns.
struct ByteRun {
  const uint8_t* data = nullptr;
  size_t length = 0;
};

struct FrameView {
  const uint8_t* frame = nullptr;      // destination MAC
  const uint8_t* l3 = nullptr;         // IP header
  const uint8_t* bth = nullptr;        // base transport header
  const uint8_t* extension = nullptr;  // behind the BTH
  const OpcodeTraits* traits = nullptr;
  uint32_t dest_qpn = 0;
  Psn psn;
  uint32_t header_bytes = 0;     // frame start to payload
  uint32_t payload_length = 0;   // without pad
  uint32_t transport_bytes = 0;  // BTH to iCRC inclusive; beyond it Ethernet padding may follow
  uint16_t pkey = 0;
  uint16_t vlan_tci = 0;  // if has_vlan
  Opcode opcode = Opcode::kRcSendFirst;
  uint8_t pad = 0;   // bytes behind the payload, before the iCRC
  uint8_t ecn = 0;   // 2 bits
  uint8_t dscp = 0;  // 6 bits
  bool ipv6 = false;
  bool has_vlan = false;
  bool ack_request = false;
  bool solicited = false;
  bool mig_req = false;

  bool ce() const { return ecn == static_cast<uint8_t>(Ecn::kCe); }
  bool fecn() const { return (bth[4] & 0x80) != 0; }
  bool becn() const { return (bth[4] & 0x40) != 0; }

  MacAddress source_mac() const { return MacAddress::Read(frame + 6); }
  MacAddress destination_mac() const { return MacAddress::Read(frame); }
  IpAddress source() const { return ipv6 ? IpAddress::Read(l3 + 8) : IpAddress::ReadV4(l3 + 12); }
  IpAddress destination() const {
    return ipv6 ? IpAddress::Read(l3 + 24) : IpAddress::ReadV4(l3 + 16);
  }
  uint8_t hop_limit() const { return ipv6 ? l3[7] : l3[8]; }
  const uint8_t* udp() const { return bth - UdpHeader::kSize; }
  uint16_t source_port() const { return LoadBe16(udp()); }
  uint16_t udp_checksum() const { return LoadBe16(udp() + 6); }

  // Each of these only if `traits` says that the opcode has it.
  Reth reth() const { return Reth::Read(extension); }
  Aeth aeth() const { return Aeth::Read(extension); }
  AtomicEth atomic_eth() const { return AtomicEth::Read(extension); }
  AtomicAckEth atomic_ack_eth() const { return AtomicAckEth::Read(extension + Aeth::kSize); }
  Deth deth() const { return Deth::Read(extension); }
  Ieth ieth() const { return Ieth::Read(extension); }
  ExtendedData extended_data() const { return ExtendedData::Read(extension); }
  ExtendedTarget extended_target() const {
    return ExtendedTarget::Read(extension + ExtendedData::kSize);
  }
  ExtendedRequest extended_request() const {
    return ExtendedRequest::Read(extension + ExtendedData::kSize + ExtendedTarget::kSize);
  }
  ExtendedOperands extended_operands() const {
    return ExtendedOperands::Read(extension + ExtendedData::kSize + ExtendedTarget::kSize +
                                  ExtendedRequest::kSize);
  }
  AtomicAckEth extended_original() const {
    return AtomicAckEth::Read(extension + ExtendedData::kSize);
  }
  Ieth extended_key() const { return Ieth::Read(extension + ExtendedData::kSize); }
  ExtendedAck extended_ack() const { return ExtendedAck::Read(extension); }
  SackBlock sack_block() const { return SackBlock::Read(extension + ExtendedAck::kSize); }
  uint32_t imm() const {
    const size_t behind = shim() != nullptr ? TelemetryShim::kSize : 0;
    return LoadBe32(extension + traits->extension_bytes - behind - ImmDt::kSize);
  }
  // Null without one.
  const uint8_t* shim() const {
    return HasShim(opcode) ? frame + header_bytes - TelemetryShim::kSize : nullptr;
  }

  // IP header to payload: what IcrcOfHeaders covers.
  size_t l3_to_payload_bytes() const { return static_cast<size_t>(frame + header_bytes - l3); }
  // Frame bytes from the destination MAC to the iCRC inclusive, without Ethernet padding.
  size_t frame_bytes() const { return static_cast<size_t>(bth - frame) + transport_bytes; }
  // Where the iCRC lies, from the start of the frame.
  size_t icrc_offset() const { return frame_bytes() - kIcrcBytes; }
};

// Parses a frame of `frame_length` bytes (destination MAC to iCRC, and Ethernet padding if any), of
// which `header` holds the first ones: all of them, or at least those before the payload. Writes
// *out only as far as it got; the view is valid only after kNone.
DropCause ParseFrame(std::span<const uint8_t> header, uint32_t frame_length, FrameView* out);

// kNone if the frame has no UDP checksum (0) or a right one, else kUdpChecksum. `rest` are the
// bytes behind the header span, in order, up to the iCRC and beyond; the header span must be that
// of ParseFrame. Not for frames with elided payload.
DropCause CheckUdpChecksum(const FrameView& view, std::span<const uint8_t> header,
                           std::span<const ByteRun> rest = {});

}  // namespace sluice::wire

#endif  // SLUICE_WIRE_FRAME_VIEW_H_
