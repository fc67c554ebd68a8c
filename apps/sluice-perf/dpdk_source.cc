#include "dpdk_source.h"

#include <csignal>

#include "cli/exit.h"
#include "dpdk/devargs.h"
#include "dpdk/errors.h"
#include "dpdk/lcore.h"
#include "dpdk/vdev_keys.h"

namespace sluice {
namespace {

dpdk::DpdkPortOptions OptionsOf(const perf::PortRequest& request, Clock* clock) {
  dpdk::DpdkPortOptions o;
  o.max_frame = request.max_frame;
  o.line_rate = request.line_rate;
  o.clock = clock;
  return o;
}

}  // namespace

int DpdkSource::ExitOf(const absl::Status& status) {
  switch (dpdk::KindOf(status)) {
    case dpdk::ErrorKind::kNone:
      return cli::kExitOk;
    case dpdk::ErrorKind::kUsage:
      return cli::kExitUsage;
    case dpdk::ErrorKind::kMissing:
    case dpdk::ErrorKind::kPermission:
      return cli::kExitMachine;
    case dpdk::ErrorKind::kFailed:
      break;
  }
  return cli::kExitFailed;
}

absl::StatusOr<std::unique_ptr<perf::PortSource>> DpdkSource::Make() {
  // Drivers write to sockets of peers that may be gone (virtio_user); that is an error to handle.
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<int> cores = dpdk::AllowedCores();
  dpdk::EalOptions options;
  options.program = "sluice-perf";
  absl::StatusOr<std::unique_ptr<dpdk::Eal>> eal = dpdk::Eal::Create(options);
  if (!eal.ok()) return eal.status();
  if (!cores.empty()) (void)dpdk::BindToCore(cores.front());
  absl::StatusOr<dpdk::TscClock> clock = dpdk::TscClock::Calibrate();
  if (!clock.ok()) return clock.status();
  return std::unique_ptr<perf::PortSource>(new DpdkSource(std::move(*eal), *clock));
}

absl::StatusOr<std::pair<perf::PerfPort, perf::PerfPort>> DpdkSource::Loopback(
    const perf::PortRequest& request) {
  absl::StatusOr<std::unique_ptr<dpdk::RingPair>> pair =
      dpdk::RingPair::Create(OptionsOf(request, &clock_));
  if (!pair.ok()) return pair.status();
  pair_ = std::move(*pair);
  perf::PerfPort a{pair_, &pair_->a(), {pair_->a().mac()}, pair_->a().driver(), nullptr};
  perf::PerfPort b{pair_, &pair_->b(), {pair_->b().mac()}, pair_->b().driver(), nullptr};
  return std::pair(std::move(a), std::move(b));
}

absl::StatusOr<perf::PerfPort> DpdkSource::Vdev(const std::string& devargs,
                                                const perf::PortRequest& request) {
  // Before SizeVdev, which adds to what the user wrote.
  if (absl::Status s = dpdk::CheckVdev(devargs); !s.ok()) return s;
  absl::StatusOr<dpdk::SizedVdev> sized = dpdk::SizeVdev(devargs, request.max_frame);
  if (!sized.ok()) return sized.status();
  absl::StatusOr<uint16_t> id = eal_->CreateVdev(sized->devargs);
  if (!id.ok()) return id.status();
  dpdk::DpdkPortOptions options = OptionsOf(request, &clock_);
  options.min_data_room = sized->min_data_room;
  absl::StatusOr<std::unique_ptr<dpdk::DpdkPort>> opened = dpdk::DpdkPort::Open(*id, options);
  if (!opened.ok()) return opened.status();
  std::shared_ptr<dpdk::DpdkPort> port = std::move(*opened);
  ports_.push_back(port);
  return perf::PerfPort{port, port.get(), {port->mac()}, port->driver(), [port](Duration limit) {
                          return port->WaitLink(limit);
                        }};
}

uint64_t DpdkSource::PacketsInUse() {
  uint64_t n = 0;
  if (pair_ != nullptr) {
    pair_->Close();
    n += pair_->in_use();
  }
  for (const auto& port : ports_) {
    port->Close();
    n += port->in_use();
  }
  return n;
}

absl::Status DpdkSource::RunOnTwoCores(const std::function<void()>& here,
                                       const std::function<void()>& there) {
  // The first core is ours; the EAL thread was bound to it.
  absl::StatusOr<std::unique_ptr<dpdk::Lcore>> other = dpdk::Lcore::Start(1, there);
  if (!other.ok()) return other.status();
  here();
  (*other)->Join();
  return absl::OkStatus();
}

}  // namespace sluice
