#include "switch/forwarding.h"

#include <algorithm>
#include <utility>

#include "base/be.h"
#include "base/rng.h"

namespace sluice::switching {

size_t AddressTable::SlotOf(const Destination& address) const {
  const uint64_t kind = static_cast<uint64_t>(address.kind) << 63;
  const size_t mask = slots_.size() - 1;
  size_t slot = Mix64(Mix64(address.low) ^ address.high ^ kind) & mask;
  while (slots_[slot].endpoint != kNoEndpoint && slots_[slot].address != address) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

void AddressTable::Grow() {
  std::vector<Entry> old(slots_.empty() ? 16 : 2 * slots_.size());
  std::swap(old, slots_);
  for (const Entry& entry : old) {
    if (entry.endpoint != kNoEndpoint) slots_[SlotOf(entry.address)] = entry;
  }
}

absl::Status AddressTable::Add(const Destination& address, Endpoint endpoint) {
  if (endpoint == kNoEndpoint) return absl::InvalidArgumentError("endpoint is out of range");
  if (2 * (used_ + 1) > slots_.size()) Grow();
  Entry& entry = slots_[SlotOf(address)];
  if (entry.endpoint == endpoint) return absl::OkStatus();
  if (entry.endpoint != kNoEndpoint) {
    return absl::AlreadyExistsError("two endpoints have the same address");
  }
  entry = {address, endpoint};
  ++used_;
  return absl::OkStatus();
}

Endpoint AddressTable::Find(const Destination& address) const {
  if (slots_.empty()) return kNoEndpoint;
  return slots_[SlotOf(address)].endpoint;
}

void ForwardingTable::Set(uint32_t group, std::span<const PortIndex> ports) {
  if (group >= set_of_.size()) set_of_.resize(group + size_t{1}, kUnknown);
  const auto known = std::find_if(sets_.begin(), sets_.end(), [&](const auto& set) {
    return std::equal(set.begin(), set.end(), ports.begin(), ports.end());
  });
  set_of_[group] = static_cast<uint32_t>(known - sets_.begin());
  if (known == sets_.end()) sets_.emplace_back(ports.begin(), ports.end());
}

// The upper bits of a product instead of a remainder: no bias worth naming, no division.
size_t ForwardingTable::PickEqual(uint32_t flow_key, size_t n) const {
  return (Mix64(seed_ ^ flow_key) >> 32) * n >> 32;
}

uint32_t FlowKeyOf(std::span<const uint8_t> header, uint8_t network_offset) {
  const bool ip = network_offset != 0;
  const uint8_t* const at = header.data() + network_offset;
  const bool v4 = ip && at[0] >> 4 == 4;
  // Addresses: of IPv4 8 B, of IPv6 32 B, else the two MACs and the type.
  const size_t begin = ip ? network_offset + (v4 ? 12u : 8u) : 0u;
  const size_t end = std::min(header.size(), begin + (ip ? (v4 ? 8u : 32u) : 14u));
  uint64_t hash = ip ? at[v4 ? 9 : 6] : 0;
  size_t i = begin;
  for (; i + 4 <= end; i += 4) hash = Mix64(hash ^ LoadBe32(header.data() + i));
  for (; i < end; ++i) hash = Mix64(hash ^ header[i]);
  const size_t ports = network_offset + (v4 ? (at[0] & 15) * size_t{4} : 40u);
  const bool fragment = v4 && (LoadBe16(at + 6) & 0x3fff) != 0;
  if (ip && !fragment && ports + 4 <= header.size()) {
    hash = Mix64(hash ^ LoadBe32(header.data() + ports));
  }
  return static_cast<uint32_t>(hash >> 32);
}

void Classify(const AddressTable& addresses, SwitchPacket& packet) {
  packet.network_offset = FindNetworkHeader(packet.header_span());
  packet.endpoint = addresses.Find(DestinationOf(packet.header_span(), packet.network_offset));
  packet.flow_key = FlowKeyOf(packet.header_span(), packet.network_offset);
}

}  // namespace sluice::switching
