#include "lab/flow_key.h"

#include <array>

#include "base/be.h"
#include "sim/topology.h"
#include "switch/forwarding.h"
#include "wire/headers.h"
#include "wire/ip_headers.h"

namespace sluice::lab {
namespace {

constexpr uint8_t kUdp = 17;

}  // namespace

uint32_t FlowKeyOf(const FlowSpec& flow, uint16_t source_port) {
  std::array<uint8_t, wire::kEthernetBytes + wire::Ipv4Header::kSize + wire::UdpHeader::kSize>
      header{};
  uint8_t* const ip = header.data() + wire::kEthernetBytes;
  ip[0] = 0x45;
  ip[9] = kUdp;
  StoreBe32(ip + 12, sim::AddressOf(flow.source).ipv4);
  StoreBe32(ip + 16, sim::AddressOf(flow.destination).ipv4);
  StoreBe16(ip + wire::Ipv4Header::kSize, source_port);
  StoreBe16(ip + wire::Ipv4Header::kSize + 2, wire::kRocePort);
  return switching::FlowKeyOf(header, wire::kEthernetBytes);
}

}  // namespace sluice::lab
