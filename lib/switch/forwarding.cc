#include "switch/forwarding.h"

#include <utility>

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

void ForwardingTable::Set(Endpoint endpoint, PortIndex port) {
  if (endpoint >= ports_.size()) ports_.resize(endpoint + size_t{1}, kNoPort);
  ports_[endpoint] = port;
}

void Classify(const AddressTable& addresses, SwitchPacket& packet) {
  packet.network_offset = FindNetworkHeader(packet.header_span());
  packet.endpoint = addresses.Find(DestinationOf(packet.header_span(), packet.network_offset));
}

}  // namespace sluice::switching
