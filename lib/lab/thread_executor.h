// ThreadExecutor: a thread for each task, and how much CPU time they took.
#ifndef SLUICE_LAB_THREAD_EXECUTOR_H_
#define SLUICE_LAB_THREAD_EXECUTOR_H_

#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace sluice::lab {

// CPU time of the calling thread.
double ThreadCpuSeconds();

class ThreadExecutor final : public Executor {
 public:
  ThreadExecutor() = default;
  ~ThreadExecutor() override { Wait(); }
  ThreadExecutor(const ThreadExecutor&) = delete;
  ThreadExecutor& operator=(const ThreadExecutor&) = delete;

  void Run(std::function<void()> task) override;
  void Wait() override;
  // Of all tasks that Wait has waited for.
  double cpu_seconds() const { return cpu_seconds_; }

 private:
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  double cpu_seconds_ = 0;  // under mutex_ while threads run
};

}  // namespace sluice::lab

#endif  // SLUICE_LAB_THREAD_EXECUTOR_H_
