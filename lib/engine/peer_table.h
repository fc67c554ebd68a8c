// PeerTable: the accounts of an engine's peers, by address. A peer has one while it has a queue
// pair. Set-up calls; allocates. One thread: the engine's.
#ifndef SLUICE_ENGINE_PEER_TABLE_H_
#define SLUICE_ENGINE_PEER_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

#include "transport/peer_account.h"
#include "wire/address.h"

namespace sluice::engine {

class PeerTable {
 public:
  explicit PeerTable(const transport::PeerLimits& limits) : limits_(limits) {}
  PeerTable(const PeerTable&) = delete;
  PeerTable& operator=(const PeerTable&) = delete;

  // Counts one more queue pair with that peer; null when it has as many as one may.
  transport::PeerAccount* Open(const wire::IpAddress& address) {
    transport::PeerAccount& account =
        accounts_.try_emplace(address.bytes(), address, limits_).first->second;
    if (account.full()) return nullptr;
    account.Open();
    return &account;
  }
  // Of one queue pair; null is nobody's.
  void Close(transport::PeerAccount* account) {
    if (account != nullptr && !account->Close()) accounts_.erase(account->address().bytes());
  }

  bool Has(const wire::IpAddress& address) const { return accounts_.contains(address.bytes()); }
  size_t size() const { return accounts_.size(); }
  const transport::PeerLimits& limits() const { return limits_; }

 private:
  const transport::PeerLimits limits_;
  std::map<std::array<uint8_t, 16>, transport::PeerAccount> accounts_;
};

}  // namespace sluice::engine

#endif  // SLUICE_ENGINE_PEER_TABLE_H_
