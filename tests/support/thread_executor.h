// ThreadExecutor: a thread for each task.
#ifndef SLUICE_TESTS_SUPPORT_THREAD_EXECUTOR_H_
#define SLUICE_TESTS_SUPPORT_THREAD_EXECUTOR_H_

#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace sluice::test {

class ThreadExecutor final : public Executor {
 public:
  ~ThreadExecutor() override { Wait(); }
  void Run(std::function<void()> task) override { threads_.emplace_back(std::move(task)); }
  void Wait() override {
    for (std::thread& t : threads_) t.join();
    threads_.clear();
  }

 private:
  std::vector<std::thread> threads_;
};

}  // namespace sluice::test

#endif  // SLUICE_TESTS_SUPPORT_THREAD_EXECUTOR_H_
