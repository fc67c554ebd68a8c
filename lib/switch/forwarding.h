// Forwarding: from the destination of a frame to an egress port, in two steps.
//
// AddressTable turns an address into an Endpoint, a small dense number, once per packet;
// ForwardingTable leads from a group of endpoints, those that are reached alike, to the ports of
// the shortest paths, one of which is picked by a keyed hash of the packet's 5-tuple (ECMP, RFC
// 2992), so that a flow keeps its path and another switch, or another key, chooses anew. An
// endpoint may have several addresses (IPv4, IPv6, MAC). One thread changes a table; between
// changes any thread may read.
#ifndef SLUICE_SWITCH_FORWARDING_H_
#define SLUICE_SWITCH_FORWARDING_H_

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "switch/headers.h"
#include "switch/switch_packet.h"

namespace sluice::switching {

class AddressTable {
 public:
  // Fails if the address already leads to another endpoint.
  absl::Status Add(const Destination& address, Endpoint endpoint);

  // kNoEndpoint if nobody owns the address.
  Endpoint Find(const Destination& address) const;

 private:
  struct Entry {
    Destination address;
    Endpoint endpoint = kNoEndpoint;  // kNoEndpoint: the slot is free
  };
  size_t SlotOf(const Destination& address) const;
  void Grow();

  std::vector<Entry> slots_;  // open addressing, a power of two, at most half full
  size_t used_ = 0;
};

class ForwardingTable {
 public:
  // `seed` keys the choice among equal ports.
  explicit ForwardingTable(uint64_t seed = 0) : seed_(seed), sets_(1) {}

  // Nothing is known of the group until then. Sets of ports are stored once.
  void Set(uint32_t group, std::span<const PortIndex> ports);
  bool Knows(uint32_t group) const { return group < set_of_.size() && set_of_[group] != kUnknown; }
  void Clear() { set_of_.clear(); }

  // kNoPort if there is no way to the group, or nothing is known of it.
  PortIndex Find(uint32_t group, uint32_t flow_key) const {
    if (!Knows(group)) return kNoPort;
    const std::vector<PortIndex>& ports = sets_[set_of_[group]];
    if (ports.size() <= 1) return ports.empty() ? kNoPort : ports[0];
    return ports[PickEqual(flow_key, ports.size())];
  }
  // The same by the remainder of `hash`, without the table's own key.
  PortIndex FindModulo(uint32_t group, uint32_t hash) const {
    if (!Knows(group)) return kNoPort;
    const std::vector<PortIndex>& ports = sets_[set_of_[group]];
    return ports.empty() ? kNoPort : ports[hash % ports.size()];
  }
  // In the order of Set.
  std::span<const PortIndex> PortsTo(uint32_t group) const {
    if (!Knows(group)) return {};
    return sets_[set_of_[group]];
  }

 private:
  static constexpr uint32_t kUnknown = UINT32_MAX;
  size_t PickEqual(uint32_t flow_key, size_t n) const;

  uint64_t seed_;
  std::vector<uint32_t> set_of_;              // by group
  std::vector<std::vector<PortIndex>> sets_;  // the first is empty
};

// A hash of (addresses, protocol, ports of UDP or TCP): equal for the packets of a flow. Of what is
// no IP, and of a fragment's or shorter header's ports, as much as there is.
uint32_t FlowKeyOf(std::span<const uint8_t> header, uint8_t network_offset);

// Fills in the fields that depend on the header bytes only: network_offset, endpoint and flow_key.
// Once per packet, before the first switch.
void Classify(const AddressTable& addresses, SwitchPacket& packet);

}  // namespace sluice::switching

#endif  // SLUICE_SWITCH_FORWARDING_H_
