#include "engine/path_prober.h"

#include <algorithm>

#include "base/rng.h"

namespace sluice::engine {
namespace {

constexpr uint64_t kPurpose = 0x70726f6265;
constexpr Duration kPatience = Duration::Milliseconds(40);
constexpr uint8_t kTries = 8;  // so that no network that merely loses packets is taken for narrow
constexpr size_t kMostQueued = 256;

}  // namespace

PathProber::Probe* PathProber::Find(uint64_t number) {
  const auto it = std::find_if(probes_.begin(), probes_.end(),
                               [number](const Probe& p) { return p.number == number; });
  return it == probes_.end() ? nullptr : &*it;
}

uint64_t PathProber::Start(Time now, const cm::Peer& peer, uint8_t mtu) {
  if (probes_.size() >= kMost) return 0;
  Probe p;
  // What a stranger would have to guess to answer in the peer's place.
  do {
    p.number = Mix64(seed_ ^ kPurpose ^ Mix64(++count_));
  } while (p.number == 0 || Find(p.number) != nullptr);
  p.peer = peer;
  p.top = mtu;
  p.answered = std::min(mtu, kSafeMtu);
  p.done = mtu <= kSafeMtu;
  probes_.push_back(p);
  if (!p.done) Ask(now, &probes_.back());
  return p.number;
}

void PathProber::Ask(Time now, Probe* p) {
  ++p->tries;
  p->deadline = now + kPatience;
  for (uint8_t code = p->top; code > p->answered && out_.size() < kMostQueued; --code) {
    out_.push_back({p->peer,
                    {wire::PathProbe::kMagic, wire::PathProbe::kVersion, wire::PathProbe::kQuestion,
                     code, 0, 0, p->number}});
  }
}

std::optional<uint8_t> PathProber::TakeResult(uint64_t number) {
  Probe* p = Find(number);
  if (p == nullptr || !p->done) return std::nullopt;
  const uint8_t mtu = p->answered;
  Forget(number);
  return mtu;
}

void PathProber::Forget(uint64_t number) {
  std::erase_if(probes_, [number](const Probe& p) { return p.number == number; });
}

void PathProber::OnProbe(Time now, const cm::Peer& from, const wire::PathProbe& probe,
                         uint32_t payload) {
  if (probe.version != wire::PathProbe::kVersion || probe.mtu <= kSafeMtu || probe.mtu > 5 ||
      payload != wire::ProbePayload(probe.mtu)) {
    return;
  }
  if (probe.kind == wire::PathProbe::kQuestion) {
    if (out_.size() >= kMostQueued || !answers_.Take(now)) return;
    wire::PathProbe answer = probe;
    answer.kind = wire::PathProbe::kAnswer;
    answer.reserved8 = 0;
    answer.reserved32 = 0;
    out_.push_back({from, answer});
    return;
  }
  if (probe.kind != wire::PathProbe::kAnswer) return;
  Probe* p = Find(probe.nonce);
  if (p == nullptr || p->done || !(p->peer.ip == from.ip) || probe.mtu > p->top) return;
  p->answered = std::max(p->answered, probe.mtu);
  Conclude(p);
}

void PathProber::OnTooBig(const wire::IpAddress& peer, uint8_t mtu) {
  for (Probe& p : probes_) {
    if (!(p.peer.ip == peer) || p.done) continue;
    p.top = std::clamp(mtu, p.answered, p.top);
    Conclude(&p);
  }
}

void PathProber::Conclude(Probe* p) { p->done = p->answered >= p->top; }

void PathProber::OnTimers(Time now) {
  for (Probe& p : probes_) {
    if (p.done || p.deadline > now) continue;
    if (p.tries == kTries) {
      p.done = true;
    } else {
      Ask(now, &p);
    }
  }
}

OptionalTime PathProber::NextDeadline() const {
  OptionalTime next;
  for (const Probe& p : probes_) {
    if (!p.done) next = next ? Earlier(*next, p.deadline) : p.deadline;
  }
  return next;
}

PathProber::Datagram PathProber::Take() {
  const Datagram d = out_.front();
  out_.pop_front();
  return d;
}

}  // namespace sluice::engine
