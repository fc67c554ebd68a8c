// Dispatch of frames, ARP, and what waits to be sent.
#include "net/stack.h"

#include <algorithm>
#include <cstring>

#include "base/be.h"
#include "net/ipv6_packet.h"
#include "wire/ip_headers.h"

namespace sluice::net {
namespace {

constexpr size_t kArpBytes = 28;
constexpr uint16_t kArpRequest = 1;
constexpr uint16_t kArpReply = 2;
constexpr wire::MacAddress kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
// Short frames are filled up to what Ethernet carries.
constexpr size_t kMinFrame = 60;

}  // namespace

const char* NameOf(NetCount count) {
  constexpr const char* kNames[kNetCounts] = {
      "arp_answered", "arp_learned",   "arp_asked", "nd_answered",     "nd_learned",
      "nd_asked",     "echo_answered", "too_big",   "too_big_foreign", "address_conflict",
      "hop_limit",    "checksum",      "malformed", "other",           "answers_limited",
      "queue_full"};
  const size_t i = static_cast<size_t>(count);
  return i < kNetCounts ? kNames[i] : "unknown";
}

void WriteEthernet(uint8_t* frame, const wire::MacAddress& to, const wire::MacAddress& from,
                   uint16_t type) {
  to.Write(frame);
  from.Write(frame + 6);
  StoreBe16(frame + 12, type);
}

Stack::Stack(const StackConfig& config)
    : config_(config),
      neighbours_(config.neighbours),
      out_(config.queued_frames),
      answers_(config.answers_per_second, config.answers_at_once) {}

void Stack::OnFrame(Time now, std::span<const uint8_t> frame) {
  if (frame.size() < wire::kEthernetBytes) return Add(NetCount::kMalformed);
  const auto to = wire::MacAddress::Read(frame.data());
  if (to != config_.mac && !IsGroup(to)) return Add(NetCount::kOther);
  if (IsGroup(wire::MacAddress::Read(frame.data() + 6))) return Add(NetCount::kMalformed);
  const uint16_t type = LoadBe16(frame.data() + 12);
  if (type == kEtherTypeArp && config_.ip.is_v4()) return OnArp(now, frame);
  if (type == wire::kEtherTypeIpv4 && config_.ip.is_v4()) return OnIpv4(now, frame);
  if (type == wire::kEtherTypeIpv6 && !config_.ip.is_v4()) return OnIpv6(now, frame);
  Add(NetCount::kOther);
}

void Stack::OnArp(Time now, std::span<const uint8_t> frame) {
  if (frame.size() < wire::kEthernetBytes + kArpBytes) return Add(NetCount::kMalformed);
  const uint8_t* p = frame.data() + wire::kEthernetBytes;
  // Ethernet, IPv4, their address lengths.
  if (LoadBe32(p) != 0x00010800 || LoadBe16(p + 4) != 0x0604) return Add(NetCount::kMalformed);
  const uint16_t operation = LoadBe16(p + 6);
  const auto sender_mac = wire::MacAddress::Read(p + 8);
  const auto sender = wire::IpAddress::ReadV4(p + 14);
  const auto target = wire::IpAddress::ReadV4(p + 24);
  if (IsGroup(sender_mac)) return Add(NetCount::kMalformed);
  if (sender == config_.ip) return Add(NetCount::kAddressConflict);
  // 0.0.0.0 asks whether an address is free (RFC 5227): it is nobody's.
  const bool from_somebody = sender.v4() != 0;
  if (operation == kArpReply) {
    const bool to_us = target == config_.ip && wire::MacAddress::Read(p + 18) == config_.mac;
    Add(NetCount::kArpLearned);
    if (to_us) {
      neighbours_.OnAnswer(now, sender, sender_mac);
    } else {
      neighbours_.OnHint(now, sender, sender_mac);
    }
    return;
  }
  if (operation != kArpRequest) return Add(NetCount::kMalformed);
  if (from_somebody) neighbours_.OnHint(now, sender, sender_mac);
  if (target != config_.ip) return;
  if (!answers_.Take(now)) return Add(NetCount::kRateLimited);
  Add(NetCount::kArpAnswered);
  SendArp(kArpReply, sender_mac, sender_mac, sender);
}

void Stack::SendArp(uint16_t operation, const wire::MacAddress& to,
                    const wire::MacAddress& target_mac, const wire::IpAddress& target) {
  const std::span<uint8_t> frame = Claim();
  if (frame.empty()) return;
  std::memset(frame.data(), 0, kMinFrame);
  WriteEthernet(frame.data(), to, config_.mac, kEtherTypeArp);
  uint8_t* p = frame.data() + wire::kEthernetBytes;
  StoreBe32(p, 0x00010800);
  StoreBe16(p + 4, 0x0604);
  StoreBe16(p + 6, operation);
  config_.mac.Write(p + 8);
  config_.ip.WriteV4(p + 14);
  target_mac.Write(p + 18);
  target.WriteV4(p + 24);
  out_.Commit(kMinFrame);
}

Neighbour Stack::Resolve(Time now, const wire::IpAddress& ip) {
  if (ip == config_.ip) {
    Neighbour self;
    self.ip = ip;
    self.mac = config_.mac;
    self.state = NeighbourState::kReachable;
    return self;
  }
  // No question can find these.
  const bool nobody = ip.is_v4() != config_.ip.is_v4() || IsMulticast(ip) || ip.is_unspecified() ||
                      (ip.is_v4() && (ip.v4() == 0 || ip.v4() == 0xffffffff));
  std::optional<wire::IpAddress> hop;
  if (!nobody) hop = config_.routes.NextHop(ip);
  if (!hop) {
    Neighbour none;
    none.ip = ip;
    none.state = NeighbourState::kFailed;
    return none;
  }
  const Neighbour known = neighbours_.Resolve(now, *hop);
  OnTimers(now);
  return known;
}

void Stack::OnTimers(Time now) {
  std::array<Question, 8> due;
  size_t n;
  do {
    n = neighbours_.OnTimers(now, due);
    for (size_t i = 0; i < n; ++i) Ask(due[i]);
  } while (n == due.size());
}

void Stack::Ask(const Question& q) {
  if (q.ip.is_v4()) {
    Add(NetCount::kArpAsked);
    return SendArp(kArpRequest, q.mac.value_or(kBroadcast), wire::MacAddress{}, q.ip);
  }
  Add(NetCount::kNdAsked);
  const wire::IpAddress group = SolicitedNode(q.ip);
  SendNd(kSolicitation, q.mac.value_or(MulticastMac(group)), q.mac ? q.ip : group, q.ip, 0);
}

std::span<uint8_t> Stack::Claim() {
  const std::span<uint8_t> frame = out_.Claim();
  if (frame.empty()) Add(NetCount::kQueueFull);
  return frame;
}

std::span<uint8_t> Stack::ClaimAnswer(Time now) {
  if (!answers_.Take(now)) {
    Add(NetCount::kRateLimited);
    return {};
  }
  return Claim();
}

bool Stack::TakeTooBig(TooBig* report) {
  if (too_big_.empty()) return false;
  *report = too_big_[0];
  const FixedVector<TooBig, 8> all = too_big_;
  too_big_.clear();
  for (size_t i = 1; i < all.size(); ++i) (void)too_big_.push_back(all[i]);
  return true;
}

}  // namespace sluice::net
