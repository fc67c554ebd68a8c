// CapturePort: a Port that writes what passes through another Port as a pcap stream.
//
// The poll core only copies bytes into a bounded ring of the decorator's own; a control thread
// empties it with Drain and does the input and output. A frame that does not fit is counted as
// missed and not captured; it is never lost to the traffic.
//
// Format: classic pcap, nanosecond magic 0xa1b23c4d, version 2.4, link type 1 (Ethernet), in the
// byte order of the machine (draft-ietf-opsawg-pcap). A frame is rebuilt from its header span and
// segments; bytes that the port elides, or beyond snap_length, show as a captured length below the
// original one. There is no FCS.
//
// Threads: Drain belongs to one control thread, everything else to the poll core.
#ifndef SLUICE_PORT_CAPTURE_PORT_H_
#define SLUICE_PORT_CAPTURE_PORT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "base/clock.h"
#include "port/packet.h"
#include "port/port.h"

namespace sluice::port {

struct CaptureOptions {
  size_t buffer_bytes = size_t{4} << 20;  // rounded up to a power of two, at least 64 KiB
  uint32_t snap_length = 65535;           // bytes kept of a frame
  // The Unix time, in nanoseconds, of the clock's zero. Virtual time leaves it at 0.
  uint64_t epoch_unix_ns = 0;
};

class CapturePort : public Port {
 public:
  // `inner` and `clock` are borrowed and must outlive this. The clock is read once per burst that
  // carries packets.
  CapturePort(Port* inner, Clock* clock, const CaptureOptions& options = {});

  size_t Receive(std::span<Packet> burst) override;
  size_t Allocate(std::span<Packet> burst) override { return inner_->Allocate(burst); }
  // Records the packets that the inner port took, not those that it refused.
  size_t Transmit(std::span<Packet> burst) override;
  Time ReceiveStamp(Time now) override { return inner_->ReceiveStamp(now); }
  Time TransmitStamp(Time now) override { return inner_->TransmitStamp(now); }
  void Release(std::span<Packet> burst) override { inner_->Release(burst); }
  absl::Status Map(const Region& region) override { return inner_->Map(region); }
  absl::Status Unmap(const Region& region) override { return inner_->Unmap(region); }
  const Capabilities& capabilities() const override { return inner_->capabilities(); }

  // Hands over everything captured so far, in at most a few pieces; the first call begins with the
  // file header. Returns the number of bytes. The concatenation of all pieces is a pcap file that
  // ends on a record's edge.
  size_t Drain(const std::function<void(std::span<const uint8_t>)>& sink);

  // Any thread.
  uint64_t captured() const { return captured_.load(std::memory_order_relaxed); }
  uint64_t missed() const { return missed_.load(std::memory_order_relaxed); }

 private:
  // The end of the packet's record in the ring when it starts at `at`, or `at` if it did not fit.
  uint64_t Write(const Packet& packet, uint64_t unix_ns, uint64_t at);
  uint64_t Put(const void* data, size_t n, uint64_t at);
  uint64_t UnixNow();
  void Publish(uint64_t end, uint64_t captured, uint64_t missed);

  Port* const inner_;
  Clock* const clock_;
  const CaptureOptions options_;
  const size_t mask_;
  const std::unique_ptr<uint8_t[]> ring_;
  bool header_written_ = false;  // Drain's
  std::atomic<uint64_t> captured_{0};
  std::atomic<uint64_t> missed_{0};
  // Byte counts since construction; only whole records are published. Apart, so that the two
  // threads do not share a line.
  alignas(128) std::atomic<uint64_t> head_{0};  // Drain's
  alignas(128) std::atomic<uint64_t> tail_{0};  // the poll core's
};

}  // namespace sluice::port

#endif  // SLUICE_PORT_CAPTURE_PORT_H_
