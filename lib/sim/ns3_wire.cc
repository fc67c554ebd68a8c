#include "sim/ns3_wire.h"

#include <bit>

#include "base/be.h"
#include "switch/headers.h"
#include "wire/ip_headers.h"
#include "wire/source_port.h"

namespace sluice::sim {
namespace {

// Ports of its flow files: the source ports of a pair of hosts count from kFirstPort, as ours do
// from that of the first flow label; the destination port is the same for all.
constexpr uint32_t kFirstPort = 10000;
constexpr uint32_t kDestinationPort = 100;
constexpr uint32_t kOurFirstPort = wire::SourcePortOfFlowLabel(1);
constexpr uint32_t kIcrcBytes = 4;

uint32_t Mixed(uint32_t k) { return std::rotl(k * 0xcc9e2d51u, 15) * 0x1b873593u; }

}  // namespace

uint32_t Murmur3(uint32_t a, uint32_t b, uint32_t c, uint32_t seed) {
  uint32_t h = seed;
  for (const uint32_t k : {a, b, c}) h = std::rotl(h ^ Mixed(k), 13) * 5 + 0xe6546b64u;
  h ^= 12;  // bytes
  h = (h ^ h >> 16) * 0x85ebca6bu;
  h = (h ^ h >> 13) * 0xc2b2ae35u;
  return h ^ h >> 16;
}

uint32_t Ns3Length(const Ns3Wire& wire, Traffic traffic, const port::Packet& packet,
                   uint8_t network_offset) {
  if (traffic != Traffic::kData) return wire.ack_frame;
  const size_t bth = switching::BthOffset({packet.header, packet.header_length}, network_offset);
  const uint32_t pad = packet.header[bth + 1] >> 4 & 3;
  const uint32_t behind = packet.frame_length - packet.header_length;
  const uint32_t payload = behind > kIcrcBytes + pad ? behind - kIcrcBytes - pad : 0;
  return payload + wire.data_header;
}

uint32_t Ns3FlowHash(const Record& record, uint32_t node) {
  if (record.network_offset == 0 || record.header[record.network_offset] >> 4 != 4) {
    return record.flow_key;
  }
  const uint8_t* const ip = record.header + record.network_offset;
  const uint32_t ours = LoadBe16(ip + wire::Ipv4Header::kSize);
  const uint32_t flow = (ours - kOurFirstPort + kFirstPort) & 0xffff;
  // An acknowledgement goes back between the same ports.
  const uint32_t ports = record.traffic == Traffic::kData ? flow | kDestinationPort << 16
                                                          : kDestinationPort | flow << 16;
  return Murmur3(LoadBe32(ip + 12), LoadBe32(ip + 16), ports, node);
}

}  // namespace sluice::sim
