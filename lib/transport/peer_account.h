// PeerAccount: what all queue pairs with one peer together hold and ask for, so that a peer cannot
// have more by opening more of them. A peer is an address; what a number of addresses may do is for
// the limits of the engine and of the connection manager.
//
//   queue pairs   counted when they are connected, refused above the limit
//   owed bytes    READ requests accepted and not yet answered whole, or with selective repeat not
//                 acknowledged whole; above the limit a further one is put off by a
//                 receiver-not-ready NAK, so that an honest peer only waits
//   replays       READ and atomic requests that are answered a second time; above the rate they are
//                 dropped as if lost
//
// A queue pair stays with the address that it was connected to. Plain data. One thread: the
// engine's.
#ifndef SLUICE_TRANSPORT_PEER_ACCOUNT_H_
#define SLUICE_TRANSPORT_PEER_ACCOUNT_H_

#include <cstdint>

#include "base/checks.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "base/units.h"
#include "wire/address.h"

namespace sluice::transport {

struct PeerLimits {
  uint32_t queue_pairs = 0;  // 0: as many as the engine has
  // Two of the longest READs (IBTA 1.4, 9.7.2: 2^31 bytes). One request is always accepted.
  Bytes read_bytes{int64_t{1} << 32};
  // Of all its queue pairs; one has 100,000 a second for itself. At 400 Gb/s and MTU 1024 an honest
  // peer that loses one packet of a hundred asks for less than 452,000 a second again.
  uint32_t replays_per_second = 500'000;
  uint32_t replay_burst = 4096;
};

class PeerAccount {
 public:
  PeerAccount(const wire::IpAddress& address, const PeerLimits& limits)
      : address_(address),
        limits_(limits),
        replays_(limits.replays_per_second, limits.replay_burst) {}

  const wire::IpAddress& address() const { return address_; }
  bool full() const {
    return Enabled(Check::kPeerQueuePairs) && limits_.queue_pairs > 0 &&
           queue_pairs_ >= limits_.queue_pairs;
  }
  void Open() { ++queue_pairs_; }
  // False when that was the last one.
  bool Close() { return --queue_pairs_ > 0; }

  // Whether a READ of that length may be owed as well.
  bool MayOwe(uint64_t length) const {
    return owed_ == 0 || owed_ + length <= static_cast<uint64_t>(limits_.read_bytes.count());
  }
  void Owe(uint64_t length) { owed_ += length; }
  void Settle(uint64_t length) { owed_ -= length; }

  bool MayReplay(Time now) { return !Enabled(Check::kPeerReplays) || replays_.Take(now); }

 private:
  const wire::IpAddress address_;
  const PeerLimits limits_;
  uint32_t queue_pairs_ = 0;
  uint64_t owed_ = 0;
  TokenBucket replays_;
};

}  // namespace sluice::transport

#endif  // SLUICE_TRANSPORT_PEER_ACCOUNT_H_
