#include "port/capture_port.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace sluice::port {

namespace {

struct FileHeader {
  uint32_t magic = 0xa1b23c4d;
  uint16_t major = 2;
  uint16_t minor = 4;
  uint32_t zone = 0;
  uint32_t accuracy = 0;
  uint32_t snap_length = 0;
  uint32_t link_type = 1;
};
static_assert(sizeof(FileHeader) == 24);

struct RecordHeader {
  uint32_t seconds = 0;
  uint32_t nanoseconds = 0;
  uint32_t captured_length = 0;
  uint32_t original_length = 0;
};
static_assert(sizeof(RecordHeader) == 16);

constexpr size_t kMinBuffer = size_t{64} << 10;
constexpr uint64_t kNsPerSecond = 1'000'000'000;

}  // namespace

CapturePort::CapturePort(Port* inner, Clock* clock, const CaptureOptions& options)
    : inner_(inner),
      clock_(clock),
      options_(options),
      mask_(std::bit_ceil(std::max(options.buffer_bytes, kMinBuffer)) - 1),
      ring_(std::make_unique<uint8_t[]>(mask_ + 1)) {}

uint64_t CapturePort::UnixNow() { return options_.epoch_unix_ns + clock_->Now().ps() / 1000; }

uint64_t CapturePort::Put(const void* data, size_t n, uint64_t at) {
  if (n == 0) return at;
  const size_t offset = at & mask_;
  const size_t first = std::min(n, mask_ + 1 - offset);
  std::memcpy(ring_.get() + offset, data, first);
  std::memcpy(ring_.get(), static_cast<const uint8_t*>(data) + first, n - first);
  return at + n;
}

uint64_t CapturePort::Write(const Packet& packet, uint64_t unix_ns, uint64_t at) {
  uint64_t carried = uint64_t{packet.header_length} + packet.payload_length;
  for (size_t i = 0; i < packet.more_count; ++i) carried += packet.more[i].length;
  RecordHeader record;
  record.seconds = static_cast<uint32_t>(unix_ns / kNsPerSecond);
  record.nanoseconds = static_cast<uint32_t>(unix_ns % kNsPerSecond);
  record.captured_length = static_cast<uint32_t>(std::min<uint64_t>(carried, options_.snap_length));
  record.original_length = packet.frame_length;
  const uint64_t end = at + sizeof(record) + record.captured_length;
  if (end - head_.load(std::memory_order_acquire) > mask_ + 1) return at;
  at = Put(&record, sizeof(record), at);
  const auto append = [this, end, &at](const uint8_t* data, size_t n) {
    at = Put(data, std::min<uint64_t>(n, end - at), at);
  };
  append(packet.header, packet.header_length);
  append(packet.payload, packet.payload_length);
  for (size_t i = 0; i < packet.more_count; ++i) append(packet.more[i].data, packet.more[i].length);
  return end;
}

void CapturePort::Publish(uint64_t end, uint64_t captured, uint64_t missed) {
  tail_.store(end, std::memory_order_release);
  // One writer each: a plain load and store need no locked instruction.
  captured_.store(captured_.load(std::memory_order_relaxed) + captured, std::memory_order_relaxed);
  missed_.store(missed_.load(std::memory_order_relaxed) + missed, std::memory_order_relaxed);
}

size_t CapturePort::Receive(std::span<Packet> burst) {
  const size_t n = inner_->Receive(burst);
  if (n == 0) return 0;
  const uint64_t now = UnixNow();
  uint64_t at = tail_.load(std::memory_order_relaxed);
  uint64_t captured = 0;
  for (size_t i = 0; i < n; ++i) {
    const uint64_t end = Write(burst[i], now, at);
    captured += end != at;
    at = end;
  }
  Publish(at, captured, n - captured);
  return n;
}

size_t CapturePort::Transmit(std::span<Packet> burst) {
  // The bytes are gone once the inner port has them, so the records are written ahead and only
  // those of the packets taken are published.
  burst = burst.first(std::min(burst.size(), kMaxBurst));
  if (burst.empty()) return 0;
  const uint64_t now = UnixNow();
  std::array<uint64_t, kMaxBurst> ends;
  uint64_t at = tail_.load(std::memory_order_relaxed);
  const uint64_t begin = at;
  for (size_t i = 0; i < burst.size(); ++i) ends[i] = at = Write(burst[i], now, at);
  const size_t n = inner_->Transmit(burst);
  if (n == 0) return 0;
  uint64_t captured = 0;
  for (size_t i = 0; i < n; ++i) captured += ends[i] != (i == 0 ? begin : ends[i - 1]);
  Publish(ends[n - 1], captured, n - captured);
  return n;
}

size_t CapturePort::Drain(const std::function<void(std::span<const uint8_t>)>& sink) {
  size_t total = 0;
  if (!header_written_) {
    header_written_ = true;
    FileHeader header;
    header.snap_length = options_.snap_length;
    std::array<uint8_t, sizeof(header)> bytes;
    std::memcpy(bytes.data(), &header, sizeof(header));
    sink(bytes);
    total += bytes.size();
  }
  const uint64_t head = head_.load(std::memory_order_relaxed);
  const uint64_t tail = tail_.load(std::memory_order_acquire);
  const size_t available = static_cast<size_t>(tail - head);
  if (available == 0) return total;
  const size_t offset = head & mask_;
  const size_t first = std::min(available, mask_ + 1 - offset);
  sink(std::span<const uint8_t>(ring_.get() + offset, first));
  if (first < available) sink(std::span<const uint8_t>(ring_.get(), available - first));
  head_.store(tail, std::memory_order_release);
  return total + available;
}

}  // namespace sluice::port
