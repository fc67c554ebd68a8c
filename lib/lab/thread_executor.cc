#include "lab/thread_executor.h"

#include <ctime>
#include <utility>

namespace sluice::lab {

double ThreadCpuSeconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

void ThreadExecutor::Run(std::function<void()> task) {
  threads_.emplace_back([this, todo = std::move(task)] {
    todo();
    const std::lock_guard<std::mutex> lock(mutex_);
    cpu_seconds_ += ThreadCpuSeconds();
  });
}

void ThreadExecutor::Wait() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace sluice::lab
