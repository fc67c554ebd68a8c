#include "support/spray_pair.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "verbs/assemble.h"

namespace sluice::test {
namespace {

// Where the messages lie: no memory, because elided payload is never touched.
constexpr uint64_t kBase = uint64_t{1} << 40;
constexpr size_t kRegion = size_t{1} << 31;

}  // namespace

struct SprayPort::Record {
  uint8_t header[384];
  uint16_t header_length = 0;
  uint32_t elided_length = 0;
  uint32_t frame_length = 0;
  Time arrival;
  uint64_t sequence = 0;

  static bool Later(const Record* a, const Record* b) {
    return a->arrival > b->arrival || (a->arrival == b->arrival && a->sequence > b->sequence);
  }
};

SprayPort::SprayPort(Bandwidth rate, std::vector<Duration> delays, Time start)
    : delays_(std::move(delays)), now_(start), free_(start) {
  capabilities_.linear_room = sizeof(Record::header);
  capabilities_.max_frame = 9216;
  capabilities_.elides_payload = true;
  capabilities_.line_rate = rate;
}

SprayPort::~SprayPort() = default;

void SprayPort::Connect(SprayPort& a, SprayPort& b) {
  a.peer_ = &b;
  b.peer_ = &a;
}

port::Packet SprayPort::Lend(Record* record) const {
  port::Packet p;
  p.handle = record;
  p.header = record->header;
  p.header_length = record->header_length;
  p.elided_length = record->elided_length;
  p.frame_length = record->frame_length;
  p.stamp = now_;
  p.rx.icrc = port::IcrcState::kGood;
  return p;
}

size_t SprayPort::Allocate(std::span<port::Packet> burst) {
  for (port::Packet& p : burst) {
    if (idle_.empty()) {
      records_.push_back(std::make_unique<Record>());
      idle_.push_back(records_.back().get());
    }
    Record* record = idle_.back();
    idle_.pop_back();
    record->header_length = 0;
    record->elided_length = record->frame_length = 0;
    p = Lend(record);
  }
  return burst.size();
}

size_t SprayPort::Transmit(std::span<port::Packet> burst) {
  for (port::Packet& p : burst) {
    auto* record = static_cast<Record*>(p.handle);
    free_ = Later(free_, now_) +
            TransmissionTime(Bytes(p.frame_length) + kEthernetOverhead, capabilities_.line_rate);
    record->header_length = p.header_length;
    record->elided_length = p.elided_length;
    record->frame_length = p.frame_length;
    record->arrival = free_ + delays_[next_path_++ % delays_.size()];
    record->sequence = sequence_++;
    wire::FrameView view;
    const auto cause = wire::ParseFrame({p.header, p.header_length}, p.frame_length, &view);
    EXPECT_EQ(cause, wire::DropCause::kNone);
    if (loses_ && loses_(view, now_)) {
      idle_.push_back(record);
      continue;
    }
    peer_->arrivals_.push_back(record);
    std::push_heap(peer_->arrivals_.begin(), peer_->arrivals_.end(), Record::Later);
  }
  return burst.size();
}

size_t SprayPort::Receive(std::span<port::Packet> burst) {
  size_t n = 0;
  while (n < burst.size() && !arrivals_.empty() && arrivals_.front()->arrival <= now_) {
    std::pop_heap(arrivals_.begin(), arrivals_.end(), Record::Later);
    burst[n] = Lend(arrivals_.back());
    arrivals_.pop_back();
    wire::FrameView view;
    if (sees_ && wire::ParseFrame({burst[n].header, burst[n].header_length}, burst[n].frame_length,
                                  &view) == wire::DropCause::kNone) {
      sees_(view, now_);
    }
    ++n;
  }
  return n;
}

void SprayPort::Release(std::span<port::Packet> burst) {
  // Records wander between the two ports; each keeps what it made alive.
  for (port::Packet& p : burst) idle_.push_back(static_cast<Record*>(p.handle));
}

OptionalTime SprayPort::NextArrival() const {
  if (arrivals_.empty()) return std::nullopt;
  return arrivals_.front()->arrival;
}

SprayPair::SprayPair(Bandwidth rate, const std::vector<Duration>& delays,
                     verbs::ConnectOptions options, uint32_t depth) {
  clock_.Set(Time::FromPs(~uint64_t{0} - 50'000'000));  // time wraps in every test
  for (uint64_t i = 0; i < 2; ++i) {
    Side& s = sides_[i];
    s.port = std::make_unique<SprayPort>(rate, delays, clock_.Now());
    verbs::DeviceParts parts;
    parts.port = s.port.get();
    parts.clock = &clock_;
    parts.mac = *wire::MacAddress::Parse(i == 0 ? "02:00:00:00:00:01" : "02:00:00:00:00:02");
    parts.address = *wire::IpAddress::Parse(EndAddress(static_cast<int>(i)));
    parts.engine.seed = 7 + i;
    parts.engine.start = clock_.Now();
    parts.engine.pacing_credit = Bytes(0);
    parts.max_regions = 4;
    s.device = verbs::MakeDevice(parts);
    s.pd = s.device->AllocateProtectionDomain();
    s.cq = *s.device->CreateCompletionQueue(1024);
    s.region = *s.device->Register(s.pd.get(), reinterpret_cast<void*>(kBase), kRegion,
                                   verbs::kLocalWrite | verbs::kRemoteWrite);
    verbs::QueuePairOptions qo;
    qo.send_completions = qo.receive_completions = s.cq.get();
    qo.send_depth = depth;
    s.qp = *s.device->CreateQueuePair(s.pd.get(), qo);
  }
  SprayPort::Connect(*sides_[0].port, *sides_[1].port);
  for (int i = 0; i < 2; ++i) {
    Side& peer = sides_[1 - i];
    options.peer_qpn = peer.qp->qpn();
    options.peer_mac = peer.device->mac();
    options.peer_address = peer.device->address();
    options.send_psn = sides_[i].qp->initial_psn();
    options.receive_psn = peer.qp->initial_psn();
    const absl::Status status = sides_[i].qp->Connect(options);
    EXPECT_TRUE(status.ok()) << status;
  }
}

SprayPair::~SprayPair() = default;

uint64_t SprayPair::Count(int end, std::string_view name) const {
  return sides_[end].device->statistics().Value(name);
}

void SprayPair::PostWrite(uint32_t length) {
  const verbs::Segment segment{reinterpret_cast<void*>(kBase), length, sides_[0].region->lkey()};
  verbs::SendRequest r;
  r.segments = {&segment, 1};
  r.opcode = verbs::Opcode::kRdmaWrite;
  r.remote_address = kBase + next_address_;
  r.rkey = sides_[1].region->rkey();
  next_address_ = (next_address_ + length) % (kRegion / 2);
  EXPECT_EQ(sides_[0].qp->PostSend(r), verbs::PostResult::kOk);
}

bool SprayPair::Step() {
  const Time now = clock_.Now();
  OptionalTime next;
  const auto consider = [&](OptionalTime t) {
    if (t && (!next || *t < *next)) next = t;
  };
  for (Side& s : sides_) {
    s.port->SetNow(now);
    s.device->Poll();
  }
  for (Side& s : sides_) {
    consider(s.port->NextArrival());
    consider(s.device->impl().engine.NextDeadline());
  }
  if (!next) return false;
  clock_.Set(Later(*next, now));
  return true;
}

void SprayPair::Idle(Duration time) {
  const Time end = clock_.Now() + time;
  while (clock_.Now() < end && Step()) {
  }
}

bool SprayPair::RunUntil(size_t completed, Duration limit) {
  const Time end = clock_.Now() + limit;
  while (completed_ < completed) {
    if (clock_.Now() > end || !Step()) return false;
    verbs::WorkCompletion done;
    while (sides_[0].cq->Poll({&done, 1}) == 1) {
      if (done.status != verbs::CompletionStatus::kSuccess) return false;
      ++completed_;
    }
  }
  return true;
}

}  // namespace sluice::test
