// What `sluice-pcap show` says of a packet.
#ifndef SLUICE_PCAP_SHOW_H_
#define SLUICE_PCAP_SHOW_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "cli/json.h"
#include "pcap/capture.h"
#include "wire/packet_value.h"

namespace sluice::pcap {

// One RoCEv2 packet of a capture. Without a value (cut, or nothing that can be decoded) only the
// number, the time and the reason are known.
struct Packet {
  uint64_t number = 0;
  int64_t time_ns = 0;
  uint32_t length = 0;  // of the frame on the wire
  std::optional<wire::DecodedFrame> frame;
  std::string reason;  // why there is no frame, or why it is undecoded; empty otherwise
  bool icrc_ok = false;
};

// Nothing if the frame is not RoCEv2.
std::optional<Packet> ReadPacket(const CapturedFrame& captured);

// One object: {"frame", "time_ns", "length_bytes", "source", "destination", "opcode", "qpn", "psn",
// "ackreq", "ecn", "aeth", "reth", ..., "payload_bytes", "icrc_ok"}. `ecn` is the two bits of the
// IP header. aeth and reth are null where the packet has none; headers that are rarer stand there
// only when present; so does "undecoded" with the reason.
cli::Json ToJson(const Packet& packet);

// Lines for people, one per packet, in columns. The columns of the addresses widen as longer ones
// come (IPv6); times count from the first packet.
class LineWriter {
 public:
  std::string Line(const Packet& packet);

 private:
  std::optional<int64_t> began_ns_;
  size_t address_width_ = 12;
};

}  // namespace sluice::pcap

#endif  // SLUICE_PCAP_SHOW_H_
