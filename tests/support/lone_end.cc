#include "support/lone_end.h"

#include <gtest/gtest.h>

#include <utility>

#include "wire/ip_headers.h"

namespace sluice::test {
namespace {

constexpr char kOurMac[] = "02:00:00:00:00:01";
// With the pacing credit of LoneEndOptions a flow may send a burst at once: 1 ms of the line.
constexpr Duration kHeadStart = Duration::Milliseconds(1);
constexpr char kPeerMac[] = "02:00:00:00:00:02";

std::string Address(bool ipv6, bool peer) {
  if (ipv6) return peer ? "2001:db8::2" : "2001:db8::1";
  return peer ? "198.51.100.2" : "198.51.100.1";
}

}  // namespace

LoneEnd::LoneEnd(const LoneEndOptions& options)
    : options_(options), fake(options.port), memory(options.memory) {
  const Time connected = options.start - kHeadStart;
  SetNow(connected);
  for (size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<uint8_t>(i * 7 + (i >> 8));
  verbs::DeviceParts parts;
  parts.port = &fake;
  parts.clock = &clock_;
  parts.mac = *wire::MacAddress::Parse(kOurMac);
  parts.address = *wire::IpAddress::Parse(Address(options.ipv6, false));
  parts.engine = options.engine;
  parts.engine.start = connected;
  device = verbs::MakeDevice(parts);
  pd = device->AllocateProtectionDomain();
  cq = *device->CreateCompletionQueue(options.completions);
  region = *device->Register(pd.get(), memory.data(), memory.size(), options.access);
  verbs::QueuePairOptions qo;
  qo.send_completions = qo.receive_completions = cq.get();
  qo.send_depth = options.send_depth;
  qo.receive_depth = options.receive_depth;
  qo.max_segments = 4;
  qo.max_inline = options.max_inline;
  qp = *device->CreateQueuePair(pd.get(), qo);
  verbs::ConnectOptions o = options.connect;
  o.peer_qpn = kPeerQpn;
  o.peer_mac = kPeerMac;
  o.peer_address = Address(options.ipv6, true);
  const absl::Status s = qp->Connect(o);
  EXPECT_TRUE(s.ok()) << s;
  SetNow(options.start);
}

LoneEnd::~LoneEnd() = default;

void LoneEnd::SetNow(Time t) {
  clock_.Set(t);
  fake.SetNow(t);
}

void LoneEnd::Poll() {
  for (int i = 0; i < 10000; ++i) {
    if (device->Poll() == 0) return;
  }
  ADD_FAILURE() << "the engine does not come to rest";
}

std::vector<wire::DecodedFrame> LoneEnd::Sent() {
  std::vector<wire::DecodedFrame> out;
  for (const FakeFrame& f : fake.sent()) {
    absl::StatusOr<wire::DecodedFrame> d = wire::Decode(f.bytes);
    EXPECT_TRUE(d.ok()) << d.status();
    if (!d.ok()) continue;
    EXPECT_TRUE(d->decoded());
    EXPECT_TRUE(d->IcrcOk());
    out.push_back(*std::move(d));
  }
  fake.ClearSent();
  return out;
}

verbs::PostResult LoneEnd::Post(verbs::Opcode opcode, uint32_t length, uint64_t wr_id,
                                bool signalled) {
  const verbs::Segment segment{memory.data(), length, region->lkey()};
  verbs::SendRequest r;
  r.wr_id = wr_id;
  r.segments = {&segment, 1};
  r.opcode = opcode;
  r.signalled = signalled;
  r.imm = 0xabcd0000 + static_cast<uint32_t>(wr_id);
  r.remote_address = 0x7000'0000'1000 + wr_id;
  r.rkey = 0x11223344;
  return qp->PostSend(r);
}

verbs::PostResult LoneEnd::PostReceive(uint32_t length, uint64_t wr_id, size_t offset) {
  const verbs::Segment segment{memory.data() + offset, length, region->lkey()};
  return qp->PostReceive({wr_id, {&segment, 1}});
}

std::vector<verbs::WorkCompletion> LoneEnd::Drain(verbs::CompletionQueue* cq) {
  std::vector<verbs::WorkCompletion> all;
  verbs::WorkCompletion out[16];
  for (size_t n; (n = cq->Poll(out)) > 0;) all.insert(all.end(), out, out + n);
  return all;
}

wire::DecodedFrame LoneEnd::Frame(wire::Opcode opcode, uint32_t psn) const {
  wire::DecodedFrame f;
  f.destination = *wire::MacAddress::Parse(kOurMac);
  f.source = *wire::MacAddress::Parse(kPeerMac);
  const auto source = *wire::IpAddress::Parse(Address(options_.ipv6, true));
  const auto destination = *wire::IpAddress::Parse(Address(options_.ipv6, false));
  if (options_.ipv6) {
    wire::Ipv6Header ip;
    ip.source = source;
    ip.destination = destination;
    f.ip = ip;
  } else {
    wire::Ipv4Header ip;
    ip.source = source;
    ip.destination = destination;
    f.ip = ip;
  }
  f.udp.source_port = 0xc123;
  f.bth.opcode = opcode;
  f.bth.dest_qpn = qp->qpn();
  f.bth.psn = Psn(psn);
  return f;
}

void LoneEnd::Finish(wire::DecodedFrame* f) {
  const size_t pad = (4 - f->payload.size() % 4) % 4;
  f->pad.assign(pad, 0);
  f->bth.pad_count = static_cast<uint8_t>(pad);
  if (f->bth.opcode == wire::Opcode::kCnp) f->cnp_reserved.emplace().fill(0);
  if (auto* ip = std::get_if<wire::Ipv4Header>(&f->ip)) ip->total_length = ip->checksum = 0;
  const size_t l3 = wire::kEthernetBytes + (f->vlan_tci ? wire::kVlanTagBytes : 0);
  const size_t ip_bytes = f->ipv6() ? wire::Ipv6Header::kSize : wire::Ipv4Header::kSize;
  const size_t udp = f->Encode().size() - f->trailing.size() - l3 - ip_bytes;
  f->udp.length = static_cast<uint16_t>(udp);
  if (auto* ip = std::get_if<wire::Ipv4Header>(&f->ip)) {
    ip->total_length = static_cast<uint16_t>(udp + ip_bytes);
    uint8_t header[wire::Ipv4Header::kSize];
    ip->Write(header);
    ip->checksum = wire::InternetChecksum(header, sizeof header);
  } else {
    std::get<wire::Ipv6Header>(f->ip).payload_length = static_cast<uint16_t>(udp);
  }
  f->icrc = f->ComputedIcrc();
}

wire::DecodedFrame LoneEnd::Request(const PeerRequest& r) const {
  wire::DecodedFrame f = Frame(r.opcode, r.psn);
  const wire::OpcodeTraits& t = wire::TraitsOf(static_cast<uint8_t>(r.opcode));
  if (t.reth) f.reth = wire::Reth{r.va, r.rkey, r.length};
  if (t.imm) f.imm = wire::ImmDt{r.imm};
  if (t.atomic_eth) f.atomic_eth = r.atomic;
  if (t.ieth) f.ieth = wire::Ieth{r.invalidate};
  f.bth.ack_request = r.ack_request;
  f.payload = r.payload;
  Finish(&f);
  return f;
}

wire::DecodedFrame LoneEnd::ReadResponse(wire::Opcode opcode, uint32_t psn,
                                         std::vector<uint8_t> payload, uint8_t syndrome,
                                         uint32_t msn) const {
  wire::DecodedFrame f = Frame(opcode, psn);
  if (wire::TraitsOf(opcode).aeth) f.aeth = wire::Aeth{syndrome, msn};
  f.payload = std::move(payload);
  Finish(&f);
  return f;
}

void LoneEnd::AtomicResponse(uint32_t psn, uint64_t original) {
  wire::DecodedFrame f = Frame(wire::Opcode::kRcAtomicAcknowledge, psn);
  f.aeth = wire::Aeth{31, 1};
  f.atomic_ack_eth = wire::AtomicAckEth{original};
  Finish(&f);
  Inject(f);
}

void LoneEnd::Aeth(uint32_t psn, uint8_t syndrome, uint32_t msn) {
  wire::DecodedFrame f = Frame(wire::Opcode::kRcAcknowledge, psn);
  f.aeth = wire::Aeth{syndrome, msn};
  Finish(&f);
  Inject(f);
}

}  // namespace sluice::test
