#include "cc/fixed.h"

#include <algorithm>

#include "cc/parts/algorithm.h"

namespace sluice::cc {

Fixed::Fixed(const FixedParams& params, const FlowContext& context) {
  control_.rate = std::min(params.rate.value_or(context.line_rate), context.line_rate);
  control_.window = params.window.value_or(kNoWindow);
}

void Fixed::Describe(FieldSink& sink) const {
  sink.Field("rate", "bit/s", static_cast<double>(control_.rate.bps()));
  sink.Field("window", "bytes", static_cast<double>(control_.window.count()));
}

namespace fixed {
namespace {

constexpr ParamSpec kSpecs[] = {
    {"rate", "rate", "line", "1Mbps..10Tbps|line", "Sluice",
     "pace of Ethernet frames; line: the port's own rate"},
    {"window", "size", "none", "1B..1000GB|none", "Sluice", "payload bytes in flight"},
};

Traits MakeTraits() {
  Traits traits;
  traits.uses_window = true;
  traits.uses_rate = true;
  traits.min_jain = 0;
  traits.max_incast_queue_bdp = 0;
  return traits;
}

absl::StatusOr<std::shared_ptr<const Algorithm>> ConfigureFixed(const ParamList& params) {
  return Configure<FixedParams, Fixed>(Entry(), MakeTraits(), params, FixedParams{});
}

}  // namespace

const RegistryEntry& Entry() {
  static const RegistryEntry entry{"fixed", "constant rate and window; reacts to nothing", kSpecs,
                                   ConfigureFixed};
  return entry;
}

}  // namespace fixed
}  // namespace sluice::cc
