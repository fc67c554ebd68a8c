#include "support/cc_bottleneck.h"

#include <algorithm>
#include <array>
#include <deque>
#include <limits>
#include <memory>
#include <queue>
#include <span>

#include "base/rng.h"

namespace sluice::test {
namespace {

constexpr uint64_t kRtoPs = 1'000'000'000;  // ps: 1 ms

enum class Kind : uint8_t {
  kCapacity,
  kArrive,
  kDepart,
  kReceive,
  kAck,
  kCnp,
  kFlush,
  kTimer,
  kRto,
  kSend
};

struct Packet {
  uint64_t number = 0;
  int64_t payload = 0;
  Time sent;
  bool ce = false;
  cc::IntHop hop;  // what the queue said when it left
};

struct Event {
  uint64_t at;  // ps of virtual time, without the origin
  uint64_t order;
  Kind kind;
  uint32_t flow;
  Packet packet;
  bool operator>(const Event& o) const { return at != o.at ? at > o.at : order > o.order; }
};

struct alignas(64) Slot {
  std::array<std::byte, cc::kMaxControllerSize> controller;
  std::array<std::byte, cc::kMaxReceiverSize> receiver;
};

struct Flow {
  BottleneckFlow spec;
  std::unique_ptr<Slot> slot;
  cc::Controller* controller = nullptr;
  cc::ReceiverHalf* receiver = nullptr;
  std::deque<Packet> outstanding;  // in order of transmission
  int64_t in_flight = 0;
  int64_t unsent = 0;     // never sent so far
  int64_t to_resend = 0;  // lost, to be sent again
  int64_t sent_new = 0;
  uint64_t next_number = 0;
  uint64_t last_send = 0;    // ps
  int64_t last_wire = 0;     // bytes of the packet sent then
  uint64_t progress_at = 0;  // last acknowledgement, or first packet after idling
  bool rto_armed = false;
  uint64_t armed_send = 0;   // time of the pending kSend, 0: none
  uint64_t armed_timer = 0;  // time of the pending kTimer
  int64_t last_rtt = 0;      // ps
  uint64_t packets_acked = 0;
  std::vector<cc::Sample> samples;  // waiting for the batch
  std::vector<cc::IntHop> hops;     // one of each sample, if the queue tells
  cc::Feedback waiting;
  uint64_t flush_at = 0;
  bool done = false;
};

class Loop {
 public:
  Loop(const cc::Algorithm& algorithm, const BottleneckConfig& config)
      : config_(config),
        rng_(config.seed, 0, 1),
        noise_(config.seed, 0, 2),
        rate_(config.bottleneck) {
    signals_ = config.signals;
    for (int s = 0; s <= static_cast<int>(cc::Signal::kInt); ++s) {
      if (algorithm.traits().required.Has(static_cast<cc::Signal>(s))) {
        signals_.Add(static_cast<cc::Signal>(s));
      }
    }
    const size_t buckets = static_cast<size_t>(config.duration / config.bucket) + 1;
    result_.queue_max.assign(buckets, 0);
    result_.queue_mean.assign(buckets, 0);
    arrivals_.assign(buckets, 0);
    result_.finish.resize(config.flows.size());
    result_.delivered.assign(config.flows.size(), std::vector<int64_t>(buckets, 0));
    for (size_t i = 0; i < config.flows.size(); ++i) AddFlow(algorithm, i);
    for (const CapacityChange& c : config.changes) {
      Packet p;
      p.payload = c.rate.bps();
      Push(Ps(c.at), Kind::kCapacity, 0, p);
    }
  }
  ~Loop() {
    for (Flow& f : flows_) {
      f.controller->~Controller();
      f.receiver->~ReceiverHalf();
    }
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  BottleneckResult Run() {
    const uint64_t end = Ps(config_.duration);
    while (!events_.empty() && events_.top().at < end) {
      const Event e = events_.top();
      events_.pop();
      now_ = e.at;
      Dispatch(e);
    }
    for (size_t i = 0; i < arrivals_.size(); ++i) {
      if (arrivals_[i] > 0) result_.queue_mean[i] /= arrivals_[i];
    }
    return std::move(result_);
  }

 private:
  static uint64_t Ps(Duration d) { return static_cast<uint64_t>(d.ps()); }
  Time Stamp(uint64_t at) const {
    return config_.origin + Duration::Picoseconds(static_cast<int64_t>(at));
  }
  size_t Bucket() const { return static_cast<size_t>(now_ / Ps(config_.bucket)); }
  Bytes OnWire(int64_t payload) const {
    return Bytes(payload) + config_.header + kEthernetOverhead;
  }
  void Push(uint64_t at, Kind kind, uint32_t flow, const Packet& packet = {}) {
    events_.push({at, order_++, kind, flow, packet});
  }

  void AddFlow(const cc::Algorithm& algorithm, size_t index) {
    Flow f;
    f.spec = config_.flows[index];
    f.slot = std::make_unique<Slot>();
    cc::FlowContext context;
    context.line_rate = config_.line_rate;
    context.mtu = config_.mtu;
    context.header_bytes = config_.header;
    context.signals = signals_;
    context.seed = config_.seed * 1000 + index;
    context.fan_in = config_.fan_in;
    if (config_.tell_base_rtt) {
      context.base_rtt =
          config_.base_rtt + TransmissionTime(OnWire(config_.mtu.count()), config_.line_rate) * 2;
    }
    f.controller = algorithm.MakeController(f.slot->controller.data(), context);
    f.receiver = algorithm.MakeReceiver(f.slot->receiver.data(), context);
    f.unsent = f.spec.size.has_value() ? f.spec.size->count() : int64_t{1} << 60;
    flows_.push_back(std::move(f));
    Push(Ps(config_.flows[index].start), Kind::kSend, static_cast<uint32_t>(index));
    flows_.back().armed_send = Ps(config_.flows[index].start);
  }

  void Dispatch(const Event& e) {
    switch (e.kind) {
      case Kind::kCapacity:
        rate_ = Bandwidth::BitsPerSecond(e.packet.payload);
        return;
      case Kind::kArrive:
        return Arrive(e);
      case Kind::kDepart:
        return Depart(e);
      case Kind::kReceive:
        return Receive(e);
      case Kind::kAck:
        return Ack(e);
      case Kind::kCnp:
        flows_[e.flow].controller->OnCnp({Stamp(now_), Bytes(flows_[e.flow].in_flight), 0});
        return AfterCall(e.flow);
      case Kind::kFlush:
        if (flows_[e.flow].flush_at == e.at) Flush(e.flow);
        return;
      case Kind::kTimer:
        return Timer(e);
      case Kind::kRto:
        return Rto(e);
      case Kind::kSend:
        if (flows_[e.flow].armed_send != e.at) return;
        flows_[e.flow].armed_send = 0;
        return TrySend(e.flow);
    }
  }

  // --- the queue ---
  void Arrive(const Event& e) {
    const int64_t size = e.packet.payload + config_.header.count();
    const size_t b = Bucket();
    if (queued_ + size > config_.buffer.count()) {
      ++result_.drops;
      return;
    }
    Event out = e;
    if (rng_.Uniform() < config_.MarkProbability(queued_)) {
      out.packet.ce = true;
      ++result_.marks;
    }
    queued_ += size;
    result_.queue_max[b] = std::max(result_.queue_max[b], queued_);
    result_.queue_mean[b] += queued_ - size;
    ++arrivals_[b];
    fifo_.push_back(out);
    if (fifo_.size() == 1) Serve();
  }
  void Serve() {
    const Event& head = fifo_.front();
    Push(now_ + Ps(TransmissionTime(OnWire(head.packet.payload), rate_)), Kind::kDepart, head.flow,
         head.packet);
  }
  void Depart(const Event& e) {
    fifo_.pop_front();
    if (!fifo_.empty()) Serve();
    queued_ -= e.packet.payload + config_.header.count();
    Packet packet = e.packet;
    packet.hop = {static_cast<uint32_t>(sent_ / cc::IntHop::kSentUnit),
                  static_cast<uint32_t>(Stamp(now_).ps() / 1000), static_cast<uint32_t>(queued_),
                  rate_};
    sent_ += OnWire(packet.payload).count();
    if (config_.loss > 0 && rng_.Uniform() < config_.loss) return;
    Push(now_ + Ps(config_.base_rtt) / 4, Kind::kReceive, e.flow, packet);
  }

  // --- the receiver ---
  void Receive(const Event& e) {
    Flow& f = flows_[e.flow];
    result_.delivered[e.flow][Bucket()] += e.packet.payload;
    cc::DataEvent data;
    data.now = Stamp(now_);
    data.payload = Bytes(e.packet.payload);
    data.ce = e.packet.ce;
    const cc::ReceiverAction action = f.receiver->OnData(data);
    const uint64_t back = now_ + Ps(config_.base_rtt) / 2;
    if (action.cnp && signals_.Has(cc::Signal::kCnp)) {
      ++result_.cnps;
      Push(back, Kind::kCnp, e.flow);
    }
    Push(back, Kind::kAck, e.flow, e.packet);
  }
  uint32_t ActiveSenders() const {
    uint32_t n = 0;
    for (const Flow& f : flows_) {
      if (!f.done && now_ >= Ps(f.spec.start) && f.in_flight > 0) ++n;
    }
    return n;
  }

  // --- the sender ---
  void Ack(const Event& e) {
    Flow& f = flows_[e.flow];
    // Gone if the timer gave it up before.
    auto it = std::find_if(f.outstanding.begin(), f.outstanding.end(),
                           [&](const Packet& p) { return p.number == e.packet.number; });
    if (it == f.outstanding.end()) return;
    cc::Loss loss;
    for (auto p = f.outstanding.begin(); p != it; ++p) {
      loss.lost += Bytes(p->payload);
      ++loss.packets;
    }
    f.outstanding.erase(f.outstanding.begin(), it + 1);
    f.in_flight -= e.packet.payload + loss.lost.count();
    f.to_resend += loss.lost.count();
    f.progress_at = now_;
    Collect(f, e.packet);
    if (loss.packets > 0) {
      Flush(e.flow);
      loss.now = Stamp(now_);
      loss.kind = cc::LossKind::kSackGap;
      loss.in_flight = Bytes(f.in_flight);
      f.controller->OnLoss(loss);
      return AfterCall(e.flow);
    }
    if (static_cast<int>(f.samples.size()) >= config_.batch) {
      Flush(e.flow);
    } else if (f.flush_at == 0) {
      f.flush_at = now_ + Ps(config_.batch_wait);
      Push(f.flush_at, Kind::kFlush, e.flow);
    }
  }

  void Collect(Flow& f, const Packet& packet) {
    cc::Sample s;
    s.acked = Bytes(packet.payload);
    s.ce = packet.ce && signals_.Has(cc::Signal::kCeBytes);
    const bool timed = f.packets_acked++ % static_cast<uint64_t>(config_.rtt_every) == 0;
    if (timed && signals_.Has(cc::Signal::kRtt)) {
      s.rtt = Stamp(now_) - packet.sent;
      if (config_.stamp_noise > Duration::Zero()) {
        s.rtt +=
            Duration::Picoseconds(static_cast<int64_t>(noise_.Below(Ps(config_.stamp_noise) + 1)));
      }
      s.stamp = cc::StampSource::kBurst;
      s.wire_length = static_cast<uint32_t>((Bytes(packet.payload) + config_.header).count());
      f.last_rtt = s.rtt.ps();
      f.waiting.newest_rtt = s.rtt;
      if (f.waiting.smallest_rtt == Duration::Zero() || s.rtt < f.waiting.smallest_rtt) {
        f.waiting.smallest_rtt = s.rtt;
      }
    }
    if (signals_.Has(cc::Signal::kInt)) f.hops.push_back(packet.hop);
    f.samples.push_back(s);
    f.waiting.acked += s.acked;
    ++f.waiting.acked_packets;
    if (s.ce) {
      f.waiting.ce_bytes += s.acked;
      ++f.waiting.ce_packets;
    }
  }

  void Flush(uint32_t index) {
    Flow& f = flows_[index];
    f.flush_at = 0;
    if (f.samples.empty()) return;
    cc::Feedback& feedback = f.waiting;
    feedback.now = Stamp(now_);
    feedback.in_flight = Bytes(f.in_flight);
    for (size_t i = 0; i < f.hops.size(); ++i) f.samples[i].hops = {&f.hops[i], 1};
    for (cc::Signal s :
         {cc::Signal::kRtt, cc::Signal::kCeBytes, cc::Signal::kActiveSenders, cc::Signal::kInt}) {
      if (signals_.Has(s)) feedback.present.Add(s);
    }
    if (signals_.Has(cc::Signal::kActiveSenders)) feedback.active_senders = ActiveSenders();
    feedback.app_limited = AppLimited(f);
    feedback.samples = std::span<const cc::Sample>(f.samples);
    f.controller->OnFeedback(feedback);
    f.samples.clear();
    f.hops.clear();
    f.waiting = {};
    if (f.unsent == 0 && f.to_resend == 0 && f.in_flight == 0 && !f.done) {
      f.done = true;
      result_.finish[index] = Duration::Picoseconds(static_cast<int64_t>(now_ - Ps(f.spec.start)));
    }
    AfterCall(index);
  }

  int64_t Available(const Flow& f) const {
    if (f.to_resend > 0) return f.to_resend;
    if (f.spec.stop.has_value() && now_ >= Ps(*f.spec.stop)) return 0;
    if (!f.spec.app.has_value()) return f.unsent;
    const Duration since = Duration::Picoseconds(static_cast<int64_t>(now_ - Ps(f.spec.start)));
    const int64_t given = BytesIn(since, *f.spec.app).count() - f.sent_new;
    return given >= config_.mtu.count() ? std::min(given, f.unsent) : 0;
  }
  bool AppLimited(const Flow& f) const { return Available(f) == 0; }

  void AfterCall(uint32_t index) {
    Flow& f = flows_[index];
    const cc::Control& c = f.controller->control();
    if (c.window.count() <= 0 || c.rate.bps() <= 0 ||
        (c.rate > config_.line_rate && c.rate != cc::kNoRate)) {
      ++result_.senseless;
    }
    if (c.has_deadline) {
      const int64_t ahead = (c.deadline - Stamp(now_)).ps();
      const uint64_t at = now_ + static_cast<uint64_t>(std::max<int64_t>(ahead, 0));
      if (f.armed_timer == 0 || at < f.armed_timer) {
        f.armed_timer = at;
        Push(at, Kind::kTimer, index);
      }
    }
    TrySend(index);
  }

  void Timer(const Event& e) {
    Flow& f = flows_[e.flow];
    if (f.armed_timer != e.at) return;
    f.armed_timer = 0;
    const cc::Control& c = f.controller->control();
    if (c.has_deadline && c.deadline <= Stamp(now_)) {
      f.controller->OnDeadline(Stamp(now_));
      // One that stays due would spin a poll loop.
      if (c.has_deadline && c.deadline <= Stamp(now_)) {
        ++result_.past_deadlines;
        return TrySend(e.flow);
      }
    }
    AfterCall(e.flow);
  }

  // The transport's timer: everything in flight is taken for lost when nothing was acknowledged for
  // a millisecond.
  void ArmRto(uint32_t index) {
    Flow& f = flows_[index];
    if (f.rto_armed || f.outstanding.empty()) return;
    f.rto_armed = true;
    Push(f.progress_at + kRtoPs, Kind::kRto, index);
  }
  void Rto(const Event& e) {
    Flow& f = flows_[e.flow];
    f.rto_armed = false;
    if (!f.outstanding.empty() && now_ >= f.progress_at + kRtoPs) {
      cc::Loss loss;
      loss.now = Stamp(now_);
      loss.kind = cc::LossKind::kTimeout;
      loss.lost = Bytes(f.in_flight);
      loss.packets = static_cast<uint32_t>(f.outstanding.size());
      f.to_resend += f.in_flight;
      f.in_flight = 0;
      f.outstanding.clear();
      f.progress_at = now_;
      ++result_.timeouts;
      f.controller->OnLoss(loss);
      AfterCall(e.flow);
    }
    ArmRto(e.flow);
  }

  // The earliest time of the next packet by the pacer; a window below one packet is a pace.
  uint64_t NextSend(const Flow& f) const {
    if (f.last_wire == 0) return 0;
    const cc::Control& c = f.controller->control();
    const Bandwidth rate = std::clamp(c.rate, Bandwidth::BitsPerSecond(1000), config_.line_rate);
    uint64_t gap = Ps(TransmissionTime(Bytes(f.last_wire), rate));
    if (c.window < config_.mtu && f.last_rtt > 0) {
      const double stretch = static_cast<double>(config_.mtu.count()) /
                             static_cast<double>(std::max<int64_t>(c.window.count(), 1));
      gap = std::max(
          gap, static_cast<uint64_t>(static_cast<double>(f.last_rtt) * std::min(stretch, 1e4)));
    }
    return f.last_send + gap;
  }

  void TrySend(uint32_t index) {
    Flow& f = flows_[index];
    if (now_ < Ps(f.spec.start)) return;
    for (;;) {
      uint64_t at = NextSend(f);
      const int64_t available = Available(f);
      if (available <= 0) {
        if (!f.spec.app.has_value()) return;
        at = std::max(at, now_ + 1'000'000);  // ask the application again in a microsecond
      } else {
        const Bytes window = f.controller->control().window;
        if (Bytes(f.in_flight) >= window || (window < config_.mtu && f.in_flight > 0)) return;
      }
      if (at > now_) {
        if (f.armed_send != 0 && f.armed_send <= at && f.armed_send > now_) return;
        f.armed_send = at;
        Push(at, Kind::kSend, index);
        return;
      }
      SendOne(index, std::min(available, config_.mtu.count()));
    }
  }

  void SendOne(uint32_t index, int64_t payload) {
    Flow& f = flows_[index];
    Packet p;
    p.number = ++f.next_number;
    p.payload = payload;
    p.sent = Stamp(now_);
    if (f.to_resend > 0) {
      f.to_resend -= payload;
      result_.retransmitted += payload;
    } else {
      f.unsent -= payload;
      f.sent_new += payload;
    }
    if (f.outstanding.empty()) f.progress_at = now_;
    f.outstanding.push_back(p);
    f.in_flight += payload;
    f.last_send = now_;
    f.last_wire = OnWire(payload).count();
    ArmRto(index);
    const uint64_t wire = Ps(TransmissionTime(OnWire(payload), config_.line_rate));
    Push(now_ + wire + Ps(config_.base_rtt) / 4, Kind::kArrive, index, p);
    f.controller->OnSent({Stamp(now_), Bytes(payload), 1, Bytes(f.in_flight), AppLimited(f)});
  }

  const BottleneckConfig config_;
  Rng rng_;
  Rng noise_;
  Bandwidth rate_;
  cc::SignalSet signals_;
  std::vector<Flow> flows_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::vector<int64_t> arrivals_;
  BottleneckResult result_;
  uint64_t now_ = 0;
  uint64_t order_ = 0;
  std::deque<Event> fifo_;
  int64_t queued_ = 0;
  int64_t sent_ = 0;  // by the queue, on the wire
};

}  // namespace

BottleneckResult RunBottleneck(const cc::Algorithm& algorithm, const BottleneckConfig& config) {
  return Loop(algorithm, config).Run();
}

}  // namespace sluice::test
