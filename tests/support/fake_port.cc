#include "support/fake_port.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace sluice::test {

using port::Packet;
using port::Segment;

namespace {

// Pad and iCRC: what a frame on an eliding port has on the wire but in no length of its own.
constexpr uint32_t kMaxTrailer = 7;

[[noreturn]] void Misuse(const char* call, const char* what) {
  std::fprintf(stderr, "FakePort::%s: %s\n", call, what);
  std::abort();
}

uint64_t Carried(const Packet& packet) {
  uint64_t n = uint64_t{packet.header_length} + packet.payload_length;
  for (size_t i = 0; i < packet.more_count; ++i) n += packet.more[i].length;
  return n;
}

}  // namespace

struct FakePort::Record {
  enum class State { kFree, kAllocated, kReceived };
  State state = State::kFree;
  std::vector<std::unique_ptr<uint8_t[]>> blocks;
  std::vector<Segment> segments;     // of a received frame, the header span first
  std::vector<Segment> more;         // what Packet::more points to
  std::vector<uint8_t> as_received;  // to see whether the holder wrote to it
};

FakePort::FakePort(const FakePortOptions& options)
    : options_(options), records_(std::make_unique<Record[]>(options.pool)) {
  capabilities_.linear_room = options.linear_room;
  capabilities_.max_frame = options.max_frame;
  capabilities_.segments = options.segments;
  capabilities_.elides_payload = options.elides_payload;
  capabilities_.shared_memory = options.shared_memory;
  capabilities_.hardware_stamps = options.hardware_stamps;
  capabilities_.burst_stamps = options.burst_stamps;
  capabilities_.line_rate = options.line_rate;
  for (size_t i = options.pool; i-- > 0;) free_.push_back(&records_[i]);
}

FakePort::~FakePort() {
  if (peer_ != nullptr) peer_->peer_ = nullptr;
}

void FakePort::Connect(FakePort& a, FakePort& b) {
  a.peer_ = &b;
  b.peer_ = &a;
}

FakePort::Record* FakePort::Lend() {
  if (free_.empty() || (lend_.has_value() && *lend_ == 0)) {
    ++starved_;
    return nullptr;
  }
  if (lend_.has_value()) --*lend_;
  Record* record = free_.back();
  free_.pop_back();
  ++lent_;
  return record;
}

FakePort::Record* FakePort::Check(const Packet& packet, const char* call) {
  Record* record = static_cast<Record*>(packet.handle);
  if (std::less<>()(record, records_.get()) ||
      !std::less<>()(record, records_.get() + options_.pool)) {
    Misuse(call, "the packet is not of this port");
  }
  if (record->state == Record::State::kFree) Misuse(call, "the packet was given back before");
  if (record->state == Record::State::kReceived) {
    size_t at = 0;
    for (const Segment& s : record->segments) {
      if (s.length != 0 && std::memcmp(record->as_received.data() + at, s.data, s.length) != 0) {
        Misuse(call, "the holder of a received packet wrote to it");
      }
      at += s.length;
    }
  }
  return record;
}

void FakePort::TakeBack(Record* record) {
  record->state = Record::State::kFree;
  record->blocks.clear();
  record->segments.clear();
  record->more.clear();
  free_.push_back(record);
  --lent_;
}

size_t FakePort::Allocate(std::span<Packet> burst) {
  size_t n = 0;
  for (; n < burst.size(); ++n) {
    Record* record = Lend();
    if (record == nullptr) break;
    record->state = Record::State::kAllocated;
    record->blocks.push_back(std::make_unique<uint8_t[]>(options_.linear_room));
    // What was not written must not look like zeros that somebody wrote.
    std::memset(record->blocks[0].get(), 0xa5, options_.linear_room);
    burst[n] = Packet{};
    burst[n].handle = record;
    burst[n].header = record->blocks[0].get();
  }
  return n;
}

// Lays the frame out in heap blocks as the options ask and describes it.
Packet FakePort::Present(Record* record, const FakeFrame& frame) {
  const size_t size = frame.bytes.size();
  const size_t head =
      options_.receive_header == 0 ? size : std::min<size_t>(options_.receive_header, size);
  const size_t cut = options_.receive_segment == 0 ? size : options_.receive_segment;
  record->state = Record::State::kReceived;
  record->as_received = frame.bytes;
  size_t at = 0;
  do {
    const size_t n = std::min(at == 0 ? head : cut, size - at);
    // Without exact_size the block is as roomy as a real port's buffer.
    const size_t room = options_.exact_size ? n : std::max<size_t>(n, options_.linear_room);
    record->blocks.push_back(std::make_unique<uint8_t[]>(room));
    if (n != 0) std::memcpy(record->blocks.back().get(), frame.bytes.data() + at, n);
    record->segments.push_back({record->blocks.back().get(), static_cast<uint32_t>(n)});
    at += n;
  } while (at < size);

  Packet p;
  p.handle = record;
  p.header = record->blocks[0].get();
  p.header_length = static_cast<uint16_t>(record->segments[0].length);
  if (record->segments.size() > 1) {
    p.payload = record->segments[1].data;
    p.payload_length = record->segments[1].length;
    record->more.assign(record->segments.begin() + 2, record->segments.end());
    p.more = record->more.data();
    p.more_count = static_cast<uint8_t>(record->more.size());
  }
  p.elided_length = frame.elided_length;
  p.frame_length = frame.frame_length;
  p.rx = frame.rx;
  return p;
}

size_t FakePort::Receive(std::span<Packet> burst) {
  const size_t limit = std::min(burst.size(), options_.receive_burst);
  size_t n = 0;
  while (n < limit && !queue_.empty() && queue_.front().at <= now_) {
    Record* record = Lend();
    if (record == nullptr) break;
    burst[n] = Present(record, queue_.front().frame);
    burst[n].stamp = options_.hardware_stamps ? queue_.front().at : now_;
    queue_.pop_front();
    ++n;
  }
  return n;
}

FakeFrame FakePort::Gather(const Packet& packet) const {
  const uint64_t carried = Carried(packet);
  if (packet.header_length == 0) Misuse("Transmit", "the header span is empty");
  if (packet.header_length > options_.linear_room) {
    Misuse("Transmit", "the header span is longer than linear_room");
  }
  if (!options_.segments && (packet.payload_length != 0 || packet.more_count != 0)) {
    Misuse("Transmit", "payload segments on a port without segments");
  }
  if (!options_.elides_payload && packet.elided_length != 0) {
    Misuse("Transmit", "elided payload on a port that carries it");
  }
  const uint64_t stands_for = carried + packet.elided_length;
  const uint32_t slack = options_.elides_payload ? kMaxTrailer : 0;
  if (packet.frame_length < stands_for || packet.frame_length > stands_for + slack) {
    Misuse("Transmit", "frame_length is not the sum of the parts");
  }
  if (packet.frame_length > options_.max_frame) Misuse("Transmit", "longer than max_frame");
  FakeFrame f;
  f.bytes.reserve(carried);
  f.bytes.insert(f.bytes.end(), packet.header, packet.header + packet.header_length);
  if (packet.payload_length != 0) {
    f.bytes.insert(f.bytes.end(), packet.payload, packet.payload + packet.payload_length);
  }
  for (size_t i = 0; i < packet.more_count; ++i) {
    const Segment& s = packet.more[i];
    if (s.length != 0) f.bytes.insert(f.bytes.end(), s.data, s.data + s.length);
  }
  f.elided_length = packet.elided_length;
  f.frame_length = packet.frame_length;
  if (options_.elides_payload) f.rx.icrc = port::IcrcState::kGood;
  f.sent = now_;
  return f;
}

size_t FakePort::Transmit(std::span<Packet> burst) {
  size_t n = 0;
  for (; n < std::min(burst.size(), options_.transmit_burst); ++n) {
    if (accept_.has_value() && *accept_ == 0) break;
    if (peer_ != nullptr && peer_->queue_.size() >= options_.wire_capacity) break;
    Record* record = Check(burst[n], "Transmit");
    FakeFrame frame = Gather(burst[n]);
    if (accept_.has_value()) --*accept_;
    TakeBack(record);
    if (keep_sent_) sent_.push_back(frame);
    const bool delivered = !tap_ || tap_(frame, taken_);
    ++taken_;
    if (delivered && peer_ != nullptr) {
      peer_->queue_.push_back(
          {std::move(frame), now_ + options_.transmit_delay + options_.latency});
    }
  }
  refused_ += burst.size() - n;
  return n;
}

void FakePort::Release(std::span<Packet> burst) {
  for (const Packet& packet : burst) TakeBack(Check(packet, "Release"));
}

absl::Status FakePort::Map(const port::Region& region) {
  regions_.push_back(region);
  return absl::OkStatus();
}

absl::Status FakePort::Unmap(const port::Region& region) {
  for (auto it = regions_.begin(); it != regions_.end(); ++it) {
    if (it->base != region.base || it->length != region.length) continue;
    regions_.erase(it);
    return absl::OkStatus();
  }
  return absl::NotFoundError("the region was not mapped");
}

OptionalTime FakePort::NextArrival() const {
  if (queue_.empty()) return std::nullopt;
  return queue_.front().at;
}

void FakePort::Inject(FakeFrame frame) {
  if (frame.frame_length == 0) {
    frame.frame_length = static_cast<uint32_t>(frame.bytes.size()) + frame.elided_length;
  }
  // Frames arrive in the order of the queue; one that is receivable now must not wait behind
  // those that are still under way.
  auto at = queue_.begin();
  while (at != queue_.end() && at->at <= now_) ++at;
  queue_.insert(at, {std::move(frame), now_});
}

void FakePort::Inject(std::vector<uint8_t> bytes, port::RxMeta rx, uint32_t elided_length,
                      uint32_t frame_length) {
  FakeFrame f;
  f.bytes = std::move(bytes);
  f.rx = rx;
  f.elided_length = elided_length;
  f.frame_length = frame_length;
  Inject(std::move(f));
}

}  // namespace sluice::test
