#include "lab/comparison.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace sluice::lab {
namespace {

using cli::Json;

struct Metric {
  std::string_view name;
  std::string_view unit;
  double scale;
  bool lower_is_better;
  double (*value)(const RunResult&, const Metrics&);
};

double Ns(Duration d) { return static_cast<double>(d.ps()) / 1000.0; }

// What an A/B comparison judges. Counts of events have no scale.
constexpr Metric kMetrics[] = {
    {"fct_p50_ns", "us", 1e-3, true,
     [](const RunResult&, const Metrics& m) { return Ns(m.fct_p50); }},
    {"fct_p99_ns", "us", 1e-3, true,
     [](const RunResult&, const Metrics& m) { return Ns(m.fct_p99); }},
    {"last_finish_ns", "us", 1e-3, true,
     [](const RunResult&, const Metrics& m) { return Ns(m.last_finish); }},
    {"goodput_gbps", "Gb/s", 1, false,
     [](const RunResult&, const Metrics& m) { return m.goodput_gbps; }},
    {"slowdown_p99", "", 1, true,
     [](const RunResult&, const Metrics& m) { return m.slowdown_p99; }},
    {"jain", "", 1, false, [](const RunResult&, const Metrics& m) { return m.jain; }},
    {"queue_max_bytes", "KB", 1e-3, true,
     [](const RunResult& r, const Metrics&) { return static_cast<double>(r.queue_max.count()); }},
    {"queue_mean_bytes", "KB", 1e-3, true,
     [](const RunResult& r, const Metrics&) { return r.queue_mean_bytes; }},
    {"drops", "packets", 1, true,
     [](const RunResult& r, const Metrics&) { return static_cast<double>(r.drops); }},
    {"retransmissions", "packets", 1, true,
     [](const RunResult& r, const Metrics&) { return static_cast<double>(r.retransmissions); }},
    {"timeouts", "", 1, true,
     [](const RunResult& r, const Metrics&) { return static_cast<double>(r.timeouts); }},
    {"unfinished", "flows", 1, true,
     [](const RunResult&, const Metrics& m) { return static_cast<double>(m.unfinished); }},
};

// One run of the plan, number 0 to 2 seeds - 1: seed by seed, so that an early stop leaves pairs.
struct Job {
  bool second;  // arm b
  uint64_t seed;
};
Job JobOf(int number) { return {number % 2 == 1, static_cast<uint64_t>(number / 2 + 1)}; }

class Workers {
 public:
  explicit Workers(const ComparisonPlan& plan)
      : plan_(plan),
        all_(2 * plan.seeds),
        values_(static_cast<size_t>(all_)),
        parts_(static_cast<size_t>(all_)) {}

  absl::StatusOr<ComparisonResult> Go() {
    std::vector<std::thread> threads;
    const int count = std::clamp(plan_.jobs, 1, all_);
    threads.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) threads.emplace_back([this] { Work(); });
    Watch(count);
    for (std::thread& t : threads) t.join();
    if (!status_.ok()) return status_;
    // Stopped between two runs: none of them failed, but some never began.
    if (done_ < all_) return absl::CancelledError("stopped before all runs were made");
    return Summarise();
  }

 private:
  static constexpr int kWhole = 1000;

  double PartDone() const {
    double sum = 0;
    for (const std::atomic<int>& part : parts_) sum += part;
    return sum / kWhole / all_;
  }

  void Work() {
    while (!stop_) {
      const int number = next_.fetch_add(1);
      if (number >= all_) break;
      const absl::Status s = Execute(number);
      const std::lock_guard<std::mutex> lock(mutex_);
      ++done_;
      parts_[static_cast<size_t>(number)] = kWhole;
      if (!s.ok()) {
        if (status_.ok()) status_ = s;
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
      if (!plan_.progress || stop_) continue;
      const int done = done_;
      lock.unlock();
      if (!plan_.progress(PartDone(), done, all_)) stop_ = true;
      lock.lock();
    }
  }

  absl::Status Execute(int number) {
    const Job job = JobOf(number);
    const absl::StatusOr<Scenario> scenario = plan_.experiment.Build(job.seed);
    if (!scenario.ok()) return scenario.status();
    RunOptions options;
    options.algorithm = job.second ? plan_.b : plan_.a;
    options.seed = job.seed;
    options.series = !plan_.directory.empty();
    options.progress = [&](double part) {
      parts_[static_cast<size_t>(number)] = static_cast<int>(part * kWhole);
      return !stop_;
    };
    const absl::StatusOr<RunResult> run = Run(*scenario, options);
    if (!run.ok()) return run.status();
    const Metrics metrics = Measure(*run);
    std::vector<double>& values = values_[static_cast<size_t>(number)];
    for (const Metric& m : kMetrics) values.push_back(m.value(*run, metrics));
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      cpu_seconds_ += run->cpu_seconds;
      packet_hops_ += run->packet_hops;
    }
    if (plan_.directory.empty()) return absl::OkStatus();
    const RunLabel label{&plan_.experiment, options.algorithm, job.seed, plan_.version,
                         plan_.commit};
    return WriteRun(absl::StrFormat("%s/%s/%d", plan_.directory, job.second ? "b" : "a", job.seed),
                    label, *run, metrics);
  }

  ComparisonResult Summarise() const {
    ComparisonResult result;
    for (size_t m = 0; m < std::size(kMetrics); ++m) {
      const Metric& metric = kMetrics[m];
      MetricRow row{metric.name, metric.unit, metric.scale, metric.lower_is_better, {}, {}, {}};
      for (int number = 0; number < all_; ++number) {
        (JobOf(number).second ? row.b : row.a).push_back(values_[static_cast<size_t>(number)][m]);
      }
      row.comparison = Compare(row.a, row.b, row.lower_is_better);
      result.rows.push_back(std::move(row));
    }
    result.cpu_seconds = cpu_seconds_;
    result.packet_hops = packet_hops_;
    return result;
  }

  const ComparisonPlan& plan_;
  const int all_;
  std::vector<std::vector<double>> values_;  // per run, per metric; each written by one thread
  std::vector<std::atomic<int>> parts_;      // per run, in kWhole
  std::atomic<int> next_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  int done_ = 0;
  int ended_ = 0;
  absl::Status status_;
  double cpu_seconds_ = 0;
  uint64_t packet_hops_ = 0;
};

Json OrNull(const std::optional<double>& v) { return v ? Json(*v) : Json(nullptr); }

std::string Number(double v) {
  if (v >= 1e6 || (v > 0 && v < 1e-3)) return absl::StrFormat("%.3g", v);
  return v >= 100 ? absl::StrFormat("%.1f", v) : absl::StrFormat("%.3f", v);
}

}  // namespace

absl::StatusOr<ComparisonResult> CompareArms(const ComparisonPlan& plan) {
  return Workers(plan).Go();
}

Json ComparisonJson(const ComparisonPlan& plan, const ComparisonResult& result) {
  Json j;
  j["experiment"] = plan.experiment.experiment->name;
  j["experiment_text"] = plan.experiment.text;
  j["a"] = plan.a;
  j["b"] = plan.b;
  j["seeds"] = plan.seeds;
  j["confidence"] = kConfidence;
  j["equivalence_margin"] = kMargin;
  j["metrics"] = Json::array();
  for (const MetricRow& row : result.rows) {
    Json m;
    m["name"] = row.name;
    m["a"] = row.comparison.a;
    m["b"] = row.comparison.b;
    m["ratio"] = OrNull(row.comparison.ratio);
    m["low"] = OrNull(row.comparison.low);
    m["high"] = OrNull(row.comparison.high);
    m["verdict"] = NameOf(row.comparison.verdict);
    m["lower_is_better"] = row.lower_is_better;
    m["unit"] = row.unit;
    m["scale"] = row.scale;
    m["per_seed"] = {{"a", row.a}, {"b", row.b}};
    j["metrics"].push_back(std::move(m));
  }
  j["params"] = {{"a", ParametersJson(plan.experiment, plan.a)},
                 {"b", ParametersJson(plan.experiment, plan.b)}};
  j["version"] = plan.version;
  j["commit"] = plan.commit;
  return j;
}

std::string VerdictLine(const Json& comparison) {
  std::vector<std::string> better, worse, open;
  for (const Json& m : comparison["metrics"]) {
    const std::string verdict = m["verdict"];
    std::string name = m["name"];
    if (m["ratio"].is_number()) name += absl::StrFormat(" x%.3f", m["ratio"].get<double>());
    if (verdict == "better") better.push_back(name);
    if (verdict == "worse") worse.push_back(name);
    if (verdict == "inconclusive") open.push_back(m["name"]);
  }
  std::string text =
      comparison["a"].get<std::string>() + " against " + comparison["b"].get<std::string>() + ": ";
  std::vector<std::string> parts;
  if (!better.empty()) parts.push_back("better in " + absl::StrJoin(better, ", "));
  if (!worse.empty()) parts.push_back("worse in " + absl::StrJoin(worse, ", "));
  if (!open.empty()) parts.push_back("undecided in " + absl::StrJoin(open, ", "));
  if (parts.empty()) parts.push_back("no difference that matters");
  return text + absl::StrJoin(parts, "; ");
}

std::string ComparisonText(const ComparisonPlan& plan, const ComparisonResult& result) {
  std::string text = absl::StrFormat(
      "%s: a = %s, b = %s, %d seeds\n\n%-17s %-8s %11s %11s %8s  %-17s %s\n", plan.experiment.text,
      plan.a, plan.b, plan.seeds, "metric", "unit", "a", "b", "a/b", "95% interval", "a is");
  for (const MetricRow& row : result.rows) {
    const Comparison& c = row.comparison;
    std::string name(row.name);
    // The table has a column for the unit.
    for (const std::string_view suffix : {"_ns", "_gbps", "_bytes"}) {
      if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
    }
    const std::string interval = c.low && c.high && c.verdict != Verdict::kIdentical
                                     ? absl::StrFormat("[%.3f, %.3f]", *c.low, *c.high)
                                     : "";
    text += absl::StrFormat("%-17s %-8s %11s %11s %8s  %-17s %s\n", name, std::string(row.unit),
                            Number(c.a * row.scale), Number(c.b * row.scale),
                            c.ratio ? absl::StrFormat("%.3f", *c.ratio) : "-", interval,
                            NameOf(c.verdict));
  }
  text += absl::StrFormat(
      "\nPaired by seed; means of the seeds, ratio of geometric means, each interval by itself.\n"
      "equivalent: within %.0f %%. %d runs, %.1f s of CPU, %.2f M packet hops per CPU second.\n",
      kMargin * 100, 2 * plan.seeds, result.cpu_seconds,
      result.cpu_seconds > 0 ? static_cast<double>(result.packet_hops) / result.cpu_seconds * 1e-6
                             : 0.0);
  return text;
}

}  // namespace sluice::lab
