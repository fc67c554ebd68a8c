#include "property/schedule.h"

#include <algorithm>
#include <cstring>

namespace sluice::test {

using verbs::CompletionStatus;
using verbs::Opcode;
using verbs::PostResult;

namespace {

constexpr uint64_t kMostSteps = 200'000;

template <typename T, size_t N>
T Pick(Rng& rng, const T (&from)[N]) {
  return from[rng.Below(N)];
}

}  // namespace

Schedule::Schedule(uint64_t seed, bool extended) : rng_(seed), extended_(extended) {
  const uint32_t mtu = Pick(rng_, {256u, 512u});
  max_length_ = 6 * mtu;
  source_size_ = 2 * max_length_;
  depth_ = static_cast<uint32_t>(2 + rng_.Below(8));
  eagerness_ = Pick(rng_, {0.02, 0.2, 0.9});
  must_succeed_ = Chance(0.5);
  const double most = must_succeed_ ? 0.03 : 0.25;
  double* kinds[] = {&rates_.drop, &rates_.duplicate, &rates_.reorder, &rates_.corrupt,
                     &rates_.delay};
  for (double* rate : kinds) {
    if (Chance(0.6)) *rate = rng_.Uniform() * most;
  }
  connect_.mtu = mtu;
  connect_.algorithm =
      Pick(rng_, {"fixed", "fixed:window=700B", "fixed:window=3KB", "fixed:rate=2Gbps", "dcqcn"});
  connect_.timeout = static_cast<uint8_t>(4 + rng_.Below(3));
  connect_.min_rnr_timer = static_cast<uint8_t>(1 + rng_.Below(3));
  connect_.retry_count = must_succeed_ ? 7 : static_cast<uint8_t>(rng_.Below(8));
  connect_.rnr_retry = must_succeed_ ? 7 : static_cast<uint8_t>(rng_.Below(8));
  connect_.max_rd_atomic = connect_.responder_resources =
      static_cast<uint8_t>(Pick(rng_, {1, 2, 5, 16}));
  connect_.base_rtt_ns = Pick(rng_, {uint64_t{0}, uint64_t{4000}});
  port_.pool = 512;
  port_.linear_room = mtu + 128;
  port_.max_frame = mtu + 128;
  port_.latency = Duration::Nanoseconds(Pick(rng_, {0, 500, 5000}));
  if (Chance(0.3)) port_.receive_burst = 1 + rng_.Below(4);
  if (Chance(0.3)) port_.transmit_burst = 1 + rng_.Below(4);
  if (Chance(0.2)) {
    // All headers, those of an XT_SACK or of RC.
    port_.receive_header = extended_ ? 132 : 90;
    port_.receive_segment = 200;
  }
  if (!must_succeed_) {
    strike_step_ = rng_.Below(400);
    if (Chance(0.15)) fails_ = static_cast<int>(rng_.Below(2));
    if (Chance(0.1)) destroys_ = static_cast<int>(rng_.Below(2));
  }
  if (extended_) DrawExtended();
  connect_.relaxed_ordering = extended_ && seed % 4 == 3;
  clock_.Set(Time::FromPs(Chance(0.2) ? ~uint64_t{0} - 50'000'000 : rng_.Next()));
  for (int i = 0; i < 2; ++i) MakeSide(i);
  FakePort::Connect(*sides_[0].fake, *sides_[1].fake);
  ConnectSides();
  for (int i = 0; i < 2; ++i) PlanMessages(i);
}

Schedule::~Schedule() = default;

void Schedule::DrawExtended() {
  connect_.reliability = verbs::Reliability::kExtended;
  connect_.tracking_window = Pick(rng_, {64u, 128u, 16384u});
}

void Schedule::MakeSide(int i) {
  Side& s = sides_[static_cast<size_t>(i)];
  s.fake = std::make_unique<FakePort>(port_);
  s.fake->KeepSent(false);
  s.fake->SetNow(clock_.Now());
  s.fault = std::make_unique<port::FaultPort>(s.fake.get(), rates_, rng_.Next(),
                                              static_cast<uint64_t>(i));
  verbs::DeviceParts parts;
  parts.port = s.fault.get();
  parts.clock = &clock_;
  parts.mac = *wire::MacAddress::Parse(i == 0 ? "02:00:00:00:00:01" : "02:00:00:00:00:02");
  parts.address = *wire::IpAddress::Parse(EndAddress(i));
  parts.engine.seed = rng_.Next();
  parts.engine.start = clock_.Now();
  parts.engine.max_queue_pairs = 2;
  parts.engine.record_blocks = static_cast<uint32_t>(rng_.Below(2));
  // With one block a direction of selective repeat may find its pool empty.
  if (extended_) parts.engine.scoreboard_blocks = static_cast<uint32_t>(1 + rng_.Below(4));
  parts.engine.pacing_credit = Bytes(0);
  parts.max_regions = 4;
  s.device = verbs::MakeDevice(parts);
  s.pd = s.device->AllocateProtectionDomain();
  s.send_cq = *s.device->CreateCompletionQueue(1 + rng_.Below(16));
  s.receive_cq = *s.device->CreateCompletionQueue(1 + rng_.Below(16));
  s.memory.assign(MemorySize(), kUntouched);
  for (uint32_t k = 0; k < source_size_; ++k) {
    s.memory[kGap + k] = static_cast<uint8_t>(rng_.Next());
  }
  // The gaps at both ends lie outside the region.
  s.region = *s.device->Register(
      s.pd.get(), s.memory.data() + kGap, MemorySize() - 2 * kGap,
      verbs::kLocalWrite | verbs::kRemoteWrite | verbs::kRemoteRead | verbs::kRemoteAtomic);
  verbs::QueuePairOptions qo;
  qo.send_completions = s.send_cq.get();
  qo.receive_completions = s.receive_cq.get();
  qo.send_depth = qo.receive_depth = depth_;
  qo.max_segments = 4;
  qo.max_inline = 200;
  s.qp = *s.device->CreateQueuePair(s.pd.get(), qo);
}

void Schedule::ConnectSides() {
  for (size_t i = 0; i < 2; ++i) {
    Side& peer = sides_[1 - i];
    verbs::ConnectOptions o = connect_;
    o.peer_qpn = peer.qp->qpn();
    o.peer_mac = peer.device->mac();
    o.peer_address = peer.device->address();
    o.send_psn = sides_[i].qp->initial_psn();
    o.receive_psn = peer.qp->initial_psn();
    if (const absl::Status s = sides_[i].qp->Connect(o); !s.ok()) Fault(s.ToString());
  }
}

void Schedule::PlanMessages(int side) {
  Side& s = sides_[static_cast<size_t>(side)];
  Side& peer = sides_[static_cast<size_t>(1 - side)];
  const size_t n = rng_.Below(kMaxMessages + 1);
  uint32_t receives = 0;
  uint64_t words[kWords];
  for (uint32_t w = 0; w < kWords; ++w) {
    words[w] = rng_.Next();
    std::memcpy(peer.memory.data() + WordBase() + w * 2 * kGap, &words[w], sizeof words[w]);
  }
  for (size_t k = 0; k < n; ++k) {
    Message m;
    m.op = static_cast<Opcode>(rng_.Below(7));
    const uint32_t edge = static_cast<uint32_t>(rng_.Below(7)) * connect_.mtu;
    m.length = Chance(0.5) ? static_cast<uint32_t>(rng_.Below(max_length_ + 1))
                           : std::min(max_length_, edge + static_cast<uint32_t>(rng_.Below(2)));
    m.source = kGap + static_cast<uint32_t>(rng_.Below(source_size_ - m.length + 1));
    m.own_target = Chance(0.6);
    if (m.own_target) {
      m.target = TargetBase() + static_cast<uint32_t>(k) * SlotSize();
    } else {
      const uint32_t room = max_length_ - m.length;
      m.target = SharedBase() + static_cast<uint32_t>(rng_.Below(room + 1));
    }
    if (m.op == Opcode::kRdmaRead) PlanRead(side, k, &m);
    m.bad_key =
        !must_succeed_ && (IsWrite(m.op) || FetchesData(m.op)) && m.length > 0 && Chance(0.03);
    if (IsAtomic(m.op)) PlanAtomic(k, &m, words);
    m.fence = Chance(0.2);
    m.inlined = !FetchesData(m.op) && m.length <= 200 && Chance(0.5);
    m.signalled = k + 1 == n || Chance(0.7);
    m.imm = static_cast<uint32_t>(rng_.Next());
    receives += TakesReceive(m.op) ? 1 : 0;
    s.messages.push_back(m);
  }
  for (uint32_t k = 0; k < receives + rng_.Below(kSlots - kMaxMessages); ++k) {
    const bool too_short = !must_succeed_ && Chance(0.03);
    peer.receives.push_back({ReceiveBase() + k * SlotSize(), too_short ? 10 : max_length_});
  }
}

// Of what never changes, or of what a WRITE before it puts there, which it must see.
void Schedule::PlanRead(int side, size_t k, Message* m) {
  m->target = m->source;
  m->landing = LandingBase() + static_cast<uint32_t>(k) * SlotSize();
  const std::vector<Message>& earlier = sides_[static_cast<size_t>(side)].messages;
  if (k == 0 || Chance(0.5)) return;
  const size_t other = rng_.Below(k);
  if (!IsWrite(earlier[other].op) || !earlier[other].own_target) return;
  m->reads = static_cast<int32_t>(other);
  m->length = earlier[other].length;
  m->source = earlier[other].source;
  m->target = earlier[other].target;
}

void Schedule::PlanAtomic(size_t k, Message* m, uint64_t (&words)[kWords]) {
  const size_t w = rng_.Below(kWords);
  m->length = 8;
  m->target = WordBase() + static_cast<uint32_t>(w) * 2 * kGap;
  m->landing = LandingBase() + static_cast<uint32_t>(k) * SlotSize();
  m->operand = rng_.Next();
  m->before = words[w];
  if (m->op == Opcode::kAtomicFetchAdd) {
    m->after = m->before + m->operand;
  } else {
    m->compare = Chance(0.7) ? m->before : m->before + 1;
    m->after = m->compare == m->before ? m->operand : m->before;
  }
  words[w] = m->after;
}

void Schedule::PostSend(int side) {
  Side& s = sides_[static_cast<size_t>(side)];
  Message& m = s.messages[s.posted];
  // In up to four pieces that follow each other.
  verbs::Segment parts[4];
  size_t count = 0;
  uint32_t at = 0;
  while (at < m.length || count == 0) {
    uint32_t n = m.length - at;
    if (count < 3) n = static_cast<uint32_t>(rng_.Below(n + 1));
    const uint32_t from = FetchesData(m.op) ? m.landing : m.source;
    parts[count++] = {s.memory.data() + from + at, n, s.region->lkey()};
    at += n;
  }
  const Side& peer = sides_[static_cast<size_t>(1 - side)];
  verbs::SendRequest r;
  r.wr_id = s.posted;
  r.segments = {parts, count};
  r.opcode = m.op;
  r.signalled = m.signalled;
  r.imm = m.imm;
  r.remote_address = reinterpret_cast<uintptr_t>(peer.memory.data()) + m.target;
  r.rkey = peer.region->rkey() ^ (m.bad_key ? 0x5a5a : 0);
  r.fence = m.fence;
  r.inlined = m.inlined;
  r.add = r.swap = m.operand;
  r.compare = m.compare;
  const PostResult result = s.qp->PostSend(r);
  if (result == PostResult::kOk) ++s.posted;
  if (result != PostResult::kOk && result != PostResult::kQueueFull) Fault(NameOf(result));
}

void Schedule::PostReceive(int side) {
  Side& s = sides_[static_cast<size_t>(side)];
  const Receive& r = s.receives[s.receives_posted];
  const uint32_t cut = static_cast<uint32_t>(rng_.Below(r.length));
  uint8_t* p = s.memory.data() + r.offset;
  const verbs::Segment parts[2] = {{p, cut, s.region->lkey()},
                                   {p + cut, r.length - cut, s.region->lkey()}};
  const PostResult result = s.qp->PostReceive({s.receives_posted, parts});
  if (result == PostResult::kOk) ++s.receives_posted;
  if (result != PostResult::kOk && result != PostResult::kQueueFull) Fault(NameOf(result));
}

bool Schedule::Intact(int from, const Message& m, uint32_t offset) const {
  const Side& s = sides_[static_cast<size_t>(from)];
  const Side& peer = sides_[static_cast<size_t>(1 - from)];
  return std::memcmp(s.memory.data() + m.source, peer.memory.data() + offset, m.length) == 0;
}

bool Schedule::GotWhatItAskedFor(int side, const Message& m) const {
  const Side& s = sides_[static_cast<size_t>(side)];
  const Side& peer = sides_[static_cast<size_t>(1 - side)];
  const uint8_t* got = s.memory.data() + m.landing;
  if (IsAtomic(m.op)) return std::memcmp(got, &m.before, sizeof m.before) == 0;
  const Side& source = m.reads < 0 ? peer : s;
  return std::memcmp(got, source.memory.data() + m.source, m.length) == 0;
}

// Completions of sends come in the order of posting; those skipped were unsignalled and succeeded.
void Schedule::OnSend(int side, const verbs::WorkCompletion& c) {
  Side& s = sides_[static_cast<size_t>(side)];
  if (c.receive || c.wr_id >= s.posted || c.wr_id < s.completed) {
    Fault("send completion out of order or twice");
    return;
  }
  for (; s.completed < c.wr_id; ++s.completed) {
    Message& m = s.messages[s.completed];
    if (m.signalled) Fault("a signalled send did not complete");
    if (s.send_failed) Fault("a send after the failure did not complete");
    m.status = CompletionStatus::kSuccess;
    if (FetchesData(m.op) && !GotWhatItAskedFor(side, m)) Fault("unsignalled READ not intact");
  }
  Message& m = s.messages[s.completed++];
  m.status = c.status;
  if (c.byte_length != m.length || c.opcode != m.op) Fault("send completion of another message");
  if (c.status == CompletionStatus::kSuccess) {
    if (s.send_failed) Fault("success after a failure");
    if (m.bad_key) Fault("success with a bad key");
    if (!m.signalled) Fault("completion of an unsignalled send");
    if (FetchesData(m.op) && !GotWhatItAskedFor(side, m)) Fault("READ or atomic not intact");
    return;
  }
  if (s.send_failed && c.status != CompletionStatus::kFlushed) Fault("two failures");
  if (must_succeed_ && error_.empty()) Fault(std::string("mild faults end in ") + NameOf(c.status));
  s.send_failed = true;
}

void Schedule::OnReceive(int side, const verbs::WorkCompletion& c) {
  Side& s = sides_[static_cast<size_t>(side)];
  const int from = 1 - side;
  std::vector<Message>& messages = sides_[static_cast<size_t>(from)].messages;
  if (!c.receive || c.wr_id != s.receives_done) {
    Fault("receive completion out of order or twice");
    return;
  }
  const Receive& r = s.receives[s.receives_done++];
  if (c.status != CompletionStatus::kSuccess) {
    s.receive_failed = true;
    return;
  }
  if (s.receive_failed) Fault("a receive succeeds after the failure");
  // The next message of the peer that takes a receive; all before it are there too.
  size_t k = s.delivered;
  for (; k < messages.size() && !TakesReceive(messages[k].op); ++k) {
    const Message& m = messages[k];
    if (m.bad_key) Fault("something arrived behind a message that must fail");
    if (IsWrite(m.op) && m.own_target && !Intact(from, m, m.target)) {
      Fault("a WRITE was overtaken");
    }
  }
  if (k >= sides_[static_cast<size_t>(from)].posted) {
    Fault("a message arrived that was not sent");
    return;
  }
  const Message& m = messages[k];
  s.delivered = k + 1;
  if (c.byte_length != m.length || c.opcode != m.op) Fault("another message was received");
  if (HasImm(m.op) != c.has_imm || (c.has_imm && c.imm != m.imm)) Fault("immediate data differ");
  if (m.bad_key) Fault("a message with a bad key arrived");
  if (IsWrite(m.op)) {
    if (m.own_target && !Intact(from, m, m.target)) Fault("WRITE with immediate not intact");
  } else if (m.length > r.length || !Intact(from, m, r.offset)) {
    Fault("SEND not intact");
  }
}

void Schedule::TakeSendCompletions(int side) {
  verbs::WorkCompletion c[3];
  const size_t n = sides_[static_cast<size_t>(side)].send_cq->Poll({c, 1 + rng_.Below(3)});
  for (size_t i = 0; i < n; ++i) OnSend(side, c[i]);
}

void Schedule::TakeReceiveCompletions(int side) {
  verbs::WorkCompletion c[3];
  const size_t n = sides_[static_cast<size_t>(side)].receive_cq->Poll({c, 1 + rng_.Below(3)});
  for (size_t i = 0; i < n; ++i) OnReceive(side, c[i]);
}

// What an application does between two polls.
void Schedule::Act(int side) {
  Side& s = sides_[static_cast<size_t>(side)];
  if (step_ == strike_step_) {
    if (fails_ == side && s.qp != nullptr) s.qp->Fail();
    if (destroys_ == side) {
      s.destroyed = true;
      s.qp.reset();
    }
  }
  if (Chance(eagerness_)) TakeSendCompletions(side);
  if (Chance(eagerness_)) TakeReceiveCompletions(side);
  if (s.qp == nullptr) return;
  if (s.posted < s.messages.size() && Chance(eagerness_)) PostSend(side);
  if (s.receives_posted < s.receives.size() && Chance(eagerness_)) PostReceive(side);
}

bool Schedule::SendsOver(int side) const {
  const Side& s = sides_[static_cast<size_t>(side)];
  return s.destroyed || s.completed == s.messages.size();
}

bool Schedule::StepOnce() {
  const Time now = clock_.Now();
  size_t handled = 0;
  OptionalTime next;
  for (int i = 0; i < 2; ++i) {
    Side& s = sides_[static_cast<size_t>(i)];
    Act(i);
    s.fake->SetNow(now);
    handled += s.device->Poll();
  }
  for (Side& s : sides_) {
    for (const OptionalTime t : {s.fake->NextArrival(), s.device->impl().engine.NextDeadline()}) {
      if (t && (!next || *t < *next)) next = t;
    }
  }
  // The applications act at least every 3 us.
  const Time wake = now + Duration::Microseconds(3);
  Time then = next ? Earlier(*next, wake) : wake;
  if (then <= now && handled == 0) then = now + Duration::Nanoseconds(100);
  if (then > now) clock_.Set(then);
  ++step_;
  return error_.empty() && step_ < kMostSteps;
}

std::string Schedule::Run() {
  while (!(SendsOver(0) && SendsOver(1) && step_ > strike_step_)) {
    if (!StepOnce()) break;
  }
  if (!error_.empty()) return error_;
  if (step_ >= kMostSteps) return Fault("does not come to an end");
  Finish();
  CheckSuccesses();
  CheckMemory();
  for (Side& s : sides_) s.qp.reset();
  for (Side& s : sides_) {
    s.region.reset();
    const size_t records = s.device->impl().engine.free_record_blocks();
    const size_t all = s.device->impl().parts.engine.record_blocks;
    if (records != all) Fault("a record block leaked");
    const engine::Engine& engine = s.device->impl().engine;
    if (engine.free_response_blocks() != engine.response_blocks()) {
      Fault("a response block leaked");
    }
    s.device.reset();
    s.fault.reset();
    if (s.fake->lent() != 0) Fault("a packet leaked");
  }
  return error_;
}

// Both queue pairs are failed: everything that is still posted must complete, once.
void Schedule::Finish() {
  must_succeed_ = false;
  for (int i = 0; i < 2; ++i) {
    Side& s = sides_[static_cast<size_t>(i)];
    if (s.destroyed) continue;
    s.qp->Fail();
    for (int k = 0; k < 1000; ++k) {
      TakeSendCompletions(i);
      TakeReceiveCompletions(i);
      s.device->Poll();
    }
    if (s.completed != s.messages.size()) Fault("a send never completed");
    if (s.receives_done != s.receives_posted) Fault("a receive never completed");
  }
}

void Schedule::AddTo(Tally* t) const {
  bool any = false;
  for (const Side& s : sides_) {
    for (const Message& m : s.messages) {
      ++t->messages;
      if (!m.status) continue;
      t->successes += m.status == CompletionStatus::kSuccess;
      t->flushes += m.status == CompletionStatus::kFlushed;
      t->failures +=
          m.status != CompletionStatus::kSuccess && m.status != CompletionStatus::kFlushed;
      any |= m.status != CompletionStatus::kSuccess;
    }
    t->destroyed += s.destroyed;
  }
  t->failed_schedules += any;
}

}  // namespace sluice::test
