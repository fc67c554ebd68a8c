#include "support/unacked_end.h"

#include <gtest/gtest.h>

#include "verbs/assemble.h"
#include "wire/ip_headers.h"

namespace sluice::test {

using verbs::QueuePairState;
using verbs::QueuePairType;

namespace {

constexpr char kOurMac[] = "02:00:00:00:00:01";
constexpr char kPeerMac[] = "02:00:00:00:00:02";

}  // namespace

std::string UnackedEnd::PeerAddress() const {
  return options_.ipv6 ? "2001:db8::2" : "198.51.100.2";
}

UnackedEnd::UnackedEnd(const UnackedEndOptions& options)
    : options_(options), fake(options.port), memory(size_t{1} << 16) {
  const Time start = Time::FromPs(1'000'000);
  clock_.Set(start);
  fake.SetNow(start);
  for (size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<uint8_t>(i * 7 + (i >> 8));
  verbs::DeviceParts parts;
  parts.port = &fake;
  parts.clock = &clock_;
  parts.mac = *wire::MacAddress::Parse(kOurMac);
  parts.address = *wire::IpAddress::Parse(options.ipv6 ? "2001:db8::1" : "198.51.100.1");
  parts.engine.start = start;
  parts.engine.pacing_credit = options.pacing_credit;
  device = verbs::MakeDevice(parts);
  pd = device->AllocateProtectionDomain();
  cq = *device->CreateCompletionQueue(options.completions);
  region = *device->Register(
      pd.get(), memory.data(), memory.size(),
      verbs::kLocalWrite | verbs::kRemoteWrite | verbs::kRemoteRead | verbs::kRemoteAtomic);
  if (options.shared) {
    verbs::SharedReceiveQueueOptions so;
    so.depth = options.shared_depth;
    srq = *device->CreateSharedReceiveQueue(pd.get(), so);
  }
  verbs::AddressOptions ao;
  ao.peer_mac = kPeerMac;
  ao.peer_address = PeerAddress();
  peer = *device->CreateAddressHandle(ao);
  verbs::QueuePairOptions qo;
  qo.send_completions = qo.receive_completions = cq.get();
  qo.send_depth = qo.receive_depth = options.depth;
  qo.type = options.type;
  qo.shared_receives = srq.get();
  qo.management = options.management;
  qp = *device->CreateQueuePair(pd.get(), qo);
}

UnackedEnd::~UnackedEnd() { qp.reset(); }

verbs::QueuePairAttributes UnackedEnd::Needed(QueuePairState to) const {
  const bool rc = options_.type == QueuePairType::kRc;
  const bool ud = options_.type == QueuePairType::kUd;
  verbs::QueuePairAttributes a;
  if (to == QueuePairState::kInit) {
    a.pkey = 0xffff;
    if (ud) a.qkey = kQkey;
    if (!ud) a.access = verbs::kRemoteWrite | verbs::kRemoteRead | verbs::kRemoteAtomic;
  }
  if (to == QueuePairState::kReadyToReceive) {
    a.algorithm = options_.algorithm;
    if (!ud) {
      a.path.emplace();
      a.path->peer_mac = kPeerMac;
      a.path->peer_address = PeerAddress();
      a.mtu = kMtu;
      a.peer_qpn = kPeerQpn;
      a.receive_psn = 5000;
    }
    if (rc) {
      a.responder_resources = 4;
      a.min_rnr_timer = 12;
    }
  }
  if (to == QueuePairState::kReadyToSend) {
    a.send_psn = 1000;
    if (rc) {
      a.timeout = 8;
      a.retry_count = a.rnr_retry = 7;
      a.max_rd_atomic = 4;
    }
  }
  return a;
}

void UnackedEnd::GoTo(QueuePairState state) {
  for (QueuePairState step :
       {QueuePairState::kInit, QueuePairState::kReadyToReceive, QueuePairState::kReadyToSend}) {
    if (state == QueuePairState::kReset) return;
    const absl::Status s = qp->Modify(step, Needed(step));
    ASSERT_TRUE(s.ok()) << s;
    // With the pacing credit a flow may then send a burst at once.
    if (step == QueuePairState::kReadyToSend) Wait(Duration::Milliseconds(1));
    if (step == state) return;
  }
  if (state == QueuePairState::kSendError) {
    ASSERT_EQ(PostDatagram(device->active_mtu() + 1, kQkey), verbs::PostResult::kOk);
    Poll();
    (void)Completions();
    ASSERT_EQ(qp->state(), state);
    return;
  }
  const absl::Status s = qp->Modify(state, {});
  ASSERT_TRUE(s.ok()) << s;
}

void UnackedEnd::Poll() {
  for (int i = 0; i < 10000; ++i) {
    if (device->Poll() == 0) return;
  }
  ADD_FAILURE() << "the engine does not come to rest";
}

void UnackedEnd::Wait(Duration d) {
  clock_.Set(clock_.Now() + d);
  fake.SetNow(clock_.Now());
}

std::vector<wire::DecodedFrame> UnackedEnd::Sent() {
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

uint64_t UnackedEnd::Drops() {
  uint64_t drops = 0;
  for (const auto& [name, value] : device->statistics().counters) {
    if (name.starts_with("drop_")) drops += value;
  }
  return drops;
}

verbs::PostResult UnackedEnd::PostReceive(uint32_t length, uint64_t wr_id, size_t offset) {
  const verbs::Segment segment{memory.data() + offset, length, region->lkey()};
  if (srq != nullptr) return srq->PostReceive({wr_id, {&segment, 1}});
  return qp->PostReceive({wr_id, {&segment, 1}});
}

verbs::PostResult UnackedEnd::Post(verbs::SendRequest r, uint32_t length) {
  const verbs::Segment segment{memory.data(), length, region->lkey()};
  r.segments = {&segment, 1};
  return qp->PostSend(r);
}

verbs::PostResult UnackedEnd::PostDatagram(uint32_t length, uint32_t qkey, uint64_t wr_id) {
  verbs::SendRequest r;
  r.wr_id = wr_id;
  r.address_handle = peer.get();
  r.remote_qpn = kPeerQpn;
  r.remote_qkey = qkey;
  return Post(r, length);
}

wire::DecodedFrame UnackedEnd::Frame(uint8_t opcode, uint32_t psn,
                                     std::vector<uint8_t> payload) const {
  wire::DecodedFrame f;
  f.destination = *wire::MacAddress::Parse(kOurMac);
  f.source = *wire::MacAddress::Parse(kPeerMac);
  const auto source = *wire::IpAddress::Parse(PeerAddress());
  const auto destination = device->impl().parts.address;
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
  f.bth.opcode = static_cast<wire::Opcode>(opcode);
  f.bth.dest_qpn = qp->qpn();
  f.bth.psn = Psn(psn);
  const wire::OpcodeTraits& t = wire::TraitsOf(opcode);
  if (t.deth) f.deth = wire::Deth{kQkey, 0, kPeerQpn};
  if (t.reth) {
    f.reth = wire::Reth{reinterpret_cast<uintptr_t>(memory.data()), region->rkey(),
                        static_cast<uint32_t>(payload.size())};
  }
  if (t.atomic_eth) {
    f.atomic_eth =
        wire::AtomicEth{reinterpret_cast<uintptr_t>(memory.data()), region->rkey(), 1, 1};
  }
  if (t.aeth) f.aeth = wire::Aeth{};
  if (t.atomic_ack_eth) f.atomic_ack_eth = wire::AtomicAckEth{};
  if (t.ieth) f.ieth = wire::Ieth{1};
  if (t.imm) f.imm = wire::ImmDt{0x01020304};
  const auto has = [&t](uint8_t header) { return (t.extended_headers & header) != 0; };
  if (has(wire::kXtData)) f.extended_data = wire::ExtendedData{};
  if (has(wire::kXtTarget)) f.extended_target = wire::ExtendedTarget{};
  if (has(wire::kXtRequest)) f.extended_request = wire::ExtendedRequest{};
  if (has(wire::kXtOperands)) f.extended_operands = wire::ExtendedOperands{};
  if (has(wire::kXtOriginal)) f.extended_original = wire::AtomicAckEth{};
  if (has(wire::kXtKey)) f.extended_key = wire::Ieth{};
  if (has(wire::kXtAnswer)) f.extended_ack = wire::ExtendedAck{};
  if (has(wire::kXtBlock)) f.sack_block = wire::SackBlock{};
  f.payload = std::move(payload);
  return f;
}

}  // namespace sluice::test
