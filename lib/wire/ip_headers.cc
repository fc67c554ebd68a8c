#include "wire/ip_headers.h"

#include <cstddef>
#include <cstdint>

#include "base/be.h"

namespace sluice::wire {

uint16_t InternetChecksum(const uint8_t* p, size_t n) {
  uint64_t sum = 0;
  size_t i = 0;
  for (; i + 1 < n; i += 2) sum += LoadBe16(p + i);
  if (i < n) sum += static_cast<uint64_t>(p[i]) << 8;
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

Ipv4Header Ipv4Header::Read(const uint8_t* p) {
  Ipv4Header h;
  h.dscp = p[1] >> 2;
  h.ecn = p[1] & 3;
  h.total_length = LoadBe16(p + 2);
  h.identification = LoadBe16(p + 4);
  h.flags = p[6] >> 5;
  h.fragment_offset = LoadBe16(p + 6) & 0x1fff;
  h.ttl = p[8];
  h.protocol = p[9];
  h.checksum = LoadBe16(p + 10);
  h.source = IpAddress::ReadV4(p + 12);
  h.destination = IpAddress::ReadV4(p + 16);
  return h;
}

void Ipv4Header::Write(uint8_t* p) const {
  p[0] = 0x45;
  p[1] = static_cast<uint8_t>(dscp << 2 | (ecn & 3));
  StoreBe16(p + 2, total_length);
  StoreBe16(p + 4, identification);
  StoreBe16(p + 6, static_cast<uint16_t>(flags << 13 | (fragment_offset & 0x1fff)));
  p[8] = ttl;
  p[9] = protocol;
  StoreBe16(p + 10, checksum);
  source.WriteV4(p + 12);
  destination.WriteV4(p + 16);
}

Ipv6Header Ipv6Header::Read(const uint8_t* p) {
  Ipv6Header h;
  const uint32_t w = LoadBe32(p);
  h.dscp = static_cast<uint8_t>((w >> 22) & 0x3f);
  h.ecn = static_cast<uint8_t>((w >> 20) & 3);
  h.flow_label = w & 0xfffff;
  h.payload_length = LoadBe16(p + 4);
  h.next_header = p[6];
  h.hop_limit = p[7];
  h.source = IpAddress::Read(p + 8);
  h.destination = IpAddress::Read(p + 24);
  return h;
}

void Ipv6Header::Write(uint8_t* p) const {
  StoreBe32(p, 6u << 28 | (dscp & 0x3fu) << 22 | (ecn & 3u) << 20 | (flow_label & 0xfffff));
  StoreBe16(p + 4, payload_length);
  p[6] = next_header;
  p[7] = hop_limit;
  source.Write(p + 8);
  destination.Write(p + 24);
}

}  // namespace sluice::wire
