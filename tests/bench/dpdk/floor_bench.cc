// The floor: what this machine needs to move RoCE-sized frames over net_ring on one core with the
// bare ethdev API, payload copied and CRCed at both ends, but without a transport. scripts/bench
// sets sluice-perf's figures beside it.
//   floor_bench short|full|pingpong      one line of JSON: cycles per frame, or per round trip
//     short     122 B frames (a 64 B SEND), copy, then ISA-L's CRC, at each end; burst 32
//     full      4154 B frames (4 KiB of payload), copy and CRC fused at each end; burst 32
//     pingpong  one 122 B frame each way between two ports, as `short` at each of the four passes
//
// Calibrated once against an independent program that does the same work (least cycles of one
// machine at 2.6 GHz, this and that program by turns, three times): short 127 and 144, full 495 and
// 558, pingpong 316 and 286.
#include <isa-l/crc.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <x86intrin.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "dpdk/eal.h"
#include "dpdk/lcore.h"
#include "wire/icrc.h"

namespace {

constexpr uint32_t kShortFrame = 122;
constexpr uint32_t kFullFrame = 4154;
constexpr uint32_t kHeaders = 54;  // Ethernet, IPv4, UDP, BTH
constexpr uint32_t kL3 = 14;
constexpr uint32_t kIcrc = 4;
constexpr size_t kBurst = 32;
constexpr size_t kWorkingSet = 256 * 1024;
constexpr int kSamples = 41;

[[noreturn]] void Die(const char* what) {
  std::fprintf(stderr, "floor_bench: %s\n", what);
  std::exit(1);
}

// Where payload comes from and goes to: walks through a working set that fits the L2 cache.
class Walk {
 public:
  Walk() : bytes_(static_cast<uint8_t*>(std::aligned_alloc(4096, kWorkingSet + 8192))) {
    std::memset(bytes_, 7, kWorkingSet + 8192);
  }
  uint8_t* Next(uint32_t n) {
    uint8_t* p = bytes_ + at_;
    at_ += n;
    if (at_ > kWorkingSet) at_ = 0;
    return p;
  }

 private:
  uint8_t* bytes_;
  size_t at_ = 0;
};

struct World {
  uint16_t port[2] = {};
  rte_mempool* pool = nullptr;
  Walk source;
  Walk target;
  uint8_t header[kHeaders] = {};
  uint32_t number = 0;
  uint64_t wrong = 0;
};

void Open(World* w) {
  rte_ring* ring[2];
  for (int i = 0; i < 2; ++i) {
    ring[i] = rte_ring_create(i == 0 ? "floor0" : "floor1", 1024, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
    if (ring[i] == nullptr) Die("no ring");
  }
  w->pool = rte_pktmbuf_pool_create("floor", 4095, 256, 0, 4480, 0);
  if (w->pool == nullptr) Die("no pool");
  for (int i = 0; i < 2; ++i) {
    const int p = rte_eth_from_rings(i == 0 ? "floora" : "floorb", &ring[i], 1, &ring[1 - i], 1, 0);
    if (p < 0) Die("no port");
    w->port[i] = static_cast<uint16_t>(p);
    rte_eth_conf conf = {};
    if (rte_eth_dev_configure(w->port[i], 1, 1, &conf) != 0 ||
        rte_eth_rx_queue_setup(w->port[i], 0, 1024, 0, nullptr, w->pool) != 0 ||
        rte_eth_tx_queue_setup(w->port[i], 0, 1024, 0, nullptr) != 0 ||
        rte_eth_dev_start(w->port[i]) != 0) {
      Die("a port does not start");
    }
  }
  w->header[12] = 8;
  w->header[14] = 0x45;
  w->header[23] = 17;
}

void Fill(World* w, rte_mbuf* m, uint32_t length) {
  m->data_off = 138;  // the payload on a cache line
  m->data_len = static_cast<uint16_t>(length);
  m->pkt_len = length;
  uint8_t* p = rte_pktmbuf_mtod(m, uint8_t*);
  std::memcpy(p, w->header, kHeaders);
  std::memcpy(p + 50, &w->number, 4);
  ++w->number;
  const uint32_t payload = length - kHeaders - kIcrc;
  const uint8_t* from = w->source.Next(payload);
  uint32_t crc;
  if (length == kShortFrame) {
    std::memcpy(p + kHeaders, from, payload);
    crc = crc32_gzip_refl(0, p + kL3, length - kL3 - kIcrc);
  } else {
    crc = sluice::wire::IcrcOfHeaders(p + kL3, false, kHeaders - kL3);
    crc = sluice::wire::CrcCopy(crc, p + kHeaders, from, payload);
  }
  std::memcpy(p + length - kIcrc, &crc, kIcrc);
}

void Drain(World* w, rte_mbuf* m, uint32_t length) {
  const uint8_t* p = rte_pktmbuf_mtod(m, const uint8_t*);
  const uint32_t payload = length - kHeaders - kIcrc;
  uint8_t* to = w->target.Next(payload);
  uint32_t crc;
  if (length == kShortFrame) {
    crc = crc32_gzip_refl(0, p + kL3, length - kL3 - kIcrc);
    std::memcpy(to, p + kHeaders, payload);
  } else {
    crc = sluice::wire::IcrcOfHeaders(p + kL3, false, kHeaders - kL3);
    crc = sluice::wire::CrcCopy(crc, to, p + kHeaders, payload);
  }
  w->wrong += std::memcmp(p + length - kIcrc, &crc, kIcrc) != 0;
}

// Moves a burst from port `from` to the other one.
void Pass(World* w, int from, uint16_t burst, uint32_t length) {
  rte_mbuf* m[kBurst];
  if (rte_pktmbuf_alloc_bulk(w->pool, m, burst) != 0) Die("the pool is empty");
  for (uint16_t i = 0; i < burst; ++i) Fill(w, m[i], length);
  if (rte_eth_tx_burst(w->port[from], 0, m, burst) != burst) Die("the ring is full");
  const uint16_t n = rte_eth_rx_burst(w->port[1 - from], 0, m, burst);
  if (n != burst) Die("frames are missing");
  for (uint16_t i = 0; i < n; ++i) Drain(w, m[i], length);
  rte_pktmbuf_free_bulk(m, n);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc == 2 ? argv[1] : "";
  if (mode != "short" && mode != "full" && mode != "pingpong") {
    Die("say one of short, full, pingpong");
  }
  const auto eal = sluice::dpdk::Eal::Create({});
  if (!eal.ok()) Die(eal.status().ToString().c_str());
  if (!sluice::dpdk::BindToCore(sluice::dpdk::AllowedCores().front()).ok()) Die("no core");
  World world;
  Open(&world);
  const bool pingpong = mode == "pingpong";
  const uint32_t length = mode == "full" ? kFullFrame : kShortFrame;
  const uint16_t burst = pingpong ? 1 : kBurst;
  const int rounds = pingpong ? 5000 : mode == "full" ? 200 : 1000;
  std::vector<double> cycles;
  for (int s = 0; s < kSamples; ++s) {
    const uint64_t began = __rdtsc();
    for (int i = 0; i < rounds; ++i) {
      Pass(&world, 0, burst, length);
      if (pingpong) Pass(&world, 1, burst, length);
    }
    cycles.push_back(static_cast<double>(__rdtsc() - began) / rounds / burst);
  }
  if (world.wrong > 0) Die("wrong CRCs");
  std::sort(cycles.begin(), cycles.end());
  std::printf("{\"mode\": \"%s\", \"cycles_min\": %.1f, \"cycles_median\": %.1f}\n", argv[1],
              cycles.front(), cycles[cycles.size() / 2]);
  return 0;
}
