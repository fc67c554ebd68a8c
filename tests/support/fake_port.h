// FakePort: a Port in plain memory for unit tests and virtual time. No EAL, no thread, no clock.
//
// Two of them may be cross-connected; each may also stand alone, fed by Inject and read by sent().
// It enforces the contract of port/port.h where a real port would corrupt memory in silence: a
// packet given back twice or never lent, a frame whose lengths do not add up, and a received frame
// that its holder wrote to (only allocated packets are writable) end the process with a message
// that names the mistake.
#ifndef SLUICE_TESTS_SUPPORT_FAKE_PORT_H_
#define SLUICE_TESTS_SUPPORT_FAKE_PORT_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/optional_time.h"
#include "base/time.h"
#include "port/packet.h"
#include "port/port.h"

namespace sluice::test {

struct FakePortOptions {
  size_t pool = 1024;           // packets that may be lent at the same time, sent and received
  uint32_t linear_room = 9216;  // bytes of an allocated packet
  uint32_t max_frame = 9216;
  bool segments = true;
  bool elides_payload = false;
  bool shared_memory = false;    // only declared: what a holder may not write is checked anyway
  bool hardware_stamps = false;  // received packets carry their arrival as stamp
  bool burst_stamps = false;
  Duration receive_stamp;   // ReceiveStamp lies so much behind SetNow,
  Duration transmit_delay;  // and TransmitStamp, when a frame leaves
  Bandwidth line_rate = Bandwidth::GigabitsPerSecond(400);
  Duration latency;                         // from Transmit to the peer's Receive
  size_t receive_burst = port::kMaxBurst;   // most packets that one Receive lends
  size_t transmit_burst = port::kMaxBurst;  // most packets that one Transmit takes
  size_t wire_capacity = 4096;              // frames under way; Transmit refuses beyond
  // Each received frame lies in heap blocks of exactly its size, so that AddressSanitizer sees
  // the first byte read beyond it.
  bool exact_size = false;
  // 0: a received frame is one header span. Otherwise its first `receive_header` bytes are the
  // header span and the rest is cut into segments of `receive_segment` bytes (0: one segment).
  uint16_t receive_header = 0;
  uint32_t receive_segment = 0;
};

// One frame as it was on the wire.
struct FakeFrame {
  std::vector<uint8_t> bytes;  // what was carried: header span and segments in order
  uint32_t elided_length = 0;
  uint32_t frame_length = 0;
  port::RxMeta rx;  // what the receiver will be told
  Time sent;        // the sender's SetNow
};

class FakePort : public port::Port {
 public:
  explicit FakePort(const FakePortOptions& options = {});
  ~FakePort() override;
  FakePort(const FakePort&) = delete;
  FakePort& operator=(const FakePort&) = delete;

  // Frames sent by one arrive at the other. Both must outlive the last Transmit.
  static void Connect(FakePort& a, FakePort& b);

  size_t Receive(std::span<port::Packet> burst) override;
  size_t Allocate(std::span<port::Packet> burst) override;
  size_t Transmit(std::span<port::Packet> burst) override;
  void Release(std::span<port::Packet> burst) override;
  Time ReceiveStamp(Time) override { return now_ + options_.receive_stamp; }
  Time TransmitStamp(Time) override { return now_ + options_.transmit_delay; }
  absl::Status Map(const port::Region& region) override;
  absl::Status Unmap(const port::Region& region) override;
  const port::Capabilities& capabilities() const override { return capabilities_; }

  // The time of the test: the stamp of sent frames; arrivals up to it can be received.
  void SetNow(Time now) { now_ = now; }
  // When the next frame under way to this port can be received; nullopt when there is none.
  OptionalTime NextArrival() const;

  // Puts a frame at the end of this port's receive queue, receivable at once. frame_length 0 means
  // bytes.size() + elided_length.
  void Inject(std::vector<uint8_t> bytes, port::RxMeta rx = {}, uint32_t elided_length = 0,
              uint32_t frame_length = 0);
  void Inject(FakeFrame frame);

  // Transmit takes `n` packets more and then refuses all; nullopt takes without limit.
  void AcceptOnly(std::optional<size_t> n) { accept_ = n; }
  // Allocate and Receive lend `n` packets more; nullopt leaves only the pool as a limit.
  void LendOnly(std::optional<size_t> n) { lend_ = n; }
  // Called for each frame taken; it may alter the frame and says whether the peer gets it. The
  // index counts this port's frames from 0.
  using Tap = std::function<bool(FakeFrame& frame, size_t index)>;
  void SetTap(Tap tap) { tap_ = std::move(tap); }

  // Everything that Transmit took, before the tap, in order.
  const std::vector<FakeFrame>& sent() const { return sent_; }
  void ClearSent() { sent_.clear(); }
  void KeepSent(bool keep) { keep_sent_ = keep; }

  size_t lent() const { return lent_; }               // packets that somebody holds
  size_t under_way() const { return queue_.size(); }  // frames not yet received here
  uint64_t refused() const { return refused_; }       // packets that Transmit did not take
  uint64_t starved() const { return starved_; }       // packets not lent because the pool was empty
  const std::vector<port::Region>& regions() const { return regions_; }

 private:
  struct Record;
  struct Arrival {
    FakeFrame frame;
    Time at;
  };

  Record* Lend();
  Record* Check(const port::Packet& packet, const char* call);
  void TakeBack(Record* record);
  port::Packet Present(Record* record, const FakeFrame& frame);
  FakeFrame Gather(const port::Packet& packet) const;

  FakePortOptions options_;
  port::Capabilities capabilities_;
  FakePort* peer_ = nullptr;
  Time now_;
  std::unique_ptr<Record[]> records_;
  std::vector<Record*> free_;
  std::deque<Arrival> queue_;
  std::vector<FakeFrame> sent_;
  std::vector<port::Region> regions_;
  Tap tap_;
  std::optional<size_t> accept_;
  std::optional<size_t> lend_;
  bool keep_sent_ = true;
  size_t lent_ = 0;
  size_t taken_ = 0;
  uint64_t refused_ = 0;
  uint64_t starved_ = 0;
};

}  // namespace sluice::test

#endif  // SLUICE_TESTS_SUPPORT_FAKE_PORT_H_
