// TwoHosts: two devices over cross-connected FakePorts in virtual time that know nothing of each
// other but addresses. For tests of connection management.
#ifndef SLUICE_TESTS_SUPPORT_TWO_HOSTS_H_
#define SLUICE_TESTS_SUPPORT_TWO_HOSTS_H_

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/be.h"
#include "base/optional_time.h"
#include "base/rng.h"
#include "support/device_pair.h"
#include "support/fake_port.h"
#include "verbs/assemble.h"
#include "verbs/cm.h"
#include "wire/ip_headers.h"

namespace sluice::test {

struct TwoHostsOptions {
  bool ipv6 = false;
  uint64_t seed = 1;
  double loss = 0;  // of frames that are no data: all of them until the first byte is posted
  uint32_t frame_b = 9216;  // longest frame of host 1's port
  // IPv4: host 1 is in another subnet (Address says which), and a router stands between the two: it
  // answers for .254 of either link, and hands on what is addressed to it.
  bool routed = false;
};

class TwoHosts {
 public:
  struct Host {
    std::unique_ptr<FakePort> port;
    std::unique_ptr<verbs::Device> device;
    std::unique_ptr<verbs::ProtectionDomain> pd;
    std::unique_ptr<verbs::CompletionQueue> cq;
    std::vector<uint8_t> memory;
    std::unique_ptr<verbs::MemoryRegion> region;
    std::vector<std::unique_ptr<verbs::QueuePair>> qps;
  };

  explicit TwoHosts(const TwoHostsOptions& o = {}) : rng_(o.seed), loss_(o.loss) {
    for (int i = 0; i < 2; ++i) {
      FakePortOptions port;
      port.latency = Duration::Microseconds(5);
      if (i == 1) port.max_frame = o.frame_b;
      hosts_[i].port = std::make_unique<FakePort>(port);
      hosts_[i].port->SetTap([this, i, o](FakeFrame& f, size_t) {
        if (o.routed && !Route(i, &f)) return false;
        return !rng_.Bernoulli(loss_);
      });
    }
    FakePort::Connect(*hosts_[0].port, *hosts_[1].port);
    for (int i = 0; i < 2; ++i) {
      Host& h = hosts_[i];
      verbs::DeviceParts parts;
      parts.port = h.port.get();
      parts.clock = &clock_;
      parts.mac = *wire::MacAddress::Parse(i == 0 ? "52:54:00:00:00:0a" : "52:54:00:00:00:0b");
      parts.address = *wire::IpAddress::Parse(Address(i, o.ipv6, o.routed));
      if (o.routed) {
        parts.routes = *net::RouteTable::Parse(Address(i, o.ipv6, true) + "/24", Router(i), {});
      }
      parts.engine.seed = o.seed * 2 + static_cast<uint64_t>(i);
      parts.engine.pacing_credit = Bytes(0);
      h.device = verbs::MakeDevice(parts);
      h.pd = h.device->AllocateProtectionDomain();
      h.cq = *h.device->CreateCompletionQueue(256);
      h.memory.resize(1 << 16);
      h.region = *h.device->Register(h.pd.get(), h.memory.data(), h.memory.size(),
                                     verbs::kLocalWrite | verbs::kRemoteWrite);
    }
  }
  ~TwoHosts() {
    for (Host& h : hosts_) {
      h.qps.clear();
      h.region.reset();
      h.cq.reset();
    }
  }

  static std::string Router(int host) { return host == 0 ? "198.51.100.254" : "203.0.113.254"; }
  static std::string Address(int host, bool ipv6 = false, bool routed = false) {
    if (routed && host == 1) return "203.0.113.2";
    if (ipv6) return host == 0 ? "fd00:51::1" : "fd00:51::2";
    return host == 0 ? "198.51.100.1" : "198.51.100.2";
  }
  Host& operator[](int i) { return hosts_[i]; }
  Time now() { return clock_.Now(); }
  void SetLoss(double loss) { loss_ = loss; }

  verbs::QueuePair* MakeQp(int host) {
    Host& h = hosts_[host];
    verbs::QueuePairOptions o;
    o.send_completions = o.receive_completions = h.cq.get();
    h.qps.push_back(*h.device->CreateQueuePair(h.pd.get(), o));
    return h.qps.back().get();
  }
  verbs::Segment At(int host, size_t offset, uint32_t length) {
    Host& h = hosts_[host];
    return {h.memory.data() + offset, length, h.region->lkey()};
  }
  std::vector<verbs::WorkCompletion> Drain(int host) {
    verbs::WorkCompletion out[64];
    const size_t n = hosts_[host].cq->Poll(out);
    return {out, out + n};
  }

  // Polls both, calls `work`, and jumps to what happens next, until done() or `limit` has passed.
  bool Run(const std::function<bool()>& done, Duration limit = Duration::Seconds(200)) {
    const Time end = clock_.Now() + limit;
    while (clock_.Now() <= end) {
      size_t handled = 0;
      for (Host& h : hosts_) {
        h.port->SetNow(clock_.Now());
        handled += h.device->Poll();
      }
      if (done()) return true;
      OptionalTime next;
      for (Host& h : hosts_) {
        for (const auto& t : {h.port->NextArrival(), h.device->impl().engine.NextDeadline()}) {
          if (t) next = next ? Earlier(*next, *t) : *t;
        }
      }
      if (!next && handled == 0) return done();
      if (next && *next > clock_.Now()) {
        clock_.Set(*next);
      } else if (handled == 0) {
        clock_.Set(clock_.Now() + Duration::Nanoseconds(100));
      }
    }
    return done();
  }

  // Frames that the router passed on.
  size_t routed() const { return routed_; }

 private:
  // The router, for a frame of host `from`; false: it goes no further.
  bool Route(int from, FakeFrame* f) {
    static constexpr wire::MacAddress kRouter{{0x52, 0x54, 0, 0, 0, 0xfe}};
    uint8_t* p = f->bytes.data();
    if (LoadBe16(p + 12) == 0x0806) {
      // A question for the router is answered, any other is not ours to pass on.
      std::vector<uint8_t> reply = f->bytes;
      EXPECT_EQ(wire::IpAddress::ReadV4(p + 38).ToString(), Router(from));
      std::memcpy(reply.data(), p + 6, 6);
      kRouter.Write(reply.data() + 6);
      reply[21] = 2;
      std::memcpy(reply.data() + 32, p + 22, 10);
      kRouter.Write(reply.data() + 22);
      std::memcpy(reply.data() + 28, p + 38, 4);
      hosts_[from].port->Inject(reply);
      return false;
    }
    EXPECT_EQ(wire::MacAddress::Read(p), kRouter) << "what goes beyond the link goes to the router";
    wire::MacAddress::Parse(from == 0 ? "52:54:00:00:00:0b" : "52:54:00:00:00:0a")->Write(p);
    kRouter.Write(p + 6);
    --p[22];  // time to live
    StoreBe16(p + 24, 0);
    StoreBe16(p + 24, wire::InternetChecksum(p + 14, 20));
    ++routed_;
    return true;
  }

  VirtualClock clock_;
  size_t routed_ = 0;
  Rng rng_;
  double loss_;
  Host hosts_[2];
};

}  // namespace sluice::test

#endif  // SLUICE_TESTS_SUPPORT_TWO_HOSTS_H_
