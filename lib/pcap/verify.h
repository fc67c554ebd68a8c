// What `sluice-pcap verify` finds out about a frame and a file.
#ifndef SLUICE_PCAP_VERIFY_H_
#define SLUICE_PCAP_VERIFY_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/json.h"
#include "pcap/capture.h"

namespace sluice::pcap {

// The outcome for one frame. A frame with a bad iCRC is decoded and re-encoded all the same; a
// reserved opcode or transport version is undecoded but re-encoded.
struct FrameVerdict {
  bool roce = false;
  bool cut = false;                  // RoCEv2, but the capture kept only its beginning; not checked
  bool undecoded = false;            // RoCEv2, but no meaning could be given to its transport part
  bool icrc_bad = false;             // the iCRC in the frame is not that of its bytes
  bool reencode_diff = false;        // the frame built anew from the decoded fields has other bytes
  std::vector<std::string> remarks;  // a line for each of the above, for people

  bool differs() const { return icrc_bad || reencode_diff; }
};

FrameVerdict VerifyFrame(const CapturedFrame& frame);

struct FileVerdict {
  std::string file;
  uint64_t frames = 0;
  uint64_t roce = 0;
  // Frame numbers from 1, rising.
  std::vector<uint64_t> undecoded;  // those that were cut included
  std::vector<uint64_t> cut;
  std::vector<uint64_t> icrc_bad;
  std::vector<uint64_t> reencode_diff;
  std::vector<std::string> remarks;  // "frame 7: ...", at most kMostRemarks
  uint64_t remarks_left_off = 0;
  bool complete = true;  // false: `go_on` said stop

  static constexpr size_t kMostRemarks = 20;
  bool differs() const { return !icrc_bad.empty() || !reencode_diff.empty(); }
};

// Reads the file to its end. `go_on` is called with Capture::Fraction() every few hundred frames;
// false stops. Fails as Capture does.
absl::StatusOr<FileVerdict> VerifyFile(const std::string& path,
                                       const std::function<bool(double)>& go_on);

// {"file", "frames", "roce", "undecoded", "icrc_bad", "reencode_diff", "cut"}.
cli::Json ToJson(const FileVerdict& verdict);
// A summary line, then a line for each remark.
std::string ToText(const FileVerdict& verdict);

}  // namespace sluice::pcap

#endif  // SLUICE_PCAP_VERIFY_H_
