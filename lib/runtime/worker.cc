#include "runtime/worker.h"

#include <algorithm>
#include <thread>

namespace sluice::runtime {

Worker::~Worker() { Stop(); }

void Worker::Remove(Pollable* pollable) {
  pollables_.erase(std::remove(pollables_.begin(), pollables_.end(), pollable), pollables_.end());
}

size_t Worker::Iterate() {
  const Time now = clock_->Now();
  if (!first_) {
    const Duration gap = now - last_;
    if (gap > kStall) {
      stalls_.Add(1);
      if (gap > longest_gap()) longest_gap_ps_.Set(static_cast<uint64_t>(gap.ps()));
    }
  }
  first_ = false;
  last_ = now;
  size_t handled = 0;
  for (Pollable* p : pollables_) handled += p->Poll(now);
  iterations_.Add(1);
  if (handled > 0) busy_iterations_.Add(1);
  return handled;
}

size_t Worker::RunOnce() { return Iterate(); }

void Worker::RunCommand() {
  const std::function<void()>* command = command_.load(std::memory_order_acquire);
  if (command == nullptr) return;
  (*command)();
  command_.store(nullptr, std::memory_order_release);
}

void Worker::Loop() {
  while (!stop_.load(std::memory_order_relaxed)) {
    Iterate();
    if (command_.load(std::memory_order_relaxed) != nullptr) RunCommand();
  }
  RunCommand();
  finished_.store(true, std::memory_order_release);
}

void Worker::Start(Executor* executor) {
  const std::lock_guard<std::mutex> lock(execute_mutex_);
  if (started_) return;
  stop_.store(false);
  finished_.store(false);
  first_ = true;
  started_ = true;
  executor_ = executor;
  executor->Run([this] { Loop(); });
}

void Worker::Stop() {
  // Whoever executes now is served first: nobody would serve it afterwards.
  const std::lock_guard<std::mutex> lock(execute_mutex_);
  if (!started_) return;
  stop_.store(true);
  while (!finished_.load(std::memory_order_acquire)) std::this_thread::yield();
  started_ = false;
}

void Worker::Execute(const std::function<void()>& work) {
  const std::lock_guard<std::mutex> lock(execute_mutex_);
  if (!started_) {
    work();
    return;
  }
  command_.store(&work, std::memory_order_release);
  while (command_.load(std::memory_order_acquire) != nullptr) std::this_thread::yield();
}

}  // namespace sluice::runtime
