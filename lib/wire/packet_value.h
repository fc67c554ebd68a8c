// DecodedFrame: one RoCEv2 frame as a value, down to its reserved bits, pad bytes and iCRC as
// found.
//
// Encode() rebuilds the frame from the fields alone, so Decode followed by Encode is a proof that
// every bit of the frame was understood. Not for the hot path: it allocates. Any thread.
#ifndef SLUICE_WIRE_PACKET_VALUE_H_
#define SLUICE_WIRE_PACKET_VALUE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "wire/address.h"
#include "wire/frame_view.h"
#include "wire/headers.h"

namespace sluice::wire {

struct DecodedFrame {
  MacAddress destination;
  MacAddress source;
  std::optional<uint16_t> vlan_tci;
  std::variant<Ipv4Header, Ipv6Header> ip;
  UdpHeader udp;
  Bth bth;

  // What ParseFrame says of it. kTransportVersion, kOpcode, kPayload, kPad and a kLength of the
  // transport part leave everything between BTH and iCRC undecoded in `payload`; after kIpChecksum
  // and kFragment the transport part is decoded all the same.
  DropCause cause = DropCause::kNone;

  std::optional<Deth> deth;
  std::optional<Reth> reth;
  std::optional<AtomicEth> atomic_eth;
  std::optional<Aeth> aeth;
  std::optional<AtomicAckEth> atomic_ack_eth;
  std::optional<Ieth> ieth;
  std::optional<ImmDt> imm;
  std::optional<std::array<uint8_t, kCnpReservedBytes>> cnp_reserved;
  // Of the extension, in the order of the wire; `imm` comes behind them.
  std::optional<ExtendedData> extended_data;
  std::optional<ExtendedTarget> extended_target;
  std::optional<ExtendedRequest> extended_request;
  std::optional<ExtendedOperands> extended_operands;
  std::optional<AtomicAckEth> extended_original;
  std::optional<Ieth> extended_key;
  std::optional<ExtendedAck> extended_ack;
  std::optional<SackBlock> sack_block;
  std::optional<TelemetryShim> shim;  // behind `imm`

  std::vector<uint8_t> payload;
  std::vector<uint8_t> pad;       // bth.pad_count bytes; any value is legal
  uint32_t icrc = 0;              // as found
  std::vector<uint8_t> trailing;  // Ethernet padding behind the IP packet

  bool ipv6() const { return std::holds_alternative<Ipv6Header>(ip); }
  bool decoded() const { return cause == DropCause::kNone; }
  const Ipv4Header* ipv4_header() const { return std::get_if<Ipv4Header>(&ip); }
  const Ipv6Header* ipv6_header() const { return std::get_if<Ipv6Header>(&ip); }
  uint8_t ecn() const {
    return std::visit([](const auto& h) { return h.ecn; }, ip);
  }
  uint8_t dscp() const {
    return std::visit([](const auto& h) { return h.dscp; }, ip);
  }
  IpAddress source_ip() const {
    return std::visit([](const auto& h) { return IpAddress(h.source); }, ip);
  }
  IpAddress destination_ip() const {
    return std::visit([](const auto& h) { return IpAddress(h.destination); }, ip);
  }

  // The frame, lengths, checksums and iCRC as the fields say them.
  std::vector<uint8_t> Encode() const;
  // The iCRC that the fields ought to have.
  uint32_t ComputedIcrc() const;
  bool IcrcOk() const { return ComputedIcrc() == icrc; }

  bool operator==(const DecodedFrame&) const = default;
};

// Whether the frame says of itself that it is RoCEv2: UDP to port 4791 in IPv4 (options included)
// or IPv6, behind at most one 802.1Q tag, and no later fragment. False when it is too short to
// tell.
bool IsRoce(std::span<const uint8_t> frame);

// `frame`: destination MAC to iCRC and Ethernet padding, whole, no FCS. An error, with the name of
// the cause, for what has no value here: not RoCEv2, IPv4 options, lengths that do not fit the
// frame.
absl::StatusOr<DecodedFrame> Decode(std::span<const uint8_t> frame);

}  // namespace sluice::wire

#endif  // SLUICE_WIRE_PACKET_VALUE_H_
