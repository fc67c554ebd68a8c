#include "engine_world.h"

#include <algorithm>
#include <string>
#include <utility>

#include "require.h"
#include "wire/icrc.h"

namespace sluice::fuzz {
namespace {

constexpr char kOurMac[] = "02:00:00:00:00:01";
constexpr char kPeerMac[] = "02:00:00:00:00:02";
constexpr size_t kSizes[kRegions] = {8192, 8192, 6000, 2048};
constexpr size_t kLastFrames = 4;
constexpr int kOpen =
    verbs::kLocalWrite | verbs::kRemoteWrite | verbs::kRemoteRead | verbs::kRemoteAtomic;
constexpr size_t kFailed = 3, kReset = 4, kTight = 5, kStranger = 2;
constexpr uint32_t kTrackingWindow = 64;

const char* AddressText(bool ipv6, bool peer) {
  if (ipv6) return peer ? "2001:db8::2" : "2001:db8::1";
  return peer ? "198.51.100.2" : "198.51.100.1";
}

}  // namespace

EngineWorld::EngineWorld(std::span<const uint8_t, kWorldBytes> options) {
  std::copy(options.begin(), options.end(), options_.begin());
  MakePort();
  clock_.Set(Time::FromPs(1'000'000));
  port_->SetNow(clock_.Now());
  verbs::DeviceParts parts;
  parts.port = port_.get();
  parts.clock = &clock_;
  parts.mac = *wire::MacAddress::Parse(kOurMac);
  parts.address = address(false);
  parts.engine.start = clock_.Now();
  parts.engine.max_queue_pairs = 16;
  parts.engine.record_blocks = 2;
  parts.engine.scoreboard_blocks = 3;
  parts.engine.icrc = checks_icrc();
  parts.max_regions = 8;
  device_ = verbs::MakeDevice(parts);
  for (auto& d : domains_) d = device_->AllocateProtectionDomain();
  for (size_t r = 0; r < kRegions; ++r) memory_[r] = std::make_unique<GuardedRegion>(kSizes[r]);
  Register(kShared, 0, kOpen);
  Register(kReceives, 0, verbs::kLocalWrite);
  Register(kSource, 0, 0);
  Register(kForeign, 1, kOpen);
  cq_ = *device_->CreateCompletionQueue((options_[1] & 0x40) != 0 ? 4 : 128);
  small_cq_ = *device_->CreateCompletionQueue(2);
  MakePeers();
}

EngineWorld::~EngineWorld() {
  for (Peer& p : peers_) p.qp.reset();
  for (auto& r : regions_) r.reset();
  const size_t blocks = device_->impl().engine.free_record_blocks();
  Require(blocks == 2, "every record block comes back");
  device_.reset();
  Require(port_->lent() == 0, "every packet goes back to the port");
  Require(port_->regions().empty(), "every region is unmapped");
}

void EngineWorld::MakePort() {
  test::FakePortOptions o;
  o.exact_size = true;
  o.pool = (options_[0] & kWorldSmallPool) != 0 ? 6 : 64;
  o.linear_room = 4300;
  o.elides_payload = elides();
  o.hardware_stamps = (options_[0] & kWorldStamps) != 0;
  const struct {
    uint16_t header;
    uint32_t segment;
  } cuts[] = {{0, 0}, {96, 0}, {74, 61}, {128, 700}};
  o.receive_header = cuts[options_[0] >> kWorldCutShift & 3].header;
  o.receive_segment = cuts[options_[0] >> kWorldCutShift & 3].segment;
  port_ = std::make_unique<test::FakePort>(o);
}

void EngineWorld::MakePeers() {
  const uint32_t mtus[] = {1024, 256, 512, 4096};
  verbs::AddressOptions to;
  to.peer_mac = kPeerMac;
  to.peer_address = AddressText(ipv6(), true);
  address_handle_ = *device_->CreateAddressHandle(to);
  for (size_t i = 0; i < kPeers; ++i) {
    Peer& p = peers_[i];
    p.domain = i == kStranger ? 1 : 0;
    p.cq = i == kTight ? small_cq_.get() : cq_.get();
    p.mtu = i == 0 ? mtus[options_[1] >> 2 & 3] : (i == 1 ? 256 : 1024);
    if (i == kUd) p.mtu = 4096;  // the port's: a datagram is one packet
    Create(p);
    if (i != kReset) Connect(p);
    for (int n = 0; n < 3 && i != 1; ++n) {
      PostReceive(p, {.b = 0xd0, .c = 7, .e = static_cast<uint8_t>(n + 1)});
    }
    if (i == 0 || i == kTight || i >= kUc) {
      PostSend(p, {.b = 0xb8, .c = 11, .e = 2});
      PostSend(p, {.a = 3, .b = 100, .d = 1, .e = 1});
    }
  }
  peers_[kFailed].qp->Fail();
}

void EngineWorld::Create(Peer& p) {
  verbs::QueuePairOptions o;
  o.send_completions = o.receive_completions = p.cq;
  o.send_depth = o.receive_depth = kDepth;
  o.max_segments = 3;
  const size_t i = static_cast<size_t>(&p - peers_.data());
  if (i == kUc) o.type = verbs::QueuePairType::kUc;
  if (i == kUd) o.type = verbs::QueuePairType::kUd;
  p.qp = *device_->CreateQueuePair(domains_[static_cast<size_t>(p.domain)].get(), o);
  p.qpn = p.qp->qpn();
  p.connected = false;
  p.sends.clear();
  p.receives.clear();
}

void EngineWorld::Connect(Peer& p) {
  const size_t i = static_cast<size_t>(&p - peers_.data());
  if (i == kUd) return ConnectDatagrams(p);
  const char* const algorithms[] = {"fixed", "dcqcn", "tita", "fixed:window=4KB"};
  verbs::ConnectOptions o;
  o.peer_qpn = kPeerQpn + static_cast<uint32_t>(i);
  o.peer_mac = kPeerMac;
  o.peer_address = AddressText(ipv6(), true);
  o.mtu = p.mtu;
  o.timeout = 8;
  o.min_rnr_timer = 1;
  o.algorithm = algorithms[(options_[1] + i) & 3];
  if (i == kUc && o.algorithm == "tita") o.algorithm = "dcqcn";  // it needs round trips
  o.base_rtt_ns = 4000;
  p.extended = (options_[0] & kWorldExtended) != 0 && i != kFailed && i != kReset && i != kUc;
  if (p.extended) {
    o.reliability = verbs::Reliability::kExtended;
    o.tracking_window = kTrackingWindow;
  }
  if ((options_[1] & 0x10) != 0) o.retry_count = 1;
  if ((options_[1] & 0x20) != 0) o.rnr_retry = 1;
  if ((options_[1] & 0x80) != 0) o.pkey = 0x7fff;
  o.send_psn = Psn(0xffffff - options_[2]).value();
  o.receive_psn = Psn(0x000010 - options_[3]).value();
  if (!p.qp->Connect(o).ok()) return;
  p.connected = true;
  p.request = Psn(o.receive_psn);
  p.newest = Psn(o.send_psn - 1);
  p.message = p.offset = p.length = p.receive = p.fetch = 0;
  p.response = p.request - 1;
}

void EngineWorld::ConnectDatagrams(Peer& p) {
  verbs::QueuePairAttributes init, receive, send;
  init.pkey = 0xffff;
  init.qkey = kQkey;
  receive.algorithm = "fixed";
  send.send_psn = 1000;
  p.connected = p.qp->Modify(verbs::QueuePairState::kInit, init).ok() &&
                p.qp->Modify(verbs::QueuePairState::kReadyToReceive, receive).ok() &&
                p.qp->Modify(verbs::QueuePairState::kReadyToSend, send).ok();
}

void EngineWorld::Register(RegionIndex r, int domain, int access) {
  regions_[r] = *device_->Register(domains_[static_cast<size_t>(domain)].get(), memory_[r]->data(),
                                   memory_[r]->size(), access);
  rkeys_[r] = regions_[r]->rkey();
}

void EngineWorld::Forget(RegionIndex r, bool ask) {
  if (regions_[r] == nullptr) return;
  if (ask && !regions_[r]->Deregister().ok()) return;
  regions_[r].reset();
  memory_[r]->Check("a byte outside of what was asked for, before deregistration");
  memory_[r]->Freeze();
}

wire::IpAddress EngineWorld::address(bool peer) const {
  return *wire::IpAddress::Parse(AddressText(ipv6(), peer));
}

Peer* EngineWorld::Find(uint32_t qpn) {
  for (Peer& p : peers_) {
    if (p.qp != nullptr && p.qpn == qpn) return &p;
  }
  return nullptr;
}

void EngineWorld::Deliver(test::FakeFrame frame) {
  NoteWrite(frame);
  if (last_.size() == kLastFrames) last_.erase(last_.begin());
  last_.push_back(frame);
  port_->Inject(std::move(frame));
  ++delivered_;
}

// A WRITE that begins here allows its range, if its queue pair's domain may write there at all and
// the frame may be believed. The queue pair's state is that of the poll, later.
void EngineWorld::NoteWrite(const test::FakeFrame& frame) {
  wire::FrameView v;
  const uint32_t length = frame.frame_length != 0
                              ? frame.frame_length
                              : static_cast<uint32_t>(frame.bytes.size()) + frame.elided_length;
  if (wire::ParseFrame(frame.bytes, length, &v) != wire::DropCause::kNone) return;
  const bool target = (v.traits->extended_headers & wire::kXtTarget) != 0;
  if (!(v.traits->reth && v.traits->write) && !v.traits->atomic && !target) return;
  if (v.opcode == wire::Opcode::kXtRead) return;
  const Peer* p = Find(v.dest_qpn);
  if (p == nullptr) return;
  if (frame.rx.icrc == port::IcrcState::kBad) return;
  if (frame.rx.icrc == port::IcrcState::kUnknown && checks_icrc()) {
    if (frame.bytes.size() < v.frame_bytes() || !wire::IcrcGood(v)) return;
  }
  const RegionIndex r = p->domain == 0 ? kShared : kForeign;
  wire::Reth reth;
  if (target) {
    const wire::ExtendedTarget t = v.extended_target();
    reth = {t.va, t.rkey, v.extended_data().length};
  } else if (v.traits->atomic) {
    const wire::AtomicEth eth = v.atomic_eth();
    reth = {eth.va, eth.rkey, 8};
  } else {
    reth = v.reth();
  }
  if (regions_[r] == nullptr || reth.rkey != rkeys_[r]) return;
  if (!memory_[r]->Holds(reth.va, reth.length)) return;
  memory_[r]->Allow(reth.va - memory_[r]->va(), reth.length);
}

void EngineWorld::PollOnce() {
  device_->Poll();
  Watch();
}

void EngineWorld::Advance(Duration d) {
  clock_.Set(clock_.Now() + d);
  port_->SetNow(clock_.Now());
}

void EngineWorld::AdvanceToDeadline() {
  const OptionalTime next = device_->impl().engine.NextDeadline();
  if (next && *next > clock_.Now()) Advance(*next - clock_.Now());
}

void EngineWorld::LimitPort(uint8_t accept, uint8_t lend) {
  port_->AcceptOnly(accept == 0 ? std::nullopt : std::optional<size_t>(accept - 1));
  port_->LendOnly(lend == 0 ? std::nullopt : std::optional<size_t>(lend - 1));
}

// Cuts `length` bytes of the region that the queue pair may use into segments with gaps between.
size_t EngineWorld::Spread(Peer& p, const Instruction& i, uint32_t length,
                           std::span<verbs::Segment> out) {
  RegionIndex r = i.what == Do::kPostReceive || i.what == Do::kPoll ? kReceives : kSource;
  if (p.domain == 1) r = kForeign;
  if (p.domain == 0 && r == kReceives && (i.e & 0x80) != 0) r = kShared;
  if (regions_[r] == nullptr) return 0;
  const size_t count = i.e % 4 == 3 ? 3 : i.e % 4;
  size_t at = (next_wr_ * 1031 + (i.e & 0x7c)) % 1500;
  for (size_t s = 0; s < count; ++s) {
    const uint32_t n = s + 1 == count ? length : length / 3;
    const auto fits = static_cast<uint32_t>(std::min<size_t>(n, memory_[r]->size() - at));
    out[s] = {memory_[r]->data() + at, fits, regions_[r]->lkey()};
    length -= n;
    at = std::min(at + fits + 13, memory_[r]->size());
  }
  return count;
}

void EngineWorld::PostSend(Peer& p, const Instruction& i) {
  if (p.qp == nullptr) return;
  verbs::Segment segments[3];
  Instruction from = i;
  from.what = Do::kPostSend;
  verbs::SendRequest r;
  r.opcode = static_cast<verbs::Opcode>(i.a % 9);
  const bool atomic =
      r.opcode == verbs::Opcode::kAtomicFetchAdd || r.opcode == verbs::Opcode::kAtomicCompareSwap;
  const bool fetches = atomic || r.opcode == verbs::Opcode::kRdmaRead;
  // What is fetched needs a place that may be written.
  if (fetches) from.what = Do::kPostReceive;
  size_t n = Spread(p, from, atomic ? 8 : i.bc(), segments);
  if (r.opcode == verbs::Opcode::kLocalInvalidate) n = 0;
  r.wr_id = next_wr_++;
  r.segments = {segments, n};
  r.fence = (i.d & 8) != 0;
  r.inlined = (i.d & 16) != 0;
  r.signalled = (i.d & 1) == 0;
  r.solicited = (i.d & 2) != 0;
  r.remote_address = 0x7000'0000'0000 + (atomic ? i.f * 8u : i.f);
  r.rkey = 0x11223344;
  r.address_handle = address_handle_.get();
  r.remote_qpn = kPeerQpn + static_cast<uint32_t>(kUd);
  r.remote_qkey = kQkey;
  if (p.qp->PostSend(r, (i.d & 4) != 0) != verbs::PostResult::kOk) return;
  uint32_t length = 0;
  for (size_t s = 0; s < n; ++s) length += segments[s].length;
  if (fetches) AllowAll({segments, n});
  p.sends.push_back({r.wr_id, length, r.signalled});
}

void EngineWorld::AllowAll(std::span<const verbs::Segment> segments) {
  for (const verbs::Segment& s : segments) {
    const auto va = reinterpret_cast<uintptr_t>(s.address);
    for (auto& m : memory_) {
      if (m->Holds(va, s.length)) m->Allow(va - m->va(), s.length);
    }
  }
}

void EngineWorld::PostReceive(Peer& p, const Instruction& i) {
  if (p.qp == nullptr) return;
  verbs::Segment segments[3];
  Instruction to = i;
  to.what = Do::kPostReceive;
  const size_t n = Spread(p, to, i.bc(), segments);
  const uint64_t id = next_wr_++;
  if (p.qp->PostReceive({id, {segments, n}}) != verbs::PostResult::kOk) return;
  uint32_t length = 0;
  for (size_t s = 0; s < n; ++s) length += segments[s].length;
  AllowAll({segments, n});
  p.receives.push_back({id, length, true});
}

void EngineWorld::Run(Peer& p, Control control) {
  switch (control) {
    case Control::kFail:
      if (p.qp != nullptr) p.qp->Fail();
      return;
    case Control::kDestroy:
      p.qp.reset();
      p.connected = false;
      return;
    case Control::kCreate:
      if (p.qp == nullptr) Create(p);
      return;
    case Control::kConnect:
      if (p.qp != nullptr) Connect(p);
      return;
    case Control::kDeregister:
      return Forget(kShared, true);
    case Control::kRegister:
      if (regions_[kShared] == nullptr) {
        Register(kShared, 0, kOpen);
      }
      return;
    default:
      return Forget(kForeign, true);
  }
}

}  // namespace sluice::fuzz
