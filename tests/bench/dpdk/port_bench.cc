// Cycles per packet of DpdkPort on a net_ring pair, beside the same work on the bare ethdev API,
// interleaved in one run on one core: allocate, write the number, transmit, receive, read it,
// release. What counts is the difference between two rows of one run.
//   port_bench [frame_bytes ...]
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <x86intrin.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "dpdk/eal.h"
#include "dpdk/lcore.h"
#include "dpdk/ring_pair.h"

namespace {

using sluice::port::Packet;

constexpr size_t kBurst = 32;
constexpr int kRounds = 2000;  // bursts per sample
constexpr int kSamples = 101;

struct Bare {
  uint16_t port[2] = {};
  rte_mempool* pool = nullptr;
};

Bare MakeBare() {
  Bare bare;
  rte_ring* ring[2];
  for (int i = 0; i < 2; ++i) {
    ring[i] = rte_ring_create(i == 0 ? "bare0" : "bare1", 1024, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
  }
  bare.pool = rte_pktmbuf_pool_create("bare", 4095, 256, 0, 4480, 0);
  if (ring[0] == nullptr || ring[1] == nullptr || bare.pool == nullptr) std::exit(1);
  for (int i = 0; i < 2; ++i) {
    const int p = rte_eth_from_rings(i == 0 ? "barea" : "bareb", &ring[i], 1, &ring[1 - i], 1, 0);
    if (p < 0) std::exit(1);
    bare.port[i] = static_cast<uint16_t>(p);
    rte_eth_conf conf = {};
    if (rte_eth_dev_configure(bare.port[i], 1, 1, &conf) != 0 ||
        rte_eth_rx_queue_setup(bare.port[i], 0, 1024, 0, nullptr, bare.pool) != 0 ||
        rte_eth_tx_queue_setup(bare.port[i], 0, 1024, 0, nullptr) != 0 ||
        rte_eth_dev_start(bare.port[i]) != 0) {
      std::exit(1);
    }
  }
  return bare;
}

uint64_t BareBurst(const Bare& bare, uint16_t length) {
  rte_mbuf* m[kBurst];
  if (rte_pktmbuf_alloc_bulk(bare.pool, m, kBurst) != 0) std::exit(1);
  for (uint32_t i = 0; i < kBurst; ++i) {
    uint8_t* p = rte_pktmbuf_mtod(m[i], uint8_t*);
    std::memcpy(p + 50, &i, 4);
    m[i]->data_len = length;
    m[i]->pkt_len = length;
  }
  if (rte_eth_tx_burst(bare.port[0], 0, m, kBurst) != kBurst) std::exit(1);
  const uint16_t n = rte_eth_rx_burst(bare.port[1], 0, m, kBurst);
  uint64_t sum = 0;
  for (uint16_t i = 0; i < n; ++i) {
    uint32_t v;
    std::memcpy(&v, rte_pktmbuf_mtod(m[i], uint8_t*) + 50, 4);
    sum += v;
  }
  rte_pktmbuf_free_bulk(m, n);
  return sum;
}

uint64_t PortBurst(sluice::port::Port* a, sluice::port::Port* b, uint16_t length) {
  Packet p[kBurst];
  if (a->Allocate(p) != kBurst) std::exit(1);
  for (uint32_t i = 0; i < kBurst; ++i) {
    std::memcpy(p[i].header + 50, &i, 4);
    p[i].header_length = length;
    p[i].frame_length = length;
  }
  if (a->Transmit(p) != kBurst) std::exit(1);
  const size_t n = b->Receive(p);
  uint64_t sum = 0;
  for (size_t i = 0; i < n; ++i) {
    uint32_t v;
    std::memcpy(&v, p[i].header + 50, 4);
    sum += v;
  }
  b->Release(std::span(p, n));
  return sum;
}

template <typename F>
double Sample(F burst) {
  uint64_t sum = 0;
  const uint64_t t0 = __rdtsc();
  for (int i = 0; i < kRounds; ++i) sum += burst();
  const uint64_t t1 = __rdtsc();
  if (sum != uint64_t{kRounds} * kBurst * (kBurst - 1) / 2) std::exit(2);
  return static_cast<double>(t1 - t0) / (kRounds * static_cast<double>(kBurst));
}

void Report(const char* what, int length, std::vector<double>* v) {
  std::sort(v->begin(), v->end());
  std::printf("%-6s %5d B  burst %zu  cycles/packet min %6.1f  median %6.1f  p90 %6.1f\n", what,
              length, kBurst, v->front(), (*v)[v->size() / 2], (*v)[v->size() * 9 / 10]);
}

}  // namespace

int main(int argc, char** argv) {
  auto eal = sluice::dpdk::Eal::Create({});
  if (!eal.ok()) {
    std::fprintf(stderr, "%s\n", eal.status().ToString().c_str());
    return 1;
  }
  if (!sluice::dpdk::BindToCore(sluice::dpdk::AllowedCores().back()).ok()) return 1;
  auto pair = sluice::dpdk::RingPair::Create();
  if (!pair.ok()) {
    std::fprintf(stderr, "%s\n", pair.status().ToString().c_str());
    return 1;
  }
  const Bare bare = MakeBare();
  std::vector<int> lengths;
  for (int i = 1; i < argc; ++i) lengths.push_back(std::atoi(argv[i]));
  if (lengths.empty()) lengths = {64, 4154};
  std::printf("hugepages: %s\n", (*eal)->hugepages() ? "yes" : "no");
  for (const int length : lengths) {
    const uint16_t n = static_cast<uint16_t>(length);
    std::vector<double> floor;
    std::vector<double> ours;
    sluice::port::Port* a = &(*pair)->a();
    sluice::port::Port* b = &(*pair)->b();
    for (int s = 0; s < kSamples; ++s) {
      floor.push_back(Sample([&] { return BareBurst(bare, n); }));
      ours.push_back(Sample([&] { return PortBurst(a, b, n); }));
    }
    Report("ethdev", length, &floor);
    Report("port", length, &ours);
  }
  return 0;
}
