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
  if (op == "read") return verbs::Opcode::kRdmaRead;
  if (op == "fadd") return verbs::Opcode::kAtomicFetchAdd;
  if (op == "cswap") return verbs::Opcode::kAtomicCompareSwap;
  if (op == "send_inv") return verbs::Opcode::kSendWithInvalidate;
  ADD_FAILURE() << "no verb " << op;
  return verbs::Opcode::kSend;
}

verbs::QueuePairType TypeOf(const std::string& service) {
  if (service == "uc") return verbs::QueuePairType::kUc;
  return service == "ud" ? verbs::QueuePairType::kUd : verbs::QueuePairType::kRc;
}

// What stands in front of a datagram in its receive.
constexpr size_t kGrhBytes = 40;

// The bytes of rxv's client: byte i is i * 3 + 5.
uint8_t ClientByte(size_t i) { return static_cast<uint8_t>(i * 3 + 5); }
uint8_t ServerByte(size_t i) { return static_cast<uint8_t>(i * 7 + 1); }

}  // namespace

Player::Player(const Row& row, const Recording& recording)
    : row_(row),
      recording_(recording),

      send_memory_(kBuffer),
      receive_memory_(kBuffer) {
  for (const Posts& p : row.posts) {
    for (int i = 0; i < p.count; ++i) to_post_.push_back(p);
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

// Programs that do not say which regions they have are taken at the word of their requests.
void Player::FindRemote() {
  const int us = Recording::Index(row_.plays);
  theirs_ = recording_.said[1 - us];
  if (recording_.said[us].given) {
    regions_.push_back({recording_.said[us].rkey, recording_.said[us].va, {}, nullptr});
  }
  const bool known = !regions_.empty();
  for (const RecordedFrame& f : recording_.frames) {
    if (known || Ours(f) || (!f.frame.reth && !f.frame.atomic_eth)) continue;
    const uint32_t rkey = f.frame.reth ? f.frame.reth->rkey : f.frame.atomic_eth->rkey;
    const uint64_t va = f.frame.reth ? f.frame.reth->va : f.frame.atomic_eth->va;
    const auto same = [rkey](const Region& r) { return r.rkey == rkey; };
    const auto it = std::find_if(regions_.begin(), regions_.end(), same);
    if (it == regions_.end()) {
      regions_.push_back({rkey, va, {}, nullptr});
    } else {
      it->va = std::min(it->va, va);
    }
  }
}

void Player::MakeRegions() {
  const int all =
      verbs::kLocalWrite | verbs::kRemoteWrite | verbs::kRemoteRead | verbs::kRemoteAtomic;
  for (Region& r : regions_) {
    r.memory.resize(row_.region);
    for (size_t i = 0; i < r.memory.size(); ++i) {
      r.memory[i] = row_.plays == 'a' ? ClientByte(i) : ServerByte(i);
    }
    r.mr = *device_->Register(pd_.get(), r.memory.data(), r.memory.size(), all);
  }
  if (!recording_.said[Recording::Index(row_.plays)].given) FillAtomics();
}

void Player::FillAt(uint64_t va, uint32_t rkey, const uint8_t* data, size_t length) {
  for (Region& r : regions_) {
    if (r.rkey != rkey) continue;
    ASSERT_LE(va - r.va + length, r.memory.size());
    std::copy_n(data, length, r.memory.begin() + static_cast<ptrdiff_t>(va - r.va));
  }
}

// What the recorded end had in its memory before the first atomic on each address.
void Player::FillAtomics() {
  for (auto q = recording_.frames.rbegin(); q != recording_.frames.rend(); ++q) {
    if (Ours(*q) || !q->frame.atomic_eth) continue;
    for (const RecordedFrame& f : recording_.frames) {
      if (!Ours(f) || !f.frame.atomic_ack_eth || !(f.frame.bth.psn == q->frame.bth.psn)) continue;
      const uint64_t value = f.frame.atomic_ack_eth->original;
      FillAt(q->frame.atomic_eth->va, q->frame.atomic_eth->rkey,
             reinterpret_cast<const uint8_t*>(&value), sizeof value);
    }
  }
}

// The program at the recorded end changed its memory between READs: what it held shows in the
// responses.
void Player::FillReads(const RecordedFrame& request) {
  const wire::DecodedFrame& q = request.frame;
  if (!wire::TraitsOf(q.bth.opcode).read_request) return;
  for (const RecordedFrame& f : recording_.frames) {
    if (!Ours(f) || !wire::TraitsOf(f.frame.bth.opcode).read_response) continue;
    const int32_t packet = f.frame.bth.psn - q.bth.psn;
    const uint64_t at = static_cast<uint64_t>(packet) * row_.mtu;
    if (packet < 0 || at >= q.reth->length) continue;
    FillAt(q.reth->va + at, q.reth->rkey, f.frame.payload.data(), f.frame.payload.size());
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
  MakeRegions();
  send_region_ =
      *device_->Register(pd_.get(), send_memory_.data(), send_memory_.size(), verbs::kLocalWrite);
  receive_region_ = *device_->Register(pd_.get(), receive_memory_.data(), receive_memory_.size(),
                                       verbs::kLocalWrite);
  verbs::QueuePairOptions qo;
  qo.send_completions = sends_.get();
  qo.receive_completions = receives_.get();
  qo.send_depth = 256;
  qo.receive_depth = 512;
  qo.type = TypeOf(row_.service);
  qp_ = *device_->CreateQueuePair(pd_.get(), qo);
  if (qo.type == verbs::QueuePairType::kUd) return ConnectDatagrams(s, reversed);
  verbs::ConnectOptions o;
  o.peer_qpn = recording_.qpn[1 - us];
  o.peer_mac = (reversed ? s.destination : s.source).ToString();
  o.peer_address = (reversed ? s.destination_ip() : s.source_ip()).ToString();
  o.send_psn = FirstPsn(true).value_or(Psn(0)).value();
  o.receive_psn = FirstPsn(false).value_or(Psn(0)).value();
  o.mtu = row_.mtu;
  o.max_rd_atomic = row_.reads;
  o.timeout = row_.timeout;
  o.retry_count = row_.retry;
  o.rnr_retry = row_.rnr;
  o.min_rnr_timer = row_.rnr_timer;
  o.algorithm = row_.algorithm;
  const absl::Status connected = qp_->Connect(o);
  EXPECT_TRUE(connected.ok()) << connected;
}

// `sample` is a frame of the peer or, reversed, one of ours.
void Player::ConnectDatagrams(const wire::DecodedFrame& sample, bool reversed) {
  verbs::AddressOptions to;
  to.peer_mac = (reversed ? sample.destination : sample.source).ToString();
  to.peer_address = (reversed ? sample.destination_ip() : sample.source_ip()).ToString();
  peer_ = *device_->CreateAddressHandle(to);
  verbs::QueuePairAttributes init, receive, send;
  init.pkey = 0xffff;
  init.qkey = row_.qkey;
  receive.algorithm = row_.algorithm;
  send.send_psn = FirstPsn(true).value_or(Psn(0)).value();
  EXPECT_TRUE(qp_->Modify(verbs::QueuePairState::kInit, init).ok());
  EXPECT_TRUE(qp_->Modify(verbs::QueuePairState::kReadyToReceive, receive).ok());
  EXPECT_TRUE(qp_->Modify(verbs::QueuePairState::kReadyToSend, send).ok());
}

wire::DecodedFrame Player::Rewrite(wire::DecodedFrame f) const {
  const int us = Recording::Index(row_.plays);
  const uint32_t wrong_by = f.icrc ^ f.ComputedIcrc();
  if (f.bth.dest_qpn == recording_.qpn[us]) f.bth.dest_qpn = qp_->qpn();
  const auto map = [&](uint64_t* va, uint32_t* rkey) {
    if (regions_.empty()) return;
    const Region* named = &regions_.front();  // a wrong key is as wrong of ours
    for (const Region& r : regions_) {
      if (r.rkey == *rkey) named = &r;
    }
    *va += reinterpret_cast<uintptr_t>(named->memory.data()) - named->va;
    *rkey += named->mr->rkey() - named->rkey;
  };
  if (f.reth) map(&f.reth->va, &f.reth->rkey);
  if (f.atomic_eth) map(&f.atomic_eth->va, &f.atomic_eth->rkey);
  if (f.ieth) {
    uint64_t unused = 0;
    map(&unused, &f.ieth->rkey);
  }
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
      completed_ += static_cast<int>(n);
    }
    Collect();
    if (did == 0) return;
  }
  ADD_FAILURE() << "the engine does not come to rest";
}

void Player::AdvanceTo(Time t) {
  for (;;) {
    const OptionalTime next = device_->impl().engine.NextDeadline();
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
  const bool fetches = p.op == "read" || p.op == "fadd" || p.op == "cswap";
  const std::vector<uint8_t> content =
      fetches ? std::vector<uint8_t>(p.length) : Content(first, p.length);
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
  r.rkey = theirs_.rkey + (row_.flags.count("bad_rkey") > 0 ? 1 : 0);
  if (!theirs_.given && first.frame.reth) {  // nobody said which region
    r.remote_address = first.frame.reth->va;
    r.rkey = first.frame.reth->rkey;
  }
  if (first.frame.deth) {
    r.address_handle = peer_.get();
    r.remote_qpn = recording_.qpn[1 - Recording::Index(row_.plays)];
    r.remote_qkey = first.frame.deth->qkey;
    if (first.frame.imm && !recording_.said[Recording::Index(row_.plays)].given) {
      r.imm = first.frame.imm->value;
    }
  }
  if (first.frame.atomic_eth) SetAtomic(*first.frame.atomic_eth, &r);
  ++posted_;
  EXPECT_EQ(qp_->PostSend(r), verbs::PostResult::kOk);
}

// rxv's operands follow from its command, those of other programs from what they sent.
void Player::SetAtomic(const wire::AtomicEth& sent, verbs::SendRequest* r) const {
  if (!theirs_.given) {
    r->remote_address = sent.va;
    r->rkey = sent.rkey;
    r->add = r->swap = sent.swap_or_add;
    r->compare = sent.compare;
    return;
  }
  uint64_t at_first = 0;
  for (size_t i = 8; i-- > 0;) at_first = at_first << 8 | ServerByte(i);
  constexpr uint64_t kSwapped = 0x1122334455667788;
  r->add = 0x1111;
  r->compare = r->wr_id > 0 ? kSwapped : at_first;
  r->swap = r->wr_id > 0 ? 0x99 : kSwapped;
}

void Player::Play() {
  std::optional<Psn> fresh = FirstPsn(true);
  const bool fills = !recording_.said[Recording::Index(row_.plays)].given;
  PostReceives(0);
  for (const RecordedFrame& f : recording_.frames) {
    AdvanceTo(kStart + f.at);
    PostReceives(f.number);
    if (!Ours(f)) {
      if (row_.lost.count(f.number) > 0) continue;
      if (fills) FillReads(f);
      port_.Inject(Rewrite(f.frame).Encode());
      Poll();
      if (row_.twice.count(f.number) > 0) {
        AdvanceTo(clock_.Now() + Duration::Microseconds(100));
        port_.Inject(Rewrite(f.frame).Encode());
        Poll();
      }
      continue;
    }
    if (row_.made.count(f.number) > 0 || !IsRequest(f.frame) || !fresh) continue;
    if (!(f.frame.bth.psn == *fresh)) continue;
    const wire::OpcodeTraits& t = wire::TraitsOf(f.frame.bth.opcode);
    const uint32_t packets =
        t.read_request ? (f.frame.reth->length + row_.mtu - 1) / row_.mtu : uint32_t{1};
    *fresh = *fresh + static_cast<int32_t>(std::max(packets, uint32_t{1}));
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
  const std::vector<uint8_t>& memory =
      row_.writes_region ? regions_.front().memory : receive_memory_;
  const size_t begin = row_.service == "ud" ? kGrhBytes : 0;
  for (size_t i = 0; i < row_.data; ++i) {
    if (memory[begin + i] != ClientByte(i)) return false;
  }
  return true;
}

}  // namespace sluice::replay
