#include "dpdk/ring_pair.h"

#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <atomic>
#include <bit>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::dpdk {

namespace {

// Names are global in DPDK; a pair may be made while another lives.
std::atomic<unsigned> next_pair{0};

absl::StatusOr<std::unique_ptr<DpdkPort>> OpenEnd(const std::string& name, rte_ring* receive,
                                                  rte_ring* transmit,
                                                  const DpdkPortOptions& options) {
  const int port = rte_eth_from_rings(name.c_str(), &receive, 1, &transmit, 1, rte_socket_id());
  if (port < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("net_ring: no port over two rings: ", rte_strerror(rte_errno)));
  }
  return DpdkPort::Open(static_cast<uint16_t>(port), options);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RingPair>> RingPair::Create(const DpdkPortOptions& options) {
  std::unique_ptr<RingPair> pair(new RingPair);
  const unsigned number = next_pair.fetch_add(1);
  const unsigned size = std::bit_ceil(static_cast<unsigned>(options.transmit_ring) + 1u);
  for (int i = 0; i < 2; ++i) {
    // One thread sends and one receives at each end of each ring.
    pair->rings_[i] =
        rte_ring_create(absl::StrCat("sluice_", number, "_", i).c_str(), size,
                        static_cast<int>(rte_socket_id()), RING_F_SP_ENQ | RING_F_SC_DEQ);
    if (pair->rings_[i] == nullptr) {
      return absl::FailedPreconditionError(
          absl::StrCat("net_ring: no ring of ", size, ": ", rte_strerror(rte_errno),
                       "; give DPDK more memory, or the port a smaller ring"));
    }
  }
  auto a = OpenEnd(absl::StrCat("p", number, "a"), pair->rings_[0], pair->rings_[1], options);
  if (!a.ok()) return a.status();
  pair->a_ = *std::move(a);
  auto b = OpenEnd(absl::StrCat("p", number, "b"), pair->rings_[1], pair->rings_[0], options);
  if (!b.ok()) return b.status();
  pair->b_ = *std::move(b);
  return pair;
}

void RingPair::Close() {
  if (a_ != nullptr) a_->Close();
  if (b_ != nullptr) b_->Close();
  for (rte_ring* ring : rings_) {
    void* mbuf = nullptr;
    while (ring != nullptr && rte_ring_dequeue(ring, &mbuf) == 0) {
      rte_pktmbuf_free(static_cast<rte_mbuf*>(mbuf));
    }
  }
}

RingPair::~RingPair() {
  Close();
  a_.reset();
  b_.reset();
  for (rte_ring* ring : rings_) rte_ring_free(ring);
}

}  // namespace sluice::dpdk
