#include "dpdk/ring_hub.h"

#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dpdk/mbuf_layout.h"

static_assert(__AVX2__ == 1, "this room was compiled without our -march");
static_assert(sluice::dpdk::RingHub::kMaxLinks <= RTE_MAX_ETHPORTS);

namespace sluice::dpdk {
namespace {

using port::kMaxBurst;
using port::Packet;

// Names are global in DPDK; a hub may be made while another lives.
std::atomic<unsigned> next_hub{0};

constexpr uint32_t kPoolCache = 256;
// In the bridge's hands, beside what the rings hold.
constexpr uint32_t kSpare = 1024;

rte_mbuf* MbufOf(const Packet& packet) { return static_cast<rte_mbuf*>(packet.handle); }

uint32_t RoomOf(Bytes max_frame) {
  const int64_t room = kDataOffset + max_frame.count() + RTE_CACHE_LINE_SIZE - 1;
  return static_cast<uint32_t>(room / RTE_CACHE_LINE_SIZE * RTE_CACHE_LINE_SIZE);
}

unsigned RingSize(const DpdkPortOptions& options) {
  return std::bit_ceil(static_cast<unsigned>(options.transmit_ring) + 1u);
}

absl::StatusOr<rte_ring*> MakeRing(const std::string& name, unsigned size) {
  rte_ring* const ring = rte_ring_create(name.c_str(), size, static_cast<int>(rte_socket_id()),
                                         RING_F_SP_ENQ | RING_F_SC_DEQ);
  if (ring != nullptr) return ring;
  return absl::FailedPreconditionError(
      absl::StrCat("net_ring: no ring of ", size, ": ", rte_strerror(rte_errno),
                   "; give DPDK more memory, or the port a smaller ring"));
}

}  // namespace

// The far side of one device's rings.
class RingHub::End final : public port::Port {
 public:
  End(rte_ring* receive, rte_ring* transmit, rte_mempool* pool, const DpdkPortOptions& options)
      : receive_(receive), transmit_(transmit), pool_(pool) {
    capabilities_.linear_room = RoomOf(options.max_frame) - kDataOffset;
    capabilities_.max_frame = static_cast<uint32_t>(options.max_frame.count());
    capabilities_.shared_memory = true;
    capabilities_.line_rate = options.line_rate;
  }

  size_t Receive(std::span<Packet> burst) override {
    rte_mbuf* mbufs[kMaxBurst];
    const auto want = static_cast<unsigned>(std::min(burst.size(), kMaxBurst));
    const unsigned got =
        rte_ring_sc_dequeue_burst(receive_, reinterpret_cast<void**>(mbufs), want, nullptr);
    size_t n = 0;
    for (unsigned i = 0; i < got; ++i) {
      rte_mbuf* const m = mbufs[i];
      // Our ports send frames in one buffer; a received chain that an engine passes on is none.
      if (m->nb_segs != 1 && rte_pktmbuf_linearize(m) != 0) {
        rte_pktmbuf_free(m);
        continue;
      }
      Packet& p = burst[n++];
      p = Packet{};
      p.handle = m;
      p.header = rte_pktmbuf_mtod(m, uint8_t*);
      p.header_length = m->data_len;
      p.frame_length = m->pkt_len;
    }
    return n;
  }

  size_t Allocate(std::span<Packet> burst) override {
    const uint64_t rearm = RearmWord();
    size_t n = 0;
    rte_mbuf* m = nullptr;
    while (n < burst.size() && rte_mempool_get(pool_, reinterpret_cast<void**>(&m)) == 0) {
      ResetMbuf(m, rearm);
      Packet& p = burst[n++];
      p = Packet{};
      p.handle = m;
      p.header = rte_pktmbuf_mtod(m, uint8_t*);
    }
    return n;
  }

  size_t Transmit(std::span<Packet> burst) override {
    size_t n = 0;
    for (; n < burst.size(); ++n) {
      rte_mbuf* const m = MbufOf(burst[n]);
      m->data_len = burst[n].header_length;
      m->pkt_len = burst[n].header_length;
      if (rte_ring_sp_enqueue(transmit_, m) != 0) break;
    }
    return n;
  }

  void Release(std::span<Packet> burst) override {
    for (const Packet& p : burst) rte_pktmbuf_free(MbufOf(p));
  }
  const port::Capabilities& capabilities() const override { return capabilities_; }

 private:
  rte_ring* const receive_;
  rte_ring* const transmit_;
  rte_mempool* const pool_;
  port::Capabilities capabilities_;
};

struct RingHub::Link {
  rte_ring* up = nullptr;  // from the host
  rte_ring* down = nullptr;
  std::unique_ptr<DpdkPort> host;
  std::unique_ptr<End> bridge;
};

RingHub::RingHub() = default;

absl::StatusOr<std::unique_ptr<RingHub>> RingHub::Create(
    const std::vector<DpdkPortOptions>& options) {
  if (options.empty() || options.size() > kMaxLinks) {
    return absl::InvalidArgumentError(absl::StrCat(
        options.size(), " links: DPDK has room for 1 to ", kMaxLinks, " devices in a process"));
  }
  std::unique_ptr<RingHub> hub(new RingHub);
  const std::string name = absl::StrCat("h", next_hub.fetch_add(1));
  Bytes longest;
  uint32_t held = kSpare + kPoolCache;
  for (const DpdkPortOptions& o : options) {
    longest = std::max(longest, o.max_frame);
    held += RingSize(o);
  }
  hub->pool_ = rte_pktmbuf_pool_create(absl::StrCat("sluice_", name).c_str(),
                                       std::bit_ceil(held) - 1, kPoolCache, sizeof(MbufPrivate),
                                       static_cast<uint16_t>(RoomOf(longest)),
                                       static_cast<int>(rte_socket_id()));
  if (hub->pool_ == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("DPDK has no memory for ", std::bit_ceil(held) - 1,
                     " packets of the bridge: ", rte_strerror(rte_errno), "; give it more"));
  }
  for (size_t i = 0; i < options.size(); ++i) {
    Link& link = hub->links_.emplace_back();
    const DpdkPortOptions& o = options[i];
    for (rte_ring** ring : {&link.up, &link.down}) {
      const char* const way = ring == &link.up ? "u" : "d";
      auto made = MakeRing(absl::StrCat("sluice_", name, "_", i, way), RingSize(o));
      if (!made.ok()) return made.status();
      *ring = *made;
    }
    const int port = rte_eth_from_rings(absl::StrCat(name, "_", i).c_str(), &link.down, 1, &link.up,
                                        1, rte_socket_id());
    if (port < 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("net_ring: no port over two rings: ", rte_strerror(rte_errno)));
    }
    auto host = DpdkPort::Open(static_cast<uint16_t>(port), o);
    if (!host.ok()) return host.status();
    link.host = *std::move(host);
    link.bridge = std::make_unique<End>(link.up, link.down, hub->pool_, o);
  }
  return hub;
}

size_t RingHub::links() const { return links_.size(); }
DpdkPort& RingHub::host(size_t link) { return *links_[link].host; }
port::Port& RingHub::bridge(size_t link) { return *links_[link].bridge; }

size_t RingHub::in_use() const {
  size_t n = rte_mempool_in_use_count(pool_);
  for (const Link& link : links_) n += link.host->in_use();
  return n;
}

void RingHub::Close() {
  for (Link& link : links_) {
    if (link.host != nullptr) link.host->Close();
    for (rte_ring* ring : {link.up, link.down}) {
      void* mbuf = nullptr;
      while (ring != nullptr && rte_ring_dequeue(ring, &mbuf) == 0) {
        rte_pktmbuf_free(static_cast<rte_mbuf*>(mbuf));
      }
    }
  }
}

RingHub::~RingHub() {
  Close();
  for (Link& link : links_) {
    link.host.reset();
    rte_ring_free(link.up);
    rte_ring_free(link.down);
  }
  rte_mempool_free(pool_);
}

}  // namespace sluice::dpdk
