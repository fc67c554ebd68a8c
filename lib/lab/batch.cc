#include "lab/batch.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "lab/bound.h"
#include "lab/metrics.h"

namespace sluice::lab {
namespace {

class Workers {
 public:
  Workers(std::span<const RunOrder> orders, const BatchOptions& options)
      : orders_(orders), options_(options), records_(orders.size()), parts_(orders.size()) {}

  absl::StatusOr<std::vector<RunRecord>> Go() {
    if (orders_.empty()) return std::move(records_);
    std::vector<std::thread> threads;
    const int count = std::clamp(options_.jobs, 1, static_cast<int>(orders_.size()));
    threads.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) threads.emplace_back([this] { Work(); });
    Watch(count);
    for (std::thread& t : threads) t.join();
    if (!status_.ok()) return status_;
    // Stopped between two runs: none of them failed, but some never began.
    if (done_ < static_cast<int>(orders_.size())) {
      return absl::CancelledError("stopped before all runs were made");
    }
    return std::move(records_);
  }

 private:
  static constexpr int kWhole = 1000;

  double PartDone() const {
    double sum = 0;
    for (const std::atomic<int>& part : parts_) sum += part;
    return sum / kWhole / static_cast<double>(parts_.size());
  }

  void Work() {
    while (!stop_) {
      const size_t number = next_.fetch_add(1);
      if (number >= orders_.size()) break;
      absl::StatusOr<RunRecord> record = RunOne(orders_[number], options_, [&](double part) {
        parts_[number] = static_cast<int>(part * kWhole);
        return !stop_;
      });
      const std::lock_guard<std::mutex> lock(mutex_);
      ++done_;
      parts_[number] = kWhole;
      if (record.ok()) {
        records_[number] = *std::move(record);
      } else {
        if (status_.ok()) status_ = record.status();
        stop_ = true;
      }
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    ++ended_;
    changed_.notify_all();
  }

  // Reports progress until the threads have ended.
  void Watch(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (ended_ < count) {
      changed_.wait_for(lock, std::chrono::milliseconds(100));
      if (!options_.progress || stop_) continue;
      const int done = done_;
      lock.unlock();
      if (!options_.progress(PartDone(), done)) stop_ = true;
      lock.lock();
    }
  }

  const std::span<const RunOrder> orders_;
  const BatchOptions& options_;
  std::vector<RunRecord> records_;       // each written by one thread
  std::vector<std::atomic<int>> parts_;  // per run, in kWhole
  std::atomic<size_t> next_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  int done_ = 0;
  int ended_ = 0;
  absl::Status status_;
};

// On the caller's thread, for a world that has one.
absl::StatusOr<std::vector<RunRecord>> RunInTurn(std::span<const RunOrder> orders,
                                                 const BatchOptions& options) {
  std::vector<RunRecord> records;
  const auto all = static_cast<double>(orders.size());
  for (const RunOrder& order : orders) {
    const auto done = static_cast<int>(records.size());
    absl::StatusOr<RunRecord> record = RunOne(order, options, [&](double part) {
      return !options.progress || options.progress((done + part) / all, done);
    });
    if (!record.ok()) return record.status();
    records.push_back(*std::move(record));
  }
  return records;
}

}  // namespace

RunOptions OptionsOf(const RunOrder& order) {
  RunOptions options;
  options.algorithm = order.algorithm;
  options.seed = order.seed;
  options.redraw = order.redraw;
  options.jitter = order.jitter;
  options.cores = order.cores;
  return options;
}

RunLabel LabelOf(const RunOrder& order, std::string_view version, std::string_view commit) {
  RunLabel label;
  label.experiment = order.experiment;
  label.arm = order.algorithm;
  label.seed = order.seed;
  label.version = version;
  label.commit = commit;
  label.redraw = order.redraw;
  label.jitter = order.jitter;
  return label;
}

absl::StatusOr<RunRecord> RunOne(const RunOrder& order, const BatchOptions& options,
                                 const std::function<bool(double)>& progress) {
  const absl::StatusOr<Scenario> scenario = order.experiment->Build(order.seed);
  if (!scenario.ok()) return scenario.status();
  RunOptions run_options = OptionsOf(order);
  run_options.series = !order.directory.empty();
  run_options.progress = progress;
  const absl::StatusOr<RunResult> run = options.world.run(*scenario, run_options);
  if (!run.ok()) return run.status();
  const Metrics metrics = Measure(*run);
  const RunLabel label = LabelOf(order, options.version, options.commit);
  RunRecord record{
      ResultJson(label, *run, metrics), run->cpu_seconds, run->packet_hops, {}, run->real};
  if (order.bound && CheckBound(*scenario).ok()) {
    absl::StatusOr<cli::Json> bound = BoundResult(order);
    if (!bound.ok()) return bound.status();
    record.bound = *std::move(bound);
  }
  if (order.directory.empty()) return record;
  if (absl::Status s = WriteRun(order.directory, label, *run, metrics); !s.ok()) return s;
  return record;
}

absl::StatusOr<std::vector<RunRecord>> RunAll(std::span<const RunOrder> orders,
                                              const BatchOptions& options) {
  if (!options.world.parallel) return RunInTurn(orders, options);
  return Workers(orders, options).Go();
}

}  // namespace sluice::lab
