// The second group of cc_checks.h: flows at a bottleneck.
#include <algorithm>
#include <string>

#include "support/cc_bottleneck.h"
#include "support/cc_checks.h"

namespace sluice::test {
namespace {

// What two of our own ends can tell each other; the algorithm's required signals come on top.
cc::SignalSet OurSignals() {
  return cc::SignalSet()
      .Add(cc::Signal::kRtt)
      .Add(cc::Signal::kCnp)
      .Add(cc::Signal::kCeBytes)
      .Add(cc::Signal::kRemoteDelay);
}

BottleneckConfig Base(const cc::Algorithm& algorithm, size_t flows) {
  BottleneckConfig config;
  config.signals = OurSignals();
  config.flows.resize(flows);
  // Starts a little apart, as machines do.
  for (size_t i = 0; i < flows; ++i) {
    config.flows[i].start = Duration::Nanoseconds(static_cast<int64_t>(137 * i));
  }
  if (!algorithm.traits().lossless_only) config.buffer = Bytes(2 << 20);
  return config;
}

std::string Number(double v) { return std::to_string(v); }

void CheckAnswers(const BottleneckResult& r, const std::string& what, Failures* failures) {
  if (r.senseless > 0) {
    failures->push_back(what + ": " + std::to_string(r.senseless) + " senseless answers");
  }
  if (r.past_deadlines > 0) failures->push_back(what + ": deadlines in the past");
}

void CheckUse(const cc::Algorithm& algorithm, const BottleneckConfig& config,
              const BottleneckResult& r, size_t first, const std::string& what,
              Failures* failures) {
  const size_t last = static_cast<size_t>(config.duration / config.bucket);
  const double use = r.Utilisation(config, first, last, config.bottleneck);
  if (use < algorithm.traits().min_utilisation) {
    failures->push_back(what + ": utilisation " + Number(use) + ", declared " +
                        Number(algorithm.traits().min_utilisation));
  }
}

}  // namespace

Failures CheckSingleFlow(const cc::Algorithm& algorithm) {
  Failures failures;
  for (int batch : {1, 32}) {
    BottleneckConfig config = Base(algorithm, 1);
    config.batch = batch;
    const BottleneckResult r = RunBottleneck(algorithm, config);
    const std::string what = "one flow, batch " + std::to_string(batch);
    CheckUse(algorithm, config, r, 10, what, &failures);
    CheckAnswers(r, what, &failures);
  }
  return failures;
}

Failures CheckFairness(const cc::Algorithm& algorithm) {
  Failures failures;
  if (algorithm.traits().min_jain <= 0) return failures;
  for (size_t n : {2, 4, 8, 16}) {
    BottleneckConfig config = Base(algorithm, n);
    config.duration = Duration::Milliseconds(20);
    const BottleneckResult r = RunBottleneck(algorithm, config);
    const double jain = r.Jain(100, 200);
    const std::string what = std::to_string(n) + " flows";
    if (jain < algorithm.traits().min_jain) {
      failures.push_back(what + ": Jain " + Number(jain) + ", declared " +
                         Number(algorithm.traits().min_jain));
    }
    CheckAnswers(r, what, &failures);
  }
  return failures;
}

Failures CheckIncast(const cc::Algorithm& algorithm) {
  Failures failures;
  BottleneckConfig config = Base(algorithm, 16);
  config.duration = Duration::Milliseconds(200);
  for (BottleneckFlow& f : config.flows) f.size = Bytes(1'000'000);
  const BottleneckResult r = RunBottleneck(algorithm, config);
  const auto unfinished = std::count(r.finish.begin(), r.finish.end(), std::nullopt);
  if (unfinished > 0) failures.push_back(std::to_string(unfinished) + " of 16 did not finish");
  CheckAnswers(r, "incast", &failures);

  const double bound = algorithm.traits().max_incast_queue_bdp;
  if (bound <= 0) return failures;
  BottleneckConfig lasting = Base(algorithm, 16);
  const BottleneckResult long_run = RunBottleneck(algorithm, lasting);
  const double bdp = static_cast<double>(BytesIn(lasting.base_rtt, lasting.bottleneck).count());
  const double queue = long_run.QueueMean(5, 100) / bdp;
  if (queue > bound) {
    failures.push_back("mean queue of 16 flows " + Number(queue) + " BDP, declared " +
                       Number(bound));
  }
  return failures;
}

Failures CheckRecovery(const cc::Algorithm& algorithm) {
  Failures failures;
  const Duration promised = algorithm.traits().recovery;
  if (promised <= Duration::Zero()) return failures;
  BottleneckConfig config = Base(algorithm, 4);
  const Duration back = Duration::Milliseconds(8);
  config.changes = {{Duration::Milliseconds(4), Bandwidth::GigabitsPerSecond(25)},
                    {back, Bandwidth::GigabitsPerSecond(100)}};
  config.duration = back + promised + Duration::Milliseconds(2);
  const BottleneckResult r = RunBottleneck(algorithm, config);
  const size_t from = static_cast<size_t>((back + promised) / config.bucket);
  CheckUse(algorithm, config, r, from, "after the capacity came back", &failures);
  CheckAnswers(r, "recovery", &failures);
  return failures;
}

Failures CheckMissingSignals(const cc::Algorithm& algorithm) {
  Failures failures;
  for (bool all : {false, true}) {
    BottleneckConfig config = Base(algorithm, 1);
    config.signals = all ? OurSignals().Add(cc::Signal::kActiveSenders) : cc::SignalSet();
    const std::string what = all ? "with every signal" : "with the required signals only";
    const BottleneckResult one = RunBottleneck(algorithm, config);
    CheckUse(algorithm, config, one, 10, what, &failures);
    CheckAnswers(one, what, &failures);
    BottleneckConfig incast = Base(algorithm, 8);
    incast.signals = config.signals;
    incast.duration = Duration::Milliseconds(100);
    for (BottleneckFlow& f : incast.flows) f.size = Bytes(1'000'000);
    const BottleneckResult r = RunBottleneck(algorithm, incast);
    const auto unfinished = std::count(r.finish.begin(), r.finish.end(), std::nullopt);
    if (unfinished > 0)
      failures.push_back(what + ": " + std::to_string(unfinished) + " unfinished");
  }
  return failures;
}

}  // namespace sluice::test
