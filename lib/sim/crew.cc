#include "sim/crew.h"

namespace sluice::sim {
namespace {

// Looks at a value before the thread goes to sleep over it: about as long as waking it takes.
constexpr int kLooks = 4000;

// Returns what the value has become once it is no longer `old`.
uint32_t Await(const std::atomic<uint32_t>& value, uint32_t old) {
  for (int i = 0; i < kLooks; ++i) {
    const uint32_t now = value.load(std::memory_order_acquire);
    if (now != old) return now;
  }
  value.wait(old, std::memory_order_acquire);
  return value.load(std::memory_order_acquire);
}

}  // namespace

Crew::Crew(Executor* executor, size_t helpers) : executor_(executor), helpers_(helpers) {
  if (executor_ == nullptr) return;
  for (size_t i = 1; i <= helpers_; ++i) {
    executor_->Run([this, i] { Help(i); });
  }
}

Crew::~Crew() {
  if (executor_ == nullptr || helpers_ == 0) return;
  work_ = nullptr;
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  executor_->Wait();
}

void Crew::Do(const Work& work) {
  if (executor_ == nullptr || helpers_ == 0) {
    for (size_t i = 0; i <= helpers_; ++i) work(i);
    return;
  }
  work_ = &work;
  working_.store(static_cast<uint32_t>(helpers_), std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  work(0);
  uint32_t left = working_.load(std::memory_order_acquire);
  while (left != 0) left = Await(working_, left);
}

void Crew::Help(size_t place) {
  for (uint32_t seen = 0;;) {
    seen = Await(round_, seen);
    if (work_ == nullptr) return;
    (*work_)(place);
    if (working_.fetch_sub(1, std::memory_order_acq_rel) == 1) working_.notify_one();
  }
}

}  // namespace sluice::sim
