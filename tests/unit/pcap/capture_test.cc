#include "pcap/capture.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string>

#include "tests/unit/pcap/capture_files.h"

namespace sluice::pcap {
namespace {

// How many frames could be read, and the error behind them.
struct Outcome {
  uint64_t frames = 0;
  std::string error;
};

Outcome ReadFile(const std::string& path) {
  Outcome o;
  absl::StatusOr<Capture> capture = Capture::Open(path);
  absl::Status status = capture.status();
  CapturedFrame frame;
  while (status.ok()) {
    const absl::StatusOr<bool> more = capture->Next(&frame);
    status = more.status();
    if (more.ok() && !*more) break;
    if (more.ok()) {
      EXPECT_EQ(frame.number, ++o.frames);
    }
  }
  o.error = std::string(status.message());
  return o;
}

TEST(Capture, ReadsEveryGoldenFile) {
  EXPECT_GE(AllGolden().size(), 90u);
  for (const std::string& path : AllGolden()) {
    const Outcome o = ReadFile(path);
    EXPECT_EQ(o.error, "") << path;
    EXPECT_GT(o.frames, 0u) << path;
  }
}

TEST(Capture, KeepsNanosecondsAndLengths) {
  const MadeFile file(PcapHeader(1) + PcapRecord(7, 123456789, std::string(60, 'x'), 60) +
                      PcapRecord(8, 999999999, std::string(64, 'y'), 1500));
  absl::StatusOr<Capture> capture = Capture::Open(file.path());
  ASSERT_TRUE(capture.ok());
  CapturedFrame frame;
  ASSERT_TRUE(*capture->Next(&frame));
  EXPECT_EQ(frame.time_ns, 7'123'456'789);
  EXPECT_EQ(frame.length, 60u);
  EXPECT_FALSE(frame.cut());
  ASSERT_TRUE(*capture->Next(&frame));
  EXPECT_EQ(frame.time_ns, 8'999'999'999);
  EXPECT_EQ(frame.length, 1500u);
  EXPECT_EQ(frame.bytes.size(), 64u);
  EXPECT_EQ(frame.bytes[0], 'y');
  EXPECT_TRUE(frame.cut());
  EXPECT_EQ(capture->Fraction(), 1.0);
  EXPECT_FALSE(*capture->Next(&frame));
}

TEST(Capture, MicrosecondsBecomeNanoseconds) {
  const std::string path = Golden("rc_send_1B_v4");
  const std::string bytes = ReadAll(path);
  uint32_t first[2];
  std::memcpy(first, bytes.data() + 24, 8);
  absl::StatusOr<Capture> capture = Capture::Open(path);
  CapturedFrame frame;
  ASSERT_TRUE(*capture->Next(&frame));
  EXPECT_EQ(frame.time_ns, first[0] * int64_t{1'000'000'000} + first[1] * int64_t{1000});
}

// A capture cut anywhere is either whole (cut between two records) or says at which frame.
TEST(Capture, EveryCutIsFoundAndPlaced) {
  const std::string bytes = ReadAll(Golden("rc_send_1B_v4"));
  std::set<size_t> whole = {24};  // where a record ends
  for (size_t at = 24; at < bytes.size();) {
    uint32_t kept;
    std::memcpy(&kept, bytes.data() + at + 8, 4);
    at += 16 + kept;
    whole.insert(at);
  }
  ASSERT_EQ(*whole.rbegin(), bytes.size());
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    const MadeFile file(bytes.substr(0, cut));
    const Outcome o = ReadFile(file.path());
    // Whole records before the cut.
    const uint64_t frames =
        cut < 24 ? 0
                 : static_cast<uint64_t>(std::distance(whole.begin(), whole.upper_bound(cut))) - 1;
    EXPECT_EQ(o.frames, frames) << cut;
    if (whole.count(cut) != 0) {
      EXPECT_EQ(o.error, "") << cut;
      continue;
    }
    const std::string says = cut == 0   ? "empty file, no capture"
                             : cut < 24 ? "truncated in the file header"
                                        : "truncated at frame " + std::to_string(frames + 1) + ";";
    EXPECT_EQ(o.error.rfind(file.path() + ": ", 0), 0u) << o.error;
    EXPECT_NE(o.error.find(says), std::string::npos) << cut << " " << o.error;
    EXPECT_EQ(o.error.find('\n'), std::string::npos);
  }
}

TEST(Capture, SaysWhyAFileIsNone) {
  const auto says = [](const std::string& path, const std::string& words) {
    const Outcome o = ReadFile(path);
    EXPECT_NE(o.error.find(words), std::string::npos) << o.error;
    EXPECT_LT(o.error.size(), 500u);
  };
  says("/no/such/file.pcap", "No such file");
  says(Golden("rc_send_1B_v5"), "did you mean 'rc_send_1B_v4.pcap'?");
  says(SLUICE_TEST_DATA, "Is a directory");
  says(MadeFile(std::string(10'000, '\x55')).path() + "x", "did you mean");
  const MadeFile garbage(std::string(10'000, '\x55'));
  says(garbage.path(), "no pcap or pcapng file");
  const MadeFile text("#!/bin/sh\necho this is no capture at all\n");
  says(text.path(), "no pcap or pcapng file");
  const MadeFile wifi(PcapHeader(105));
  says(wifi.path(), "link type IEEE802_11, not Ethernet");
  std::string huge = PcapRecord(0, 0, "", 0);
  huge.replace(8, 4, "\xff\xff\xff\x7f");
  const MadeFile damaged(PcapHeader(1) + PcapRecord(0, 0, std::string(60, 'x'), 60) + huge);
  says(damaged.path(), "damaged at frame 2");
}

TEST(Capture, AFileOfAnyBytesIsRefusedOrRead) {
  const std::string bytes = ReadAll(Golden("rc_send_1B_v4"));
  for (size_t at = 0; at < 200; ++at) {
    for (int value : {0, 0x7f, 0xff}) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(value);
      const MadeFile file(changed);
      const Outcome o = ReadFile(file.path());  // no crash, and an error is one line
      EXPECT_EQ(o.error.find('\n'), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace sluice::pcap
