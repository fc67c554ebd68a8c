// Forwarding: from the destination of a frame to an egress port, in two steps.
//
// AddressTable turns an address into an Endpoint, a small dense number, once per packet;
// ForwardingTable is one array per switch from Endpoint to port. An endpoint may have several
// addresses (IPv4, IPv6, MAC). Built at set-up, constant afterwards: any thread may read.
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
  void Set(Endpoint endpoint, PortIndex port);
  // kNoPort if there is no way to the endpoint.
  PortIndex Find(Endpoint endpoint) const {
    return endpoint < ports_.size() ? ports_[endpoint] : kNoPort;
  }

 private:
  std::vector<PortIndex> ports_;
};

// Fills in the fields that depend on the header bytes only: network_offset and endpoint. Once per
// packet, before the first switch.
void Classify(const AddressTable& addresses, SwitchPacket& packet);

}  // namespace sluice::switching

#endif  // SLUICE_SWITCH_FORWARDING_H_
