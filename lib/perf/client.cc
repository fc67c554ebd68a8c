#include <unistd.h>

#include <memory>

#include "absl/strings/str_format.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "perf/control.h"
#include "perf/fetcher.h"
#include "perf/network.h"
#include "perf/pingpong.h"
#include "perf/session.h"
#include "perf/side.h"
#include "perf/stream.h"

namespace sluice::perf {
namespace {

constexpr Duration kConnectLimit = Duration::Seconds(15);
constexpr Duration kAnswerLimit = Duration::Seconds(30);
constexpr uint32_t kHousekeeping = 512;
constexpr int kLatencyBits = 48;

class Client {
 public:
  Client(const Options& o, const NetworkOptions& n, PortSource* source, cli::Progress* progress)
      : options_(o),
        network_(n),
        source_(source),
        progress_(progress),
        pattern_(o.seed, o.size),
        latency_(kLatencyBits) {}

  absl::Status Open() {
    absl::StatusOr<PerfPort> port =
        source_->Vdev(network_.vdev, {options_.max_frame(), options_.line_rate});
    if (!port.ok()) return port.status();
    result_.driver = port->driver;
    const auto wait_link = port->wait_link;
    auto side = Side::Make(options_, std::move(*port), network_.ip, 0, &source_->clock(),
                           network_.addressing);
    if (!side.ok()) return side.status();
    side_ = std::move(*side);
    result_.line_rate_bps = side_->device().line_rate_bps();
    auto control = ControlChannel::Connect(network_.control, kConnectLimit);
    if (!control.ok()) return control.status();
    control_ = std::move(*control);
    return wait_link ? wait_link(kConnectLimit) : absl::OkStatus();
  }

  absl::Status Exchange(End* end, EndAddress* peer) {
    if (absl::Status s = end->Open(false); !s.ok()) return s;
    cli::Json hello = {{"hello", kSessionVersion}, {"options", SharedOptionsJson(options_)}};
    hello["end"] = EndJson(end->Address());
    if (absl::Status s = control_->Send(hello); !s.ok()) return s;
    absl::StatusOr<cli::Json> answer = control_->Receive(kAnswerLimit);
    if (!answer.ok()) return answer.status();
    if (absl::Status s = ErrorOf(*answer); !s.ok()) return s;
    absl::StatusOr<EndAddress> parsed = ParseEnd(*answer);
    if (!parsed.ok()) return parsed.status();
    *peer = std::move(*parsed);
    const std::string wanted = network_.to.ToString();
    if (peer->ip != wanted) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "--to %s: the server at --control has the address %s", wanted, cli::OneLine(peer->ip)));
    }
    const absl::StatusOr<bool> extended = ParseAgreement(*answer, options_);
    if (!extended.ok()) return extended.status();
    result_.extended = *extended;
    return end->Connect(*peer, *extended);
  }

  absl::Status Run() {
    End end(options_, pattern_, &side_->device());
    EndAddress peer;
    if (absl::Status s = Exchange(&end, &peer); !s.ok()) return s;
    result_.qps_created = options_.qps;
    const CycleClock cycles = [this] { return source_->Cycles(); };
    if (options_.fetch != Fetch::kNone) {
      Fetcher first(&end, peer, options_.messages, cycles, &latency_);
      return Measure(&first);
    }
    if (options_.test == Test::kBandwidth) {
      Initiator first(&end, peer, options_.messages, cycles, &latency_);
      return Drive(&first);
    }
    Pinger first(&end, peer, true, options_.messages, cycles, &latency_);
    return Measure(&first);
  }

  // The counts of both ends; leaves what went wrong in why().
  Result Finish() {
    const absl::Status told = control_->Send({{"done", true}});
    absl::StatusOr<cli::Json> counts =
        told.ok() ? control_->Receive(kAnswerLimit) : absl::StatusOr<cli::Json>(told);
    absl::Status s = counts.ok() ? ErrorOf(*counts) : counts.status();
    if (s.ok()) s = AddCounts(*counts, &result_);
    if (!s.ok()) Note(std::string(s.message().data(), s.message().size()));
    result_.cycles_per_second = source_->cycles_per_second();
    result_.seconds = static_cast<double>(result_.cycles) / result_.cycles_per_second;
    result_.latency_cycles = latency_.Snapshot();
    if (!side_->DrainCapture()) Note("the capture could not be written");
    side_->AddTo(&result_);
    result_.qps_leaked += side_->device().queue_pairs();
    side_.reset();
    result_.mbufs_leaked = source_->PacketsInUse();
    result_.complete = why_.empty();
    return std::move(result_);
  }
  const std::string& why() const { return why_; }
  void Note(std::string text) {
    if (why_.empty()) why_ = std::move(text);
  }

 private:
  // A side that verifies what it got.
  template <typename First>
  absl::Status Measure(First* first) {
    absl::Status s = Drive(first);
    result_.verified_bytes += first->verified_bytes();
    result_.mismatches += first->mismatches();
    return s;
  }

  template <typename First>
  absl::Status Drive(First* first) {
    if (absl::Status s = first->Prepare(); !s.ok()) return s;
    const uint64_t began = source_->Cycles();
    const uint64_t span =
        static_cast<uint64_t>(options_.duration.seconds() * source_->cycles_per_second());
    bool over = false;
    for (uint32_t step = 0;; ++step) {
      if (!first->Pump()) {
        Note(absl::StrFormat("peer lost: %s", first->error()));
        break;
      }
      side_->device().Poll();
      if (step % kHousekeeping != 0) continue;
      const uint64_t now = source_->Cycles();
      if (options_.messages == 0 && now - began >= span) over = true;
      if (cli::InterruptScope::Interrupted()) {
        Note("interrupted");
        over = true;
      }
      if (over) first->Stop();
      if ((over || options_.messages != 0) && first->Drained() &&
          (over || first->posted() == options_.messages)) {
        break;
      }
      if (control_->Readable()) {
        Note("peer lost: it closed the control connection during the run");
        break;
      }
      if (!side_->DrainCapture()) Note("the capture could not be written");
      progress_->Update(
          options_.messages != 0
              ? static_cast<double>(first->completed()) / static_cast<double>(options_.messages)
              : static_cast<double>(now - began) / static_cast<double>(span),
          absl::StrFormat("%d messages", first->completed()));
    }
    result_.cycles = source_->Cycles() - began;
    result_.posted = first->posted();
    result_.completed = first->completed();
    return absl::OkStatus();
  }

  const Options& options_;
  const NetworkOptions& network_;
  PortSource* source_;
  cli::Progress* progress_;
  Pattern pattern_;
  telemetry::Histogram latency_;
  std::unique_ptr<Side> side_;
  std::unique_ptr<ControlChannel> control_;
  Result result_;
  std::string why_;
};

}  // namespace

absl::StatusOr<Result> RunClient(const Options& options, const NetworkOptions& network,
                                 PortSource* source, cli::Report* report, std::string* why) {
  cli::InterruptScope interrupt;
  cli::Progress progress("client", report->messages(), cli::Terminal::Of(STDERR_FILENO),
                         cli::SteadyClock());
  Client client(options, network, source, &progress);
  if (absl::Status s = client.Open(); !s.ok()) return s;
  if (absl::Status s = client.Run(); !s.ok()) return s;
  progress.Clear();
  Result result = client.Finish();
  *why = client.why();
  return result;
}

}  // namespace sluice::perf
