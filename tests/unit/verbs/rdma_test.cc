// READs, atomics, fences, inline data and invalidation between two devices, through the whole stack
// and in virtual time.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/rng.h"
#include "port/fault_port.h"
#include "support/device_pair.h"

namespace sluice::test {
namespace {

using verbs::CompletionStatus;
using verbs::Opcode;
using verbs::PostResult;

constexpr int kAllRights = verbs::kLocalWrite | verbs::kRemoteWrite | verbs::kRemoteRead |
                           verbs::kRemoteAtomic | verbs::kRemoteInvalidate;

verbs::ConnectOptions Options(const char* algorithm = "fixed", uint32_t mtu = 1024) {
  verbs::ConnectOptions o;
  o.mtu = mtu;
  o.algorithm = algorithm;
  o.timeout = 8;
  return o;
}

// Two ends; the region of b grants everything to peers.
class Rdma {
 public:
  explicit Rdma(const verbs::ConnectOptions& options = Options(), size_t memory = 1 << 20,
                const port::FaultRates& faults = {}) {
    DevicePairOptions o;
    o.port.latency = Duration::Microseconds(2);
    o.decorate = [&](int end, port::Port* inner) {
      return std::make_unique<port::FaultPort>(inner, faults, 7, static_cast<uint64_t>(end));
    };
    pair = std::make_unique<DevicePair>(o);
    pair->ConnectAll(options, 64, memory);
    End& b = pair->b();
    open = *b.device->Register(b.pd.get(), b.memory.data(), b.memory.size(), kAllRights);
    Rng rng(1);
    for (uint8_t& byte : b.memory) byte = static_cast<uint8_t>(rng.Next());
  }
  ~Rdma() { open.reset(); }

  verbs::SendRequest Request(Opcode opcode, const verbs::Segment* segment, size_t offset) {
    verbs::SendRequest r;
    r.opcode = opcode;
    r.segments = {segment, 1};
    r.remote_address = pair->b().Va(offset);
    r.rkey = open->rkey();
    return r;
  }
  // Steps until a has a completion of each of n requests.
  std::vector<verbs::WorkCompletion> Wait(size_t n) {
    std::vector<verbs::WorkCompletion> all;
    pair->RunUntil([&] {
      for (const auto& c : DevicePair::Drain(pair->a())) all.push_back(c);
      return all.size() >= n;
    });
    return all;
  }

  std::unique_ptr<DevicePair> pair;
  std::unique_ptr<verbs::MemoryRegion> open;
};

TEST(Rdma, ReadsEverySizeAroundTheMtu) {
  for (const uint32_t mtu : {256u, 1024u, 4096u}) {
    Rdma t(Options("fixed", mtu));
    for (const uint32_t length : {0u, 1u, mtu - 1, mtu, mtu + 1, 100'000u}) {
      std::fill(t.pair->a().memory.begin(), t.pair->a().memory.end(), 0);
      const verbs::Segment to = t.pair->a().At(64, length);
      ASSERT_EQ(t.pair->a().qp->PostSend(t.Request(Opcode::kRdmaRead, &to, 333)), PostResult::kOk);
      const auto done = t.Wait(1);
      ASSERT_EQ(done.size(), 1u);
      EXPECT_EQ(done[0].status, CompletionStatus::kSuccess);
      EXPECT_EQ(done[0].byte_length, length);
      EXPECT_EQ(
          std::memcmp(t.pair->a().memory.data() + 64, t.pair->b().memory.data() + 333, length), 0);
      EXPECT_EQ(t.pair->a().memory[63], 0);
      EXPECT_EQ(t.pair->a().memory[64 + length], 0);
    }
  }
}

TEST(Rdma, ReadsUnderEveryAlgorithmAndFault) {
  for (const char* algorithm :
       {"fixed", "fixed:window=8KiB", "fixed:rate=5Gbps", "dcqcn", "tita"}) {
    for (const double rate : {0.0, 0.02}) {
      Rdma t(Options(algorithm), 1 << 20, {rate, rate, rate, rate, rate});
      const verbs::Segment to = t.pair->a().At(0, 1 << 19);
      for (int i = 0; i < 4; ++i) {
        verbs::Segment part = to;
        part.length = 1 << 17;
        part.address = t.pair->a().memory.data() + (static_cast<size_t>(i) << 17);
        const size_t from = static_cast<size_t>(i) << 17;
        ASSERT_EQ(t.pair->a().qp->PostSend(t.Request(Opcode::kRdmaRead, &part, from)),
                  PostResult::kOk);
      }
      const auto done = t.Wait(4);
      ASSERT_EQ(done.size(), 4u) << algorithm << " " << rate;
      for (const auto& c : done) EXPECT_EQ(c.status, CompletionStatus::kSuccess) << algorithm;
      EXPECT_EQ(std::memcmp(t.pair->a().memory.data(), t.pair->b().memory.data(), 1 << 19), 0);
    }
  }
}

TEST(Rdma, APaceOfTheTargetHoldsForResponses) {
  // 1 MB at 1 Gb/s takes 8 ms and a little more for headers; the clock of the pair may have gone on
  // to a timer (1.05 ms) after it.
  Rdma t(Options("fixed:rate=1Gbps", 4096));
  const verbs::Segment to = t.pair->a().At(0, 1'000'000);
  const Time began = t.pair->now();
  ASSERT_EQ(t.pair->a().qp->PostSend(t.Request(Opcode::kRdmaRead, &to, 0)), PostResult::kOk);
  ASSERT_EQ(t.Wait(1).size(), 1u);
  const Duration took = t.pair->now() - began;
  EXPECT_GT(took, Duration::Milliseconds(8));
  EXPECT_LT(took, Duration::Microseconds(9300));
}

TEST(Rdma, TwoReadersShareTheLineOfTheirTargetWithItsSends) {
  // What b sends and what b answers are two flows: neither starves the other.
  Rdma t;
  End& a = t.pair->a();
  End& b = t.pair->b();
  const verbs::Segment into = a.At(1 << 19, 1 << 17);
  ASSERT_EQ(a.qp->PostReceive({1, {&into, 1}}), PostResult::kOk);
  const verbs::Segment to = a.At(0, 1 << 17);
  ASSERT_EQ(a.qp->PostSend(t.Request(Opcode::kRdmaRead, &to, 0)), PostResult::kOk);
  const verbs::Segment from = b.At(1 << 18, 1 << 17);
  verbs::SendRequest send;
  send.segments = {&from, 1};
  ASSERT_EQ(b.qp->PostSend(send), PostResult::kOk);
  t.pair->Settle();
  EXPECT_EQ(DevicePair::Drain(a).size(), 2u);
  EXPECT_EQ(std::memcmp(a.memory.data(), b.memory.data(), 1 << 17), 0);
  EXPECT_EQ(std::memcmp(a.memory.data() + (1 << 19), b.memory.data() + (1 << 18), 1 << 17), 0);
}

TEST(Rdma, AtomicsAreExecutedOnceUnderFaults) {
  Rdma t(Options(), 1 << 16, {0.05, 0.05, 0.05, 0.05, 0.05});
  End& a = t.pair->a();
  auto* word = reinterpret_cast<uint64_t*>(t.pair->b().memory.data() + 128);
  *word = 0;
  for (uint64_t i = 0; i < 300; ++i) {
    const verbs::Segment to = a.At(0, 8);
    verbs::SendRequest r =
        t.Request(i % 2 == 0 ? Opcode::kAtomicFetchAdd : Opcode::kAtomicCompareSwap, &to, 128);
    r.add = r.compare = i + 1;
    r.swap = i + 1;
    // An add to i, then an exchange of i + i + 1 ... with the number that the next one expects.
    const uint64_t before = *word;
    r.compare = before;
    ASSERT_EQ(a.qp->PostSend(r), PostResult::kOk);
    ASSERT_EQ(t.Wait(1).size(), 1u);
    uint64_t got = 0;
    std::memcpy(&got, a.memory.data(), 8);
    ASSERT_EQ(got, before);
    ASSERT_EQ(*word, i % 2 == 0 ? before + i + 1 : i + 1);
  }
}

TEST(Rdma, AReadSeesTheWriteBeforeIt) {
  Rdma t;
  End& a = t.pair->a();
  Rng rng(3);
  for (size_t i = 0; i < 50'000; ++i) a.memory[i] = static_cast<uint8_t>(rng.Next());
  const verbs::Segment from = a.At(0, 50'000);
  const verbs::Segment to = a.At(100'000, 50'000);
  ASSERT_EQ(a.qp->PostSend(t.Request(Opcode::kRdmaWrite, &from, 0)), PostResult::kOk);
  ASSERT_EQ(a.qp->PostSend(t.Request(Opcode::kRdmaRead, &to, 0)), PostResult::kOk);
  ASSERT_EQ(t.Wait(2).size(), 2u);
  EXPECT_EQ(std::memcmp(a.memory.data(), a.memory.data() + 100'000, 50'000), 0);
}

TEST(Rdma, AFencedSendCarriesWhatAReadBroughtBefore) {
  Rdma t;
  End& a = t.pair->a();
  End& b = t.pair->b();
  const verbs::Segment into = b.At(500'000, 10'000);
  ASSERT_EQ(b.qp->PostReceive({1, {&into, 1}}), PostResult::kOk);
  const verbs::Segment both = a.At(0, 10'000);
  ASSERT_EQ(a.qp->PostSend(t.Request(Opcode::kRdmaRead, &both, 777)), PostResult::kOk);
  verbs::SendRequest send;
  send.segments = {&both, 1};
  send.fence = true;
  ASSERT_EQ(a.qp->PostSend(send), PostResult::kOk);
  t.pair->Settle();
  EXPECT_EQ(std::memcmp(b.memory.data() + 500'000, b.memory.data() + 777, 10'000), 0);
}

TEST(Rdma, AKeyInvalidatedByASendIsUnknown) {
  Rdma t;
  End& a = t.pair->a();
  End& b = t.pair->b();
  const verbs::Segment into = b.At(0, 100);
  ASSERT_EQ(b.qp->PostReceive({1, {&into, 1}}), PostResult::kOk);
  const verbs::Segment from = a.At(0, 100);
  verbs::SendRequest r = t.Request(Opcode::kSendWithInvalidate, &from, 0);
  r.solicited = true;
  ASSERT_EQ(a.qp->PostSend(r), PostResult::kOk);
  ASSERT_EQ(t.Wait(1).size(), 1u);
  const auto got = DevicePair::Drain(b);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_TRUE(got[0].invalidated);
  EXPECT_TRUE(got[0].solicited);
  EXPECT_EQ(got[0].invalidated_rkey, t.open->rkey());
  const verbs::Segment to = a.At(0, 8);
  ASSERT_EQ(a.qp->PostSend(t.Request(Opcode::kRdmaRead, &to, 0)), PostResult::kOk);
  const auto done = t.Wait(1);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].status, CompletionStatus::kRemoteAccessError);
}

TEST(Rdma, ScattersOverSixteenSegments) {
  DevicePair pair;
  pair.ConnectAll(Options());
  verbs::QueuePairOptions q;
  std::unique_ptr<verbs::QueuePair> qps[2];
  End* ends[2] = {&pair.a(), &pair.b()};
  for (int i = 0; i < 2; ++i) {
    q.send_completions = q.receive_completions = ends[i]->cq.get();
    q.max_segments = 17;
    EXPECT_FALSE(ends[i]->device->CreateQueuePair(ends[i]->pd.get(), q).ok());
    q.max_segments = 16;
    q.max_inline = 257;
    EXPECT_FALSE(ends[i]->device->CreateQueuePair(ends[i]->pd.get(), q).ok());
    q.max_inline = 256;
    qps[i] = *ends[i]->device->CreateQueuePair(ends[i]->pd.get(), q);
  }
  for (int i = 0; i < 2; ++i) {
    verbs::ConnectOptions o = Options();
    o.peer_qpn = qps[1 - i]->qpn();
    o.peer_mac = ends[1 - i]->device->mac();
    o.peer_address = ends[1 - i]->device->address();
    o.send_psn = qps[i]->initial_psn();
    o.receive_psn = qps[1 - i]->initial_psn();
    ASSERT_TRUE(qps[i]->Connect(o).ok());
  }
  End& a = pair.a();
  End& b = pair.b();
  const auto open = b.device->Register(b.pd.get(), b.memory.data(), b.memory.size(), kAllRights);
  ASSERT_TRUE(open.ok());
  for (size_t i = 0; i < 10'000; ++i) b.memory[i] = static_cast<uint8_t>(i * 13 + i / 256);
  verbs::Segment parts[16];
  uint32_t total = 0;
  for (uint32_t i = 0; i < 16; ++i) {
    parts[i] = a.At(i * 2000, i * 61 + 1);
    total += parts[i].length;
  }
  verbs::SendRequest r;
  r.opcode = Opcode::kRdmaRead;
  r.segments = parts;
  r.remote_address = b.Va(0);
  r.rkey = (*open)->rkey();
  ASSERT_EQ(qps[0]->PostSend(r), PostResult::kOk);
  pair.Settle();
  ASSERT_EQ(DevicePair::Drain(a).size(), 1u);
  uint32_t at = 0;
  for (const verbs::Segment& p : parts) {
    EXPECT_EQ(std::memcmp(p.address, b.memory.data() + at, p.length), 0);
    at += p.length;
  }
  EXPECT_EQ(at, total);
}

TEST(Rdma, DepthsOutOfRangeAreRefused) {
  DevicePair pair;
  pair.ConnectAll(Options());
  End& a = pair.a();
  verbs::QueuePairOptions q;
  q.send_completions = q.receive_completions = a.cq.get();
  const auto qp = a.device->CreateQueuePair(a.pd.get(), q);
  ASSERT_TRUE(qp.ok());
  verbs::ConnectOptions o = Options();
  o.peer_mac = pair.b().device->mac();
  o.peer_address = pair.b().device->address();
  o.max_rd_atomic = 17;
  EXPECT_FALSE((*qp)->Connect(o).ok());
  o.max_rd_atomic = 16;
  o.responder_resources = 17;
  EXPECT_FALSE((*qp)->Connect(o).ok());
  o.responder_resources = 0;
  EXPECT_TRUE((*qp)->Connect(o).ok());
}

// The longest message, with its payload only counted: 2^31 bytes as one READ of 2^19 packets.
TEST(Rdma, AReadOfTwoGibibytes) {
  constexpr uint64_t kLength = uint64_t{1} << 31;
  DevicePairOptions o;
  o.port.elides_payload = true;
  o.port.latency = Duration::Microseconds(1);
  DevicePair pair(o);
  pair.ConnectAll(Options("fixed", 4096), 8, 4096);
  End& a = pair.a();
  End& b = pair.b();
  // Never touched: nothing of it is carried.
  void* base = reinterpret_cast<void*>(uintptr_t{1} << 40);
  const auto from = b.device->Register(b.pd.get(), base, kLength, verbs::kRemoteRead);
  const auto to = a.device->Register(a.pd.get(), base, kLength, verbs::kLocalWrite);
  ASSERT_TRUE(from.ok() && to.ok());
  const verbs::Segment segment{base, static_cast<uint32_t>(kLength), (*to)->lkey()};
  verbs::SendRequest r;
  r.opcode = Opcode::kRdmaRead;
  r.segments = {&segment, 1};
  r.remote_address = reinterpret_cast<uintptr_t>(base);
  r.rkey = (*from)->rkey();
  ASSERT_EQ(a.qp->PostSend(r), PostResult::kOk);
  pair.Settle();
  const auto done = DevicePair::Drain(a);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].status, CompletionStatus::kSuccess);
  EXPECT_EQ(done[0].byte_length, kLength);
}

}  // namespace
}  // namespace sluice::test
