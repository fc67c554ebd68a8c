#include "net/neighbour_table.h"

#include <algorithm>

namespace sluice::net {

const char* NameOf(NeighbourState state) {
  switch (state) {
    case NeighbourState::kIncomplete:
      return "INCOMPLETE";
    case NeighbourState::kReachable:
      return "REACHABLE";
    case NeighbourState::kStale:
      return "STALE";
    case NeighbourState::kProbe:
      return "PROBE";
    case NeighbourState::kFailed:
      return "FAILED";
  }
  return "?";
}

NeighbourTable::NeighbourTable(const NeighbourConfig& config) : config_(config) {
  entries_.reserve(config_.capacity);
}

Neighbour* NeighbourTable::Get(const wire::IpAddress& ip) {
  const auto it = std::find_if(entries_.begin(), entries_.end(),
                               [&ip](const Neighbour& n) { return n.ip == ip; });
  return it == entries_.end() ? nullptr : &*it;
}

std::optional<Neighbour> NeighbourTable::Find(const wire::IpAddress& ip) const {
  for (const Neighbour& n : entries_) {
    if (n.ip == ip) return n;
  }
  return std::nullopt;
}

Neighbour* NeighbourTable::Make(Time now, const wire::IpAddress& ip) {
  if (entries_.size() >= config_.capacity) {
    Neighbour* oldest = nullptr;
    for (Neighbour& n : entries_) {
      if (n.state == NeighbourState::kIncomplete) continue;
      if (oldest == nullptr || n.used < oldest->used) oldest = &n;
    }
    if (oldest == nullptr) return nullptr;
    *oldest = entries_.back();
    entries_.pop_back();
  }
  Neighbour n;
  n.ip = ip;
  n.used = now;
  entries_.push_back(n);
  return &entries_.back();
}

void NeighbourTable::Ask(Neighbour* n, NeighbourState state, Time now) {
  n->state = state;
  n->asked = 0;
  n->deadline = now;
}

Neighbour NeighbourTable::Resolve(Time now, const wire::IpAddress& ip) {
  Neighbour* n = Get(ip);
  if (n == nullptr) {
    n = Make(now, ip);
    if (n == nullptr) {
      Neighbour refused;
      refused.ip = ip;
      refused.state = NeighbourState::kFailed;
      return refused;
    }
    Ask(n, NeighbourState::kIncomplete, now);
  } else if (n->state == NeighbourState::kStale) {
    Ask(n, NeighbourState::kProbe, now);
  }
  n->used = now;
  const Neighbour known = *n;
  Schedule();
  return known;
}

void NeighbourTable::OnAnswer(Time now, const wire::IpAddress& ip, const wire::MacAddress& mac) {
  Neighbour* n = Get(ip);
  if (n == nullptr) return;
  // Only what we asked for is an answer.
  if (n->state != NeighbourState::kIncomplete && n->state != NeighbourState::kProbe) {
    OnHint(now, ip, mac);
    return;
  }
  n->mac = mac;
  n->state = NeighbourState::kReachable;
  n->deadline = now + config_.reachable;
  Schedule();
}

void NeighbourTable::OnHint(Time now, const wire::IpAddress& ip, const wire::MacAddress& mac) {
  Neighbour* n = Get(ip);
  if (n == nullptr) return;
  if (n->state == NeighbourState::kFailed) {
    Ask(n, NeighbourState::kIncomplete, now);
  } else if ((n->state == NeighbourState::kReachable || n->state == NeighbourState::kStale) &&
             n->mac != mac) {
    Ask(n, NeighbourState::kProbe, now);
    // Everybody is asked, not only the address that is in doubt.
    n->asked = config_.attempts > 1 ? 1 : 0;
  } else {
    return;
  }
  Schedule();
}

// Whether the entry stays.
bool NeighbourTable::Age(Neighbour* n, Time now, std::optional<Question>* question) {
  switch (n->state) {
    case NeighbourState::kReachable:
      n->state = NeighbourState::kStale;
      n->deadline = now + config_.stale;
      return true;
    case NeighbourState::kStale:
    case NeighbourState::kFailed:
      return false;
    case NeighbourState::kIncomplete:
    case NeighbourState::kProbe:
      break;
  }
  if (n->asked >= config_.attempts) {
    n->state = NeighbourState::kFailed;
    n->deadline = now + config_.failed;
    return true;
  }
  // The first question of a probe goes to the address that we know, the others to everybody.
  *question = Question{n->ip, std::nullopt};
  if (n->state == NeighbourState::kProbe && n->asked == 0) (*question)->mac = n->mac;
  ++n->asked;
  n->deadline = now + config_.retry;
  return true;
}

size_t NeighbourTable::OnTimers(Time now, std::span<Question> out) {
  size_t written = 0;
  if (!deadline_ || *deadline_ > now) return 0;
  for (size_t i = 0; i < entries_.size() && written < out.size();) {
    Neighbour& n = entries_[i];
    if (n.deadline > now) {
      ++i;
      continue;
    }
    std::optional<Question> question;
    if (Age(&n, now, &question)) {
      if (question) out[written++] = *question;
      ++i;
    } else {
      n = entries_.back();
      entries_.pop_back();
    }
  }
  Schedule();
  return written;
}

void NeighbourTable::Schedule() {
  deadline_ = std::nullopt;
  for (const Neighbour& n : entries_) {
    deadline_ = deadline_ ? Earlier(*deadline_, n.deadline) : n.deadline;
  }
}

}  // namespace sluice::net
