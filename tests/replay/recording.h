// Recording: one conversation of a golden capture, as the replay needs it: the frames of two queue
// pairs in the order of the file, and what the two programs told each other beside it.
#ifndef SLUICE_TESTS_REPLAY_RECORDING_H_
#define SLUICE_TESTS_REPLAY_RECORDING_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "replay/table.h"
#include "wire/packet_value.h"

namespace sluice::replay {

// What the test program rxv says of itself over TCP.
struct Introduction {
  bool given = false;
  uint32_t qpn = 0;
  uint64_t va = 0;
  uint32_t rkey = 0;
};

struct RecordedFrame {
  uint64_t number = 0;  // in the file, from 1
  Duration at;          // since the first frame
  char from = 'a';      // which end sent it
  wire::DecodedFrame frame;
};

struct Recording {
  std::vector<RecordedFrame> frames;  // between the two queue pairs, also those to wrong numbers
  uint32_t qpn[2] = {0, 0};           // of a, of b
  Introduction said[2];
  size_t of_applications = 0;  // all frames but those between queue pairs 1

  static int Index(char end) { return end == 'a' ? 0 : 1; }
};

Recording Read(const std::string& path, const Row& row);

}  // namespace sluice::replay

#endif  // SLUICE_TESTS_REPLAY_RECORDING_H_
