#include "engine/control_plane.h"

#include <algorithm>
#include <cstring>

#include "base/be.h"
#include "transport/payload.h"
#include "wire/headers.h"
#include "wire/icrc.h"
#include "wire/source_port.h"

namespace sluice::engine {
namespace {

// EUI-64 of a MAC address (RFC 4291, appendix A), as Linux' soft-RoCE forms a GUID.
uint64_t GuidOf(const wire::MacAddress& mac) {
  const auto& b = mac.bytes;
  const uint8_t eui[8] = {static_cast<uint8_t>(b[0] ^ 2), b[1], b[2], 0xff, 0xfe, b[3], b[4], b[5]};
  return LoadBe64(eui);
}

cm::Config ManagerConfig(const ControlConfig& c) {
  cm::Config config = c.connections;
  config.ip = c.ip;
  config.guid = GuidOf(c.mac);
  config.seed = c.seed;
  config.start = c.start;
  config.max_mtu = c.max_mtu;
  return config;
}

net::StackConfig StackConfig(const ControlConfig& c) {
  net::StackConfig config;
  config.mac = c.mac;
  config.ip = c.ip;
  config.neighbours = c.neighbours;
  config.routes = c.routes;
  return config;
}

// The membership bit aside, the default partition: the only one there is without a subnet manager.
constexpr uint16_t kPkeyMask = 0x7fff;

// UDP, BTH, the longest headers of RC that go with payload, and the iCRC.
constexpr uint32_t kTransportHeaders = 8 + 12 + 20 + 4;
constexpr uint8_t kNarrowest = 3;  // 1024 bytes
constexpr Duration kNarrowFor = Duration::Seconds(600);

}  // namespace

const char* NameOf(GsiDrop cause) {
  constexpr const char* kNames[kGsiDrops] = {"opcode", "pkey", "length", "qkey", "address", "icrc"};
  const size_t i = static_cast<size_t>(cause);
  return i < kGsiDrops ? kNames[i] : "unknown";
}

ControlPlane::ControlPlane(const ControlConfig& config)
    : mac_(config.mac),
      ip_(config.ip),
      max_mtu_(config.max_mtu),
      icrc_(config.icrc),
      stack_(StackConfig(config)),
      manager_(ManagerConfig(config)),
      prober_(config.seed) {}

std::span<const uint8_t> ControlPlane::Linear(const port::Packet& packet) {
  if (packet.elided_length != 0 || packet.frame_length > gathered_.size()) return {};
  if (packet.payload_length == 0 && packet.more_count == 0) {
    return {packet.header, packet.header_length};
  }
  size_t n = 0;
  const auto add = [&](const uint8_t* p, size_t length) {
    const size_t part = std::min(length, gathered_.size() - n);
    std::memcpy(gathered_.data() + n, p, part);
    n += part;
  };
  add(packet.header, packet.header_length);
  if (packet.payload_length != 0) add(packet.payload, packet.payload_length);
  for (size_t i = 0; i < packet.more_count; ++i) {
    add(packet.more[i].data, packet.more[i].length);
  }
  return {gathered_.data(), n};
}

void ControlPlane::OnForeignFrame(Time now, const port::Packet& packet) {
  const std::span<const uint8_t> frame = Linear(packet);
  if (frame.empty()) return;
  stack_.OnFrame(now, frame);
  Update();
}

uint8_t ControlPlane::MtuWithin(uint32_t ip_bytes) const {
  const uint32_t headers = (ip_.is_v4() ? 20 : 40) + kTransportHeaders;
  uint8_t code = max_mtu_;
  while (code > 0 && headers + (128u << code) > ip_bytes) --code;
  return code;
}

bool ControlPlane::TakeTooBig(Time now, net::TooBig* report) {
  if (!stack_.TakeTooBig(report)) return false;
  prober_.OnTooBig(report->peer, MtuWithin(report->ip_mtu));
  Remember(now, report->peer, std::max(MtuWithin(report->ip_mtu), std::min(kNarrowest, max_mtu_)));
  return true;
}

void ControlPlane::Believe(Time now, const net::TooBig& report) {
  Remember(now, report.peer, std::max<uint8_t>(MtuWithin(report.ip_mtu), 1));
}

void ControlPlane::Remember(Time now, const wire::IpAddress& peer, uint8_t code) {
  Narrow* slot = &narrow_[next_narrow_];
  for (Narrow& n : narrow_) {
    if (n.mtu == 0 || n.ip != peer) continue;
    if (now < n.until && n.mtu <= code) return;  // only ever narrower while it holds
    slot = &n;
  }
  if (slot == &narrow_[next_narrow_]) next_narrow_ = (next_narrow_ + 1) % narrow_.size();
  *slot = {peer, code, now + kNarrowFor};
}

uint8_t ControlPlane::MtuTo(Time now, const wire::IpAddress& ip) const {
  for (const Narrow& n : narrow_) {
    if (n.mtu != 0 && n.ip == ip && now < n.until) return n.mtu;
  }
  return max_mtu_;
}

bool ControlPlane::Check(const wire::FrameView& view, const port::Packet& packet) {
  const auto fails = [this](bool holds, GsiDrop cause) {
    if (!holds) drops_[static_cast<size_t>(cause)].Add();
    return !holds;
  };
  if (fails(view.opcode == wire::Opcode::kUdSendOnly, GsiDrop::kOpcode)) return false;
  if (fails((view.pkey & kPkeyMask) == kPkeyMask, GsiDrop::kPkey)) return false;
  // Longer than any management datagram: a probe.
  const bool probe = view.payload_length > wire::kMadBytes;
  const bool fitting = probe || view.payload_length == wire::kMadBytes;
  if (fails(fitting && view.pad == 0, GsiDrop::kLength)) return false;
  const wire::Deth deth = view.deth();
  if (fails(deth.qkey == wire::kGsiQkey && deth.source_qpn == wire::kGsiQpn, GsiDrop::kKey)) {
    return false;
  }
  const wire::MacAddress from = view.source_mac();
  const bool from_one = (from.bytes[0] & 1) == 0 && !(view.source() == ip_);
  if (fails(from_one && view.destination() == ip_ && view.ipv6 != ip_.is_v4(), GsiDrop::kAddress)) {
    return false;
  }
  const bool unknown = packet.rx.icrc == port::IcrcState::kUnknown;
  const auto matches = [&] {
    if (!probe) return wire::IcrcGood(view);
    const transport::ReceivedPayload payload(packet, view);
    return payload.whole() && payload.IcrcMatches();
  };
  const bool good = !icrc_ || packet.rx.icrc == port::IcrcState::kGood || (unknown && matches());
  return !fails(good, GsiDrop::kIcrc);
}

// It may be longer than what is gathered of other datagrams, and lie in several pieces.
void ControlPlane::OnProbe(Time now, const wire::FrameView& view, const port::Packet& packet) {
  if (!Check(view, packet)) return;
  uint8_t front[wire::PathProbe::kSize];
  size_t n = 0;
  const auto add = [&](const uint8_t* p, size_t length) {
    const size_t part = std::min(length, sizeof(front) - n);
    if (part > 0) std::memcpy(front + n, p, part);
    n += part;
  };
  if (packet.header_length > view.header_bytes) {
    add(packet.header + view.header_bytes, packet.header_length - view.header_bytes);
  }
  if (packet.payload != nullptr) add(packet.payload, packet.payload_length);
  for (size_t i = 0; i < packet.more_count; ++i) add(packet.more[i].data, packet.more[i].length);
  const wire::PathProbe probe = wire::PathProbe::Read(front);
  if (n < sizeof(front) || probe.magic != wire::PathProbe::kMagic) {
    drops_[static_cast<size_t>(GsiDrop::kLength)].Add();
    return;
  }
  prober_.OnProbe(now, {view.source(), view.source_mac()}, probe, view.payload_length);
  Update();
}

void ControlPlane::OnDatagram(Time now, const wire::FrameView& parsed, const port::Packet& packet) {
  if (parsed.payload_length > wire::kMadBytes) return OnProbe(now, parsed, packet);
  const std::span<const uint8_t> frame = Linear(packet);
  wire::FrameView view;
  const bool whole = frame.size() >= parsed.frame_bytes() &&
                     wire::ParseFrame(frame, packet.frame_length, &view) == wire::DropCause::kNone;
  if (!whole) {
    drops_[static_cast<size_t>(GsiDrop::kLength)].Add();
    return;
  }
  if (!Check(view, packet)) return;
  const cm::Peer from{view.source(), view.source_mac()};
  manager_.OnMad(now, from, {view.frame + view.header_bytes, wire::kMadBytes});
  Update();
}

void ControlPlane::RunTimers(Time now) {
  stack_.OnTimers(now);
  manager_.OnTimers(now);
  prober_.OnTimers(now);
  Update();
}

void ControlPlane::Update() {
  deadline_ = stack_.NextDeadline();
  for (const OptionalTime& other : {manager_.NextDeadline(), prober_.NextDeadline()}) {
    if (other) deadline_ = deadline_ ? Earlier(*deadline_, *other) : *other;
  }
}

wire::HeaderTemplate ControlPlane::HeadTo(const cm::Peer& to) const {
  wire::PathHeader path;
  path.source = mac_;
  path.destination = to.mac;
  path.source_ip = ip_;
  path.destination_ip = to.ip;
  path.source_port = wire::DatagramSourcePort(wire::kGsiQpn);
  return wire::HeaderTemplate(path);
}

size_t ControlPlane::Seal(const wire::HeaderTemplate& head, uint32_t payload, uint8_t* out) {
  constexpr uint32_t kAround = wire::Bth::kSize + wire::Deth::kSize + wire::kIcrcBytes;
  head.Write(out, kAround + payload);
  wire::Bth bth;
  bth.opcode = wire::Opcode::kUdSendOnly;
  bth.dest_qpn = wire::kGsiQpn;
  bth.ack_request = true;  // means nothing for a datagram; Linux sets it
  bth.psn = Psn(psn_++);
  bth.Write(out + head.size());
  wire::Deth{wire::kGsiQkey, 0, wire::kGsiQpn}.Write(out + head.size() + wire::Bth::kSize);
  const size_t bytes = HeadersOf(head) + payload;
  if (icrc_) return wire::SealFrame(out, head.l3_offset(), head.ipv6(), bytes);
  StoreLe32(out + bytes, 0);
  return bytes + wire::kIcrcBytes;
}

size_t ControlPlane::WriteMad(const cm::MadOut& mad, uint8_t* out) {
  const wire::HeaderTemplate head = HeadTo(mad.to);
  std::memcpy(out + HeadersOf(head), mad.bytes.data(), wire::kMadBytes);
  return Seal(head, wire::kMadBytes, out);
}

// 0 if it does not fit.
size_t ControlPlane::WriteProbe(const PathProber::Datagram& d, uint32_t room, uint8_t* out) {
  const wire::HeaderTemplate head = HeadTo(d.to);
  const uint32_t payload = wire::ProbePayload(d.probe.mtu);
  const size_t headers = HeadersOf(head);
  if (headers + payload + wire::kIcrcBytes > room) return 0;
  std::memset(out + headers, 0, payload);
  d.probe.Write(out + headers);
  return Seal(head, payload, out);
}

bool ControlPlane::Write(port::Packet* packet, uint32_t room) {
  size_t length = 0;
  if (!stack_.out().empty()) {
    const std::span<const uint8_t> frame = stack_.out().Front();
    length = frame.size();
    if (length <= room) std::memcpy(packet->header, frame.data(), length);
    stack_.out().Pop();
  } else if (prober_.HasDatagram()) {
    length = WriteProbe(prober_.Take(), room, packet->header);
    if (length == 0) return false;
  } else {
    cm::MadOut mad;
    if (!manager_.TakeMad(&mad)) return false;
    constexpr size_t kLongest = wire::HeaderTemplate::kMaxBytes + wire::Bth::kSize +
                                wire::Deth::kSize + wire::kMadBytes + wire::kIcrcBytes;
    length = kLongest;
    if (length <= room) length = WriteMad(mad, packet->header);
  }
  if (length > room) return false;
  packet->header_length = static_cast<uint16_t>(length);
  packet->frame_length = static_cast<uint32_t>(length);
  return true;
}

}  // namespace sluice::engine
