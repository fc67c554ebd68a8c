#include "bridge/wire_run.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "bridge/bridge.h"
#include "lab/flow_setup.h"
#include "lab/host.h"
#include "lab/ideal.h"
#include "lab/profile.h"
#include "lab/thread_executor.h"
#include "runtime/worker.h"
#include "sim/queue_probe.h"

namespace sluice::bridge {
namespace {

using lab::FlowResult;
using lab::FlowSpec;
using lab::Host;
using lab::RunOptions;
using lab::RunResult;
using lab::Scenario;

// From the beginning of the loop to time zero of the scenario: caches are warm then.
constexpr Duration kWarmUp = Duration::Milliseconds(5);
// Of a data frame with telemetry and iCRC, at most.
constexpr Bytes kMaxFrame{kWireMtu + 256};
// A loop that was away for longer was preempted.
constexpr Duration kStall = Duration::Microseconds(100);
constexpr uint64_t kPollsPerLook = 4096;
constexpr uint64_t kPatternPurpose = 0x7061747465726e;

// Time zero is that of the scenario. Until Begin it lies far ahead, so that no reading of the
// set-up is later than one of the loop.
class RunClock final : public Clock {
 public:
  explicit RunClock(Clock& clock) : clock_(clock), zero_(clock.Now() + Duration::Seconds(600)) {}
  Time Now() override { return clock_.Now() - (zero_ - Time::Zero()); }
  void Begin() { zero_ = clock_.Now() + kWarmUp; }

 private:
  Clock& clock_;
  Time zero_;
};

// The largest time between two polls, from time zero on.
class GapMeter final : public Pollable {
 public:
  size_t Poll(Time now) override {
    if (polls_ > 0 && now > Time::Zero()) largest_ = std::max(largest_, now - last_);
    last_ = now;
    ++polls_;
    return 0;
  }
  OptionalTime NextDeadline() const override { return std::nullopt; }
  Duration largest() const { return largest_; }
  Time last() const { return last_; }
  uint64_t polls() const { return polls_; }

 private:
  Time last_;
  Duration largest_;
  uint64_t polls_ = 0;
};

class Execution {
 public:
  Execution(WireParts& parts, WirePlan plan, const RunOptions& options, Recorder& recorder)
      : parts_(parts),
        plan_(std::move(plan)),
        options_(options),
        recorder_(recorder),
        clock_(parts.clock()),
        paths_(plan_.scenario.topology) {}
  ~Execution() { Close(); }

  absl::StatusOr<RunResult> Go() {
    if (absl::Status s = Build(); !s.ok()) return s;
    if (absl::Status s = Loop(); !s.ok()) return s;
    if (absl::Status s = Collect(); !s.ok()) return s;
    const size_t leaked = Close();
    if (leaked > 0) return absl::InternalError(absl::StrFormat("%d packets leaked", leaked));
    return std::move(result_);
  }

 private:
  const Scenario& scenario() const { return plan_.scenario; }
  absl::Status Build();
  absl::Status BuildBridge();
  absl::Status BuildHosts();
  absl::Status ConnectFlows();
  absl::Status Loop();
  absl::Status Collect();
  void CollectFabric();
  absl::Status Verify(lab::RealTime& real) const;
  size_t Close();
  void OnDone(size_t flow, Time now, bool delivered);

  WireParts& parts_;
  const WirePlan plan_;
  const RunOptions& options_;
  Recorder& recorder_;
  RunClock clock_;
  lab::Paths paths_;
  std::shared_ptr<const cc::Algorithm> algorithm_;
  RunResult result_;
  bool open_links_ = false;
  std::unique_ptr<Bridge> bridge_;
  std::unique_ptr<sim::QueueProbe> watched_;
  size_t watched_link_ = 0;
  const Host::Events events_ = {
      [this](size_t flow, Time now) {
        result_.flows[flow].posted = true;
        result_.flows[flow].spec.start = now;
      },
      [this](size_t flow, Time now, bool delivered) { OnDone(flow, now, delivered); },
      [](size_t, Time) {}};
  std::map<sim::NodeId, std::unique_ptr<Host>> hosts_;
  GapMeter gaps_;
  size_t measured_ = 0;
  size_t open_ = 0;  // measured flows that have not ended
};

absl::Status Execution::Build() {
  auto algorithm = cc::MakeAlgorithm(lab::AlgorithmOf(scenario().arms, options_.algorithm));
  if (!algorithm.ok()) return algorithm.status();
  algorithm_ = std::move(*algorithm);
  std::vector<Bandwidth> rates;
  for (const WireHost& host : plan_.hosts) rates.push_back(host.up.rate);
  if (absl::Status s = parts_.Open(rates, kMaxFrame, &clock_); !s.ok()) return s;
  open_links_ = true;
  if (absl::Status s = BuildBridge(); !s.ok()) return s;
  if (absl::Status s = BuildHosts(); !s.ok()) return s;
  return ConnectFlows();
}

absl::Status Execution::BuildBridge() {
  const sim::SwitchConfig& switches = scenario().switches;
  BridgeConfig config;
  config.buffer = switches.sharing;
  config.buffer.size = switches.buffer;
  config.ecn = switches.ecn;
  sim::SimulationConfig profile;
  lab::ApplyProfile(scenario(), *algorithm_, profile);
  config.telemetry = profile.switches.telemetry;
  config.marking_seed = lab::FactorSeed(scenario().random, &lab::RandomFactors::marking,
                                        options_.seed, lab::kMarkPurpose, options_.redraw.marking);
  config.max_frame = static_cast<uint32_t>(kMaxFrame.count());
  Bytes messages;
  for (const FlowSpec& f : scenario().flows) messages += f.size;
  config.frames = static_cast<size_t>(std::min(switches.buffer, messages).count()) / kWireMtu +
                  plan_.hosts.size() * 256;
  std::vector<BridgePort> ports;
  for (size_t i = 0; i < plan_.hosts.size(); ++i) {
    const WireHost& host = plan_.hosts[i];
    const sim::HostAddress address = sim::AddressOf(host.node);
    ports.push_back(
        {&parts_.bridge(i),
         {switching::Destination::Ipv4(address.ipv4), switching::Destination::Mac(address.mac)},
         host.up,
         host.down});
    if (host.port == scenario().watched_port) watched_link_ = i;
  }
  auto made = Bridge::Create(config, ports, clock_.Now());
  if (!made.ok()) return made.status();
  bridge_ = *std::move(made);
  for (size_t i = 0; i < plan_.hosts.size(); ++i) {
    for (const lab::RateEcn& ecn : scenario().ecn_by_rate) {
      if (ecn.rate != plan_.hosts[i].down.rate) continue;
      bridge_->queues().SetEcn(static_cast<switching::PortIndex>(i), ecn.profile);
    }
  }
  return absl::OkStatus();
}

absl::Status Execution::BuildHosts() {
  for (size_t i = 0; i < plan_.hosts.size(); ++i) {
    const WireHost& h = plan_.hosts[i];
    size_t flows = 0;
    Bytes longest(1), arriving;
    for (const FlowSpec& f : scenario().flows) {
      flows += (f.source == h.node ? 1 : 0) + (f.destination == h.node ? 1 : 0);
      if (f.source == h.node) longest = std::max(longest, f.size);
      if (f.destination == h.node) arriving += f.size;
    }
    engine::EngineConfig engine;
    engine.seed = lab::HostSeed(scenario().random, options_.seed, h.node);
    engine.stall = kStall;
    // What the largest gap that counts may hold back, and a frame.
    engine.pacing_credit = BytesIn(plan_.base_rtt / kGapsPerRtt, h.up.rate) + kMaxFrame;
    Host::Place place{h.node, &parts_.host(i), &clock_, clock_.Now(), recorder_.decorator()};
    auto host = std::make_unique<Host>(place, flows, scenario().queue_pairs, engine, events_);
    const uint64_t seed = Rng(options_.seed, h.node, kPatternPurpose).Next();
    if (absl::Status s = host->RegisterMemory(longest, arriving, seed); !s.ok()) return s;
    hosts_[h.node] = std::move(host);
  }
  return absl::OkStatus();
}

absl::Status Execution::ConnectFlows() {
  const std::string text = lab::AlgorithmOf(scenario().arms, options_.algorithm);
  for (size_t i = 0; i < scenario().flows.size(); ++i) {
    const FlowSpec& f = scenario().flows[i];
    const Duration rtt = paths_.BaseRtt(f.source, f.destination, scenario().mtu);
    absl::Status s = Host::Connect(*hosts_[f.source], *hosts_[f.destination], i, f,
                                   lab::ConnectionOf(scenario(), *algorithm_, text, rtt));
    if (!s.ok()) return s;
    const Duration ideal = paths_.Ideal(f.source, f.destination, f.size, scenario().mtu);
    result_.flows.push_back({f, false, false, Duration(), ideal});
    measured_ += f.measured ? 1 : 0;
  }
  open_ = measured_;
  return absl::OkStatus();
}

void Execution::OnDone(size_t flow, Time now, bool delivered) {
  FlowResult& f = result_.flows[flow];
  if (delivered) {
    f.finished = true;
    f.fct = now - f.spec.start;
    result_.finished.push_back(flow);
  }
  if (f.spec.measured) --open_;
}

absl::Status Execution::Loop() {
  runtime::Worker worker(&clock_);
  worker.Add(&gaps_);
  for (const auto& [node, host] : hosts_) worker.Add(host.get());
  worker.Add(bridge_.get());
  parts_.BeginLoop();
  clock_.Begin();
  const Duration step = options_.series ? scenario().sample : Duration::Zero();
  watched_ = std::make_unique<sim::QueueProbe>(Time::Zero(), step);
  bridge_->queues().SetObserver(static_cast<switching::PortIndex>(watched_link_), watched_.get());
  const double began = lab::ThreadCpuSeconds();
  const Time limit = Time::Zero() + scenario().limit;
  while (open_ > 0 && gaps_.last() <= limit) {
    worker.RunOnce();
    if (gaps_.polls() % kPollsPerLook != 0 || !options_.progress) continue;
    const double part = static_cast<double>(measured_ - open_) / static_cast<double>(measured_);
    const double time = (gaps_.last() - Time::Zero()).seconds() / plan_.time.seconds();
    if (!options_.progress(std::clamp(std::max(part, time), 0.0, 1.0))) {
      parts_.EndLoop();
      return absl::CancelledError("interrupted");
    }
  }
  parts_.EndLoop();
  result_.cpu_seconds = lab::ThreadCpuSeconds() - began;
  result_.end = gaps_.last() - Time::Zero();
  watched_->Finish(gaps_.last());
  return absl::OkStatus();
}

absl::Status Execution::Collect() {
  for (FlowResult& f : result_.flows) {
    if (!f.finished && f.posted) f.fct = gaps_.last() - f.spec.start;
  }
  CollectFabric();
  for (const auto& [node, host] : hosts_) {
    const verbs::Statistics s = host->statistics();
    result_.cnps += s.Value("np_cnp_packets_sent_total");
    result_.retransmissions += s.Value("retransmitted_packets_total");
    result_.timeouts += s.Value("local_ack_timeout_errors_total");
  }
  result_.origin = scenario().origin;
  lab::RealTime real;
  real.scale = plan_.scale;
  real.rate = plan_.rate;
  real.base_rtt = plan_.base_rtt;
  real.poll_gap = gaps_.largest();
  real.polls = gaps_.polls();
  real.rtt_p50 = recorder_.MedianRtt();
  if (absl::Status s = Verify(real); !s.ok()) return s;
  if (real.poll_gap > plan_.base_rtt / kGapsPerRtt) {
    real.skipped = absl::StrFormat(
        "the loop stood still for %.0f us, more than %d %% of the base round trip of %.0f us; take "
        "a longer --rtt, or a quiet machine",
        real.poll_gap.us(), 100 / kGapsPerRtt, plan_.base_rtt.us());
  }
  result_.real = real;
  return absl::OkStatus();
}

void Execution::CollectFabric() {
  result_.queue_max = watched_->max();
  result_.queue_mean_bytes = watched_->mean_bytes();
  result_.queue_p99 = watched_->Percentile(99);
  result_.watched_frames = bridge_->frames_down(watched_link_);
  const sim::LinkConfig& line = plan_.hosts[watched_link_].down;
  result_.busy = TransmissionTime(bridge_->bytes_down(watched_link_) +
                                      line.overhead * static_cast<int64_t>(result_.watched_frames),
                                  line.rate);
  for (size_t i = 0; i < plan_.hosts.size(); ++i) {
    const auto& c = bridge_->queues().counters(static_cast<switching::PortIndex>(i));
    result_.drops += c.dropped;
    result_.ecn_marks += c.ecn_marks;
  }
  result_.packet_hops = bridge_->counters().frames_in + bridge_->counters().frames_out;
  result_.events = gaps_.polls();
  if (!options_.series) return;
  result_.series.step = scenario().sample;
  for (const sim::QueueProbe::Sample& s : watched_->samples()) {
    result_.series.queue_bytes.push_back(s.waiting.count());
    result_.series.sent_bytes.push_back(s.sent.count());
  }
}

absl::Status Execution::Verify(lab::RealTime& real) const {
  for (const size_t i : result_.finished) {
    const FlowSpec& f = result_.flows[i].spec;
    if (!hosts_.at(f.destination)->Holds(i)) {
      return absl::DataLossError(
          absl::StrFormat("flow %d from host %d to host %d: what arrived is not what was sent", i,
                          f.source, f.destination));
    }
    real.verified += f.size;
  }
  return absl::OkStatus();
}

size_t Execution::Close() {
  hosts_.clear();
  bridge_.reset();
  if (!open_links_) return 0;
  open_links_ = false;
  return parts_.Close();
}

}  // namespace

absl::StatusOr<RunResult> RunOnWire(WireParts& parts, const Scenario& scenario,
                                    const RunOptions& options, Recorder& recorder,
                                    const WireLimits& limits) {
  const Scenario jittered =
      options.jitter > Duration::Zero() ? lab::WithJitter(scenario, options) : scenario;
  absl::StatusOr<WirePlan> plan = PlanWire(jittered, limits);
  if (!plan.ok()) return plan.status();
  return Execution(parts, *std::move(plan), options, recorder).Go();
}

}  // namespace sluice::bridge
