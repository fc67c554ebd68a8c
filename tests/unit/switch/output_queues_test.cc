#include "switch/output_queues.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <utility>
#include <vector>

#include "support/roce_frame.h"

namespace sluice::switching {
namespace {

using Admission = OutputQueues::Admission;
using Mode = EcnProfile::Mode;

Time At(int64_t ns) { return Time::Zero() + Duration::Nanoseconds(ns); }

// Frames that stay where they are while a queue holds them.
class Frames {
 public:
  SwitchPacket& Make(uint32_t length, uint8_t ecn = 2) {
    bytes_.emplace_back(support::kRoceHeaderBytes);
    support::WriteRoceHeader({.ecn = ecn, .frame_length = length}, bytes_.back().data());
    packets_.emplace_back();
    packets_.back().header = bytes_.back().data();
    packets_.back().header_length = support::kRoceHeaderBytes;
    packets_.back().network_offset = 14;
    packets_.back().wire_length = length;
    return packets_.back();
  }
  static int EcnOf(const SwitchPacket& packet) { return support::EcnBitsOf(packet.header); }

 private:
  std::deque<std::vector<uint8_t>> bytes_;
  std::deque<SwitchPacket> packets_;
};

TEST(OutputQueues, IsAFifoPerPort) {
  Frames frames;
  OutputQueues queues(2, Bytes(10'000), 1, 0);
  SwitchPacket& a = frames.Make(100);
  SwitchPacket& b = frames.Make(200);
  SwitchPacket& c = frames.Make(300);
  EXPECT_EQ(queues.Enqueue(At(1), a, 0), Admission::kQueued);
  EXPECT_EQ(queues.Enqueue(At(2), b, 1), Admission::kQueued);
  EXPECT_EQ(queues.Enqueue(At(3), c, 0), Admission::kQueued);
  EXPECT_EQ(queues.waiting(0), Bytes(400));
  EXPECT_EQ(queues.waiting(1), Bytes(200));
  EXPECT_EQ(queues.used(), Bytes(600));
  EXPECT_EQ(queues.packets(0), 2u);
  EXPECT_EQ(queues.front(0), &a);
  EXPECT_EQ(queues.front(0)->when, At(1));
  EXPECT_EQ(queues.Dequeue(At(4), 0), &a);
  EXPECT_EQ(queues.Dequeue(At(5), 0), &c);
  EXPECT_EQ(queues.front(0), nullptr);
  EXPECT_EQ(queues.used(), Bytes(200));
  EXPECT_EQ(queues.Dequeue(At(5), 1), &b);
  EXPECT_EQ(queues.used(), Bytes(0));
  EXPECT_EQ(queues.counters(0).enqueued, 2u);
  EXPECT_EQ(queues.counters(0).dequeued, 2u);
}

// 10 frames of 1000 B into 4999 B: four find room, the fifth would need one byte more.
TEST(OutputQueues, DropsTheTailWhenTheSharedBufferIsFull) {
  Frames frames;
  OutputQueues queues(2, Bytes(4999), 1, 0);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(queues.Enqueue(At(i), frames.Make(1000), static_cast<PortIndex>(i % 2)),
              i < 4 ? Admission::kQueued : Admission::kDropped);
  }
  EXPECT_EQ(queues.counters(0).dropped, 3u);
  EXPECT_EQ(queues.counters(1).dropped, 3u);
  EXPECT_EQ(queues.used(), Bytes(4000));
  // What leaves port 0 makes room for port 1; 999 B fit exactly.
  queues.Dequeue(At(20), 0);
  EXPECT_EQ(queues.Enqueue(At(20), frames.Make(1000), 1), Admission::kQueued);
  EXPECT_EQ(queues.Enqueue(At(21), frames.Make(1000), 1), Admission::kDropped);
  EXPECT_EQ(queues.Enqueue(At(21), frames.Make(999), 1), Admission::kQueued);
  EXPECT_EQ(queues.used(), queues.buffer());
}

// A step at 2500 B and frames of 1000 B. At dequeue the test sees what waits behind the frame; at
// enqueue what waits ahead of it.
TEST(OutputQueues, MarksAtDequeueByWhatWaitsBehind) {
  Frames frames;
  OutputQueues queues(1, Bytes(100'000), 1, 0);
  queues.SetEcn(0, {Mode::kDequeue, Bytes(2500), Bytes(2500), 1});
  for (int i = 0; i < 6; ++i) queues.Enqueue(At(i), frames.Make(1000), 0);
  // Behind them: 5000, 4000, 3000, 2000, 1000, 0.
  for (const bool marked : {true, true, true, false, false, false}) {
    EXPECT_EQ(Frames::EcnOf(*queues.Dequeue(At(10), 0)), marked ? 3 : 2);
  }
  EXPECT_EQ(queues.counters(0).ecn_marks, 3u);
}

TEST(OutputQueues, MarksAtEnqueueByWhatWaitsAhead) {
  Frames frames;
  OutputQueues queues(1, Bytes(100'000), 1, 0);
  queues.SetEcn(0, {Mode::kEnqueue, Bytes(2500), Bytes(2500), 1});
  for (int i = 0; i < 6; ++i) queues.Enqueue(At(i), frames.Make(1000), 0);
  // Ahead of them: 0, 1000, 2000, 3000, 4000, 5000.
  for (const bool marked : {false, false, false, true, true, true}) {
    EXPECT_EQ(Frames::EcnOf(*queues.Dequeue(At(10), 0)), marked ? 3 : 2);
  }
}

TEST(OutputQueues, MarksOnlyWhatIsEct) {
  for (const uint8_t ecn : {0, 1, 2, 3}) {
    Frames frames;
    OutputQueues queues(1, Bytes(100'000), 1, 0);
    queues.SetEcn(0, {Mode::kDequeue, Bytes(0), Bytes(0), 1});
    queues.Enqueue(At(0), frames.Make(1000, ecn), 0);
    queues.Enqueue(At(0), frames.Make(1000, ecn), 0);
    EXPECT_EQ(Frames::EcnOf(*queues.Dequeue(At(1), 0)), ecn == 0 ? 0 : 3);
    // A packet that was CE already is no new mark.
    EXPECT_EQ(queues.counters(0).ecn_marks, ecn == 1 || ecn == 2 ? 1u : 0u);
  }
}

TEST(OutputQueues, OffMarksNothing) {
  Frames frames;
  OutputQueues queues(1, Bytes(100'000), 1, 0);
  for (int i = 0; i < 6; ++i) queues.Enqueue(At(i), frames.Make(1000), 0);
  while (queues.front(0) != nullptr) EXPECT_EQ(Frames::EcnOf(*queues.Dequeue(At(9), 0)), 2);
}

// One frame always waits behind: 1000 B on a ramp of 0..2000 B to 0.5 is p = 1/4.
std::vector<bool> MarkPattern(uint64_t seed, uint64_t entity, int packets) {
  Frames frames;
  OutputQueues queues(1, Bytes(100'000), seed, entity);
  queues.SetEcn(0, {Mode::kDequeue, Bytes(0), Bytes(2000), 0.5});
  std::vector<bool> marks;
  queues.Enqueue(At(0), frames.Make(1000), 0);
  for (int i = 0; i < packets; ++i) {
    queues.Enqueue(At(i), frames.Make(1000), 0);
    marks.push_back(Frames::EcnOf(*queues.Dequeue(At(i), 0)) == 3);
  }
  return marks;
}

TEST(OutputQueues, MarkingIsBinomialAndNamedBySeedAndEntity) {
  constexpr int kPackets = 20'000;
  const auto marks = MarkPattern(1, 5, kPackets);
  const auto count = std::count(marks.begin(), marks.end(), true);
  EXPECT_NEAR(static_cast<double>(count), kPackets / 4.0, 5 * std::sqrt(kPackets * 3.0 / 16));
  EXPECT_EQ(marks, MarkPattern(1, 5, kPackets));
  EXPECT_NE(marks, MarkPattern(2, 5, kPackets));
  EXPECT_NE(marks, MarkPattern(1, 6, kPackets));
}

TEST(OutputQueues, TellsTheObserverEachLevel) {
  struct Recorder : QueueObserver {
    void OnLevel(Time now, Bytes waiting) override { seen.emplace_back(now.ps(), waiting.count()); }
    std::vector<std::pair<uint64_t, int64_t>> seen;
  } recorder;
  Frames frames;
  OutputQueues queues(2, Bytes(250), 1, 0);
  queues.SetObserver(1, &recorder);
  queues.Enqueue(At(1), frames.Make(100), 1);
  queues.Enqueue(At(2), frames.Make(100), 0);
  queues.Enqueue(At(3), frames.Make(50), 1);
  queues.Enqueue(At(4), frames.Make(50), 1);  // dropped
  queues.Dequeue(At(5), 1);
  const std::vector<std::pair<uint64_t, int64_t>> expected = {{1000, 100}, {3000, 150}, {5000, 50}};
  EXPECT_EQ(recorder.seen, expected);
}

}  // namespace
}  // namespace sluice::switching
