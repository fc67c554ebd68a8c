#include "support/device_pair.h"

#include <gtest/gtest.h>

namespace sluice::test {

std::string EndAddress(int end) { return end == 0 ? "198.51.100.1" : "198.51.100.2"; }

DevicePair::DevicePair(const DevicePairOptions& options) {
  clock_.Set(options.start);
  for (End& e : ends_) e.fake = std::make_unique<FakePort>(options.port);
  FakePort::Connect(*ends_[0].fake, *ends_[1].fake);
  for (int i = 0; i < 2; ++i) {
    End& e = ends_[i];
    e.fake->SetNow(options.start);
    if (options.decorate) e.decorated = options.decorate(i, e.fake.get());
    verbs::DeviceParts parts;
    parts.port = e.decorated != nullptr ? e.decorated.get() : e.fake.get();
    parts.clock = &clock_;
    parts.mac = *wire::MacAddress::Parse(i == 0 ? "02:00:00:00:00:01" : "02:00:00:00:00:02");
    parts.address = *wire::IpAddress::Parse(EndAddress(i));
    parts.engine = options.engine;
    parts.engine.seed = options.seed * 2 + static_cast<uint64_t>(i);
    parts.engine.start = options.start;
    parts.engine.pacing_credit = Bytes(0);
    e.device = verbs::MakeDevice(parts);
    e.pd = e.device->AllocateProtectionDomain();
  }
  if (options.shared_receives == 0) return;
  verbs::SharedReceiveQueueOptions so;
  so.depth = options.shared_receives;
  b().srq = *b().device->CreateSharedReceiveQueue(b().pd.get(), so);
}

DevicePair::~DevicePair() {
  for (End& e : ends_) {
    e.qp.reset();
    e.srq.reset();
    e.region.reset();
    e.cq.reset();
    e.device.reset();
  }
}

void DevicePair::ConnectAll(const verbs::ConnectOptions& options, uint32_t depth, size_t memory) {
  for (End& e : ends_) {
    e.cq = *e.device->CreateCompletionQueue(4 * depth);
    e.memory.resize(memory);
    auto region = e.device->Register(
        e.pd.get(), e.memory.data(), memory,
        verbs::kLocalWrite | verbs::kRemoteWrite | verbs::kRemoteRead | verbs::kRemoteAtomic);
    ASSERT_TRUE(region.ok()) << region.status();
    e.region = std::move(*region);
    verbs::QueuePairOptions qo;
    qo.send_completions = qo.receive_completions = e.cq.get();
    qo.send_depth = qo.receive_depth = depth;
    qo.max_segments = 4;
    qo.shared_receives = e.srq.get();
    auto qp = e.device->CreateQueuePair(e.pd.get(), qo);
    ASSERT_TRUE(qp.ok()) << qp.status();
    e.qp = std::move(*qp);
  }
  for (int i = 0; i < 2; ++i) {
    End& e = ends_[i];
    End& peer = ends_[1 - i];
    verbs::ConnectOptions o = options;
    o.peer_qpn = peer.qp->qpn();
    o.peer_mac = peer.device->mac();
    o.peer_address = peer.device->address();
    o.send_psn = e.qp->initial_psn();
    o.receive_psn = peer.qp->initial_psn();
    const absl::Status s = e.qp->Connect(o);
    ASSERT_TRUE(s.ok()) << s;
  }
}

bool DevicePair::Step() {
  const Time now = clock_.Now();
  size_t handled = 0;
  for (End& e : ends_) {
    e.fake->SetNow(now);
    handled += e.device->Poll();
  }
  OptionalTime next;
  auto consider = [&](OptionalTime t) {
    if (t && (!next || *t < *next)) next = t;
  };
  for (End& e : ends_) {
    consider(e.fake->NextArrival());
    consider(e.device->impl().engine.NextDeadline());
  }
  if (!next) return handled > 0;
  if (*next > now) {
    clock_.Set(*next);
  } else if (handled == 0) {
    // A decorator that holds frames back needs further polls, not time; give it a little of both.
    clock_.Set(now + Duration::Nanoseconds(100));
  }
  return true;
}

bool DevicePair::RunUntil(const std::function<bool()>& done, Duration limit) {
  const Time end = clock_.Now() + limit;
  while (!done()) {
    if (!Step() || clock_.Now() > end) return done();
  }
  return true;
}

void DevicePair::Settle(Duration limit) {
  const Time end = clock_.Now() + limit;
  while (Step() && clock_.Now() <= end) {
  }
}

std::vector<verbs::WorkCompletion> DevicePair::Drain(End& end) {
  std::vector<verbs::WorkCompletion> all;
  verbs::WorkCompletion out[16];
  for (size_t n; (n = end.cq->Poll(out)) > 0;) all.insert(all.end(), out, out + n);
  return all;
}

}  // namespace sluice::test
