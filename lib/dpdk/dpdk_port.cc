#include "dpdk/dpdk_port.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "dpdk/fault_guard.h"
#include "dpdk/mbuf_layout.h"

static_assert(__AVX2__ == 1, "this room was compiled without our -march");

namespace sluice::dpdk {

using port::kMaxBurst;
using port::Packet;
using port::Segment;

namespace {

inline rte_mbuf* MbufOf(const Packet& packet) { return static_cast<rte_mbuf*>(packet.handle); }

// One call of the driver, as FaultGuard runs it.
struct Burst {
  uint16_t port;
  uint16_t wanted;
  rte_mbuf** mbufs;
  uint16_t done;
};

void ReceiveInto(void* argument) {
  auto* b = static_cast<Burst*>(argument);
  b->done = rte_eth_rx_burst(b->port, 0, b->mbufs, b->wanted);
}

void TransmitFrom(void* argument) {
  auto* b = static_cast<Burst*>(argument);
  b->done = rte_eth_tx_burst(b->port, 0, b->mbufs, b->wanted);
}

}  // namespace

inline size_t DpdkPort::ReceiveMbufs(rte_mbuf** mbufs, size_t count) {
  const uint16_t wanted = static_cast<uint16_t>(count);
  if (!guarded_) [[likely]]
    return rte_eth_rx_burst(port_, 0, mbufs, wanted);
  Burst burst{port_, wanted, mbufs, 0};
  if (FaultGuard::Run(ReceiveInto, &burst)) return burst.done;
  ++peer_faults_;
  return 0;
}

inline size_t DpdkPort::TransmitMbufs(rte_mbuf** mbufs, size_t count) {
  const uint16_t wanted = static_cast<uint16_t>(count);
  if (!guarded_) [[likely]]
    return rte_eth_tx_burst(port_, 0, mbufs, wanted);
  Burst burst{port_, wanted, mbufs, 0};
  if (FaultGuard::Run(TransmitFrom, &burst)) return burst.done;
  ++peer_faults_;
  // Which of them the driver freed nobody can tell: they count as sent, into the void.
  return count;
}

size_t DpdkPort::Allocate(std::span<Packet> burst) {
  const uint64_t rearm = RearmWord();
  size_t total = 0;
  while (total < burst.size()) {
    rte_mbuf* mbufs[kMaxBurst];
    size_t n = std::min(burst.size() - total, kMaxBurst);
    if (rte_mempool_get_bulk(pool_, reinterpret_cast<void**>(mbufs), static_cast<unsigned>(n)) != 0)
        [[unlikely]] {
      // All or nothing: when the pool is short, take what is there one by one.
      const size_t wanted = n;
      n = 0;
      while (n < wanted && rte_mempool_get(pool_, reinterpret_cast<void**>(&mbufs[n])) == 0) ++n;
      if (n == 0) break;
    }
    for (size_t i = 0; i < n; ++i) {
      ResetMbuf(mbufs[i], rearm);
      Packet& p = burst[total + i];
      p = Packet{};
      p.handle = mbufs[i];
      p.header = rte_pktmbuf_mtod(mbufs[i], uint8_t*);
    }
    total += n;
  }
  return total;
}

size_t DpdkPort::Receive(std::span<Packet> burst) {
  rte_mbuf* mbufs[kMaxBurst];
  const size_t want = std::min(burst.size(), kMaxBurst);
  const size_t got = ReceiveMbufs(mbufs, want);
  size_t n = 0;
  for (size_t i = 0; i < got; ++i) {
    rte_mbuf* m = mbufs[i];
    Packet& p = burst[n];
    p = Packet{};
    p.handle = m;
    p.header = rte_pktmbuf_mtod(m, uint8_t*);
    p.header_length = m->data_len;
    p.frame_length = m->pkt_len;
    if (m->nb_segs != 1) [[unlikely]] {
      if (!DescribeChain(m, &p)) {
        ++rx_unusable_;
        rte_pktmbuf_free(m);
        continue;
      }
    }
    ++n;
  }
  if (stamp_field_ >= 0) [[unlikely]]
    StampPackets(burst.first(n));
  return n;
}

// The segments of a chained frame. False when the headers do not lie together or there are too
// many pieces: the peer chose the cut, so it is dropped and counted.
bool DpdkPort::DescribeChain(rte_mbuf* mbuf, Packet* packet) {
  if (mbuf->data_len < std::min(kMinFirstSegment, mbuf->pkt_len) &&
      rte_pktmbuf_linearize(mbuf) == 0) {
    packet->header_length = mbuf->data_len;
    return true;
  }
  if (mbuf->data_len < std::min(kMinFirstSegment, mbuf->pkt_len)) return false;
  Segment* segments = PrivateOf(mbuf)->segments;
  size_t count = 0;
  for (rte_mbuf* m = mbuf->next; m != nullptr; m = m->next) {
    if (m->data_len == 0) continue;
    if (count == kMaxSegments) return false;
    segments[count++] = {rte_pktmbuf_mtod(m, const uint8_t*), m->data_len};
  }
  if (count != 0) {
    packet->payload = segments[0].data;
    packet->payload_length = segments[0].length;
    packet->more = segments + 1;
    packet->more_count = static_cast<uint8_t>(count - 1);
  }
  return true;
}

// Brings the segments of a packet into a form that the driver can send. False: it never will be.
bool DpdkPort::PrepareChain(rte_mbuf* mbuf, Packet* packet) {
  if (mbuf->nb_segs != 1) {
    // A received chain goes back as it is; its segments are its own buffers.
    if (sends_chains_) return true;
    if (rte_pktmbuf_linearize(mbuf) != 0) return false;
    packet->header_length = mbuf->data_len;
  } else {
    uint64_t length = uint64_t{packet->header_length} + packet->payload_length;
    for (size_t i = 0; i < packet->more_count; ++i) length += packet->more[i].length;
    if (length > uint64_t{mbuf->buf_len} - mbuf->data_off) return false;
    uint8_t* out = packet->header + packet->header_length;
    const auto append = [&out](const Segment& s) {
      if (s.length != 0) std::memcpy(out, s.data, s.length);
      out += s.length;
    };
    append({packet->payload, packet->payload_length});
    for (size_t i = 0; i < packet->more_count; ++i) append(packet->more[i]);
    packet->header_length = static_cast<uint16_t>(length);
  }
  packet->payload = nullptr;
  packet->payload_length = 0;
  packet->more = nullptr;
  packet->more_count = 0;
  return true;
}

size_t DpdkPort::Transmit(std::span<Packet> burst) {
  size_t total = 0;
  while (total < burst.size()) {
    rte_mbuf* mbufs[kMaxBurst];
    const size_t limit = std::min(burst.size() - total, kMaxBurst);
    size_t n = 0;
    bool unusable = false;
    for (; n < limit; ++n) {
      Packet& p = burst[total + n];
      rte_mbuf* m = MbufOf(p);
      if ((p.payload_length | p.more_count) != 0) [[unlikely]] {
        unusable = !PrepareChain(m, &p);
        if (unusable) break;
      }
      if (m->nb_segs == 1) [[likely]] {
        m->data_len = p.header_length;
        m->pkt_len = p.header_length;
      }
      mbufs[n] = m;
    }
    size_t sent = 0;
    while (sent < n) {
      const size_t k = TransmitMbufs(mbufs + sent, n - sent);
      if (k == 0) break;
      sent += k;
    }
    total += sent;
    if (sent < n) break;
    if (unusable) {
      // No later call could send it either: refusing it would stop the line for ever.
      ++tx_unusable_;
      Release(burst.subspan(total, 1));
      ++total;
    }
  }
  return total;
}

void DpdkPort::Release(std::span<Packet> burst) {
  while (!burst.empty()) {
    rte_mbuf* mbufs[kMaxBurst];
    const size_t n = std::min(burst.size(), kMaxBurst);
    for (size_t i = 0; i < n; ++i) mbufs[i] = MbufOf(burst[i]);
    rte_pktmbuf_free_bulk(mbufs, static_cast<unsigned>(n));
    burst = burst.subspan(n);
  }
}

}  // namespace sluice::dpdk
