#include "replay/player.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "wire/opcode.h"

namespace sluice::replay {
namespace {

constexpr Time kStart = Time::FromPs(1'000'000'000);
// What remains to be said when the recording ends: less than a retransmission timer.
constexpr Duration kTail = Duration::Milliseconds(20);
constexpr size_t kBuffer = 1 << 19;

bool IsRequest(const wire::DecodedFrame& f) { return wire::TraitsOf(f.bth.opcode).request; }

verbs::Opcode VerbOf(const std::string& op) {
  if (op == "send") return verbs::Opcode::kSend;
  if (op == "send_imm") return verbs::Opcode::kSendWithImm;
  if (op == "write") return verbs::Opcode::kRdmaWrite;
  if (op == "write_imm") return verbs::Opcode::kRdmaWriteWithImm;
  ADD_FAILURE() << "no verb " << op;
  return verbs::Opcode::kSend;
}

// The bytes of rxv's client: byte i is i * 3 + 5.
uint8_t ClientByte(size_t i) { return static_cast<uint8_t>(i * 3 + 5); }
uint8_t ServerByte(size_t i) { return static_cast<uint8_t>(i * 7 + 1); }

}  // namespace

Player::Player(const Row& row, const Recording& recording)
    : row_(row),
      recording_(recording),
      region_memory_(row.region),
      send_memory_(kBuffer),
      receive_memory_(kBuffer) {
  for (const Posts& p : row.posts) {
    for (int i = 0; i < p.count; ++i) to_post_.push_back(p);
  }
  for (size_t i = 0; i < region_memory_.size(); ++i) {
    region_memory_[i] = row.plays == 'a' ? ClientByte(i) : ServerByte(i);
  }
  FindRemote();
  Connect();
}

std::optional<Psn> Player::FirstPsn(bool ours) const {
  for (const RecordedFrame& f : recording_.frames) {
    if (Ours(f) == ours && row_.made.count(f.number) == 0 && IsRequest(f.frame)) {
      return f.frame.bth.psn;
    }
  }
  return std::nullopt;
}

void Player::FindRemote() {
  const int us = Recording::Index(row_.plays);
  ours_ = recording_.said[us];
  theirs_ = recording_.said[1 - us];
  // Programs that say it in another way are taken at the word of their first request.
  for (const RecordedFrame& f : recording_.frames) {
    Introduction& named = Ours(f) ? theirs_ : ours_;
    if (named.given || !f.frame.reth) continue;
    named.given = true;
    named.va = f.frame.reth->va;
    named.rkey = f.frame.reth->rkey;
  }
}

void Player::Connect() {
  const int us = Recording::Index(row_.plays);
  const RecordedFrame* sample = nullptr;
  for (const RecordedFrame& f : recording_.frames) {
    if (sample == nullptr && !Ours(f)) sample = &f;
  }
  const bool reversed = sample == nullptr;  // the other end never said a word
  if (reversed) sample = &recording_.frames.front();
  const wire::DecodedFrame& s = sample->frame;
  verbs::DeviceParts parts;
  parts.port = &port_;
  parts.clock = &clock_;
  parts.mac = reversed ? s.source : s.destination;
  parts.address = reversed ? s.source_ip() : s.destination_ip();
  parts.engine.start = kStart - Duration::Milliseconds(1);
  parts.engine.pacing_credit = Bytes(int64_t{1} << 30);
  clock_.Set(parts.engine.start);
  device_ = verbs::MakeDevice(parts);
  pd_ = device_->AllocateProtectionDomain();
  sends_ = *device_->CreateCompletionQueue(1024);
  receives_ = *device_->CreateCompletionQueue(1024);
  const int all =
      verbs::kLocalWrite | verbs::kRemoteWrite | verbs::kRemoteRead | verbs::kRemoteAtomic;
  region_ = *device_->Register(pd_.get(), region_memory_.data(), region_memory_.size(), all);
  send_region_ =
      *device_->Register(pd_.get(), send_memory_.data(), send_memory_.size(), verbs::kLocalWrite);
  receive_region_ = *device_->Register(pd_.get(), receive_memory_.data(), receive_memory_.size(),
                                       verbs::kLocalWrite);
  verbs::QueuePairOptions qo;
  qo.send_completions = sends_.get();
  qo.receive_completions = receives_.get();
  qo.send_depth = 256;
  qo.receive_depth = 512;
  qp_ = *device_->CreateQueuePair(pd_.get(), qo);
  verbs::ConnectOptions o;
  o.peer_qpn = recording_.qpn[1 - us];
  o.peer_mac = (reversed ? s.destination : s.source).ToString();
  o.peer_address = (reversed ? s.destination_ip() : s.source_ip()).ToString();
  o.send_psn = FirstPsn(true).value_or(Psn(0)).value();
  o.receive_psn = FirstPsn(false).value_or(Psn(0)).value();
  o.mtu = row_.mtu;
  o.timeout = row_.timeout;
  o.retry_count = row_.retry;
  o.rnr_retry = row_.rnr;
  o.min_rnr_timer = row_.rnr_timer;
  o.algorithm = row_.algorithm;
  const absl::Status connected = qp_->Connect(o);
  EXPECT_TRUE(connected.ok()) << connected;
}

wire::DecodedFrame Player::Rewrite(wire::DecodedFrame f) const {
  const int us = Recording::Index(row_.plays);
  const uint32_t wrong_by = f.icrc ^ f.ComputedIcrc();
  if (f.bth.dest_qpn == recording_.qpn[us]) f.bth.dest_qpn = qp_->qpn();
  const uint64_t base = reinterpret_cast<uintptr_t>(region_memory_.data());
  const auto map = [&](uint64_t* va, uint32_t* rkey) {
    *va += base - ours_.va;
    *rkey += region_->rkey() - ours_.rkey;
  };
  if (f.reth) map(&f.reth->va, &f.reth->rkey);
  if (f.atomic_eth) map(&f.atomic_eth->va, &f.atomic_eth->rkey);
  f.icrc = f.ComputedIcrc() ^ wrong_by;
  return f;
}

void Player::Collect() {
  verbs::WorkCompletion out[16];
  for (const test::FakeFrame& f : port_.sent()) {
    absl::StatusOr<wire::DecodedFrame> d = wire::Decode(f.bytes);
    ASSERT_TRUE(d.ok() && d->decoded() && d->IcrcOk());
    sent_.push_back(*std::move(d));
    credits_.push_back(receives_left_);
  }
  port_.ClearSent();
  while (sends_->Poll(out) > 0) {
  }
}

void Player::Poll() {
  verbs::WorkCompletion out[16];
  for (int i = 0; i < 10000; ++i) {
    const size_t did = device_->Poll();
    for (size_t n; (n = receives_->Poll(out)) > 0;) {
      receives_left_ -= static_cast<uint32_t>(n);
    }
    Collect();
    if (did == 0) return;
  }
  ADD_FAILURE() << "the engine does not come to rest";
}

void Player::AdvanceTo(Time t) {
  for (;;) {
    const std::optional<Time> next = device_->impl().engine.NextDeadline();
    if (!next || !(*next <= t)) break;
    if (clock_.Now() < *next) {
      clock_.Set(*next);
      port_.SetNow(*next);
    }
    Poll();
  }
  clock_.Set(t);
  port_.SetNow(t);
}

void Player::PostReceives(uint64_t before) {
  for (const Posts& p : row_.receives) {
    if (p.before != before) continue;
    for (int i = 0; i < p.count; ++i) {
      const verbs::Segment segment{receive_memory_.data(), p.length, receive_region_->lkey()};
      EXPECT_EQ(qp_->PostReceive({1, {&segment, 1}}), verbs::PostResult::kOk);
      ++receives_left_;
    }
  }
}

std::vector<uint8_t> Player::Content(const RecordedFrame& first, uint32_t length) const {
  std::vector<uint8_t> bytes;
  if (recording_.said[Recording::Index(row_.plays)].given) {
    for (size_t i = 0; i < length; ++i) bytes.push_back(ClientByte(i));
    return bytes;
  }
  Psn expected = first.frame.bth.psn;
  for (const RecordedFrame& f : recording_.frames) {
    if (f.number < first.number || !Ours(f) || !IsRequest(f.frame)) continue;
    if (!(f.frame.bth.psn == expected) || bytes.size() >= length) continue;
    ++expected;
    bytes.insert(bytes.end(), f.frame.payload.begin(), f.frame.payload.end());
  }
  return bytes;
}

void Player::PostNext(const RecordedFrame& first) {
  ASSERT_LT(posted_, to_post_.size()) << "frame " << first.number << " begins one verb too many";
  const Posts& p = to_post_[posted_];
  const std::vector<uint8_t> content = Content(first, p.length);
  ASSERT_EQ(content.size(), p.length) << "frame " << first.number;
  // Each verb has bytes of its own: the recorded end may have altered a shared buffer.
  size_t at = 0;
  for (size_t i = 0; i < posted_; ++i) at += to_post_[i].length;
  ASSERT_LE(at + p.length, send_memory_.size());
  std::copy(content.begin(), content.end(), send_memory_.begin() + static_cast<ptrdiff_t>(at));
  const verbs::Segment segment{send_memory_.data() + at, p.length, send_region_->lkey()};
  verbs::SendRequest r;
  r.wr_id = posted_;
  if (p.length > 0) r.segments = {&segment, 1};
  r.opcode = VerbOf(p.op);
  r.signalled = row_.flags.count("unsignalled") == 0 || posted_ + 1 == to_post_.size();
  r.solicited = row_.flags.count("solicited") > 0;
  r.imm = 0xcafe0000u + static_cast<uint32_t>(posted_);
  r.remote_address = theirs_.va;
  if (!recording_.said[1 - Recording::Index(row_.plays)].given && first.frame.reth) {
    r.remote_address = first.frame.reth->va;  // nobody said where the region begins
  }
  r.rkey = theirs_.rkey + (row_.flags.count("bad_rkey") > 0 ? 1 : 0);
  ++posted_;
  EXPECT_EQ(qp_->PostSend(r), verbs::PostResult::kOk);
}

void Player::Play() {
  std::optional<Psn> fresh = FirstPsn(true);
  PostReceives(0);
  for (const RecordedFrame& f : recording_.frames) {
    AdvanceTo(kStart + f.at);
    PostReceives(f.number);
    if (!Ours(f)) {
      if (row_.lost.count(f.number) > 0) continue;
      for (size_t i = 0; i <= row_.twice.count(f.number); ++i) {
        port_.Inject(Rewrite(f.frame).Encode());
        Poll();
      }
      continue;
    }
    if (row_.made.count(f.number) > 0 || !IsRequest(f.frame) || !fresh) continue;
    if (!(f.frame.bth.psn == *fresh)) continue;
    ++*fresh;
    const wire::OpcodeTraits& t = wire::TraitsOf(f.frame.bth.opcode);
    if (t.first || t.only) PostNext(f);
    Poll();
  }
  AdvanceTo(clock_.Now() + kTail);
  Poll();
  EXPECT_EQ(posted_, to_post_.size()) << "verbs that the recorded end never began";
}

std::vector<wire::DecodedFrame> Player::recorded() const {
  std::vector<wire::DecodedFrame> out;
  for (const RecordedFrame& f : recording_.frames) {
    if (Ours(f) && row_.made.count(f.number) == 0) out.push_back(f.frame);
  }
  return out;
}

bool Player::DataArrived() const {
  const std::vector<uint8_t>& memory = row_.writes_region ? region_memory_ : receive_memory_;
  for (size_t i = 0; i < row_.data; ++i) {
    if (memory[i] != ClientByte(i)) return false;
  }
  return true;
}

}  // namespace sluice::replay
