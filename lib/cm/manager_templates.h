// Templates of Manager that its own files share.
#ifndef SLUICE_CM_MANAGER_TEMPLATES_H_
#define SLUICE_CM_MANAGER_TEMPLATES_H_

#include <algorithm>
#include <cstddef>

#include "cm/manager.h"

namespace sluice::cm {

template <typename Message>
void Manager::Send(const Peer& to, uint64_t transaction, const Message& m) {
  wire::CmMad mad;
  mad.header.transaction_id = transaction;
  mad.message = m;
  Queue(to, wire::EncodeCm(mad));
}

template <typename Message>
void Manager::SendStateless(const Input& in, const Message& m) {
  if (!stateless_.Take(in.now)) return Add(CmCount::kRateLimited);
  Send(in.from, in.header.transaction_id, m);
}

template <typename Message>
void Manager::SendKept(Time now, Connection* c, uint64_t transaction, const Message& m) {
  wire::CmMad mad;
  mad.header.transaction_id = transaction;
  mad.message = m;
  c->last_mad = wire::EncodeCm(mad);
  c->tries_left = c->max_retries;
  Queue(c->peer, c->last_mad);
  Arm(c, now + c->timeout);
}

template <typename Message>
Connection* Manager::Match(const Input& in, const Message& m) {
  Connection* c = table_.Find(m.remote_comm_id);
  if (c == nullptr) {
    Add(CmCount::kUnknownId);
    return nullptr;
  }
  if (!(c->peer.ip == in.from.ip) || !c->remote_known || c->remote_id != m.local_comm_id) {
    Add(CmCount::kWrongPeer);
    return nullptr;
  }
  return c;
}

template <size_t N>
void Manager::SetPrivate(Event* e, const std::array<uint8_t, N>& bytes, size_t skip) {
  static_assert(N <= sizeof(e->private_bytes));
  e->private_length = static_cast<uint8_t>(N - skip);
  std::copy(bytes.begin() + static_cast<ptrdiff_t>(skip), bytes.end(), e->private_bytes.begin());
}

}  // namespace sluice::cm

#endif  // SLUICE_CM_MANAGER_TEMPLATES_H_
