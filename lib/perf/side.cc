#include "perf/side.h"

#include <cstdio>
#include <ctime>

#include "absl/strings/str_cat.h"

namespace sluice::perf {
namespace {

// Enough for the queue pairs of one run and for those that churn frees late.
constexpr uint32_t kSpareQueuePairs = 16;

// A loop that was away for longer was preempted.
constexpr Duration kStall = Duration::Microseconds(100);

uint64_t UnixNowNs() {
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Side>> Side::Make(const Options& o, PerfPort port,
                                                 const wire::IpAddress& address, uint64_t entity,
                                                 Clock* clock,
                                                 const verbs::Addressing& addressing) {
  auto side = std::make_unique<Side>();
  side->port_ = std::move(port);
  port::Port* top = side->port_.port;
  if (!o.capture.empty() && entity == 0) {
    port::CaptureOptions c;
    c.epoch_unix_ns = UnixNowNs() - clock->Now().ps() / 1000;
    side->capture_ = std::make_unique<port::CapturePort>(top, clock, c);
    top = side->capture_.get();
    side->file_.reset(std::fopen(o.capture.c_str(), "wb"));
    if (side->file_ == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("--capture ", o.capture,
                       ": cannot be written; name a file in a directory "
                       "that exists and is yours"));
    }
  }
  if (o.faulty()) {
    side->faults_ = std::make_unique<port::FaultPort>(top, o.faults, o.seed, entity);
    top = side->faults_.get();
  }
  verbs::DeviceParts parts;
  parts.port = top;
  parts.clock = clock;
  parts.mac = side->port_.mac;
  parts.address = address;
  if (!addressing.address.empty()) {
    if (absl::Status s = verbs::SetAddressing(addressing, &parts); !s.ok()) return s;
  }
  parts.engine.seed = o.seed * 2 + entity;
  parts.engine.max_queue_pairs = o.qps + kSpareQueuePairs;
  parts.engine.icrc = o.icrc;
  parts.engine.stall = kStall;
  parts.engine.start = clock->Now();
  side->device_ = verbs::MakeDevice(parts);
  return side;
}

void Side::AddTo(Result* result) const {
  result->Add(device_->statistics());
  if (faults_ == nullptr) return;
  const port::FaultCounts& c = faults_->counts();
  result->faults["dropped"] += c.dropped;
  result->faults["duplicated"] += c.duplicated;
  result->faults["reordered"] += c.reordered;
  result->faults["corrupted"] += c.corrupted;
}

bool Side::DrainCapture() {
  if (capture_ == nullptr) return true;
  bool ok = true;
  capture_->Drain([&](std::span<const uint8_t> bytes) {
    ok &= std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) == bytes.size();
  });
  return ok;
}

}  // namespace sluice::perf
