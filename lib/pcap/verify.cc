#include "pcap/verify.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "cli/values.h"
#include "wire/packet_value.h"

namespace sluice::pcap {
namespace {

// Where two byte strings part, for people; empty when they are equal.
std::string FirstDifference(std::span<const uint8_t> found, const std::vector<uint8_t>& made) {
  const auto at = std::mismatch(found.begin(), found.end(), made.begin(), made.end());
  const size_t offset = static_cast<size_t>(at.first - found.begin());
  if (at.first != found.end() && at.second != made.end()) {
    return absl::StrFormat("re-encoded otherwise from byte %d on: 0x%02x in the frame, 0x%02x made",
                           offset, *at.first, *at.second);
  }
  if (found.size() == made.size()) return "";
  return absl::StrFormat("re-encoded to %d bytes, the frame has %d", made.size(), found.size());
}

void Note(FileVerdict* file, uint64_t number, const FrameVerdict& frame) {
  if (frame.roce) ++file->roce;
  if (frame.undecoded || frame.cut) file->undecoded.push_back(number);
  if (frame.cut) file->cut.push_back(number);
  if (frame.icrc_bad) file->icrc_bad.push_back(number);
  if (frame.reencode_diff) file->reencode_diff.push_back(number);
  for (const std::string& remark : frame.remarks) {
    if (file->remarks.size() < FileVerdict::kMostRemarks) {
      file->remarks.push_back(absl::StrFormat("frame %d: %s", number, remark));
    } else {
      ++file->remarks_left_off;
    }
  }
}

}  // namespace

FrameVerdict VerifyFrame(const CapturedFrame& frame) {
  FrameVerdict v;
  v.roce = wire::IsRoce(frame.bytes);
  if (!v.roce) return v;
  if (frame.cut()) {
    v.cut = true;
    v.remarks.push_back(absl::StrFormat("cut to %d of %d bytes by the capture, not checked",
                                        frame.bytes.size(), frame.length));
    return v;
  }
  const absl::StatusOr<wire::DecodedFrame> decoded = wire::Decode(frame.bytes);
  if (!decoded.ok()) {
    v.undecoded = true;
    v.remarks.push_back(absl::StrFormat("undecoded: %s", decoded.status().message()));
    return v;
  }
  if (!decoded->decoded()) {
    v.undecoded = true;
    v.remarks.push_back(absl::StrFormat(
        "undecoded (%s): opcode 0x%02x, transport version %d", wire::NameOf(decoded->cause),
        static_cast<unsigned>(decoded->bth.opcode), decoded->bth.version));
  }
  if (!decoded->IcrcOk()) {
    v.icrc_bad = true;
    v.remarks.push_back(absl::StrFormat("iCRC 0x%08x in the frame, 0x%08x computed", decoded->icrc,
                                        decoded->ComputedIcrc()));
  }
  // From the fields alone: the frame's bytes do not come near Encode().
  const std::string difference = FirstDifference(frame.bytes, decoded->Encode());
  if (!difference.empty()) {
    v.reencode_diff = true;
    v.remarks.push_back(difference);
  }
  return v;
}

absl::StatusOr<FileVerdict> VerifyFile(const std::string& path,
                                       const std::function<bool(double)>& go_on) {
  absl::StatusOr<Capture> capture = Capture::Open(path);
  if (!capture.ok()) return capture.status();
  FileVerdict verdict;
  verdict.file = path;
  CapturedFrame frame;
  for (;;) {
    const absl::StatusOr<bool> more = capture->Next(&frame);
    if (!more.ok()) return more.status();
    if (!*more) return verdict;
    ++verdict.frames;
    Note(&verdict, frame.number, VerifyFrame(frame));
    constexpr uint64_t kBetween = 256;
    if (frame.number % kBetween == 0 && !go_on(capture->Fraction())) {
      verdict.complete = false;
      return verdict;
    }
  }
}

cli::Json ToJson(const FileVerdict& v) {
  cli::Json j;
  j["file"] = v.file;
  j["frames"] = v.frames;
  j["roce"] = v.roce;
  j["undecoded"] = v.undecoded;
  j["icrc_bad"] = v.icrc_bad;
  j["reencode_diff"] = v.reencode_diff;
  j["cut"] = v.cut;
  return j;
}

std::string ToText(const FileVerdict& v) {
  std::string text = absl::StrFormat(
      "%s: %s; %d frames, %d RoCEv2, %d undecoded, %d with a wrong iCRC, %d re-encoded otherwise",
      cli::OneLine(v.file, 4096), v.differs() ? "DIFFERS" : "ok", v.frames, v.roce,
      v.undecoded.size(), v.icrc_bad.size(), v.reencode_diff.size());
  if (!v.cut.empty()) text += absl::StrFormat(", %d cut by the capture", v.cut.size());
  if (!v.complete) text += " (not read to its end)";
  text += "\n";
  for (const std::string& remark : v.remarks) text.append("  ").append(remark).append("\n");
  if (v.remarks_left_off > 0) {
    text += absl::StrFormat("  and %d more; --json lists every frame\n", v.remarks_left_off);
  }
  return text;
}

}  // namespace sluice::pcap
