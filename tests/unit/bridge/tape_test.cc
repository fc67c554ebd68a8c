// Tapes: a recorder changes nothing, a replay agrees, and a tape that somebody changed does not.
#include "bridge/tape.h"

#include <gtest/gtest.h>

#include <array>

#include "bridge/recorder.h"
#include "support/cc_tape.h"

namespace sluice::bridge {
namespace {

std::shared_ptr<const cc::Algorithm> Make(const char* name) { return *cc::MakeAlgorithm(name); }

// What test::Player tells a controller, once plainly and once recorded.
class Taped : public ::testing::TestWithParam<const char*> {
 protected:
  Taped() : recorder_(true), algorithm_(Make(GetParam())) {
    const test::Tape events =
        test::SaneTape(1, 3000, Duration::Microseconds(10), Duration::Microseconds(60));
    test::Player plain(*algorithm_, test::TapeContext(*algorithm_), Time::Zero());
    const auto watched = recorder_.Around(algorithm_);
    test::Player recorded(*watched, test::TapeContext(*watched), Time::Zero());
    for (const test::TapeEvent& e : events) {
      plain.Play(e);
      recorded.Play(e);
      if (!(plain.answer() == recorded.answer())) ++differences_;
    }
  }
  Recorder recorder_;
  std::shared_ptr<const cc::Algorithm> algorithm_;
  int differences_ = 0;
};

TEST_P(Taped, TheRecorderChangesNoAnswer) { EXPECT_EQ(differences_, 0); }

TEST_P(Taped, AReplayGivesTheSameAnswers) {
  ASSERT_EQ(recorder_.tapes().size(), 1u);
  const Tape& tape = recorder_.tapes()[0];
  EXPECT_GE(tape.calls.size(), 6000u);
  EXPECT_EQ(Replay(tape, *algorithm_), std::nullopt);
  EXPECT_TRUE(recorder_.ReplayAll().ok());
  ASSERT_TRUE(recorder_.MedianRtt().has_value());
  EXPECT_GT(*recorder_.MedianRtt(), Duration::Microseconds(10));
  EXPECT_LT(*recorder_.MedianRtt(), Duration::Microseconds(60));
}

TEST_P(Taped, AnAnswerThatWasChangedIsFound) {
  Tape tape = recorder_.tapes()[0];
  tape.calls[1234].answer.rate = Bandwidth::BitsPerSecond(tape.calls[1234].answer.rate.bps() - 1);
  const auto difference = Replay(tape, *algorithm_);
  ASSERT_TRUE(difference.has_value());
  EXPECT_NE(difference->find("after 1235 calls"), std::string::npos) << *difference;
}

std::vector<const char*> Names() {
  std::vector<const char*> names;
  for (const cc::RegistryEntry& entry : cc::Algorithms()) names.push_back(entry.name);
  return names;
}
INSTANTIATE_TEST_SUITE_P(Algorithms, Taped, ::testing::ValuesIn(Names()),
                         [](const auto& test) { return std::string(test.param); });

// The calls are those of another algorithm: its answers are, too.
TEST(Replay, OfAnotherAlgorithmDiffers) {
  Recorder recorder(true);
  const auto watched = recorder.Around(Make("dcqcn"));
  test::Player player(*watched, test::TapeContext(*watched), Time::Zero());
  player.PlayAll(test::SaneTape(1, 3000, Duration::Microseconds(10), Duration::Microseconds(60)));
  EXPECT_NE(Replay(recorder.tapes()[0], *Make("dctcp")), std::nullopt);
}

// Telemetry of several hops for each of several samples comes back as it was.
TEST(Replay, CarriesTelemetry) {
  Recorder recorder(true);
  const auto hpcc = Make("hpcc");
  const auto watched = recorder.Around(hpcc);
  alignas(64) std::array<std::byte, cc::kMaxControllerSize> storage;
  cc::FlowContext context = test::TapeContext(*hpcc);
  context.base_rtt = Duration::Microseconds(12);
  cc::Controller* const controller = watched->MakeController(storage.data(), context);
  for (uint32_t i = 1; i < 200; ++i) {
    std::array<std::array<cc::IntHop, 3>, 2> hops;
    std::array<cc::Sample, 2> samples;
    for (uint32_t k = 0; k < samples.size(); ++k) {
      const uint32_t n = 2 * i + k;
      for (uint32_t h = 0; h < hops[k].size(); ++h) {
        hops[k][h] = {n * 30, n * 165, (n * 37 + h * 11) % 90'000,
                      Bandwidth::GigabitsPerSecond(100)};
      }
      samples[k].acked = Bytes(4096);
      samples[k].rtt = Duration::Microseconds(12);
      samples[k].stamp = cc::StampSource::kBurst;
      samples[k].hops = hops[k];
    }
    cc::Feedback f;
    f.now = Time::Zero() + Duration::Nanoseconds(330 * int64_t{i});
    f.present.Add(cc::Signal::kInt).Add(cc::Signal::kRtt);
    f.acked = Bytes(8192);
    f.acked_packets = 2;
    f.in_flight = Bytes(100'000);
    f.samples = samples;
    controller->OnFeedback(f);
  }
  controller->~Controller();
  const Tape& tape = recorder.tapes()[0];
  EXPECT_EQ(tape.samples.size(), 2u * 199);
  EXPECT_EQ(tape.hops.size(), 6u * 199);
  EXPECT_EQ(tape.hops[5].queue_bytes, 3u * 37 + 2 * 11);
  EXPECT_EQ(Replay(tape, *hpcc), std::nullopt);
  EXPECT_NE(tape.calls.front().answer, tape.calls.back().answer);
}

}  // namespace
}  // namespace sluice::bridge
