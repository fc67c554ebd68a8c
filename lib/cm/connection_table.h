// ConnectionTable: all connections of a manager, by our id, by the peer's id and by the peer's QPN.
// Bounded; a slot's generation is part of its id, and both go through a keyed permutation, so that
// an id that was seen says nothing about the others. Deterministic, one thread. Allocates up to its
// limit and keeps what it has.
#ifndef SLUICE_CM_CONNECTION_TABLE_H_
#define SLUICE_CM_CONNECTION_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/key_permutation.h"
#include "cm/connection.h"

namespace sluice::cm {

class ConnectionTable {
 public:
  ConnectionTable(uint64_t seed, uint32_t capacity);

  // Null when full. The connection is idle and in no index but that of ids.
  Connection* Make(const Peer& peer);
  // To kIdle and out of all indices; its slot is used again once its events were taken.
  void Free(Connection* c);
  // One event of it was taken.
  void EventTaken(Id id);

  // Null for ids that name nothing.
  Connection* Find(Id id);
  // By what the peer calls it. Lookups and connections have names of their own.
  Connection* FindRemote(const wire::IpAddress& ip, uint32_t remote_id, bool sidr);
  // A connection, not in time wait, with that queue pair of the peer.
  Connection* FindQpn(const wire::IpAddress& ip, uint32_t qpn);

  // Keeps the list of half-open connections right.
  void SetState(Connection* c, State state);
  // Enters the connection under remote_id, or under parameters.peer_qpn.
  void IndexRemote(Connection* c);
  void IndexQpn(Connection* c);

  size_t size() const { return used_; }
  size_t half_open() const { return half_open_.size(); }
  size_t half_open_of(const wire::IpAddress& ip) const;
  // Connections that this peer began, also those that are not established, but for TIME_WAIT. Looks
  // at every slot.
  size_t begun_by(const wire::IpAddress& ip) const;

 private:
  using Chain = uint32_t Connection::*;
  uint32_t Bucket(const wire::IpAddress& ip, uint32_t name, bool sidr) const;
  void Link(std::vector<uint32_t>* heads, Chain next, uint32_t bucket, Connection* c);
  void Unlink(std::vector<uint32_t>* heads, Chain next, uint32_t bucket, Connection* c);
  Connection* Recycle();
  static bool IsSidr(const Connection& c);

  const KeyPermutation permutation_;
  const uint64_t hash_key_;
  const uint32_t capacity_;
  std::deque<Connection> slots_;
  std::deque<uint32_t> free_;
  std::vector<uint32_t> by_remote_;
  std::vector<uint32_t> by_qpn_;
  std::vector<uint32_t> half_open_;
  size_t used_ = 0;
};

}  // namespace sluice::cm

#endif  // SLUICE_CM_CONNECTION_TABLE_H_
