// TestHost: a Pollable that sends frames at given times and remembers what it gets.
#ifndef SLUICE_UNIT_SIM_TEST_HOST_H_
#define SLUICE_UNIT_SIM_TEST_HOST_H_

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/optional_time.h"
#include "port/port.h"
#include "sim/simulation.h"
#include "support/roce_frame.h"

namespace sluice::sim {

// 1000 B of payload behind Ethernet, IPv4, UDP, BTH and before the iCRC: 1082 B with preamble, FCS
// and gap, 86.56 ns at 100 Gb/s.
inline constexpr uint32_t kDataBytes = 1058;
// Ethernet 14, IPv4 20, UDP 8, BTH 12, AETH 4, iCRC 4: 86 B on the line, 6.88 ns at 100 Gb/s.
inline constexpr uint32_t kAckBytes = 62;
inline constexpr Duration kDataTime = Duration::Picoseconds(86'560);
inline constexpr Duration kAckTime = Duration::Picoseconds(6'880);
inline constexpr Duration kDelay = Duration::Microseconds(1);

class TestHost : public Pollable {
 public:
  struct Seen {
    Time polled;
    Time stamp;
    uint32_t source;
    uint32_t psn;
    uint8_t opcode;
    uint8_t ecn;
  };

  TestHost(Simulation& sim, NodeId id) : port_(sim.port(id)), id_(id) { sim.Attach(id, this); }

  // `count` data frames, PSN 0.., offered together at `when`.
  void SendAt(Time when, NodeId to, int count, uint32_t length = kDataBytes,
              uint8_t opcode = support::kSendOnly, uint8_t ecn = 2) {
    for (int i = 0; i < count; ++i) {
      script_.push_back({when,
                         {.source = AddressOf(id_).ipv4,
                          .destination = AddressOf(to).ipv4,
                          .opcode = opcode,
                          .ecn = ecn,
                          .psn = static_cast<uint32_t>(i),
                          .frame_length = length}});
    }
  }
  // Answers each data frame with an ACK.
  void set_acknowledge() { acknowledge_ = true; }

  size_t Poll(Time now) override {
    polls.push_back(now);
    port::Packet burst[8];
    size_t handled = 0;
    while (const size_t n = port_.Receive(burst)) {
      handled += n;
      for (size_t i = 0; i < n; ++i) Take(now, burst[i]);
      port_.Release({burst, n});
    }
    while (!script_.empty() && script_.front().when <= now) {
      if (!Offer(script_.front().frame)) break;
      script_.pop_front();
      ++handled;
    }
    return handled;
  }
  OptionalTime NextDeadline() const override {
    if (script_.empty()) return std::nullopt;
    return script_.front().when;
  }

  std::vector<Seen> seen;
  std::vector<Time> polls;
  std::vector<Time> sent;  // stamps of what the port took

 private:
  struct Scripted {
    Time when;
    support::RoceFrame frame;
  };

  void Take(Time now, const port::Packet& packet) {
    const uint8_t* const header = packet.header;
    seen.push_back({now, packet.stamp, support::SourceOf(header), support::PsnOf(header),
                    support::OpcodeOf(header), support::EcnBitsOf(header)});
    if (!acknowledge_ || seen.back().opcode != support::kSendOnly) return;
    script_.push_front({now,
                        {.source = AddressOf(id_).ipv4,
                         .destination = seen.back().source,
                         .opcode = support::kAcknowledge,
                         .ecn = 0,
                         .psn = seen.back().psn,
                         .frame_length = kAckBytes}});
  }

  bool Offer(const support::RoceFrame& frame) {
    port::Packet packet;
    if (port_.Allocate({&packet, 1}) == 0) return false;
    support::WriteRoceHeader(frame, packet.header);
    packet.header_length = support::kRoceHeaderBytes;
    packet.frame_length = frame.frame_length;
    packet.elided_length = frame.frame_length - support::kRoceHeaderBytes;
    if (port_.Transmit({&packet, 1}) == 0) {
      port_.Release({&packet, 1});
      return false;
    }
    sent.push_back(packet.stamp);
    return true;
  }

  port::Port& port_;
  NodeId id_;
  bool acknowledge_ = false;
  std::deque<Scripted> script_;
};

// A simulation and a TestHost on each of its hosts, which come first among the nodes.
struct Lab {
  Lab(const Topology& topology, const SimulationConfig& config) {
    auto made = Simulation::Create(topology, config);
    if (!made.ok()) std::abort();
    sim = *std::move(made);
    for (NodeId i = 0; i < topology.nodes.size(); ++i) {
      if (topology.nodes[i] == NodeKind::kHost) {
        hosts.push_back(std::make_unique<TestHost>(*sim, i));
      }
    }
  }
  TestHost& host(NodeId i) { return *hosts[i]; }
  Simulation::End RunFor(Duration d) { return sim->Run(sim->now() + d); }

  std::unique_ptr<Simulation> sim;
  std::vector<std::unique_ptr<TestHost>> hosts;
};

}  // namespace sluice::sim

#endif  // SLUICE_UNIT_SIM_TEST_HOST_H_
