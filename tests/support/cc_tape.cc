#include "support/cc_tape.h"

#include <algorithm>
#include <utility>

#include "base/rng.h"

namespace sluice::test {
namespace {

constexpr std::byte kFill{0xa5};

// From a nanosecond to seconds, each decade as likely; zero now and then.
Duration WildDuration(Rng& rng) {
  if (rng.Bernoulli(0.05)) return Duration::Zero();
  int64_t ps = 1000;
  for (uint64_t decades = rng.Below(10); decades > 0; --decades) ps *= 10;
  return Duration::Picoseconds(ps + static_cast<int64_t>(rng.Below(static_cast<uint64_t>(ps))));
}

cc::Sample WildSample(Rng& rng) {
  cc::Sample s;
  s.acked = Bytes(static_cast<int64_t>(rng.Below(3) * 4096));
  s.rtt = WildDuration(rng);
  s.wire_length = static_cast<uint32_t>(rng.Below(9000));
  s.host_delay = rng.Bernoulli(0.2) ? WildDuration(rng) : Duration::Zero();
  s.remote_delay = rng.Bernoulli(0.2) ? WildDuration(rng) : Duration::Zero();
  s.stamp = rng.Bernoulli(0.8) ? cc::StampSource::kBurst : cc::StampSource::kNone;
  s.ce = rng.Bernoulli(0.3);
  s.path = static_cast<uint16_t>(rng.Below(65536));
  return s;
}

TapeEvent WildEvent(Rng& rng, Duration at) {
  TapeEvent e;
  e.at = at;
  e.in_flight = Bytes(static_cast<int64_t>(rng.Below(1'000'000)));
  e.app_limited = rng.Bernoulli(0.3);
  e.active_senders = static_cast<uint32_t>(rng.Bernoulli(0.1) ? rng.Next() : rng.Below(20));
  e.payload = Bytes(static_cast<int64_t>(rng.Below(10) * 4096));
  e.loss = static_cast<cc::LossKind>(rng.Below(6));
  e.undo = rng.Bernoulli(0.1);
  const uint64_t pick = rng.Below(20);
  if (pick < 10) {
    e.kind = TapeKind::kFeedback;
    for (uint64_t n = rng.Below(cc::kMaxSamples + 1); n > 0; --n) {
      e.samples.push_back(WildSample(rng));
    }
  } else {
    e.kind = pick < 15   ? TapeKind::kSent
             : pick < 17 ? TapeKind::kLoss
             : pick < 19 ? TapeKind::kCnp
                         : TapeKind::kSpuriousDeadline;
  }
  return e;
}

}  // namespace

cc::FlowContext TapeContext(const cc::Algorithm& algorithm) {
  cc::FlowContext context;
  context.line_rate = Bandwidth::GigabitsPerSecond(100);
  context.mtu = Bytes(4096);
  context.header_bytes = Bytes(58);
  context.signals = algorithm.traits().required;
  context.seed = 7;
  return context;
}

Tape WildTape(uint64_t seed, size_t events) {
  Rng rng(seed, 1, 1);
  Tape tape;
  Duration at;
  while (tape.size() < events) {
    if (rng.Bernoulli(0.7)) {
      at += rng.Bernoulli(0.02) ? Duration::Milliseconds(20)
                                : Duration::Nanoseconds(static_cast<int64_t>(rng.Below(5000)));
    }
    tape.push_back(WildEvent(rng, at));
    if (rng.Bernoulli(0.1)) tape.push_back(tape.back());
    if (tape.size() > 2 && rng.Bernoulli(0.1)) {
      TapeEvent& a = tape[tape.size() - 1];
      TapeEvent& b = tape[tape.size() - 2];
      std::swap(a, b);
      std::swap(a.at, b.at);
    }
  }
  return tape;
}

Tape SaneTape(uint64_t seed, size_t packets, Duration low, Duration high) {
  Rng rng(seed, 2, 1);
  Tape tape;
  constexpr size_t kPeriod = 2000;  // packets of one wave of the queue
  for (size_t i = 0; i < packets; ++i) {
    TapeEvent e;
    e.at = Duration::Nanoseconds(static_cast<int64_t>(330 * i));
    e.in_flight = Bytes(120'000);
    const size_t phase = i % kPeriod;
    const size_t up = std::min(phase, kPeriod - phase);
    const Duration rtt = low + Duration::Picoseconds((high - low).ps() * static_cast<int64_t>(up) /
                                                     static_cast<int64_t>(kPeriod / 2));
    TapeEvent sent = e;
    sent.kind = TapeKind::kSent;
    sent.payload = Bytes(4096);
    tape.push_back(sent);
    e.kind = TapeKind::kFeedback;
    cc::Sample s;
    s.acked = Bytes(4096);
    s.rtt = rtt;
    s.wire_length = 4154;
    s.stamp = cc::StampSource::kBurst;
    s.ce = up > kPeriod / 3 && rng.Bernoulli(0.1);
    e.samples.push_back(s);
    tape.push_back(e);
    if (s.ce) {
      TapeEvent cnp = e;
      cnp.samples.clear();
      cnp.kind = TapeKind::kCnp;
      tape.push_back(cnp);
    }
  }
  return tape;
}

Player::Player(const cc::Algorithm& algorithm, const cc::FlowContext& context, Time origin)
    : size_(algorithm.controller_size()), origin_(origin) {
  storage_.bytes.fill(kFill);
  controller_ = algorithm.MakeController(storage_.bytes.data(), context);
}

Player::~Player() { controller_->~Controller(); }

bool Player::overran() const {
  return std::any_of(storage_.bytes.begin() + static_cast<ptrdiff_t>(size_), storage_.bytes.end(),
                     [](std::byte b) { return b != kFill; });
}

void Player::FireDeadlines(Time until) {
  // A deadline that stays due must not hang the test.
  for (int i = 0; i < 1000 && control().has_deadline && control().deadline <= until; ++i) {
    const Time due = control().deadline;
    controller_->OnDeadline(due);
    if (control().has_deadline && control().deadline <= due) {
      ++stale_;
      return;
    }
  }
}

void Player::Play(const TapeEvent& event) {
  const Time now = origin_ + event.at;
  FireDeadlines(now);
  switch (event.kind) {
    case TapeKind::kFeedback: {
      cc::Feedback f;
      f.now = now;
      f.present.Add(cc::Signal::kRtt).Add(cc::Signal::kCeBytes).Add(cc::Signal::kRemoteDelay);
      if (event.active_senders > 0) f.present.Add(cc::Signal::kActiveSenders);
      f.in_flight = event.in_flight;
      f.app_limited = event.app_limited;
      f.active_senders = event.active_senders;
      f.samples = std::span<const cc::Sample>(event.samples);
      for (const cc::Sample& s : event.samples) {
        f.acked += s.acked;
        ++f.acked_packets;
        if (s.ce) {
          f.ce_bytes += s.acked;
          ++f.ce_packets;
        }
        if (s.stamp == cc::StampSource::kNone) continue;
        f.newest_rtt = s.rtt;
        if (f.smallest_rtt == Duration::Zero() || s.rtt < f.smallest_rtt) f.smallest_rtt = s.rtt;
      }
      controller_->OnFeedback(f);
      break;
    }
    case TapeKind::kLoss: {
      cc::Loss loss;
      loss.now = now;
      loss.kind = event.loss;
      loss.lost = event.payload;
      loss.packets = static_cast<uint32_t>(event.payload.count() / 4096);
      loss.in_flight = event.in_flight;
      loss.undo = event.undo;
      controller_->OnLoss(loss);
      break;
    }
    case TapeKind::kCnp: {
      cc::Cnp cnp;
      cnp.now = now;
      cnp.in_flight = event.in_flight;
      controller_->OnCnp(cnp);
      break;
    }
    case TapeKind::kSent: {
      cc::Sent sent;
      sent.now = now;
      sent.payload = event.payload;
      sent.packets = static_cast<uint32_t>(event.payload.count() / 4096);
      sent.in_flight = event.in_flight;
      sent.app_limited = event.app_limited;
      controller_->OnSent(sent);
      break;
    }
    case TapeKind::kSpuriousDeadline:
      controller_->OnDeadline(now);
      break;
  }
  if (control().has_deadline && control().deadline < now) ++stale_;
}

Player::Answer Player::answer() const {
  const cc::Control& c = control();
  return {c.window.count(), c.rate.bps(), c.has_deadline ? (c.deadline - origin_).ps() : -1,
          c.cause};
}

}  // namespace sluice::test
