// The poll loop on its owner's thread and on one of its own.
#include "runtime/worker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "support/device_pair.h"
#include "support/thread_executor.h"

namespace sluice::test {
namespace {

using runtime::Worker;

// Advances by a fixed step with every reading; one thread.
class StepClock : public Clock {
 public:
  explicit StepClock(Duration step) : step_(step) {}
  Time Now() override { return now_ += step_; }

 private:
  Time now_;
  Duration step_;
};

struct Recorder : Pollable {
  std::vector<Time> polls;
  size_t handles = 0;
  size_t Poll(Time now) override {
    polls.push_back(now);
    return handles;
  }
  OptionalTime NextDeadline() const override { return std::nullopt; }
};

TEST(Worker, ReadsTheClockOncePerIteration) {
  StepClock clock(Duration::Nanoseconds(10));
  Worker worker(&clock);
  Recorder a, b;
  worker.Add(&a);
  worker.Add(&b);
  a.handles = 2;
  b.handles = 3;
  EXPECT_EQ(worker.RunOnce(), 5u);
  a.handles = b.handles = 0;
  EXPECT_EQ(worker.RunOnce(), 0u);
  EXPECT_EQ(a.polls, b.polls);
  EXPECT_EQ(a.polls.size(), 2u);
  EXPECT_EQ(worker.iterations(), 2u);
  EXPECT_EQ(worker.busy_iterations(), 1u);
  worker.Remove(&a);
  worker.RunOnce();
  EXPECT_EQ(a.polls.size(), 2u);
  EXPECT_EQ(b.polls.size(), 3u);
}

TEST(Worker, CountsStalls) {
  VirtualClock clock;
  Worker worker(&clock);
  for (const int64_t us : {0, 50, 150, 151, 400}) {
    clock.Set(Time() + Duration::Microseconds(us));
    worker.RunOnce();
  }
  // Gaps of 50, 100, 1 and 249 us; more than 100 us is a stall.
  EXPECT_EQ(worker.stalls(), 1u);
  EXPECT_EQ(worker.longest_gap(), Duration::Microseconds(249));
}

TEST(Worker, ExecuteRunsAtOnceWhileNotStarted) {
  VirtualClock clock;
  Worker worker(&clock);
  std::thread::id where;
  worker.Execute([&] { where = std::this_thread::get_id(); });
  EXPECT_EQ(where, std::this_thread::get_id());
}

TEST(WorkerThread, ExecuteRunsBetweenIterationsOnTheWorkersThread) {
  StepClock clock(Duration::Nanoseconds(10));
  ThreadExecutor executor;
  Worker worker(&clock);
  uint64_t plain = 0;  // only the worker's thread touches it
  for (int round = 0; round < 3; ++round) {
    worker.Start(&executor);
    EXPECT_TRUE(worker.started());
    std::vector<std::thread> callers;
    callers.reserve(2);
    for (int t = 0; t < 2; ++t) {
      callers.emplace_back([&] {
        for (int i = 0; i < 30; ++i) {
          worker.Execute([&plain] { ++plain; });
        }
      });
    }
    for (std::thread& t : callers) t.join();
    worker.Stop();
    EXPECT_FALSE(worker.started());
    executor.Wait();
  }
  EXPECT_EQ(plain, 3u * 60u);
  EXPECT_GT(worker.iterations(), 0u);
}

TEST(WorkerThread, StopWaitsForWhoExecutes) {
  for (int round = 0; round < 50; ++round) {
    StepClock clock(Duration::Nanoseconds(10));
    ThreadExecutor executor;
    Worker worker(&clock);
    worker.Start(&executor);
    std::atomic<int> done{0};
    std::thread caller([&] {
      for (int i = 0; i < 20; ++i) worker.Execute([&] { done.fetch_add(1); });
    });
    worker.Stop();
    caller.join();
    EXPECT_EQ(done.load(), 20) << "each ran, on one thread or the other";
  }
}

// Two devices whose engines one worker polls, with a connected queue pair each.
struct SharedWorker {
  struct PortClock : Pollable {  // arrivals follow the worker's time
    FakePort* ports = nullptr;
    size_t Poll(Time now) override {
      for (int i = 0; i < 2; ++i) ports[i].SetNow(now);
      return 0;
    }
    OptionalTime NextDeadline() const override { return std::nullopt; }
  };

  SharedWorker() {
    FakePort::Connect(ports[0], ports[1]);
    port_clock.ports = ports;
    for (int i = 0; i < 2; ++i) MakeDevice(i);
    // Device 0's worker polls both engines, so that one thread owns both ports.
    worker().Add(&port_clock);
    worker().Add(&devices[1]->impl().engine);
    for (int i = 0; i < 2; ++i) MakeObjects(i);
  }

  runtime::Worker& worker() { return devices[0]->impl().worker; }

  void MakeDevice(int i) {
    ports[i].KeepSent(false);
    verbs::DeviceParts parts;
    parts.port = &ports[i];
    parts.clock = &clock;
    parts.mac = *wire::MacAddress::Parse(i == 0 ? "02:00:00:00:00:01" : "02:00:00:00:00:02");
    parts.address = *wire::IpAddress::Parse(EndAddress(i));
    parts.engine.seed = 40 + static_cast<uint64_t>(i);
    parts.engine.max_queue_pairs = 4;
    devices[i] = verbs::MakeDevice(parts);
  }

  void MakeObjects(int i) {
    pds[i] = devices[i]->AllocateProtectionDomain();
    cqs[i] = *devices[i]->CreateCompletionQueue(64);
    memory[i].assign(1 << 16, 0);
    regions[i] = *devices[i]->Register(pds[i].get(), memory[i].data(), memory[i].size(), 3);
    verbs::QueuePairOptions o;
    o.send_completions = o.receive_completions = cqs[i].get();
    o.send_depth = o.receive_depth = 16;
    qps[i] = *devices[i]->CreateQueuePair(pds[i].get(), o);
  }

  absl::Status Connect(int i) {
    verbs::ConnectOptions o;
    o.mtu = 1024;
    o.algorithm = "fixed";
    o.min_rnr_timer = 1;
    o.peer_qpn = qps[1 - i]->qpn();
    o.peer_mac = devices[1 - i]->mac();
    o.peer_address = devices[1 - i]->address();
    o.send_psn = qps[i]->initial_psn();
    o.receive_psn = qps[1 - i]->initial_psn();
    return qps[i]->Connect(o);
  }

  StepClock clock{Duration::Nanoseconds(200)};
  FakePort ports[2];
  PortClock port_clock;
  std::unique_ptr<verbs::Device> devices[2];
  std::unique_ptr<verbs::ProtectionDomain> pds[2];
  std::unique_ptr<verbs::CompletionQueue> cqs[2];
  std::vector<uint8_t> memory[2];
  std::unique_ptr<verbs::MemoryRegion> regions[2];
  std::unique_ptr<verbs::QueuePair> qps[2];
};

// Two threads: applications here, both engines on the worker's thread, real queues in between.
TEST(WorkerThread, ApplicationsPostWhileEnginesPoll) {
  ThreadExecutor executor;
  SharedWorker rig;
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(rig.Connect(i).ok());
  rig.worker().Start(&executor);
  constexpr uint64_t kMessages = 500;
  uint64_t counts[2] = {0, 0};
  std::thread receiver([&] {
    uint64_t posted = 0;
    while (counts[1] < kMessages) {
      const verbs::Segment s{rig.memory[1].data() + (posted % 16) * 3000, 3000,
                             rig.regions[1]->lkey()};
      if (posted < kMessages &&
          rig.qps[1]->PostReceive({posted, {&s, 1}}) == verbs::PostResult::kOk) {
        ++posted;
      }
      verbs::WorkCompletion c[4];
      counts[1] += rig.cqs[1]->Poll(c);
      std::this_thread::yield();
    }
  });
  uint64_t posted = 0;
  while (counts[0] < kMessages) {
    const verbs::Segment s{rig.memory[0].data(), 2500, rig.regions[0]->lkey()};
    verbs::SendRequest r;
    r.wr_id = posted;
    r.segments = {&s, 1};
    if (posted < kMessages && rig.qps[0]->PostSend(r) == verbs::PostResult::kOk) ++posted;
    verbs::WorkCompletion c[4];
    counts[0] += rig.cqs[0]->Poll(c);
    std::this_thread::yield();
  }
  receiver.join();
  EXPECT_EQ(counts[0], kMessages);
  EXPECT_EQ(counts[1], kMessages);
  rig.worker().Stop();
  executor.Wait();
  for (int i = 0; i < 2; ++i) rig.qps[i].reset();
}

}  // namespace
}  // namespace sluice::test
