#include "perf/loopback.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <type_traits>

#include "absl/strings/str_format.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "perf/fetcher.h"
#include "perf/pingpong.h"
#include "perf/side.h"
#include "perf/stream.h"

namespace sluice::perf {
namespace {

// Addresses of the documentation range (RFC 5737): nobody's.
constexpr char kInitiatorIp[] = "198.51.100.1";
constexpr char kTargetIp[] = "198.51.100.2";
// How often the loop looks at the clock of the run, at Ctrl-C and at the capture.
constexpr uint32_t kHousekeeping = 256;
constexpr int kLatencyBits = 48;
// Of the windows over which the least cost of a message is taken.
constexpr Duration kWindow = Duration::Milliseconds(2);

// The run's parts that outlive a queue pair's life.
struct Bench {
  const Options& options;
  PortSource* source;
  cli::Progress* progress;
  Pattern pattern;
  telemetry::Histogram latency;
  telemetry::Histogram windows;  // cycles per message
  std::unique_ptr<Side> sides[2];
  uint64_t began = 0;     // cycles
  uint64_t deadline = 0;  // cycles; 0: by messages
  Result result;
  std::string error;
  bool interrupted = false;

  Bench(const Options& o, PortSource* s, cli::Progress* p)
      : options(o),
        source(s),
        progress(p),
        pattern(o.seed, o.size),
        latency(kLatencyBits),
        windows(kLatencyBits) {}
};

// One pair of ends, run until the initiator is drained.
template <typename First, typename Second>
class Life {
 public:
  Life(Bench* bench, First* first, Second* second)
      : bench_(bench), first_(first), second_(second) {}

  void RunOnOneCore() {
    while (StepFirst() && StepSecond()) {
    }
  }

  absl::Status RunOnTwoCores() {
    return bench_->source->RunOnTwoCores(
        [this] {
          while (!failed_.load(std::memory_order_relaxed) && StepFirst()) {
          }
          done_.store(true);
        },
        [this] {
          while (!done_.load(std::memory_order_relaxed)) {
            if (!StepSecond()) {
              failed_.store(true);
              return;
            }
          }
        });
  }

 private:
  bool StepFirst() {
    if (!first_->Pump()) {
      bench_->error = absl::StrFormat("initiator: %s", first_->error());
      return false;
    }
    bench_->sides[0]->device().Poll();
    if (++steps_ % kHousekeeping == 0) KeepHouse();
    return !first_->Drained() || !Finished();
  }

  bool StepSecond() {
    if (!second_->Pump()) {
      bench_->error = absl::StrFormat("target: %s", second_->error());
      return false;
    }
    bench_->sides[1]->device().Poll();
    return true;
  }

  bool Finished() const { return stopping_ || ended_by_messages_; }

  void KeepHouse() {
    const uint64_t now = bench_->source->Cycles();
    if (bench_->deadline != 0 && now >= bench_->deadline) stopping_ = true;
    if (cli::InterruptScope::Interrupted()) stopping_ = bench_->interrupted = true;
    if (stopping_) first_->Stop();
    if (bench_->deadline == 0) ended_by_messages_ = true;
    TakeWindow(now);
    if (!bench_->sides[0]->DrainCapture()) bench_->error = "the capture could not be written";
    ShowProgress(now);
  }

  // The quickest stretch of the run is what the machine can do while nothing else disturbs it.
  void TakeWindow(uint64_t now) {
    const uint64_t messages = first_->completed() - window_completed_;
    const uint64_t least =
        static_cast<uint64_t>(kWindow.seconds() * bench_->source->cycles_per_second());
    if (window_began_ != 0 && (now - window_began_ < least || messages == 0)) return;
    if (window_began_ != 0) {
      const double cycles =
          static_cast<double>(now - window_began_) / static_cast<double>(messages);
      double& best = bench_->result.cycles_per_message_min;
      best = best == 0 ? cycles : std::min(best, cycles);
      bench_->windows.Record(static_cast<uint64_t>(cycles));
    }
    window_began_ = now;
    window_completed_ = first_->completed();
  }

  void ShowProgress(uint64_t now) {
    const double part = bench_->deadline != 0
                            ? static_cast<double>(now - bench_->began) /
                                  static_cast<double>(bench_->deadline - bench_->began)
                            : static_cast<double>(bench_->result.completed + first_->completed()) /
                                  static_cast<double>(bench_->options.messages);
    if (now - shown_ < static_cast<uint64_t>(bench_->source->cycles_per_second() / 4)) return;
    shown_ = now;
    bench_->progress->Update(
        part, absl::StrFormat("%d messages", bench_->result.completed + first_->completed()));
  }

  Bench* bench_;
  First* first_;
  Second* second_;
  uint32_t steps_ = 0;
  uint64_t window_began_ = 0;  // cycles
  uint64_t window_completed_ = 0;
  uint64_t shown_ = 0;
  bool stopping_ = false;
  // A life that ends by its number of messages is over when it is drained.
  bool ended_by_messages_ = false;
  std::atomic<bool> done_{false};
  std::atomic<bool> failed_{false};
};

template <typename First, typename Second>
absl::Status RunPair(Bench* b, First* first, Second* second) {
  if (absl::Status s = first->Prepare(); !s.ok()) return s;
  if (absl::Status s = second->Prepare(); !s.ok()) return s;
  Life<First, Second> life(b, first, second);
  absl::Status status;
  if (b->options.cores == 1) {
    life.RunOnOneCore();
  } else {
    status = life.RunOnTwoCores();
  }
  // What was acknowledged has arrived, but on two cores nobody may have looked at it yet.
  if constexpr (std::is_same_v<Second, Target>) {
    if (status.ok() && b->error.empty() && !second->Pump()) b->error = second->error();
  }
  b->result.posted += first->posted();
  b->result.completed += first->completed();
  b->result.verified_bytes += second->verified_bytes();
  b->result.mismatches += second->mismatches();
  return status;
}

// Makes the ends, runs `messages` (0: until the deadline) and destroys the ends again.
absl::Status RunLife(Bench* b, uint64_t messages) {
  const Options& o = b->options;
  End first(o, b->pattern, &b->sides[0]->device());
  End second(o, b->pattern, &b->sides[1]->device());
  if (absl::Status s = first.Open(false); !s.ok()) return s;
  if (absl::Status s = second.Open(true); !s.ok()) return s;
  const EndAddress first_address = first.Address();
  const EndAddress second_address = second.Address();
  const absl::StatusOr<bool> extended = AgreeOnExtension(o, o.reliability);
  if (!extended.ok()) return extended.status();
  b->result.extended = *extended;
  if (absl::Status s = first.Connect(second_address, *extended); !s.ok()) return s;
  if (absl::Status s = second.Connect(first_address, *extended); !s.ok()) return s;
  b->result.qps_created += 2 * uint64_t{o.qps};

  const CycleClock cycles = [source = b->source] { return source->Cycles(); };
  if (o.fetch != Fetch::kNone) {
    Fetcher fetcher(&first, second_address, messages, cycles, &b->latency);
    Holder holder(&second);
    absl::Status s = RunPair(b, &fetcher, &holder);
    b->result.verified_bytes += fetcher.verified_bytes();
    b->result.mismatches += fetcher.mismatches();
    return s;
  }
  if (o.test == Test::kBandwidth) {
    Initiator initiator(&first, second_address, messages, cycles, &b->latency);
    Target target(&second);
    return RunPair(b, &initiator, &target);
  }
  Pinger server(&first, second_address, true, messages, cycles, &b->latency);
  Pinger client(&second, first_address, false, 0, cycles, &b->latency);
  absl::Status s = RunPair(b, &server, &client);
  b->result.verified_bytes += server.verified_bytes();
  b->result.mismatches += server.mismatches();
  return s;
}

absl::Status MakeSides(Bench* b) {
  absl::StatusOr<std::pair<PerfPort, PerfPort>> ports =
      b->source->Loopback({b->options.max_frame(), b->options.line_rate});
  if (!ports.ok()) return ports.status();
  b->result.driver = ports->first.driver;
  PerfPort both[2] = {std::move(ports->first), std::move(ports->second)};
  const char* const addresses[2] = {kInitiatorIp, kTargetIp};
  for (uint64_t i = 0; i < 2; ++i) {
    auto side = Side::Make(b->options, std::move(both[i]), *wire::IpAddress::Parse(addresses[i]), i,
                           &b->source->clock());
    if (!side.ok()) return side.status();
    b->sides[i] = std::move(*side);
  }
  b->result.line_rate_bps = b->sides[0]->device().line_rate_bps();
  return absl::OkStatus();
}

void Measure(Bench* b, absl::Status* status) {
  const Options& o = b->options;
  b->began = b->source->Cycles();
  if (o.messages == 0) {
    b->deadline =
        b->began + static_cast<uint64_t>(o.duration.seconds() * b->source->cycles_per_second());
  }
  for (;;) {
    uint64_t messages = o.messages == 0 ? 0 : o.messages - b->result.posted;
    if (o.churn > 0) messages = messages == 0 ? o.churn : std::min(messages, o.churn);
    *status = RunLife(b, messages);
    if (!status->ok() || !b->error.empty() || b->interrupted) break;
    if (o.messages != 0 ? b->result.posted >= o.messages : b->source->Cycles() >= b->deadline)
      break;
  }
  b->result.cycles = b->source->Cycles() - b->began;
}

}  // namespace

absl::StatusOr<Result> RunLoopback(const Options& options, PortSource* source, cli::Report* report,
                                   std::string* why) {
  cli::InterruptScope interrupt;
  cli::Progress progress("loopback", report->messages(), cli::Terminal::Of(STDERR_FILENO),
                         cli::SteadyClock());
  Bench bench(options, source, &progress);
  if (absl::Status s = MakeSides(&bench); !s.ok()) return s;
  absl::Status status;
  Measure(&bench, &status);
  progress.Clear();
  if (!status.ok()) return status;

  Result& r = bench.result;
  r.cycles_per_second = source->cycles_per_second();
  r.seconds = static_cast<double>(r.cycles) / r.cycles_per_second;
  r.latency_cycles = bench.latency.Snapshot();
  r.cycles_per_message_median = static_cast<double>(bench.windows.Snapshot().Quantile(500'000));
  for (auto& side : bench.sides) {
    if (!side->DrainCapture()) bench.error = "the capture could not be written";
    side->AddTo(&r);
    r.qps_leaked += side->device().queue_pairs();
  }
  for (auto& side : bench.sides) side.reset();
  r.mbufs_leaked = source->PacketsInUse();
  r.complete = bench.error.empty() && !bench.interrupted;
  *why = bench.interrupted ? "interrupted" : bench.error;
  return r;
}

}  // namespace sluice::perf
