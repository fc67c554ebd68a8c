#include <memory>

#include "absl/strings/str_format.h"
#include "cli/interrupt.h"
#include "perf/control.h"
#include "perf/fetcher.h"
#include "perf/network.h"
#include "perf/pingpong.h"
#include "perf/session.h"
#include "perf/side.h"
#include "perf/stream.h"

namespace sluice::perf {
namespace {

constexpr Duration kAnswerLimit = Duration::Seconds(30);
constexpr uint32_t kHousekeeping = 512;

std::string Message(const absl::Status& s) {
  return std::string(s.message().data(), s.message().size());
}

// One client, from its hello to its counts.
class Session {
 public:
  Session(const Options& own, Side* side, PortSource* source, ControlChannel* control)
      : own_(own), side_(side), source_(source), control_(control), options_(own) {}

  void Run(const std::function<absl::Status(Duration)>& wait_link) {
    const absl::Status s = Serve(wait_link);
    if (s.ok()) return;
    why_ = Message(s);
    (void)control_->Send({{"error", why_}});
  }

  const Options& options() const { return options_; }
  Result& result() { return result_; }
  const std::string& why() const { return why_; }

 private:
  absl::Status Serve(const std::function<absl::Status(Duration)>& wait_link) {
    absl::StatusOr<cli::Json> hello = control_->Receive(kAnswerLimit);
    if (!hello.ok()) return hello.status();
    const auto version = hello->find("hello");
    if (version == hello->end() || *version != kSessionVersion) {
      return absl::InvalidArgumentError("the client speaks another version of sluice-perf");
    }
    const auto shared = hello->find("options");
    absl::StatusOr<Options> merged =
        MergeShared(own_, shared == hello->end() ? cli::Json() : *shared);
    if (!merged.ok()) return merged.status();
    options_ = *merged;
    absl::StatusOr<EndAddress> peer = ParseEnd(*hello);
    if (!peer.ok()) return peer.status();
    if (wait_link) {
      if (absl::Status s = wait_link(kAnswerLimit); !s.ok()) return s;
    }
    const Pattern pattern(options_.seed, options_.size);
    End end(options_, pattern, &side_->device());
    if (absl::Status s = end.Open(true); !s.ok()) return s;
    const absl::StatusOr<bool> extended = AgreeWithClient(options_, *shared);
    if (!extended.ok()) return extended.status();
    result_.extended = *extended;
    if (absl::Status s = end.Connect(*peer, *extended); !s.ok()) return s;
    result_.qps_created = options_.qps;
    telemetry::Histogram unused(8);
    if (options_.fetch != Fetch::kNone) {
      Holder target(&end);
      return Drive(&end, &target);
    }
    if (options_.test == Test::kBandwidth) {
      Target target(&end);
      return Drive(&end, &target);
    }
    Pinger target(
        &end, *peer, false, 0, [] { return uint64_t{0}; }, &unused);
    return Drive(&end, &target);
  }

  template <typename Second>
  absl::Status Drive(End* end, Second* target) {
    if (absl::Status s = target->Prepare(); !s.ok()) return s;
    const cli::Json answer = {{"end", EndJson(end->Address())}, {"extended", result_.extended}};
    if (absl::Status s = control_->Send(answer); !s.ok()) return s;
    const uint64_t began = source_->Cycles();
    for (uint32_t step = 0;; ++step) {
      if (!target->Pump()) return absl::AbortedError(target->error());
      side_->device().Poll();
      if (step % kHousekeeping != 0) continue;
      if (cli::InterruptScope::Interrupted()) return absl::CancelledError("interrupted");
      if (control_->Readable()) break;
    }
    // What arrived with the last poll.
    if (!target->Pump()) return absl::AbortedError(target->error());
    absl::StatusOr<cli::Json> done = control_->Receive(kAnswerLimit);
    if (!done.ok()) return done.status();
    result_.cycles = source_->Cycles() - began;
    result_.cycles_per_second = source_->cycles_per_second();
    result_.seconds = static_cast<double>(result_.cycles) / result_.cycles_per_second;
    result_.posted = result_.completed = target->received();
    result_.verified_bytes = target->verified_bytes();
    result_.mismatches = target->mismatches();
    side_->AddTo(&result_);
    return control_->Send({{"counts", CountsJson(result_)}});
  }

  const Options& own_;
  Side* side_;
  PortSource* source_;
  ControlChannel* control_;
  Options options_;
  Result result_;
  std::string why_;
};

}  // namespace

absl::Status RunServer(const Options& options, const NetworkOptions& network, PortSource* source,
                       cli::Report* report, const Served& served) {
  cli::InterruptScope interrupt;
  absl::StatusOr<PerfPort> port =
      source->Vdev(network.vdev, {options.max_frame(), options.line_rate});
  if (!port.ok()) return port.status();
  const auto wait_link = port->wait_link;
  const std::string driver = port->driver;
  auto listener = ControlListener::Listen(network.control);
  if (!listener.ok()) return listener.status();
  report->messages() << absl::StrFormat("serving %s at %s, control %s:%d\n", network.vdev,
                                        network.ip.ToString(), network.control.host,
                                        network.control.port);
  // Counters are of the device, so each client gets its own.
  for (uint64_t n = 0; network.clients == 0 || n < network.clients; ++n) {
    auto control = (*listener)->Accept([] { return !cli::InterruptScope::Interrupted(); });
    if (!control.ok()) break;
    Options seeded = options;
    seeded.seed = options.seed + n;
    auto side = Side::Make(seeded, *port, network.ip, 1, &source->clock(), network.addressing);
    if (!side.ok()) return side.status();
    Session session(options, side->get(), source, control->get());
    session.Run(wait_link);
    session.result().driver = driver;
    session.result().line_rate_bps = (*side)->device().line_rate_bps();
    session.result().complete = session.why().empty();
    served(session.options(), session.result(), session.why());
    if (cli::InterruptScope::Interrupted()) break;
  }
  port->keep.reset();
  const uint64_t leaked = source->PacketsInUse();
  if (leaked > 0) return absl::InternalError(absl::StrFormat("%d mbufs leaked", leaked));
  return absl::OkStatus();
}

}  // namespace sluice::perf
