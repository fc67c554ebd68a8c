#include "interop/wire.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/be.h"
#include "wire/bth.h"
#include "wire/ip_headers.h"

namespace sluice::interop {
namespace {

constexpr int64_t kBillion = 1'000'000'000;
// Of the emulated card. The guest works off a few MB/s; what waits for it should wait in our queue
// pair, not on the wire, where it would outlast the retransmission timer.
constexpr int64_t kLineMegabits = 400;
constexpr size_t kFramesUnderWay = 32;

int64_t Nanoseconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return t.tv_sec * kBillion + t.tv_nsec;
}

// A datagram to RoCEv2's port that is too short for a BTH, in IPv6, ends rxe's kernel (Linux 6.1):
// it gives back a reference by a pointer that nobody has set. In IPv4 the same bytes happen to be
// zero. Flipped bits make such datagrams.
bool Survives(std::span<const uint8_t> frame) {
  constexpr size_t kIp = wire::kEthernetBytes, kUdp = kIp + wire::Ipv6Header::kSize;
  constexpr uint8_t kUdpProtocol = 17;
  if (frame.size() < kUdp + wire::UdpHeader::kSize) return true;
  const uint8_t* const p = frame.data();
  if (LoadBe16(p + kIp - 2) != wire::kEtherTypeIpv6 || p[kIp + 6] != kUdpProtocol ||
      LoadBe16(p + kUdp + 2) != wire::kRocePort) {
    return true;
  }
  return LoadBe16(p + kUdp + 4) >= wire::UdpHeader::kSize + wire::Bth::kSize;
}

}  // namespace

MonotonicClock::MonotonicClock() : start_ns_(Nanoseconds(CLOCK_MONOTONIC)) {}

Time MonotonicClock::Now() {
  return Time::FromPs(static_cast<uint64_t>(Nanoseconds(CLOCK_MONOTONIC) - start_ns_) * 1000);
}

size_t Carrier::Move() {
  size_t moved = 0;
  for (;;) {
    if (count_ == 0) {
      std::array<port::Packet, 16> in;
      count_ = to_->Allocate(waiting_);
      const size_t got = from_->Receive({in.data(), count_});
      size_t kept = 0;
      for (size_t i = 0; i < got; ++i) {
        const std::span<const uint8_t> frame(in[i].header, in[i].header_length);
        if (keep_ && !keep_(frame)) continue;
        uint8_t* to = waiting_[kept].header;
        std::copy(frame.begin(), frame.end(), to);
        waiting_[kept].header_length = in[i].header_length;
        waiting_[kept].frame_length = in[i].header_length;
        ++kept;
        last_.assign(to, to + in[i].header_length);
      }
      from_->Release({in.data(), got});
      to_->Release({waiting_.data() + kept, count_ - kept});
      count_ = kept;
    }
    if (count_ == 0) break;
    const size_t taken = to_->Transmit({waiting_.data(), count_});
    moved += taken;
    moved_ += taken;
    std::move(waiting_.begin() + static_cast<std::ptrdiff_t>(taken),
              waiting_.begin() + static_cast<std::ptrdiff_t>(count_), waiting_.begin());
    count_ -= taken;
    if (count_ != 0) break;
  }
  return moved;
}

absl::Status Wire::AddCapture(const std::string& path, Clock* clock, Capture* capture,
                              port::Port** top) const {
  capture->file.reset(std::fopen(path.c_str(), "wb"));
  if (capture->file == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": ", std::strerror(errno)));
  }
  port::CaptureOptions options;
  options.epoch_unix_ns =
      static_cast<uint64_t>(Nanoseconds(CLOCK_REALTIME)) - clock->Now().ps() / 1000;
  capture->port = std::make_unique<port::CapturePort>(*top, clock, options);
  *top = capture->port.get();
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Wire>> Wire::Open(const WireOptions& o, Clock* clock) {
  std::unique_ptr<Wire> w(new Wire());
  w->clock_ = clock;
  test::DatagramPortOptions socket;
  socket.local = o.our_socket;
  socket.remote = o.guest_socket;
  auto opened = test::DatagramPort::Open(socket);
  if (!opened.ok()) return opened.status();
  w->socket_ = *std::move(opened);
  if (!w->socket_->Connect()) {
    return absl::FailedPreconditionError(absl::StrCat(o.guest_socket, ": no guest listens there"));
  }
  test::FakePortOptions fake;
  fake.line_rate = Bandwidth::MegabitsPerSecond(kLineMegabits);
  fake.wire_capacity = kFramesUnderWay;
  w->hub_side_ = std::make_unique<test::FakePort>(fake);
  w->device_side_ = std::make_unique<test::FakePort>(fake);
  w->hub_side_->KeepSent(false);
  w->device_side_->KeepSent(false);
  test::FakePort::Connect(*w->hub_side_, *w->device_side_);

  port::Port* to_guest = w->socket_.get();
  w->top_ = w->device_side_.get();
  if (!o.capture.empty()) {
    absl::Status s = w->AddCapture(o.capture + ".guest.pcap", clock, &w->guest_capture_, &to_guest);
    if (s.ok()) s = w->AddCapture(o.capture + ".ours.pcap", clock, &w->our_capture_, &w->top_);
    if (!s.ok()) return s;
  }
  w->to_guest_faults_ =
      std::make_unique<port::FaultPort>(w->hub_side_.get(), o.faults, o.seed, uint64_t{0});
  w->from_guest_faults_ =
      std::make_unique<port::FaultPort>(to_guest, o.faults, o.seed, uint64_t{1});
  Wire* const wire = w.get();
  w->to_guest_ = std::make_unique<Carrier>(w->to_guest_faults_.get(), w->from_guest_faults_.get(),
                                           [wire](std::span<const uint8_t> frame) {
                                             const bool survives = Survives(frame);
                                             wire->spared_ += survives ? 0 : 1;
                                             return survives;
                                           });
  w->from_guest_ =
      std::make_unique<Carrier>(w->from_guest_faults_.get(), w->to_guest_faults_.get());
  return w;
}

Wire::~Wire() {
  DrainCaptures();
  to_guest_.reset();
  from_guest_.reset();
}

size_t Wire::Poll() {
  const Time now = clock_->Now();
  hub_side_->SetNow(now);
  device_side_->SetNow(now);
  const size_t moved = to_guest_->Move() + from_guest_->Move();
  if (from_guest_frames() != heard_frames_) {
    heard_frames_ = from_guest_frames();
    heard_ = now;
  }
  if (our_capture_.port != nullptr) DrainCaptures();
  return moved;
}

void Wire::Wait(int descriptor, Duration most) const {
  // A frame that a fault holds back goes on after so many calls, not after so much time.
  const bool held = to_guest_faults_->waiting() + from_guest_faults_->waiting() > 0;
  const Duration wait = std::min(most, held ? Duration::Microseconds(20) : most);
  timespec t{};
  t.tv_nsec = std::max<int64_t>(wait.ps() / 1000, 0);
  pollfd watched[2] = {{socket_->descriptor(), POLLIN, 0}, {descriptor, POLLIN, 0}};
  ppoll(watched, 2, &t, nullptr);
}

bool Wire::Inject(const std::vector<uint8_t>& frame) {
  std::array<port::Packet, 1> packet;
  if (from_guest_faults_->Allocate(packet) != 1) return false;
  std::memcpy(packet[0].header, frame.data(), frame.size());
  packet[0].header_length = static_cast<uint16_t>(frame.size());
  packet[0].frame_length = static_cast<uint32_t>(frame.size());
  const bool sent = from_guest_faults_->Transmit(packet) == 1;
  if (!sent) from_guest_faults_->Release(packet);
  return sent;
}

port::FaultCounts Wire::faults() const {
  port::FaultCounts sum = to_guest_faults_->counts();
  const port::FaultCounts& other = from_guest_faults_->counts();
  sum.received += other.received;
  sum.dropped += other.dropped;
  sum.duplicated += other.duplicated;
  sum.reordered += other.reordered;
  sum.corrupted += other.corrupted;
  return sum;
}

bool Wire::DrainCaptures() {
  bool ok = true;
  for (Capture* c : {&guest_capture_, &our_capture_}) {
    if (c->port == nullptr) continue;
    c->port->Drain([&](std::span<const uint8_t> bytes) {
      ok &= std::fwrite(bytes.data(), 1, bytes.size(), c->file.get()) == bytes.size();
    });
  }
  return ok;
}

}  // namespace sluice::interop
