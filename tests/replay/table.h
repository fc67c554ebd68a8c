// The table of replays, tests/data/roce/replay.txt: which end of which capture our queue pair
// stands for, what that end posts and owns, and where it may differ from the recording.
#ifndef SLUICE_TESTS_REPLAY_TABLE_H_
#define SLUICE_TESTS_REPLAY_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <vector>

namespace sluice::replay {

// `count` requests of `length` bytes: send requests of verb `op`, or receives (op empty) that are
// posted before frame `before` is fed.
struct Posts {
  int count = 0;
  std::string op;
  uint32_t length = 0;
  uint64_t before = 0;
};

struct Row {
  std::string capture;
  char plays = '-';     // 'a', 'b', or '-': no queue pair of the application speaks in it
  std::string left_to;  // who plays it then
  std::string service = "rc";
  uint32_t qkey = 0x11111111;    // of our datagram queue pair
  std::optional<int> completed;  // receives that complete
  uint32_t mtu = 1024;
  std::vector<Posts> posts;
  std::vector<Posts> receives;
  size_t region = 4096;
  bool writes_region = false;   // a region was given: the data goes there
  std::vector<uint32_t> qpns;   // of a's and b's queue pair; empty: those of the first RC frames
  std::set<uint64_t> frames;    // the conversation's part of the file; empty: all of it
  std::set<uint64_t> twice;     // frames that the hub delivered twice
  std::set<uint64_t> lost;      // frames that never reached the other end
  std::set<uint64_t> made;      // frames that the hub between the ends made
  std::set<std::string> flags;  // unsignalled, solicited, bad_rkey
  uint32_t data = 0;            // bytes that the client's pattern fills at the server in the end
  uint8_t reads = 1;            // READs and atomics outstanding at a time
  uint8_t timeout = 14;
  uint8_t retry = 7;
  uint8_t rnr = 7;
  uint8_t rnr_timer = 12;
  std::string algorithm = "fixed";
  std::set<std::string> differs;

  // A capture may hold several conversations.
  std::string name() const {
    std::string out = capture + "_as_" + plays;
    for (uint32_t q : qpns) out += "_" + std::to_string(q);
    return out;
  }
};

// For GoogleTest, which would print the bytes.
inline void PrintTo(const Row& row, std::ostream* out) { *out << row.name(); }

// All rows, in the order of the file; a line that cannot be read is a failure of the test.
std::vector<Row> ReadTable(const std::string& path);

// The captures that the README of the same folder lists.
std::vector<std::string> CapturesOfReadme(const std::string& path);

}  // namespace sluice::replay

#endif  // SLUICE_TESTS_REPLAY_TABLE_H_
