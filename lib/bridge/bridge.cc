#include "bridge/bridge.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace sluice::bridge {
namespace {

using switching::PortIndex;

// Frames that wait beside the line before a host's port is left to fill up.
constexpr size_t kStaged = 8;

}  // namespace

absl::StatusOr<std::unique_ptr<Bridge>> Bridge::Create(const BridgeConfig& config,
                                                       std::span<const BridgePort> ports,
                                                       Time start) {
  if (absl::Status s = config.buffer.Validate(); !s.ok()) return s;
  if (absl::Status s = config.ecn.Validate(); !s.ok()) return s;
  if (config.buffer.lossless != 0) {
    return absl::InvalidArgumentError("a bridge pauses nobody: no priority can be lossless");
  }
  std::unique_ptr<Bridge> bridge(new Bridge(config, ports, start));
  for (size_t i = 0; i < ports.size(); ++i) {
    for (const switching::Destination& address : ports[i].addresses) {
      absl::Status s = bridge->addresses_.Add(address, static_cast<switching::Endpoint>(i));
      if (!s.ok()) return s;
    }
  }
  return bridge;
}

Bridge::Bridge(const BridgeConfig& config, std::span<const BridgePort> ports, Time start)
    : queues_(ports.size(), config.buffer, switching::SchedulerConfig{}, config.marking_seed, 0),
      pool_(config.max_frame, config.frames) {
  links_.reserve(ports.size());
  for (size_t i = 0; i < ports.size(); ++i) {
    links_.emplace_back(ports[i], start);
    const auto index = static_cast<PortIndex>(i);
    queues_.SetEcn(index, config.ecn);
    routes_.Set(static_cast<uint32_t>(i), {&index, 1});
  }
  if (!config.telemetry.on) return;
  telemetry_ = std::make_unique<switching::TelemetryWriter>(ports.size(), config.telemetry);
  for (size_t i = 0; i < ports.size(); ++i) {
    const sim::LinkConfig& down = ports[i].down;
    telemetry_->SetLink(static_cast<PortIndex>(i), down.rate, down.overhead);
  }
  queues_.SetTelemetry(telemetry_.get());
}

Bridge::~Bridge() = default;

void Bridge::Line::Start(Time at, Frame* frame) {
  free_at = at + frame_time.Of(frame->wire_length);
  frame->arrival = free_at + delay;
  under_way.Append(frame);
  ++frames;
  bytes += frame->length();
}

Frame* Bridge::Copy(const port::Packet& packet) {
  uint64_t carried = uint64_t{packet.header_length} + packet.payload_length;
  for (size_t i = 0; i < packet.more_count; ++i) carried += packet.more[i].length;
  if (carried != packet.frame_length || carried > pool_.room()) return nullptr;
  Frame* const frame = pool_.Take();
  uint8_t* out = frame->bytes();
  const auto append = [&out](const uint8_t* data, size_t length) {
    if (length != 0) std::memcpy(out, data, length);
    out += length;
  };
  append(packet.header, packet.header_length);
  append(packet.payload, packet.payload_length);
  for (size_t i = 0; i < packet.more_count; ++i) append(packet.more[i].data, packet.more[i].length);
  frame->wire_length = packet.frame_length;
  frame->header_length = static_cast<uint16_t>(out - frame->bytes());
  return frame;
}

size_t Bridge::TakeIn(Link& link, PortIndex index, Time now) {
  size_t taken = 0;
  StartUp(link, now);
  while (link.staged.size() < kStaged) {
    std::array<port::Packet, kStaged> burst;
    const size_t n = link.port->Receive({burst.data(), kStaged - link.staged.size()});
    if (n == 0) break;
    taken += n;
    for (size_t i = 0; i < n; ++i) {
      Frame* const frame = Copy(burst[i]);
      if (frame == nullptr) {
        ++counters_.malformed;
        continue;
      }
      switching::Classify(addresses_, *frame);
      frame->ingress = index;
      frame->when = now;
      link.staged.Append(frame);
    }
    link.port->Release({burst.data(), n});
    StartUp(link, now);
  }
  counters_.frames_in += taken;
  return taken;
}

void Bridge::StartUp(Link& link, Time now) {
  while (!link.staged.empty()) {
    const Time start = Later(link.up.free_at, link.staged.front()->when);
    if (start > now) return;
    link.up.Start(start, link.staged.Take());
  }
}

// The earliest first, of equals that of the lowest port.
size_t Bridge::Arrive(Time now) {
  for (size_t arrived = 0;; ++arrived) {
    Link* first = nullptr;
    for (Link& link : links_) {
      if (link.up.under_way.empty()) continue;
      const Time at = link.up.under_way.front()->arrival;
      if (at <= now && (first == nullptr || at < first->up.under_way.front()->arrival)) {
        first = &link;
      }
    }
    if (first == nullptr) return arrived;
    Frame* const frame = first->up.under_way.Take();
    OnArrival(frame->arrival, frame);
  }
}

void Bridge::OnArrival(Time at, Frame* frame) {
  const PortIndex egress = routes_.Find(frame->endpoint, frame->flow_key);
  if (egress == switching::kNoPort) {
    ++counters_.no_route;
    pool_.Put(frame);
    return;
  }
  Serve(egress, at);
  // What left the other queues since somebody last looked still counts as used.
  const bool easy = queues_.Easy(*frame, egress);
  if (!easy) {
    for (size_t i = 0; i < links_.size(); ++i) Serve(i, at);
  }
  if (queues_.Enqueue(at, *frame, egress, easy) == switching::OutputQueues::Admission::kDropped) {
    pool_.Put(frame);
  }
}

void Bridge::Serve(size_t port, Time now) {
  Line& line = links_[port].down;
  const auto index = static_cast<PortIndex>(port);
  while (const switching::SwitchPacket* head = queues_.front(index)) {
    const Time start = Later(line.free_at, head->when);
    if (start > now) return;
    line.Start(start, static_cast<Frame*>(queues_.Dequeue(start, index)));
  }
}

size_t Bridge::Deliver(Link& link, Time now) {
  size_t delivered = 0;
  while (!link.down.under_way.empty() && link.down.under_way.front()->arrival <= now) {
    Frame* const frame = link.down.under_way.front();
    port::Packet packet;
    if (link.port->Allocate({&packet, 1}) == 0) {
      ++counters_.refused;
      break;
    }
    std::memcpy(packet.header, frame->bytes(), frame->wire_length);
    packet.header_length = static_cast<uint16_t>(frame->wire_length);
    packet.frame_length = frame->wire_length;
    if (link.port->Transmit({&packet, 1}) == 0) {
      link.port->Release({&packet, 1});
      ++counters_.refused;
      break;
    }
    pool_.Put(link.down.under_way.Take());
    ++delivered;
  }
  counters_.frames_out += delivered;
  return delivered;
}

size_t Bridge::Poll(Time now) {
  size_t handled = 0;
  for (size_t i = 0; i < links_.size(); ++i) {
    handled += TakeIn(links_[i], static_cast<PortIndex>(i), now);
  }
  handled += Arrive(now);
  for (size_t i = 0; i < links_.size(); ++i) Serve(i, now);
  for (Link& link : links_) handled += Deliver(link, now);
  return handled;
}

OptionalTime Bridge::NextDeadline() const {
  OptionalTime next;
  const auto consider = [&next](Time at) { next = next ? Earlier(*next, at) : at; };
  for (size_t i = 0; i < links_.size(); ++i) {
    const Link& link = links_[i];
    if (!link.staged.empty()) consider(Later(link.up.free_at, link.staged.front()->when));
    if (!link.up.under_way.empty()) consider(link.up.under_way.front()->arrival);
    if (!link.down.under_way.empty()) consider(link.down.under_way.front()->arrival);
    const switching::SwitchPacket* head = queues_.front(static_cast<PortIndex>(i));
    if (head != nullptr) consider(Later(link.down.free_at, head->when));
  }
  return next;
}

}  // namespace sluice::bridge
