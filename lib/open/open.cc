#include "open/open.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <random>

#include "absl/strings/str_cat.h"
#include "dpdk/devargs.h"
#include "dpdk/dpdk_port.h"
#include "dpdk/eal.h"
#include "dpdk/ring_pair.h"
#include "dpdk/tsc_clock.h"
#include "open/device.h"
#include "verbs/assemble.h"
#include "verbs/cm.h"

namespace sluice::open {
namespace {

// Headers and iCRC of the longest packet: 802.1Q, IPv6, RETH and immediate included.
constexpr int64_t kMaxOverhead = 128;

// DPDK and its clock, once per process and never ended: DPDK cannot be started a second time.
struct Machine {
  std::unique_ptr<dpdk::Eal> eal;
  std::unique_ptr<dpdk::TscClock> clock;
};

absl::StatusOr<Machine*> Start(const std::string& pci) {
  static std::mutex mutex;
  static Machine* machine = nullptr;
  const std::lock_guard<std::mutex> lock(mutex);
  if (machine != nullptr) return machine;
  dpdk::EalOptions options;
  options.program = "libsluice";
  if (!pci.empty()) options.pci.push_back(pci);
  absl::StatusOr<std::unique_ptr<dpdk::Eal>> eal = dpdk::Eal::Create(options);
  if (!eal.ok()) return eal.status();
  absl::StatusOr<dpdk::TscClock> clock = dpdk::TscClock::Calibrate();
  if (!clock.ok()) return clock.status();
  machine = new Machine{std::move(*eal), std::make_unique<dpdk::TscClock>(*clock)};
  return machine;
}

absl::Status Check(const OpenOptions& o) {
  if (o.max_mtu < 256 || o.max_mtu > 4096) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_mtu ", o.max_mtu, ": a path MTU lies between 256 and 4096"));
  }
  if (o.max_queue_pairs < 1 || o.max_queue_pairs > verbs::kMaxQueuePairs) {
    return absl::InvalidArgumentError(absl::StrCat("max_queue_pairs ", o.max_queue_pairs,
                                                   ": choose 1 to ", verbs::kMaxQueuePairs));
  }
  if (o.line_rate_bps > uint64_t{1} << 62) {
    return absl::InvalidArgumentError(
        absl::StrCat("line_rate_bps ", o.line_rate_bps, " is no rate"));
  }
  verbs::DeviceParts parts;
  return verbs::SetAddressing({o.address, o.gateway, o.routes}, &parts);
}

dpdk::DpdkPortOptions PortOptions(const OpenOptions& o, Clock* clock) {
  dpdk::DpdkPortOptions p;
  p.max_frame = Bytes(int64_t{o.max_mtu} + kMaxOverhead);
  p.line_rate = Bandwidth::BitsPerSecond(static_cast<int64_t>(o.line_rate_bps));
  p.clock = clock;
  return p;
}

uint64_t Seed(const OpenOptions& o) {
  if (o.seed != 0) return o.seed;
  std::random_device random;
  return uint64_t{random()} << 32 | random();
}

std::unique_ptr<verbs::Device> Assemble(const OpenOptions& o, Machine* machine,
                                        std::shared_ptr<void> keep, dpdk::DpdkPort* port) {
  verbs::DeviceParts parts;
  parts.port = port;
  parts.clock = machine->clock.get();
  parts.keep = std::move(keep);
  parts.mac = {port->mac()};
  (void)verbs::SetAddressing({o.address, o.gateway, o.routes}, &parts);  // Check has seen it
  parts.engine.seed = Seed(o);
  parts.engine.max_queue_pairs = o.max_queue_pairs;
  parts.engine.peers.queue_pairs = o.max_queue_pairs_per_peer;
  parts.engine.icrc = o.icrc;
  parts.engine.stall = Duration::Microseconds(100);  // a loop that was away longer was preempted
  parts.engine.start = machine->clock->Now();
  std::unique_ptr<verbs::Device> device = verbs::MakeDevice(parts);
  // So that neighbours find it. Fails only on ports without payload, of which DPDK has none.
  (void)verbs::Answer(device.get());
  return device;
}

absl::StatusOr<std::unique_ptr<dpdk::DpdkPort>> OpenPort(const Device& device, Machine* machine,
                                                         const OpenOptions& o) {
  dpdk::DpdkPortOptions port = PortOptions(o, machine->clock.get());
  if (device.kind == DeviceKind::kPci) {
    absl::StatusOr<uint16_t> id = machine->eal->FindPci(device.argument);
    if (!id.ok()) return id.status();
    return dpdk::DpdkPort::Open(*id, port);
  }
  absl::StatusOr<dpdk::SizedVdev> sized = dpdk::SizeVdev(device.argument, port.max_frame);
  if (!sized.ok()) return sized.status();
  absl::StatusOr<uint16_t> id = machine->eal->CreateVdev(sized->devargs);
  if (!id.ok()) return id.status();
  port.min_data_room = sized->min_data_room;
  return dpdk::DpdkPort::Open(*id, port);
}

}  // namespace

absl::StatusOr<std::unique_ptr<verbs::Device>> OpenDevice(std::string_view text,
                                                          const OpenOptions& options) {
  if (absl::Status s = Check(options); !s.ok()) return s;
  const absl::StatusOr<Device> device = ParseDevice(text);
  if (!device.ok()) return device.status();
  if (device->kind == DeviceKind::kRingPair) {
    return absl::InvalidArgumentError(
        "net_ring is two devices at once; open both with OpenRingPair, or one that is connected to "
        "itself with net_ring0");
  }
  absl::StatusOr<Machine*> machine =
      Start(device->kind == DeviceKind::kPci ? device->argument : std::string());
  if (!machine.ok()) return machine.status();
  absl::StatusOr<std::unique_ptr<dpdk::DpdkPort>> opened = OpenPort(*device, *machine, options);
  if (!opened.ok()) return opened.status();
  std::shared_ptr<dpdk::DpdkPort> port = std::move(*opened);
  if (options.link_wait_ms > 0) {
    // A day is for ever.
    const uint64_t limit = std::min<uint64_t>(options.link_wait_ms, 86'400'000);
    absl::Status s = port->WaitLink(Duration::Microseconds(static_cast<int64_t>(limit) * 1000));
    if (!s.ok()) return s;
  }
  return Assemble(options, *machine, port, port.get());
}

absl::StatusOr<std::pair<std::unique_ptr<verbs::Device>, std::unique_ptr<verbs::Device>>>
OpenRingPair(const OpenOptions& first, const OpenOptions& second) {
  if (absl::Status s = Check(first); !s.ok()) return s;
  if (absl::Status s = Check(second); !s.ok()) return s;
  absl::StatusOr<Machine*> machine = Start("");
  if (!machine.ok()) return machine.status();
  Clock* clock = (*machine)->clock.get();
  dpdk::DpdkPortOptions options = PortOptions(first, clock);
  options.max_frame = std::max(options.max_frame, PortOptions(second, clock).max_frame);
  absl::StatusOr<std::unique_ptr<dpdk::RingPair>> made = dpdk::RingPair::Create(options);
  if (!made.ok()) return made.status();
  std::shared_ptr<dpdk::RingPair> pair = std::move(*made);
  auto a = Assemble(first, *machine, pair, &pair->a());
  auto b = Assemble(second, *machine, pair, &pair->b());
  return std::pair(std::move(a), std::move(b));
}

}  // namespace sluice::open
