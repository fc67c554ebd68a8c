// How a Packet lies in an rte_mbuf. For lib/dpdk's own files.
#ifndef SLUICE_DPDK_MBUF_LAYOUT_H_
#define SLUICE_DPDK_MBUF_LAYOUT_H_

#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "port/packet.h"

namespace sluice::dpdk {

// Ethernet + IPv4 + UDP + BTH.
inline constexpr uint16_t kHeaders = 14 + 20 + 8 + 12;
// Where an allocated frame begins: behind the headroom, with the payload on a cache line.
inline constexpr uint16_t kDataOffset = 138;
static_assert(kDataOffset >= RTE_PKTMBUF_HEADROOM);
static_assert((kDataOffset + kHeaders) % RTE_CACHE_LINE_SIZE == 0);

// The private area of every mbuf: the segments of a frame that arrived as a chain. Its size keeps
// the buffer behind it on a cache line.
inline constexpr size_t kMaxSegments = 16;
struct MbufPrivate {
  port::Segment segments[kMaxSegments];
};
static_assert(sizeof(MbufPrivate) % RTE_CACHE_LINE_SIZE == 0);
static_assert(sizeof(MbufPrivate) % RTE_MBUF_PRIV_ALIGN == 0);

// A chained frame's first buffer must hold every protocol header: Ethernet with a tag, IPv6, UDP,
// BTH and the longest extension header, AtomicETH.
inline constexpr uint32_t kMinFirstSegment = 18 + 40 + 8 + 12 + 28;

inline MbufPrivate* PrivateOf(rte_mbuf* mbuf) {
  return static_cast<MbufPrivate*>(rte_mbuf_to_priv(mbuf));
}

// Makes an mbuf that comes from the pool ready to be written: what rte_pktmbuf_reset does, in two
// stores. A free mbuf has no next, one reference and one segment by DPDK's own rule.
inline void ResetMbuf(rte_mbuf* mbuf, uint64_t rearm) {
  std::memcpy(&mbuf->rearm_data, &rearm, sizeof(rearm));
  mbuf->ol_flags = 0;
}

// The word for ResetMbuf: data offset, one reference, one segment, no port.
inline uint64_t RearmWord() {
  struct {
    uint16_t data_off = kDataOffset;
    uint16_t refcnt = 1;
    uint16_t nb_segs = 1;
    uint16_t port = UINT16_MAX;
  } fields;
  uint64_t word;
  static_assert(sizeof(fields) == sizeof(word));
  static_assert(offsetof(rte_mbuf, refcnt) == offsetof(rte_mbuf, data_off) + 2);
  static_assert(offsetof(rte_mbuf, nb_segs) == offsetof(rte_mbuf, data_off) + 4);
  static_assert(offsetof(rte_mbuf, port) == offsetof(rte_mbuf, data_off) + 6);
  std::memcpy(&word, &fields, sizeof(word));
  return word;
}

}  // namespace sluice::dpdk

#endif  // SLUICE_DPDK_MBUF_LAYOUT_H_
