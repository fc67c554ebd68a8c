// The time that a lone flow takes: the yardstick of slowdown.
//
// Derivation. The message is cut into ceil(size / mtu) packets, sent back to back from the post on.
// Every hop stores and forwards: packet i starts on link h when its last bit has crossed link h-1
// and packet i-1 has left link h,
//     start(i,h) = max(finish(i,h-1) + delay(h-1), finish(i-1,h)),
//     finish(i,h) = start(i,h) + wire(i) / rate(h),
// and the receiver has it at finish(i,last) + delay(last). The last packet asks for an
// acknowledgement, which crosses the hops back alone:  sum of wire(ACK) / rate + delay.
// Hosts and switches take no time. wire() is the frame of RDMA WRITE over IPv4 (Ethernet 14, IPv4
// 20, UDP 8, BTH 12, RETH 16 on the first packet, payload padded to 4, iCRC 4; an ACK has AETH 4
// instead of payload) and the link's overhead of 24 B of preamble, FCS and gap.
// A real flow is never faster; it may be slower by the time that its last acknowledgement waits
// behind an earlier one, less than 7 ns at 100 Gb/s.
#ifndef SLUICE_LAB_IDEAL_H_
#define SLUICE_LAB_IDEAL_H_

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "base/units.h"
#include "sim/routes.h"
#include "sim/topology.h"

namespace sluice::lab {

// Bytes of a frame from destination MAC to iCRC. `first`: carries the RETH.
uint32_t DataFrameLength(uint32_t payload, bool first);
uint32_t AckFrameLength();

// The paths that the flows of a topology take (those of the simulation; among equals the first).
// One thread.
class Paths {
 public:
  explicit Paths(const sim::Topology& topology);
  Paths(const Paths&) = delete;
  Paths& operator=(const Paths&) = delete;

  // The links from one host to another, in order. The host is reachable.
  std::vector<sim::LinkConfig> Between(sim::NodeId from, sim::NodeId to) const;

  // The ports of switches that every packet between the two passes: where all equal paths are at
  // one switch, and it has no choice.
  struct Forced {
    sim::NodeId node = 0;
    sim::PortIndex port = 0;
    Bandwidth rate;
  };
  std::vector<Forced> ForcedHops(sim::NodeId from, sim::NodeId to) const;

  // Whether packets find a way.
  bool Reaches(sim::NodeId from, sim::NodeId to) const;

  // Of a lone RDMA WRITE, from its post to its completion.
  Duration Ideal(sim::NodeId from, sim::NodeId to, Bytes size, uint32_t mtu) const;

  // From the first bit of a full middle packet to the last bit of its acknowledgement, without
  // queues: what the algorithms are told as base round trip.
  Duration BaseRtt(sim::NodeId from, sim::NodeId to, uint32_t mtu) const;

 private:
  Duration AckTime(sim::NodeId from, sim::NodeId to) const;

  std::vector<std::vector<sim::PortEnd>> ports_;
  mutable sim::Routes routes_;  // finds ways when somebody asks
};

}  // namespace sluice::lab

#endif  // SLUICE_LAB_IDEAL_H_
