// Worker: the loop that owns time. It reads the clock once per iteration and hands that reading to
// everything it polls; engines, and whatever an application wants to run between them.
//
// Driven either by its owner (RunOnce, on the owner's thread) or by a thread of its own (Start).
// While it runs on its own thread, set-up work for what it polls goes through Execute.
#ifndef SLUICE_RUNTIME_WORKER_H_
#define SLUICE_RUNTIME_WORKER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "base/clock.h"
#include "telemetry/counter.h"

namespace sluice::runtime {

class Worker {
 public:
  // The clock outlives the worker.
  explicit Worker(Clock* clock) : clock_(clock) {}
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Polled in the order of addition. On the worker's thread, or while it does not run.
  void Add(Pollable* pollable) { pollables_.push_back(pollable); }
  void Remove(Pollable* pollable);

  // One iteration; returns how many items were handled. Not while started.
  size_t RunOnce();

  // Runs iterations in a task of the executor until Stop, which returns when the last one is over.
  // The executor must give the task a thread of its own.
  void Start(Executor* executor);
  void Stop();
  bool started() const {
    const std::lock_guard<std::mutex> lock(execute_mutex_);
    return started_;
  }

  // Runs `work` between two iterations and returns when it is done: at once on the caller's thread
  // while the worker is not started. Any thread, also beside Stop; never from inside.
  void Execute(const std::function<void()>& work);

  // Stalls, for operators: an iteration began this long after the one before it.
  static constexpr Duration kStall = Duration::Microseconds(100);
  uint64_t iterations() const { return iterations_.value(); }
  uint64_t busy_iterations() const { return busy_iterations_.value(); }
  uint64_t stalls() const { return stalls_.value(); }
  Duration longest_gap() const {
    return Duration::Picoseconds(static_cast<int64_t>(longest_gap_ps_.value()));
  }

 private:
  size_t Iterate();
  void Loop();
  void RunCommand();

  Clock* const clock_;
  std::vector<Pollable*> pollables_;
  Time last_;
  bool first_ = true;
  telemetry::Counter iterations_;
  telemetry::Counter busy_iterations_;
  telemetry::Counter stalls_;
  telemetry::Counter longest_gap_ps_;

  bool started_ = false;  // under execute_mutex_
  Executor* executor_ = nullptr;
  std::atomic<bool> stop_{false};
  std::atomic<bool> finished_{true};
  mutable std::mutex execute_mutex_;
  std::atomic<const std::function<void()>*> command_{nullptr};
};

}  // namespace sluice::runtime

#endif  // SLUICE_RUNTIME_WORKER_H_
