#include "support/cc_checks.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "support/cc_tape.h"
#include "support/counting_new.h"

namespace sluice::test {
namespace {

constexpr int kSeeds = 20;
constexpr size_t kEvents = 2000;
constexpr Duration kLow = Duration::Microseconds(8);
constexpr Duration kHigh = Duration::Microseconds(14);

// Units that a field may have; telemetry shows them as they are.
const char* const kUnits[] = {"1", "bytes", "bit/s", "ps", "ns", "us", "s"};

struct FiniteSink : cc::FieldSink {
  void Field(const char* name, const char*, double value) override {
    if (!std::isfinite(value)) bad = name;
  }
  std::string bad;
};

std::string Where(uint64_t seed, size_t event) {
  return "seed " + std::to_string(seed) + ", event " + std::to_string(event);
}

std::string Illegal(const cc::Control& c, Bandwidth line) {
  if (c.window <= Bytes(0)) return "window " + std::to_string(c.window.count());
  if (c.rate.bps() <= 0) return "rate " + std::to_string(c.rate.bps());
  if (c.rate > line && c.rate != cc::kNoRate) {
    return "rate above the line: " + std::to_string(c.rate.bps());
  }
  return "";
}

void CheckSafetyOn(const cc::Algorithm& algorithm, uint64_t seed, Failures* failures) {
  const cc::FlowContext context = TapeContext(algorithm);
  const Tape tape = WildTape(seed, kEvents);
  Player player(algorithm, context, Time::Zero());
  for (size_t i = 0; i < tape.size(); ++i) {
    player.Play(tape[i]);
    const std::string illegal = Illegal(player.control(), context.line_rate);
    if (!illegal.empty()) return failures->push_back(Where(seed, i) + ": " + illegal);
    FiniteSink sink;
    player.controller().Describe(sink);
    if (!sink.bad.empty()) {
      return failures->push_back(Where(seed, i) + ": not finite: " + sink.bad);
    }
    if (player.stale_deadlines() > 0) {
      return failures->push_back(Where(seed, i) + ": deadline in the past");
    }
  }
}

bool Raised(const Player::Answer& before, const Player::Answer& after, double slack = 1) {
  return static_cast<double>(after.window) > static_cast<double>(before.window) * slack ||
         static_cast<double>(after.rate) > static_cast<double>(before.rate) * slack;
}

std::vector<Player::Answer> Answers(const cc::Algorithm& algorithm, const Tape& tape, Time origin) {
  Player player(algorithm, TapeContext(algorithm), origin);
  std::vector<Player::Answer> answers;
  for (const TapeEvent& e : tape) {
    player.Play(e);
    answers.push_back(player.answer());
  }
  return answers;
}

struct Means {
  double window = 0;
  double rate = 0;
};

// The round-trip time wanders by itself, whatever the flow does, but packets come back as fast as
// the answer lets them go: a window per round trip, or the rate. Means over the second half.
Means MeansAtBatch(const cc::Algorithm& algorithm, size_t batch) {
  cc::FlowContext context = TapeContext(algorithm);
  context.mtu = Bytes(1024);
  Player player(algorithm, context, Time::Zero());
  const Duration end = Duration::Milliseconds(4), half = end / 2,
                 wave = Duration::Microseconds(660);
  const Duration cnp_every = Duration::Microseconds(150);
  Duration next_cnp = cnp_every;
  TapeEvent feedback, sent, cnp;
  feedback.kind = TapeKind::kFeedback;
  sent.kind = TapeKind::kSent;
  sent.payload = Bytes(1024);
  cnp.kind = TapeKind::kCnp;
  Means sum;
  double weight = 0;
  for (Duration at; at < end;) {
    const double phase = static_cast<double>(at.ps() % wave.ps()) / static_cast<double>(wave.ps());
    const Duration rtt =
        kLow + Duration::Picoseconds(static_cast<int64_t>(static_cast<double>((kHigh - kLow).ps()) *
                                                          (1 - std::abs(2 * phase - 1))));
    const cc::Control& c = player.control();
    const double by_window = static_cast<double>(std::min(c.window, Bytes(10'000'000)).count()) *
                             8e12 / static_cast<double>(rtt.ps());
    const double rate = std::min(by_window, static_cast<double>(c.rate.bps()));
    const double step_ps = std::clamp(1024 * 8e12 / rate, 1e4, 2e7);
    at += Duration::Picoseconds(static_cast<int64_t>(step_ps));
    if (at >= half) {
      sum.window += static_cast<double>(c.window.count()) * step_ps;
      sum.rate += static_cast<double>(c.rate.bps()) * step_ps;
      weight += step_ps;
    }
    for (; next_cnp <= at; next_cnp += cnp_every) {
      cnp.at = next_cnp;
      player.Play(cnp);
    }
    sent.at = feedback.at = at;
    sent.in_flight = feedback.in_flight = Bytes(
        static_cast<int64_t>(std::min(by_window, rate) / 8e12 * static_cast<double>(rtt.ps())));
    player.Play(sent);
    cc::Sample s;
    s.acked = Bytes(1024);
    s.rtt = rtt;
    s.wire_length = 1082;
    s.stamp = cc::StampSource::kBurst;
    feedback.samples.push_back(s);
    if (feedback.samples.size() < batch) continue;
    player.Play(feedback);
    feedback.samples.clear();
  }
  return {sum.window / weight, sum.rate / weight};
}

double Apart(int64_t a, int64_t b) {
  const double larger = static_cast<double>(std::max(a, b));
  return larger > 0 ? std::abs(static_cast<double>(a - b)) / larger : 0;
}

}  // namespace

Failures CheckSafety(const cc::Algorithm& algorithm) {
  Failures failures;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) CheckSafetyOn(algorithm, seed, &failures);
  return failures;
}

Failures CheckDirection(const cc::Algorithm& algorithm) {
  Failures failures;
  if (algorithm.traits().exempt_direction != nullptr) {
    if (std::strlen(algorithm.traits().exempt_direction) < 20) {
      failures.push_back("exempt from direction without a written reason");
    }
    return failures;
  }
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Tape tape = WildTape(seed, kEvents);
    Player player(algorithm, TapeContext(algorithm), Time::Zero());
    for (size_t i = 0; i < tape.size(); ++i) {
      player.Advance(tape[i].at);
      const Player::Answer before = player.answer();
      player.Play(tape[i]);
      const bool congestion =
          (tape[i].kind == TapeKind::kLoss && !tape[i].undo) || tape[i].kind == TapeKind::kCnp;
      if (congestion && Raised(before, player.answer())) {
        failures.push_back(Where(seed, i) + ": raised by a sign of congestion");
        break;
      }
    }
  }
  // After a normal life, everything is marked and late.
  Player player(algorithm, TapeContext(algorithm), Time::Zero());
  const Tape life = SaneTape(1, 4000, kLow, kHigh);
  player.PlayAll(life);
  const Player::Answer before = player.answer();
  Tape bad = SaneTape(2, 500, kLow * 20, kLow * 20);
  for (TapeEvent& e : bad) {
    e.at += life.back().at;
    for (cc::Sample& s : e.samples) s.ce = true;
    player.Play(e);
    TapeEvent cnp;
    cnp.kind = TapeKind::kCnp;
    cnp.at = e.at;
    player.Play(cnp);
  }
  if (Raised(before, player.answer(), 1.001)) failures.push_back("raised by a full queue");

  // A flow that uses little of what it may send.
  Player idle(algorithm, TapeContext(algorithm), Time::Zero());
  idle.PlayAll(life);
  const Player::Answer rest = idle.answer();
  Tape little = SaneTape(3, 2000, kLow, kLow);
  for (TapeEvent& e : little) {
    e.at += life.back().at;
    e.in_flight = Bytes(0);
    e.app_limited = true;
    // Deadlines may raise a rate by time; that is no gain from being idle.
    if (e.kind == TapeKind::kFeedback || e.kind == TapeKind::kSent) {
      idle.Advance(e.at);
      const Player::Answer now = idle.answer();
      idle.Play(e);
      if (idle.answer().window > std::max(now.window, rest.window)) {
        failures.push_back("gained by having nothing to send");
        break;
      }
    }
  }
  return failures;
}

Failures CheckDeterminism(const cc::Algorithm& algorithm) {
  Failures failures;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Tape tape = WildTape(seed, kEvents);
    const std::vector<Player::Answer> first = Answers(algorithm, tape, Time::Zero());
    if (first != Answers(algorithm, tape, Time::Zero())) {
      failures.push_back("seed " + std::to_string(seed) + ": the same tape, other answers");
    }
    // The last origin lets the 64-bit stamps wrap in the middle of the tape.
    const uint64_t half = static_cast<uint64_t>(tape.back().at.ps() / 2);
    for (uint64_t origin : {uint64_t{1}, uint64_t{1'234'567'890'123'456}, 0 - half}) {
      if (first == Answers(algorithm, tape, Time::FromPs(origin))) continue;
      failures.push_back("seed " + std::to_string(seed) +
                         ": other answers at another time, origin " + std::to_string(origin));
    }
    const Tape other = WildTape(seed + 1000, kEvents);
    Player a(algorithm, TapeContext(algorithm), Time::Zero());
    Player b(algorithm, TapeContext(algorithm), Time::Zero());
    bool equal = true;
    for (size_t i = 0; i < tape.size(); ++i) {
      a.Play(tape[i]);
      if (i < other.size()) b.Play(other[i]);
      equal = equal && a.answer() == first[i];
    }
    if (!equal) {
      failures.push_back("seed " + std::to_string(seed) + ": another instance changes the answers");
    }
  }
  return failures;
}

Failures CheckBatching(const cc::Algorithm& algorithm) {
  Failures failures;
  const Means one = MeansAtBatch(algorithm, 1);
  const Means many = MeansAtBatch(algorithm, cc::kMaxSamples);
  const auto compare = [&](const char* what, double a, double b) {
    if (std::abs(a - b) <= 0.05 * std::max(a, b)) return;
    failures.push_back(std::string(what) + " one by one " + std::to_string(a) + ", by 32 " +
                       std::to_string(b));
  };
  compare("window", one.window, many.window);
  compare("rate", one.rate, many.rate);
  return failures;
}

Failures CheckNoAllocation(const cc::Algorithm& algorithm) {
  Failures failures;
  const Tape wild = WildTape(1, kEvents);
  const Tape sane = SaneTape(1, 4000, kLow, kHigh);
  const cc::FlowContext context = TapeContext(algorithm);
  alignas(16) std::array<std::byte, cc::kMaxReceiverSize> storage;
  const uint64_t before = AllocationCount();
  {
    Player player(algorithm, context, Time::Zero());
    player.PlayAll(sane);
    player.PlayAll(wild);
    FiniteSink sink;
    player.controller().Describe(sink);
    player.controller().Restore(player.controller().Snapshot());
    cc::ReceiverHalf* receiver = algorithm.MakeReceiver(storage.data(), context);
    cc::DataEvent data;
    for (int i = 0; i < 1000; ++i) {
      data.now += Duration::Microseconds(1);
      data.ce = i % 3 == 0;
      receiver->OnData(data);
    }
    receiver->~ReceiverHalf();
  }
  const uint64_t made = AllocationCount() - before;
  if (made > 0) failures.push_back(std::to_string(made) + " allocations");
  return failures;
}

Failures CheckSize(const cc::Algorithm& algorithm) {
  Failures failures;
  if (algorithm.controller_size() > cc::kMaxControllerSize) {
    failures.push_back("state of " + std::to_string(algorithm.controller_size()) + " B");
    return failures;
  }
  Player player(algorithm, TapeContext(algorithm), Time::Zero());
  player.PlayAll(WildTape(1, kEvents));
  if (player.overran()) failures.push_back("wrote beyond its size");
  return failures;
}

Failures CheckDescribe(const cc::Algorithm& algorithm) {
  struct Sink : cc::FieldSink {
    void Field(const char* name, const char* unit, double) override {
      if (!names.insert(name).second) wrong.push_back(std::string("twice: ") + name);
      const bool known = std::any_of(std::begin(kUnits), std::end(kUnits),
                                     [&](const char* u) { return std::strcmp(u, unit) == 0; });
      if (!known) wrong.push_back(std::string("unit of ") + name + ": '" + unit + "'");
    }
    std::set<std::string> names;
    Failures wrong;
  } sink;
  Player player(algorithm, TapeContext(algorithm), Time::Zero());
  player.controller().Describe(sink);
  if (sink.names.empty()) sink.wrong.push_back("describes nothing");
  return sink.wrong;
}

Failures CheckSnapshot(const cc::Algorithm& algorithm) {
  Failures failures;
  const cc::FlowContext context = TapeContext(algorithm);
  Player old(algorithm, context, Time::Zero());
  old.PlayAll(SaneTape(1, 6000, kLow, kHigh));
  const cc::Controller::State state = old.controller().Snapshot();
  Player heir(algorithm, context, Time::Zero());
  heir.controller().Restore(state);
  const Player::Answer was = old.answer(), is = heir.answer();
  if (algorithm.traits().uses_window && Apart(was.window, is.window) > 0.1) {
    failures.push_back("window " + std::to_string(was.window) + " became " +
                       std::to_string(is.window));
  }
  if (algorithm.traits().uses_rate && Apart(was.rate, is.rate) > 0.1) {
    failures.push_back("rate " + std::to_string(was.rate) + " became " + std::to_string(is.rate));
  }
  const Bytes windows[] = {Bytes(0), Bytes(1), Bytes(100'000), cc::kNoWindow};
  const Bandwidth rates[] = {Bandwidth(), Bandwidth::MegabitsPerSecond(1),
                             Bandwidth::GigabitsPerSecond(800), cc::kNoRate};
  for (Bytes window : windows) {
    for (Bandwidth rate : rates) {
      for (Duration rtt : {Duration::Zero(), Duration::Picoseconds(1), Duration::Seconds(1)}) {
        Player any(algorithm, context, Time::Zero());
        any.controller().Restore({window, rate, rtt});
        any.PlayAll(SaneTape(1, 50, kLow, kHigh));
        const std::string illegal = Illegal(any.control(), context.line_rate);
        if (!illegal.empty()) failures.push_back("restored from the wild: " + illegal);
      }
    }
  }
  return failures;
}

const std::vector<NamedCheck>& AllChecks() {
  static const std::vector<NamedCheck> checks = {
      {"Safety", CheckSafety},
      {"Direction", CheckDirection},
      {"Determinism", CheckDeterminism},
      {"Batching", CheckBatching},
      {"NoAllocation", CheckNoAllocation},
      {"Size", CheckSize},
      {"Describe", CheckDescribe},
      {"Snapshot", CheckSnapshot},
      {"SingleFlow", CheckSingleFlow},
      {"Fairness", CheckFairness},
      {"Incast", CheckIncast},
      {"Recovery", CheckRecovery},
      {"MissingSignals", CheckMissingSignals},
  };
  return checks;
}

}  // namespace sluice::test
