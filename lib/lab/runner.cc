#include "lab/runner.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/rng.h"
#include "lab/cores.h"
#include "lab/fabric.h"
#include "lab/flow_key.h"
#include "lab/flow_setup.h"
#include "lab/host.h"
#include "lab/ideal.h"
#include "lab/profile.h"
#include "lab/thread_executor.h"
#include "sim/queue_probe.h"
#include "sim/routes.h"
#include "sim/simulation.h"

namespace sluice::lab {
namespace {

constexpr uint64_t kLossPurpose = 0x6c6f737365;
constexpr uint64_t kEcmpPurpose = 0x65636d7073;
constexpr uint64_t kHostPurpose = 0x686f737473;
// Of the jitter of options, as it is drawn anew; a file's has another (lab/experiment_file.cc).
constexpr uint64_t kRedrawnJitter = uint64_t{1} << 63;
// Between two reports of progress.
constexpr uint64_t kEventsPerLook = 1 << 16;

class Execution {
 public:
  Execution(const Scenario& scenario, const RunOptions& options)
      : scenario_(scenario), options_(options), paths_(scenario.topology), forecast_(scenario) {}

  absl::StatusOr<RunResult> Go() {
    if (absl::Status s = CheckCores(scenario_, options_); !s.ok()) return s;
    if (absl::Status s = Build(); !s.ok()) return s;
    if (absl::Status s = RunEvents(); !s.ok()) return s;
    Collect();
    return std::move(result_);
  }
  // After Go failed: the run has to be made again, on one core.
  bool overran() const { return overran_; }

  absl::StatusOr<std::vector<std::vector<Crossing>>> FindCrossings();

 private:
  absl::Status Build();
  absl::Status BuildHosts();
  absl::Status ConnectFlows();
  void AddProbes();
  absl::Status RunEvents();
  void Collect();
  void CollectFabric();
  void CollectSeries();
  Duration BaseRtt(const FlowSpec& f) const;
  Duration Ideal(const FlowSpec& f) const;
  uint32_t FlowLabel(const FlowSpec& f);
  void AddTrace();
  void CollectTrace();
  void PlanStart(size_t flow, Time start);
  void IndexTriggers();
  void OnPosted(size_t flow, Time now);
  void OnDone(size_t flow, Time now, bool delivered);
  void OnEvent(FlowEvent event, Time now);
  bool Notifies(size_t flow) const { return !events_.empty() && !events_[flow][1].empty(); }
  double PartDone() const;
  uint64_t SeedOf(bool RandomFactors::*factor, uint64_t purpose, bool anew) const {
    return FactorSeed(scenario_.random, factor, options_.seed, purpose, anew);
  }

  const Scenario& scenario_;
  const RunOptions& options_;
  Paths paths_;
  std::shared_ptr<const cc::Algorithm> algorithm_;
  Duration longest_rtt_;  // profile kHpccNs3: of all flows
  std::map<std::pair<sim::NodeId, sim::NodeId>, uint32_t> ports_used_;  // likewise
  RunResult result_;
  std::unique_ptr<sim::Simulation> simulation_;
  const Host::Events host_events_ = {
      [this](size_t flow, Time now) { OnPosted(flow, now); },
      [this](size_t flow, Time now, bool delivered) { OnDone(flow, now, delivered); },
      [this](size_t flow, Time now) {
        OnEvent({static_cast<uint32_t>(flow), true}, now);
      }};
  std::vector<std::unique_ptr<Host>> hosts_;  // by node; null where no flow starts or ends
  sim::QueueProbe* watched_ = nullptr;
  std::vector<sim::QueueProbe*> senders_;
  std::vector<sim::QueueProbe*> traced_;  // of result_.trace.queues
  size_t measured_ = 0;
  std::atomic<size_t> open_{0};  // measured flows that have not ended
  EndForecast forecast_;
  std::optional<CompletionLog> done_;
  bool overran_ = false;
  // Triggers; empty without any. By flow: of which its completion, its arrival is an event; by
  // trigger: which flows wait for it, how many events are missing.
  std::vector<std::array<std::vector<uint32_t>, 2>> events_;
  std::vector<std::vector<uint32_t>> waiting_;
  std::vector<uint32_t> missing_;
};

absl::Status Execution::Build() {
  sim::SimulationConfig config;
  const Redraw& redraw = options_.redraw;
  config.marking_seed = SeedOf(&RandomFactors::marking, kMarkPurpose, redraw.marking);
  config.loss_seed = SeedOf(&RandomFactors::loss, kLossPurpose, false);
  config.ecmp_seed = SeedOf(&RandomFactors::ecmp, kEcmpPurpose, redraw.ecmp);
  config.host_seed = SeedOf(&RandomFactors::hosts, kHostPurpose, false);
  config.hosts = scenario_.hosts;
  config.link_events = scenario_.link_events;
  config.reroute_delay = scenario_.reroute_delay;
  config.switches = scenario_.switches;
  config.partitions = options_.in_order ? 1 : static_cast<size_t>(options_.cores);
  config.rounds = GoesInRounds(scenario_, options_);
  config.one_thread = options_.cores == 1;
  auto algorithm = cc::MakeAlgorithm(AlgorithmOf(scenario_.arms, options_.algorithm));
  if (!algorithm.ok()) return algorithm.status();
  algorithm_ = std::move(*algorithm);
  ApplyProfile(scenario_, *algorithm_, config);
  const bool as_seed = scenario_.random.marking && !redraw.marking;
  config.ns3.run = as_seed ? options_.seed : config.marking_seed;
  auto simulation = sim::Simulation::Create(scenario_.topology, config);
  if (!simulation.ok()) return simulation.status();
  simulation_ = std::move(*simulation);
  if (absl::Status s = SetEcnByRate(scenario_, *simulation_); !s.ok()) return s;
  IndexTriggers();
  if (absl::Status s = BuildHosts(); !s.ok()) return s;
  if (absl::Status s = ConnectFlows(); !s.ok()) return s;
  AddProbes();
  if (options_.progress) {
    simulation_->SetProgress(
        [this](Time, uint64_t) {
          if (!options_.progress(PartDone())) simulation_->Stop();
        },
        kEventsPerLook);
  }
  return absl::OkStatus();
}

void Execution::IndexTriggers() {
  const std::vector<Trigger>& triggers = scenario_.triggers;
  if (triggers.empty()) return;
  events_.resize(scenario_.flows.size());
  waiting_.resize(triggers.size());
  for (uint32_t t = 0; t < triggers.size(); ++t) {
    missing_.push_back(triggers[t].needed);
    for (const FlowEvent& e : triggers[t].events) {
      events_[e.flow][e.received ? 1 : 0].push_back(t);
    }
  }
  for (uint32_t i = 0; i < scenario_.flows.size(); ++i) {
    const uint32_t trigger = scenario_.flows[i].trigger;
    if (trigger != kNoTrigger) waiting_[trigger].push_back(i);
  }
}

absl::Status Execution::BuildHosts() {
  std::vector<size_t> flows(scenario_.topology.nodes.size());
  Bytes longest(1);
  for (const FlowSpec& f : scenario_.flows) {
    ++flows[f.source];
    ++flows[f.destination];
    longest = scenario_.one_queue_pair ? longest + f.size : std::max(longest, f.size);
  }
  hosts_.resize(flows.size());
  for (sim::NodeId node = 0; node < flows.size(); ++node) {
    if (flows[node] == 0) continue;
    engine::EngineConfig engine;
    engine.seed = HostSeed(scenario_.random, options_.seed, node);
    engine.pacing_credit = Bytes(0);
    engine.burst = scenario_.hosts.burst;
    engine.ask_every = scenario_.hosts.ask_every;
    ApplyProfile(scenario_, *algorithm_, engine);
    const Host::Place place{node,
                            &simulation_->port(node),
                            &simulation_->clock(node),
                            simulation_->now(),
                            options_.decorate,
                            scenario_.exact};
    hosts_[node] =
        std::make_unique<Host>(place, flows[node], scenario_.queue_pairs, engine, host_events_);
    if (absl::Status s = hosts_[node]->Register(longest); !s.ok()) return s;
  }
  return absl::OkStatus();
}

// The base round trip that the algorithms are told, and the yardstick of slowdown.
Duration Execution::BaseRtt(const FlowSpec& f) const {
  if (scenario_.profile == WireProfile::kHpccNs3) return longest_rtt_;
  return paths_.BaseRtt(f.source, f.destination, scenario_.mtu);
}

Duration Execution::Ideal(const FlowSpec& f) const {
  if (scenario_.profile == WireProfile::kHpccNs3) return HpccIdeal(paths_, f, scenario_.mtu);
  return paths_.Ideal(f.source, f.destination, f.size, scenario_.mtu);
}

// UDP source ports as that simulator counts them: per pair of hosts.
uint32_t Execution::FlowLabel(const FlowSpec& f) {
  if (scenario_.profile != WireProfile::kHpccNs3) return 0;
  return ++ports_used_[{f.source, f.destination}];
}

absl::Status Execution::ConnectFlows() {
  if (scenario_.profile == WireProfile::kHpccNs3) {
    for (const FlowSpec& f : scenario_.flows) {
      longest_rtt_ = std::max(longest_rtt_, HpccBaseRtt(paths_, f, scenario_.mtu));
    }
  }
  const std::string algorithm = AlgorithmOf(scenario_.arms, options_.algorithm);
  for (size_t i = 0; i < scenario_.flows.size(); ++i) {
    const FlowSpec& f = scenario_.flows[i];
    verbs::ConnectOptions connect = ConnectionOf(scenario_, *algorithm_, algorithm, BaseRtt(f));
    connect.flow_label = FlowLabel(f);
    const size_t depth = scenario_.one_queue_pair ? scenario_.flows.size() : 1;
    const QueuePairUse& use = scenario_.queue_pairs;
    if (i > 0 && scenario_.one_queue_pair) {
      hosts_[f.source]->AddFlow(i, f);
    } else if (use.reused && !use.idle && hosts_[f.source]->HasQueuePairTo(f.destination)) {
      hosts_[f.source]->AddToQueuePair(i, f, Notifies(i));
    } else if (absl::Status s = Host::Connect(*hosts_[f.source], *hosts_[f.destination], i, f,
                                              connect, static_cast<uint32_t>(depth), Notifies(i));
               !s.ok()) {
      return s;
    }
    result_.flows.push_back({f, false, false, Duration(), Ideal(f)});
  }
  for (const FlowSpec& f : scenario_.flows) measured_ += f.measured ? 1 : 0;
  open_ = measured_;
  done_.emplace(simulation_->partitions());
  for (sim::NodeId node = 0; node < hosts_.size(); ++node) {
    if (hosts_[node] == nullptr) continue;
    simulation_->Attach(node, hosts_[node].get());
    if (scenario_.exact) simulation_->AttachLast(node, &hosts_[node]->starts());
  }
  for (size_t i = 0; i < scenario_.flows.size(); ++i) {
    if (scenario_.flows[i].trigger == kNoTrigger) PlanStart(i, scenario_.flows[i].start);
  }
  return absl::OkStatus();
}

// Flows begin last in their moment, in their order.
void Execution::PlanStart(size_t flow, Time start) {
  if (scenario_.exact) simulation_->PlanLast(scenario_.flows[flow].source, start, flow);
}

double Execution::PartDone() const {
  double payload = 0;
  for (const FlowSpec& f : scenario_.flows) payload += static_cast<double>(f.size.count());
  const auto& line =
      simulation_->transmitter(scenario_.watched_node, scenario_.watched_port).counters();
  const double ended = static_cast<double>(measured_ - open_) / static_cast<double>(measured_);
  return std::min(1.0, std::max(ended, static_cast<double>(line.bytes) / payload));
}

void Execution::AddProbes() {
  const Duration step = options_.series ? scenario_.sample : Duration::Zero();
  watched_ = &simulation_->AddProbe(scenario_.watched_node, scenario_.watched_port, step);
  if (options_.trace) AddTrace();
  if (!options_.series) return;
  std::vector<bool> sends(hosts_.size());
  for (const FlowSpec& f : scenario_.flows) sends[f.source] = true;
  for (sim::NodeId node = 0; node < hosts_.size(); ++node) {
    if (!sends[node]) continue;
    result_.series.hosts.push_back(node);
    senders_.push_back(&simulation_->AddProbe(node, 0, step));
  }
}

void Execution::AddTrace() {
  constexpr Duration kStep = Duration::Nanoseconds(100);
  simulation_->SetPfcObserver(
      [this](Time now, sim::NodeId node, sim::PortIndex port, uint8_t, bool pause) {
        result_.trace.pfc.push_back({now, node, port, pause});
      });
  const auto ports = sim::PortsOf(scenario_.topology);
  for (sim::NodeId node = 0; node < ports.size(); ++node) {
    if (scenario_.topology.nodes[node] != sim::NodeKind::kSwitch) continue;
    for (size_t i = 0; i < ports[node].size(); ++i) {
      const auto port = static_cast<sim::PortIndex>(i);
      sim::QueueProbe* const probe = &simulation_->AddProbe(node, port, kStep);
      probe->CountSamples(Bytes(1000));
      traced_.push_back(probe);
      result_.trace.queues.push_back({node, port, {}});
      // A queue has one probe.
      if (node == scenario_.watched_node && port == scenario_.watched_port) watched_ = probe;
    }
  }
}

void Execution::CollectTrace() {
  for (size_t i = 0; i < traced_.size(); ++i) {
    traced_[i]->Finish(simulation_->now());
    result_.trace.queues[i].counts = traced_[i]->counts();
  }
}

void Execution::OnPosted(size_t flow, Time now) {
  FlowResult& f = result_.flows[flow];
  f.posted = true;
  f.spec.start = now;
}

// An event of a flow: triggers fire that wanted no more than this.
void Execution::OnEvent(FlowEvent event, Time now) {
  if (events_.empty()) return;
  for (const uint32_t t : events_[event.flow][event.received ? 1 : 0]) {
    if (missing_[t] == 0 || --missing_[t] > 0) continue;
    for (const uint32_t flow : waiting_[t]) {
      const FlowSpec& f = scenario_.flows[flow];
      const Time start = Later(now + scenario_.triggers[t].delay, f.start);
      hosts_[f.source]->Release(flow, start);
      simulation_->Wake(f.source);
      PlanStart(flow, start);
    }
  }
}

absl::StatusOr<std::vector<std::vector<Crossing>>> Execution::FindCrossings() {
  if (absl::Status s = Build(); !s.ok()) return s;
  const auto ports = sim::PortsOf(scenario_.topology);
  sim::Routes routes(scenario_.topology, ports,
                     SeedOf(&RandomFactors::ecmp, kEcmpPurpose, options_.redraw.ecmp));
  std::vector<std::vector<Crossing>> all;
  uint16_t source_port = 0;
  for (size_t i = 0; i < scenario_.flows.size(); ++i) {
    const FlowSpec& f = scenario_.flows[i];
    if (i == 0 || !scenario_.one_queue_pair) source_port = hosts_[f.source]->SourcePortOf(i);
    const uint32_t key = FlowKeyOf(f, source_port);
    std::vector<Crossing>& links = all.emplace_back();
    links.push_back({f.source, 0});
    for (sim::NodeId node = ports[f.source][0].peer; node != f.destination;) {
      const sim::PortIndex port = routes.Find(node, f.destination, key);
      if (port == switching::kNoPort || links.size() > ports.size()) {
        return absl::InternalError(
            absl::StrFormat("no way from host %d to host %d", f.source, f.destination));
      }
      links.push_back({node, port});
      node = ports[node][port].peer;
    }
  }
  return all;
}

void Execution::OnDone(size_t flow, Time now, bool delivered) {
  FlowResult& f = result_.flows[flow];
  if (delivered) {
    f.finished = true;
    f.fct = now - f.spec.start;
    done_->Add(simulation_->place(f.spec.source), now, f.spec.source, flow);
    OnEvent({static_cast<uint32_t>(flow), false}, now);
  }
  if (f.spec.measured && --open_ == 0) simulation_->Stop();
}

absl::Status Execution::RunEvents() {
  ThreadExecutor executor;
  simulation_->SetStopGuard([this](Time, Time) { return forecast_.MayEnd(*simulation_); });
  const double began = ThreadCpuSeconds();
  const sim::Simulation::End end =
      simulation_->Run(Time::Zero() + scenario_.limit, options_.cores > 1 ? &executor : nullptr,
                       static_cast<size_t>(options_.cores));
  result_.cpu_seconds = ThreadCpuSeconds() - began + executor.cpu_seconds();
  if (end == sim::Simulation::End::kOverrun) {
    overran_ = true;
    return absl::AbortedError("the run was over before it was known that it could be");
  }
  if (end == sim::Simulation::End::kStuck) {
    return absl::InternalError(absl::StrFormat("host %d does not let time go on, at %d ps",
                                               simulation_->stuck_host(), simulation_->now().ps()));
  }
  if (end == sim::Simulation::End::kDeadlock) {
    std::string cycle;
    for (const sim::PausedHop& hop : simulation_->deadlock()) {
      cycle += absl::StrFormat("%snode %d port %d priority %d", cycle.empty() ? "" : " -> ",
                               hop.node, hop.port, hop.priority);
    }
    return absl::InternalError(
        absl::StrFormat("deadlock of PFC pauses at %d ps: %s", simulation_->now().ps(), cycle));
  }
  if (end == sim::Simulation::End::kStopped && open_ > 0) {
    return absl::CancelledError("interrupted");
  }
  return absl::OkStatus();
}

void Execution::Collect() {
  result_.end = simulation_->now() - Time::Zero();
  result_.origin = scenario_.origin;
  result_.finished = done_->Flows();
  for (FlowResult& f : result_.flows) {
    if (!f.finished && f.posted) f.fct = simulation_->now() - f.spec.start;
  }
  CollectFabric();
  for (const auto& host : hosts_) {
    if (host == nullptr) continue;
    const verbs::Statistics s = host->statistics();
    result_.cnps += s.Value("np_cnp_packets_sent_total");
    result_.retransmissions += s.Value("retransmitted_packets_total");
    result_.timeouts += s.Value("local_ack_timeout_errors_total");
  }
  if (options_.series) CollectSeries();
  if (options_.trace) CollectTrace();
}

bool MayLose(const Scenario& s) {
  const auto loses = [](const sim::LinkConfig& link) { return link.loss > 0 || link.faults.any(); };
  return !s.link_events.empty() ||
         std::any_of(s.topology.links.begin(), s.topology.links.end(), [&](const sim::Link& link) {
           return loses(link.forward) || loses(link.backward);
         });
}

void Execution::CollectFabric() {
  result_.queue_max = watched_->max();
  result_.queue_mean_bytes = watched_->mean_bytes();
  result_.queue_p99 = watched_->Percentile(99);
  const auto& line =
      simulation_->transmitter(scenario_.watched_node, scenario_.watched_port).counters();
  const sim::LinkConfig link =
      sim::PortsOf(scenario_.topology)[scenario_.watched_node][scenario_.watched_port].out;
  result_.busy = TransmissionTime(
      Bytes(static_cast<int64_t>(line.bytes)) + link.overhead * static_cast<int64_t>(line.frames),
      link.rate);
  result_.watched_frames = line.frames;
  result_.pfc_pauses = simulation_->pfc_pauses();
  result_.drops = simulation_->drops();
  result_.lossy = MayLose(scenario_);
  result_.link_totals = simulation_->link_totals();
  result_.ecn_marks = simulation_->ecn_marks();
  result_.trimming = scenario_.switches.trim.on();
  result_.trims = simulation_->trims();
  result_.packet_hops = simulation_->packet_hops();
  result_.events = simulation_->events();
  result_.trace_hash = simulation_->trace_hash();
}

void Execution::CollectSeries() {
  Series& series = result_.series;
  series.step = scenario_.sample;
  for (const sim::QueueProbe::Sample& s : watched_->samples()) {
    series.queue_bytes.push_back(s.waiting.count());
    series.sent_bytes.push_back(s.sent.count());
  }
  for (const sim::QueueProbe* probe : senders_) {
    std::vector<int64_t>& bytes = series.host_bytes.emplace_back();
    for (const sim::QueueProbe::Sample& s : probe->samples()) bytes.push_back(s.sent.count());
  }
}

}  // namespace

Scenario WithJitter(const Scenario& scenario, const RunOptions& options) {
  Scenario jittered = scenario;
  ShiftStarts(jittered, options.seed, options.redraw.jitter ? kRedrawnJitter : 0, options.jitter);
  return jittered;
}

absl::StatusOr<std::vector<std::vector<Crossing>>> CrossingsOf(const Scenario& scenario,
                                                               const RunOptions& options) {
  return Execution(scenario, options).FindCrossings();
}

namespace {

absl::StatusOr<RunResult> RunJittered(const Scenario& scenario, const RunOptions& options) {
  Execution execution(scenario, options);
  absl::StatusOr<RunResult> result = execution.Go();
  if (!execution.overran()) return result;
  RunOptions alone = options;
  alone.cores = 1;
  alone.in_order = true;
  return Execution(scenario, alone).Go();
}

}  // namespace

absl::StatusOr<RunResult> Run(const Scenario& scenario, const RunOptions& options) {
  if (options.jitter > Duration::Zero()) {
    const Scenario jittered = WithJitter(scenario, options);
    return RunJittered(jittered, options);
  }
  return RunJittered(scenario, options);
}

}  // namespace sluice::lab
