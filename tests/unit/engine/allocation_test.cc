// After set-up a poll allocates nothing: every operator new of the program is counted.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "support/device_pair.h"

namespace {
std::atomic<uint64_t> news{0};
}  // namespace

// Not inlined: the compiler would see one half of a pair and take it for a mistake.
[[gnu::noinline]] void* operator new(size_t n) {
  news.fetch_add(1, std::memory_order_relaxed);
  void* p = std::malloc(n == 0 ? 1 : n);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, size_t) noexcept { std::free(p); }

namespace sluice::test {
namespace {

constexpr size_t kPool = 512;
constexpr uint32_t kRoom = 1600;

// A port that owns all its packets from the start; it loses every 50th frame.
class StaticPort : public port::Port {
 public:
  StaticPort() : buffers_(new uint8_t[kPool * kRoom]) {
    capabilities_.linear_room = capabilities_.max_frame = kRoom;
    capabilities_.line_rate = Bandwidth::GigabitsPerSecond(100);
    for (size_t i = 0; i < kPool; ++i) free_[i] = i;
  }
  static void Connect(StaticPort& a, StaticPort& b) {
    a.peer_ = &b;
    b.peer_ = &a;
  }
  size_t Receive(std::span<port::Packet> burst) override {
    size_t n = 0;
    for (; n < burst.size() && head_ != tail_ && free_count_ > 0; ++n, ++head_) {
      const Frame& f = queue_[head_ % kPool];
      burst[n] = Lend();
      std::memcpy(burst[n].header, f.bytes.data(), f.length);
      burst[n].header_length = static_cast<uint16_t>(f.length);
      burst[n].frame_length = f.length;
    }
    return n;
  }
  size_t Allocate(std::span<port::Packet> burst) override {
    size_t n = 0;
    for (; n < burst.size() && free_count_ > 0; ++n) burst[n] = Lend();
    return n;
  }
  size_t Transmit(std::span<port::Packet> burst) override {
    size_t n = 0;
    for (; n < burst.size(); ++n) {
      if (peer_->tail_ - peer_->head_ == kPool) break;
      if (++sent_ % 50 != 0) {
        Frame& f = peer_->queue_[peer_->tail_++ % kPool];
        f.length = burst[n].frame_length;
        std::memcpy(f.bytes.data(), burst[n].header, f.length);
      }
      Release({&burst[n], 1});
    }
    return n;
  }
  void Release(std::span<port::Packet> burst) override {
    for (const port::Packet& p : burst) {
      free_[free_count_++] = static_cast<size_t>(p.header - buffers_.get()) / kRoom;
    }
  }
  const port::Capabilities& capabilities() const override { return capabilities_; }

 private:
  struct Frame {
    std::array<uint8_t, kRoom> bytes;
    uint32_t length = 0;
  };
  port::Packet Lend() {
    port::Packet p;
    p.header = buffers_.get() + free_[--free_count_] * kRoom;
    return p;
  }
  port::Capabilities capabilities_;
  std::unique_ptr<uint8_t[]> buffers_;
  std::array<size_t, kPool> free_{};
  size_t free_count_ = kPool;
  std::array<Frame, kPool> queue_;
  size_t head_ = 0, tail_ = 0, sent_ = 0;
  StaticPort* peer_ = nullptr;
};

struct Device {
  StaticPort port;
  std::unique_ptr<verbs::Device> device;
  std::unique_ptr<verbs::ProtectionDomain> pd;
  std::unique_ptr<verbs::CompletionQueue> cq;
  std::vector<uint8_t> memory = std::vector<uint8_t>(1 << 16);
  std::unique_ptr<verbs::MemoryRegion> region;
  std::unique_ptr<verbs::QueuePair> qp;
};

TEST(Allocation, PollsAndPostsNeverAllocate) {
  VirtualClock clock;
  auto ends = std::make_unique<std::array<Device, 2>>();
  StaticPort::Connect((*ends)[0].port, (*ends)[1].port);
  for (size_t i = 0; i < 2; ++i) {
    Device& d = (*ends)[i];
    verbs::DeviceParts parts;
    parts.port = &d.port;
    parts.clock = &clock;
    parts.mac = *wire::MacAddress::Parse(i == 0 ? "02:00:00:00:00:01" : "02:00:00:00:00:02");
    parts.address = *wire::IpAddress::Parse(EndAddress(static_cast<int>(i)));
    d.device = verbs::MakeDevice(parts);
    d.pd = d.device->AllocateProtectionDomain();
    d.cq = *d.device->CreateCompletionQueue(256);
    d.region = *d.device->Register(d.pd.get(), d.memory.data(), d.memory.size(),
                                   verbs::kLocalWrite | verbs::kRemoteWrite);
    verbs::QueuePairOptions o;
    o.send_completions = o.receive_completions = d.cq.get();
    d.qp = *d.device->CreateQueuePair(d.pd.get(), o);
  }
  for (size_t i = 0; i < 2; ++i) {
    Device& d = (*ends)[i];
    Device& peer = (*ends)[1 - i];
    verbs::ConnectOptions o;
    o.mtu = 1024;
    o.timeout = 5;
    o.peer_qpn = peer.qp->qpn();
    o.peer_mac = peer.device->mac();
    o.peer_address = peer.device->address();
    o.send_psn = d.qp->initial_psn();
    o.receive_psn = peer.qp->initial_psn();
    ASSERT_TRUE(d.qp->Connect(o).ok());
  }
  const uint64_t before = news.load();
  uint64_t completions = 0;
  for (int round = 0; round < 20'000; ++round) {
    clock.Set(clock.Now() + Duration::Microseconds(1));
    for (size_t i = 0; i < 2; ++i) {
      Device& d = (*ends)[i];
      const verbs::Segment s{d.memory.data(), 5000, d.region->lkey()};
      (void)d.qp->PostReceive({1, {&s, 1}});
      verbs::SendRequest r;
      r.segments = {&s, 1};
      (void)d.qp->PostSend(r);
      d.device->Poll();
      verbs::WorkCompletion c[16];
      completions += d.cq->Poll(c);
    }
  }
  EXPECT_EQ(news.load() - before, 0u);
  EXPECT_GT(completions, 1000u) << "it was under load";
  EXPECT_GT((*ends)[0].device->statistics().Value("retransmitted_packets_total"), 10u);
}

}  // namespace
}  // namespace sluice::test
