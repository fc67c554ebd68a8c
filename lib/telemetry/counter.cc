#include "telemetry/counter.h"

namespace sluice::telemetry {

struct Registry::Slot {
  Item item;
  std::atomic<bool> ready{false};
};

Registry::Registry(size_t capacity)
    : capacity_(capacity), slots_(std::make_unique<Slot[]>(capacity)) {}

Registry::~Registry() = default;

bool Registry::Add(const CounterView& view, std::string_view instance) {
  size_t i = reserved_.load(std::memory_order_relaxed);
  do {
    if (i >= capacity_) return false;
  } while (!reserved_.compare_exchange_weak(i, i + 1, std::memory_order_relaxed));
  slots_[i].item = {view, std::string(instance)};
  slots_[i].ready.store(true, std::memory_order_release);
  return true;
}

size_t Registry::size() const { return reserved_.load(std::memory_order_relaxed); }

const Registry::Item* Registry::Get(size_t i) const {
  if (i >= size() || !slots_[i].ready.load(std::memory_order_acquire)) return nullptr;
  return &slots_[i].item;
}

}  // namespace sluice::telemetry
