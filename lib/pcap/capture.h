// Capture: the frames of a pcap or pcapng file, one by one.
#ifndef SLUICE_PCAP_CAPTURE_H_
#define SLUICE_PCAP_CAPTURE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"

struct pcap;

namespace sluice::pcap {

struct CapturedFrame {
  uint64_t number = 0;             // from 1
  int64_t time_ns = 0;             // since 1970, as the capture says
  uint32_t length = 0;             // bytes on the wire
  std::span<const uint8_t> bytes;  // from the destination MAC on; valid until the next Next()

  // The capture kept only the frame's beginning (snaplen).
  bool cut() const { return bytes.size() < length; }
};

// One thread. Every error is InvalidArgument with one line: the file, the cause, the cure.
class Capture {
 public:
  // "-" is standard input. Fails for what is no Ethernet capture.
  static absl::StatusOr<Capture> Open(const std::string& path);

  // True with the next frame in *frame; false at the end of the file. Fails where the file ends
  // inside a frame or its structure is damaged; the frames before that were good.
  absl::StatusOr<bool> Next(CapturedFrame* frame);

  // How much of the file has been read, 0 to 1; 0 when its size is unknown (a pipe).
  double Fraction() const;

 private:
  struct Closer {
    void operator()(::pcap* p) const;
  };
  Capture(std::string path, std::unique_ptr<::pcap, Closer> handle, int64_t size);

  std::string path_;
  std::unique_ptr<::pcap, Closer> handle_;
  int64_t size_ = 0;
  uint64_t frames_ = 0;
};

}  // namespace sluice::pcap

#endif  // SLUICE_PCAP_CAPTURE_H_
