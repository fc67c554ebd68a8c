#include "cm/connection_table.h"

#include <algorithm>
#include <bit>

#include "base/be.h"
#include "base/rng.h"

namespace sluice::cm {
namespace {

constexpr uint64_t kIdPurpose = 0x636d6964;
constexpr uint64_t kHashPurpose = 0x636d6878;

}  // namespace

ConnectionTable::ConnectionTable(uint64_t seed, uint32_t capacity)
    : permutation_(Mix64(seed ^ kIdPurpose)),
      hash_key_(Mix64(seed ^ kHashPurpose)),
      capacity_(std::clamp<uint32_t>(capacity, 1, 0xffff)),
      by_remote_(std::bit_ceil(capacity_), Connection::kNone),
      by_qpn_(std::bit_ceil(capacity_), Connection::kNone) {}

bool ConnectionTable::IsSidr(const Connection& c) {
  return c.state == State::kSidrReqReceived || c.state == State::kSidrAnswered;
}

uint32_t ConnectionTable::Bucket(const wire::IpAddress& ip, uint32_t name, bool sidr) const {
  const uint8_t* b = ip.bytes().data();
  const uint64_t h = Mix64(Mix64(hash_key_ ^ LoadBe64(b)) ^ LoadBe64(b + 8));
  const uint64_t key = static_cast<uint64_t>(sidr) << 32 | name;
  return static_cast<uint32_t>(Mix64(h ^ key)) & static_cast<uint32_t>(by_remote_.size() - 1);
}

void ConnectionTable::Link(std::vector<uint32_t>* heads, Chain next, uint32_t bucket,
                           Connection* c) {
  c->*next = (*heads)[bucket];
  (*heads)[bucket] = c->slot;
}

void ConnectionTable::Unlink(std::vector<uint32_t>* heads, Chain next, uint32_t bucket,
                             Connection* c) {
  uint32_t* at = &(*heads)[bucket];
  while (*at != Connection::kNone && *at != c->slot) at = &(slots_[*at].*next);
  if (*at == c->slot) *at = c->*next;
}

Connection* ConnectionTable::Make(const Peer& peer) {
  Connection* c = nullptr;
  if (!free_.empty()) {
    c = &slots_[free_.front()];
    free_.pop_front();
  } else if (slots_.size() < capacity_) {
    c = &slots_.emplace_back();
    c->slot = static_cast<uint32_t>(slots_.size() - 1);
    c->timer.connection = c;
    c->timer.order = c->slot;
  } else {
    c = Recycle();
  }
  if (c == nullptr) return nullptr;
  ++c->generation;
  // Ids of the first slot's first generation on: none is 0 before the permutation, so the one word
  // that becomes 0 is skipped.
  do {
    c->id = permutation_.Encrypt(static_cast<uint32_t>(c->generation) << 16 | c->slot);
    if (c->id == 0) ++c->generation;
  } while (c->id == 0);
  c->peer = peer;
  ++used_;
  return c;
}

// Ends the time wait that would end first, if all its events were taken.
Connection* ConnectionTable::Recycle() {
  Connection* first = nullptr;
  for (Connection& c : slots_) {
    if (c.state != State::kTimeWait || c.events != 0) continue;
    if (first == nullptr || c.timer.deadline() < first->timer.deadline()) first = &c;
  }
  if (first == nullptr) return nullptr;
  Free(first);
  free_.pop_back();
  return first;
}

void ConnectionTable::Free(Connection* c) {
  const bool sidr = IsSidr(*c);
  if (c->in_remote) {
    Unlink(&by_remote_, &Connection::next_by_remote, Bucket(c->peer.ip, c->remote_id, sidr), c);
  }
  if (c->in_qpn) {
    Unlink(&by_qpn_, &Connection::next_by_qpn, Bucket(c->peer.ip, c->parameters.peer_qpn, false),
           c);
  }
  SetState(c, State::kIdle);
  c->in_remote = c->in_qpn = false;
  c->passive = c->rejected = c->remote_known = false;
  c->remote_id = 0;
  c->parameters = {};
  --used_;
  if (c->events == 0) free_.push_back(c->slot);
}

void ConnectionTable::EventTaken(Id id) {
  const uint32_t slot = permutation_.Decrypt(id) & 0xffff;
  Connection* c = &slots_[slot];
  --c->events;
  if (c->events == 0 && c->state == State::kIdle) free_.push_back(slot);
}

Connection* ConnectionTable::Find(Id id) {
  const uint32_t slot = permutation_.Decrypt(id) & 0xffff;
  if (id == 0 || slot >= slots_.size()) return nullptr;
  Connection* c = &slots_[slot];
  return c->id == id && c->state != State::kIdle ? c : nullptr;
}

Connection* ConnectionTable::FindRemote(const wire::IpAddress& ip, uint32_t remote_id, bool sidr) {
  for (uint32_t at = by_remote_[Bucket(ip, remote_id, sidr)]; at != Connection::kNone;
       at = slots_[at].next_by_remote) {
    Connection* c = &slots_[at];
    if (c->remote_id == remote_id && c->peer.ip == ip && IsSidr(*c) == sidr) return c;
  }
  return nullptr;
}

Connection* ConnectionTable::FindQpn(const wire::IpAddress& ip, uint32_t qpn) {
  for (uint32_t at = by_qpn_[Bucket(ip, qpn, false)]; at != Connection::kNone;
       at = slots_[at].next_by_qpn) {
    Connection* c = &slots_[at];
    if (c->parameters.peer_qpn == qpn && c->peer.ip == ip && c->state != State::kTimeWait) return c;
  }
  return nullptr;
}

void ConnectionTable::SetState(Connection* c, State state) {
  c->state = state;
  const bool listed = c->half_open_at != Connection::kNone;
  if (IsHalfOpen(state) == listed) return;
  if (!listed) {
    c->half_open_at = static_cast<uint32_t>(half_open_.size());
    half_open_.push_back(c->slot);
    return;
  }
  const uint32_t last = half_open_.back();
  half_open_[c->half_open_at] = last;
  slots_[last].half_open_at = c->half_open_at;
  half_open_.pop_back();
  c->half_open_at = Connection::kNone;
}

void ConnectionTable::IndexRemote(Connection* c) {
  c->in_remote = true;
  c->remote_known = true;
  Link(&by_remote_, &Connection::next_by_remote, Bucket(c->peer.ip, c->remote_id, IsSidr(*c)), c);
}

void ConnectionTable::IndexQpn(Connection* c) {
  c->in_qpn = true;
  Link(&by_qpn_, &Connection::next_by_qpn, Bucket(c->peer.ip, c->parameters.peer_qpn, false), c);
}

size_t ConnectionTable::half_open_of(const wire::IpAddress& ip) const {
  return static_cast<size_t>(
      std::count_if(half_open_.begin(), half_open_.end(),
                    [&](uint32_t slot) { return slots_[slot].peer.ip == ip; }));
}

size_t ConnectionTable::begun_by(const wire::IpAddress& ip) const {
  return static_cast<size_t>(std::count_if(slots_.begin(), slots_.end(), [&](const Connection& c) {
    return c.passive && c.state != State::kTimeWait && c.peer.ip == ip;
  }));
}

}  // namespace sluice::cm
