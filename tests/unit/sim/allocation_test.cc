// What a host costs and what a packet costs: counted at operator new.
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "unit/sim/test_host.h"

namespace {

uint64_t allocations = 0;
int64_t live_bytes = 0;

void* Count(std::size_t bytes, std::size_t alignment) {
  ++allocations;
  void* const p = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (p == nullptr) std::abort();
  live_bytes += static_cast<int64_t>(malloc_usable_size(p));
  return p;
}

void Uncount(void* p) {
  live_bytes -= static_cast<int64_t>(malloc_usable_size(p));
  std::free(p);
}

}  // namespace

void* operator new(std::size_t bytes) { return Count(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return Count(bytes, alignof(std::max_align_t));
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return Count(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* p) noexcept { Uncount(p); }
void operator delete(void* p, std::size_t) noexcept { Uncount(p); }
void operator delete(void* p, std::align_val_t) noexcept { Uncount(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { Uncount(p); }

namespace sluice::sim {
namespace {

// Holds packets and sends each that it gets back to where it came from, for ever.
class Mirror : public Pollable {
 public:
  explicit Mirror(port::Port& port) : port_(port) {}

  void Fill(uint32_t source, uint32_t destination, size_t count) {
    count_ = port_.Allocate({held_, count});
    for (size_t i = 0; i < count_; ++i) {
      support::WriteRoceHeader(
          {.source = source, .destination = destination, .frame_length = kDataBytes},
          held_[i].header);
      held_[i].header_length = support::kRoceHeaderBytes;
      held_[i].frame_length = kDataBytes;
    }
  }
  size_t Poll(Time) override {
    const size_t received = port_.Receive({held_ + count_, kRoom - count_});
    for (size_t i = count_; i < count_ + received; ++i) {
      uint8_t* const ip = held_[i].header + 14;
      const uint32_t source = LoadBe32(ip + 12);
      StoreBe32(ip + 12, LoadBe32(ip + 16));
      StoreBe32(ip + 16, source);
    }
    count_ += received;
    const size_t sent = port_.Transmit({held_, count_});
    std::copy(held_ + sent, held_ + count_, held_);
    count_ -= sent;
    return received + sent;
  }
  OptionalTime NextDeadline() const override { return std::nullopt; }

 private:
  static constexpr size_t kRoom = 128;
  port::Port& port_;
  port::Packet held_[kRoom];
  size_t count_ = 0;
};

TEST(Allocation, NoneOnceThePacketsExist) {
  SimulationConfig config;
  config.switches.ecn = {switching::EcnProfile::Mode::kDequeue, Bytes(0), Bytes(9000), 0.5};
  auto sim = *Simulation::Create(Star(2, {}), config);
  Mirror a(sim->port(0));
  Mirror b(sim->port(1));
  sim->Attach(0, &a);
  sim->Attach(1, &b);
  a.Fill(AddressOf(0).ipv4, AddressOf(1).ipv4, 100);
  // The first packet to each group of hosts finds the ways.
  sim->Run(Time::Zero() + Duration::Microseconds(10));
  const uint64_t before = allocations;
  sim->Run(Time::Zero() + Duration::Milliseconds(1));
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(sim->packets_in_use(), 100u);
  // 100 frames of 86.56 ns exceed the round trip of 4.35 us: the lines are busy all the time, four
  // hops per T but for the start.
  EXPECT_GT(sim->packet_hops(), 4u * 11'400);
}

TEST(Allocation, AnIdleHostCostsLessThanFourKibibytes) {
  const auto bytes_of = [](size_t hosts) {
    const int64_t before = live_bytes;
    const auto sim = *Simulation::Create(Star(hosts, {}), {});
    sim->Run(Time::Zero() + Duration::Milliseconds(1));
    return live_bytes - before;
  };
  // Both sizes fill their power of two, so that the difference is the price of 1024 hosts: ports,
  // the switch's share and routes included.
  const int64_t per_host = (bytes_of(2048) - bytes_of(1024)) / 1024;
  RecordProperty("bytes_per_host", static_cast<int>(per_host));
  EXPECT_LT(per_host, 4096);
  EXPECT_GT(per_host, 500);
}

}  // namespace
}  // namespace sluice::sim
