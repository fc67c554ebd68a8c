// Wire: the way between our device and the guest's network card, with a hub in the middle that
// loses, doubles and reorders in both directions, and a capture on either side of it.
//
//   device - capture "ours" - FakePort ~ FakePort - faults - hub - faults - capture "guest" -
//   socket
#ifndef SLUICE_TESTS_INTEROP_WIRE_H_
#define SLUICE_TESTS_INTEROP_WIRE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "port/capture_port.h"
#include "port/fault_port.h"
#include "support/datagram_port.h"
#include "support/fake_port.h"

namespace sluice::interop {

// CLOCK_MONOTONIC since construction.
class MonotonicClock : public Clock {
 public:
  MonotonicClock();
  Time Now() override;

 private:
  const int64_t start_ns_;
};

struct WireOptions {
  std::string our_socket;
  std::string guest_socket;
  std::string capture;  // "prefix": prefix.ours.pcap and prefix.guest.pcap; empty: none
  port::FaultRates faults;
  uint64_t seed = 1;
};

// Carries frames from one port to another. Frames that the other refuses stay first in line.
class Carrier {
 public:
  // `keep` says of each frame whether it goes on; empty: all do.
  using Keep = std::function<bool(std::span<const uint8_t> frame)>;
  Carrier(port::Port* from, port::Port* to, Keep keep = {})
      : from_(from), to_(to), keep_(std::move(keep)) {}
  ~Carrier() { to_->Release({waiting_.data(), count_}); }
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;

  size_t Move();
  // The last frame that was handed on.
  const std::vector<uint8_t>& last() const { return last_; }
  uint64_t moved() const { return moved_; }

 private:
  port::Port* const from_;
  port::Port* const to_;
  const Keep keep_;
  std::array<port::Packet, 16> waiting_;
  size_t count_ = 0;
  uint64_t moved_ = 0;
  std::vector<uint8_t> last_;
};

class Wire {
 public:
  // The clock is borrowed.
  static absl::StatusOr<std::unique_ptr<Wire>> Open(const WireOptions& options, Clock* clock);
  ~Wire();

  port::Port* device_port() { return top_; }
  // Moves what is there in both directions; returns the number of frames.
  size_t Poll();
  // Sleeps until a frame or a byte on `descriptor` arrives, or `most` has passed.
  void Wait(int descriptor, Duration most) const;

  // Sends `frame` to the guest, past the faults; false when the socket is full.
  bool Inject(const std::vector<uint8_t>& frame);
  const std::vector<uint8_t>& last_to_guest() const { return to_guest_->last(); }
  uint64_t from_guest_frames() const { return from_guest_faults_->counts().received; }
  // Frames that the guest's kernel would not have survived (wire.cc) and that it did not get.
  uint64_t spared() const { return spared_; }
  uint64_t to_guest_frames() const { return to_guest_->moved(); }
  // When the last frame of the guest came, faults or not; the start before there is one.
  Time heard() const { return heard_; }
  // Both directions.
  port::FaultCounts faults() const;
  bool DrainCaptures();

 private:
  struct CloseFile {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  struct Capture {
    std::unique_ptr<port::CapturePort> port;
    std::unique_ptr<std::FILE, CloseFile> file;
  };
  Wire() = default;
  absl::Status AddCapture(const std::string& path, Clock* clock, Capture* capture,
                          port::Port** top) const;

  Clock* clock_ = nullptr;
  Time heard_;
  uint64_t heard_frames_ = 0;
  uint64_t spared_ = 0;
  std::unique_ptr<test::DatagramPort> socket_;
  std::unique_ptr<test::FakePort> hub_side_;
  std::unique_ptr<test::FakePort> device_side_;
  Capture guest_capture_;
  Capture our_capture_;
  std::unique_ptr<port::FaultPort> to_guest_faults_;
  std::unique_ptr<port::FaultPort> from_guest_faults_;
  std::unique_ptr<Carrier> to_guest_;
  std::unique_ptr<Carrier> from_guest_;
  port::Port* top_ = nullptr;
};

}  // namespace sluice::interop

#endif  // SLUICE_TESTS_INTEROP_WIRE_H_
