// Our queue pair in the place of each end of each golden capture of Linux rdma_rxe; the table is
// tests/data/roce/replay.txt.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "replay/compare.h"
#include "replay/player.h"
#include "replay/recording.h"
#include "replay/table.h"

namespace sluice::replay {
namespace {

std::string InData(const std::string& file) { return SLUICE_TEST_DATA "/roce/" + file; }

const std::vector<Row>& Table() {
  static const std::vector<Row> table = ReadTable(InData("replay.txt"));
  return table;
}

std::vector<Row> Played() {
  std::vector<Row> rows;
  std::copy_if(Table().begin(), Table().end(), std::back_inserter(rows),
               [](const Row& r) { return r.plays != '-'; });
  return rows;
}

class Replay : public testing::TestWithParam<Row> {};

TEST_P(Replay, SaysWhatWasRecorded) {
  const Row& row = GetParam();
  const Recording recording = Read(InData(row.capture + ".pcap"), row);
  ASSERT_FALSE(recording.frames.empty());
  Player player(row, recording);
  player.Play();
  const Verdict v = Compare(player.sent(), player.credits(), player.recorded(), row.differs);
  EXPECT_TRUE(v.equal) << v.why;
  EXPECT_EQ(v.needed, row.differs) << "the table lists what does not differ";
  EXPECT_TRUE(player.DataArrived());
  if (row.completed) {
    EXPECT_EQ(player.completed(), *row.completed);
  }
}

INSTANTIATE_TEST_SUITE_P(Captures, Replay, testing::ValuesIn(Played()),
                         [](const auto& it) { return it.param.name(); });

// Each capture of the README is played from both ends, or the table says who plays it; and it knows
// no other.
TEST(ReplayTable, NamesEveryCapture) {
  const std::vector<std::string> captures = CapturesOfReadme(InData("README.md"));
  ASSERT_GT(captures.size(), 90u);
  std::map<std::string, std::set<char>> played;
  for (const Row& row : Table()) {
    played[row.capture].insert(row.plays);
    EXPECT_EQ(row.plays == '-', !row.left_to.empty()) << row.capture;
    if (row.plays == '-')
      std::printf("not applicable: %s (%s)\n", row.capture.c_str(), row.left_to.c_str());
  }
  for (const std::string& c : captures) {
    EXPECT_TRUE(played.count(c) > 0) << c << " has no row";
    const std::set<char>& sides = played[c];
    EXPECT_TRUE(sides == std::set<char>({'-'}) || sides == std::set<char>({'a', 'b'})) << c;
  }
  EXPECT_EQ(played.size(), captures.size());
}

// In a capture that is called not applicable no queue pair but those with the number 1 speaks.
TEST(ReplayTable, LeavesOutNothingThatCouldBePlayed) {
  for (const Row& row : Table()) {
    if (row.plays != '-') continue;
    EXPECT_EQ(Read(InData(row.capture + ".pcap"), row).of_applications, 0u) << row.capture;
  }
}

// Each unreliable service is played, with loss of nothing but what its receiver must drop.
TEST(ReplayTable, PlaysEveryService) {
  std::map<std::string, int> rows;
  for (const Row& row : Played()) ++rows[row.service];
  EXPECT_GE(rows["rc"], 150);
  EXPECT_GE(rows["uc"], 2);
  EXPECT_GE(rows["ud"], 12);
}

}  // namespace
}  // namespace sluice::replay
