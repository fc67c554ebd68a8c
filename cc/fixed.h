// Fixed: a constant rate and a constant window, whatever happens. The reference point of every
// experiment, and the choice where the network needs no control (a loop, a single flow).
//
// Without parameters: line rate, no window. It listens to nothing, so loss and marking do not slow
// it; the transport alone recovers what is lost.
#ifndef SLUICE_CC_FIXED_H_
#define SLUICE_CC_FIXED_H_

#include <optional>

#include "absl/status/status.h"
#include "cc/controller.h"
#include "cc/registry.h"

namespace sluice::cc {

struct FixedParams {
  std::optional<Bandwidth> rate;  // of Ethernet frames with their overhead; not set: line rate
  std::optional<Bytes> window;    // payload bytes in flight; not set: no window

  template <typename V>
  void Visit(V&& v) {
    v("rate", rate);
    v("window", window);
  }
  absl::Status Validate() const { return absl::OkStatus(); }
};

class Fixed final : public Controller {
 public:
  Fixed(const FixedParams& params, const FlowContext& context);

  void OnFeedback(const Feedback&) override {}
  void OnLoss(const Loss&) override {}
  void Describe(FieldSink& sink) const override;
};

namespace fixed {
const RegistryEntry& Entry();
}  // namespace fixed

}  // namespace sluice::cc

#endif  // SLUICE_CC_FIXED_H_
