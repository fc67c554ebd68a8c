#include "lab/runner.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>

#include "absl/strings/str_format.h"
#include "base/be.h"
#include "base/rng.h"
#include "lab/host.h"
#include "lab/ideal.h"
#include "sim/routes.h"
#include "switch/forwarding.h"
#include "wire/headers.h"
#include "wire/ip_headers.h"

namespace sluice::lab {
namespace {

constexpr uint64_t kMarkPurpose = 0x6d61726b73;
constexpr uint64_t kLossPurpose = 0x6c6f737365;
constexpr uint64_t kEcmpPurpose = 0x65636d7073;
constexpr uint64_t kHostPurpose = 0x686f737473;
constexpr uint64_t kJitterPurpose = 0x6a6974746572;
constexpr uint8_t kUdp = 17;
// Between two reports of progress.
constexpr uint64_t kEventsPerLook = 1 << 16;

double ThreadCpuSeconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

class Execution {
 public:
  Execution(const Scenario& scenario, const RunOptions& options)
      : scenario_(scenario), options_(options), paths_(scenario.topology) {}

  absl::StatusOr<RunResult> Go() {
    if (absl::Status s = Build(); !s.ok()) return s;
    if (absl::Status s = RunEvents(); !s.ok()) return s;
    Collect();
    return std::move(result_);
  }

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
  void OnDone(size_t flow, Time now, bool delivered);
  double PartDone() const;

  const Scenario& scenario_;
  const RunOptions& options_;
  Paths paths_;
  RunResult result_;
  std::unique_ptr<sim::Simulation> simulation_;
  std::vector<std::unique_ptr<Host>> hosts_;  // by node; null where no flow starts or ends
  sim::QueueProbe* watched_ = nullptr;
  std::vector<sim::QueueProbe*> senders_;
  size_t open_ = 0;  // flows that have not ended
};

absl::Status Execution::Build() {
  sim::SimulationConfig config;
  const Redraw& redraw = options_.redraw;
  config.marking_seed = Rng(options_.seed, redraw.marking ? 1 : 0, kMarkPurpose).Next();
  config.loss_seed = Rng(options_.seed, 0, kLossPurpose).Next();
  config.ecmp_seed = Rng(options_.seed, redraw.ecmp ? 1 : 0, kEcmpPurpose).Next();
  config.switches = scenario_.switches;
  auto simulation = sim::Simulation::Create(scenario_.topology, config);
  if (!simulation.ok()) return simulation.status();
  simulation_ = std::move(*simulation);
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
    hosts_[node] = std::make_unique<Host>(
        *simulation_, node, flows[node], Rng(options_.seed, node, kHostPurpose).Next(),
        [this](size_t flow, Time now, bool delivered) { OnDone(flow, now, delivered); });
    if (absl::Status s = hosts_[node]->Register(longest); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status Execution::ConnectFlows() {
  for (size_t i = 0; i < scenario_.flows.size(); ++i) {
    const FlowSpec& f = scenario_.flows[i];
    const Duration rtt = paths_.BaseRtt(f.source, f.destination, scenario_.mtu);
    verbs::ConnectOptions connect;
    connect.max_rd_atomic = connect.responder_resources = 0;  // workloads only send
    connect.mtu = scenario_.mtu;
    connect.any_mtu = true;
    connect.timeout = scenario_.timeout;
    connect.algorithm = options_.algorithm;
    connect.base_rtt_ns = static_cast<uint64_t>(rtt.ps() / 1000);
    if (scenario_.extended) connect.reliability = verbs::Reliability::kExtended;
    connect.tracking_window = scenario_.tracking_window;
    const size_t depth = scenario_.one_queue_pair ? scenario_.flows.size() : 1;
    if (i > 0 && scenario_.one_queue_pair) {
      hosts_[f.source]->AddFlow(i, f);
    } else if (absl::Status s = Host::Connect(*hosts_[f.source], *hosts_[f.destination], i, f,
                                              connect, static_cast<uint32_t>(depth));
               !s.ok()) {
      return s;
    }
    result_.flows.push_back(
        {f, false, Duration(), paths_.Ideal(f.source, f.destination, f.size, scenario_.mtu)});
  }
  open_ = scenario_.flows.size();
  for (sim::NodeId node = 0; node < hosts_.size(); ++node) {
    if (hosts_[node] != nullptr) simulation_->Attach(node, hosts_[node].get());
  }
  return absl::OkStatus();
}

double Execution::PartDone() const {
  double payload = 0;
  for (const FlowSpec& f : scenario_.flows) payload += static_cast<double>(f.size.count());
  const auto& line =
      simulation_->transmitter(scenario_.watched_node, scenario_.watched_port).counters();
  return std::min(1.0, static_cast<double>(line.bytes) / payload);
}

void Execution::AddProbes() {
  const Duration step = options_.series ? scenario_.sample : Duration::Zero();
  watched_ = &simulation_->AddProbe(scenario_.watched_node, scenario_.watched_port, step);
  if (!options_.series) return;
  std::vector<bool> sends(hosts_.size());
  for (const FlowSpec& f : scenario_.flows) sends[f.source] = true;
  for (sim::NodeId node = 0; node < hosts_.size(); ++node) {
    if (!sends[node]) continue;
    result_.series.hosts.push_back(node);
    senders_.push_back(&simulation_->AddProbe(node, 0, step));
  }
}

// What a switch hashes: the addresses and ports of the flow's packets.
uint32_t FlowKey(const FlowSpec& flow, uint16_t source_port) {
  std::array<uint8_t, wire::kEthernetBytes + wire::Ipv4Header::kSize + wire::UdpHeader::kSize>
      header{};
  uint8_t* const ip = header.data() + wire::kEthernetBytes;
  ip[0] = 0x45;
  ip[9] = kUdp;
  StoreBe32(ip + 12, sim::AddressOf(flow.source).ipv4);
  StoreBe32(ip + 16, sim::AddressOf(flow.destination).ipv4);
  StoreBe16(ip + wire::Ipv4Header::kSize, source_port);
  StoreBe16(ip + wire::Ipv4Header::kSize + 2, wire::kRocePort);
  return switching::FlowKeyOf(header, wire::kEthernetBytes);
}

absl::StatusOr<std::vector<std::vector<Crossing>>> Execution::FindCrossings() {
  if (absl::Status s = Build(); !s.ok()) return s;
  const auto ports = sim::PortsOf(scenario_.topology);
  sim::Routes routes(scenario_.topology, ports,
                     Rng(options_.seed, options_.redraw.ecmp ? 1 : 0, kEcmpPurpose).Next());
  std::vector<std::vector<Crossing>> all;
  uint16_t source_port = 0;
  for (size_t i = 0; i < scenario_.flows.size(); ++i) {
    const FlowSpec& f = scenario_.flows[i];
    if (i == 0 || !scenario_.one_queue_pair) source_port = hosts_[f.source]->SourcePortOf(i);
    const uint32_t key = FlowKey(f, source_port);
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
    result_.finished.push_back(flow);
  }
  if (--open_ == 0) simulation_->Stop();
}

absl::Status Execution::RunEvents() {
  const double began = ThreadCpuSeconds();
  const sim::Simulation::End end = simulation_->Run(Time::Zero() + scenario_.limit);
  result_.cpu_seconds = ThreadCpuSeconds() - began;
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
  for (FlowResult& f : result_.flows) {
    if (!f.finished) f.fct = std::max(simulation_->now() - f.spec.start, Duration::Zero());
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
  result_.pfc_pauses = simulation_->pfc_pauses();
  result_.drops = simulation_->drops();
  result_.ecn_marks = simulation_->ecn_marks();
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
  const auto most = static_cast<uint64_t>(options.jitter.ps());
  const uint64_t second = options.redraw.jitter ? uint64_t{1} << 63 : 0;
  for (size_t i = 0; i < jittered.flows.size(); ++i) {
    Rng rng(options.seed, i | second, kJitterPurpose);
    jittered.flows[i].start =
        jittered.flows[i].start + Duration::Picoseconds(static_cast<int64_t>(rng.Below(most + 1)));
  }
  // A host posts its flows in this order.
  std::stable_sort(jittered.flows.begin(), jittered.flows.end(),
                   [](const FlowSpec& x, const FlowSpec& y) { return x.start < y.start; });
  return jittered;
}

absl::StatusOr<std::vector<std::vector<Crossing>>> CrossingsOf(const Scenario& scenario,
                                                               const RunOptions& options) {
  return Execution(scenario, options).FindCrossings();
}

absl::StatusOr<RunResult> Run(const Scenario& scenario, const RunOptions& options) {
  if (options.jitter > Duration::Zero()) {
    const Scenario jittered = WithJitter(scenario, options);
    return Execution(jittered, options).Go();
  }
  return Execution(scenario, options).Go();
}

}  // namespace sluice::lab
