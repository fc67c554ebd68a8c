// AlgorithmOf: the Algorithm of a parameter struct, a controller and a receiver half. Every
// algorithm in the tree is made by it, so that sizes, alignment and parameter texts are checked in
// one place.
//
// Params is a struct with
//     template <typename V> void Visit(V&& v)     calls v(name, member) in the order of its specs
//     absl::Status Validate() const               what is wrong between parameters
// The controller is constructed as C(const Params&, const FlowContext&) and may keep a reference to
// the Params: the Algorithm outlives its flows (cc/registry.h).
#ifndef SLUICE_CC_PARTS_ALGORITHM_H_
#define SLUICE_CC_PARTS_ALGORITHM_H_

#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cc/controller.h"
#include "cc/parts/params.h"
#include "cc/receiver.h"
#include "cc/registry.h"

namespace sluice::cc {

template <typename Params, typename C, typename R = SilentReceiver>
class AlgorithmOf final : public Algorithm {
  static_assert(sizeof(C) <= kMaxControllerSize && alignof(C) <= 64);
  static_assert(sizeof(R) <= kMaxReceiverSize && alignof(R) <= 16);

 public:
  AlgorithmOf(const RegistryEntry& entry, const Traits& traits, const Params& params)
      : name_(entry.name), specs_(entry.params), traits_(traits), params_(params) {}

  std::string_view name() const override { return name_; }
  const Traits& traits() const override { return traits_; }
  ParamList params() const override {
    ParamWriter writer(specs_);
    Params copy = params_;
    copy.Visit(writer);
    return writer.Take();
  }
  Controller* MakeController(void* storage, const FlowContext& context) const override {
    return ::new (storage) C(params_, context);
  }
  ReceiverHalf* MakeReceiver(void* storage, const FlowContext& context) const override {
    if constexpr (std::is_constructible_v<R, const Params&, const FlowContext&>) {
      return ::new (storage) R(params_, context);
    } else {
      return ::new (storage) R();
    }
  }
  size_t controller_size() const override { return sizeof(C); }

 private:
  const std::string_view name_;
  const std::span<const ParamSpec> specs_;
  const Traits traits_;
  const Params params_;
};

// The values of the preset that `given` names, or of the first one. A word that is none is refused
// by Configure.
template <typename Params>
Params PresetOf(const RegistryEntry& entry, const ParamList& given) {
  ParamReader reader(entry.name, entry.params, given);
  typename Params::Preset preset{};
  reader("preset", preset);
  return Params::Of(preset);
}

// What is common to every configure function: `params` holds the defaults (or a preset's values),
// is overwritten by what is given, and validated.
template <typename Params, typename C, typename R = SilentReceiver>
absl::StatusOr<std::shared_ptr<const Algorithm>> Configure(const RegistryEntry& entry,
                                                           const Traits& traits,
                                                           const ParamList& given, Params params) {
  ParamReader reader(entry.name, entry.params, given);
  params.Visit(reader);
  if (!reader.status().ok()) return reader.status();
  if (absl::Status s = params.Validate(); !s.ok()) return s;
  std::shared_ptr<const Algorithm> made =
      std::make_shared<AlgorithmOf<Params, C, R>>(entry, traits, params);
  return made;
}

}  // namespace sluice::cc

#endif  // SLUICE_CC_PARTS_ALGORITHM_H_
