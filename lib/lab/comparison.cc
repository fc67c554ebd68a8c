#include "lab/comparison.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/values.h"
#include "lab/batch.h"
#include "lab/result.h"

namespace sluice::lab {
namespace {

using cli::Json;

#ifdef __clang__
constexpr std::string_view kCompiler = "clang " __clang_version__;
#else
constexpr std::string_view kCompiler = "g++ " __VERSION__;
#endif

// It varies little from seed to seed, and takes its time on a large fabric.
constexpr int kBoundSeeds = 10;

class Comparing {
 public:
  explicit Comparing(const ComparisonPlan& plan) : plan_(plan) {
    arms_.push_back(plan.a);
    arms_.insert(arms_.end(), plan.rivals.begin(), plan.rivals.end());
    values_.resize(arms_.size());
    planned_ = plan.seeds > 0 ? plan.seeds : kPilotSeeds;
  }

  absl::StatusOr<ComparisonResult> Go() {
    result_.piloted = plan_.seeds == 0;
    // Two seeds tell whether more would be the same run again.
    const int first = std::min(planned_, 2);
    if (absl::Status s = RunSeeds(1, first); !s.ok()) return s;
    if (absl::Status s = RunSeeds(first + 1, planned_); !s.ok()) return s;
    if (result_.piloted) {
      const int pilot = planned_;
      for (size_t rival = 1; rival < arms_.size(); ++rival) {
        planned_ = std::max(planned_, PlannedSeeds(Primary(0), Primary(rival)));
      }
      if (absl::Status s = RunSeeds(pilot + 1, planned_); !s.ok()) return s;
    }
    result_.seeds = static_cast<int>(values_[0].size());
    if (result_.seeds == 0) return std::move(result_);
    std::vector<Contest> contests;
    for (size_t rival = 1; rival < arms_.size(); ++rival) {
      contests.push_back({values_[0], values_[rival]});
    }
    result_.rivals = JudgeAll(contests, plan_.primary);
    return std::move(result_);
  }

 private:
  std::vector<double> Primary(size_t arm) const {
    std::vector<double> x;
    for (const RunValues& run : values_[arm]) x.push_back(run.values[plan_.primary]);
    return x;
  }

  RunOrder OrderOf(size_t arm, int seed) const {
    RunOrder order;
    order.experiment = &plan_.experiment;
    order.algorithm = arms_[arm];
    order.seed = static_cast<uint64_t>(seed);
    if (arm > 0) order.redraw = plan_.independent;
    order.jitter = plan_.jitter;
    // The bound is that of the experiment as it is written; other worlds may stretch it.
    order.bound = arm == 0 && seed <= kBoundSeeds && plan_.world.name == World().name;
    order.cores = plan_.cores;
    if (!plan_.directory.empty()) {
      order.directory = RunDirectory(plan_.directory, arm, order.seed);
    }
    return order;
  }

  // Seed by seed, so that an early stop leaves pairs.
  absl::Status RunSeeds(int first, int last) {
    std::vector<RunOrder> orders;
    for (int seed = first; seed <= last; ++seed) {
      for (size_t arm = 0; arm < arms_.size(); ++arm) orders.push_back(OrderOf(arm, seed));
    }
    BatchOptions options{plan_.jobs, plan_.version, plan_.commit, {}, plan_.world};
    const int before = (first - 1) * static_cast<int>(arms_.size());
    const int these = (last - first + 1) * static_cast<int>(arms_.size());
    const int all = planned_ * static_cast<int>(arms_.size());
    if (plan_.progress) {
      options.progress = [&](double fraction, int done) {
        return plan_.progress((before + fraction * these) / all, before + done, all);
      };
    }
    absl::StatusOr<std::vector<RunRecord>> records = RunAll(orders, options);
    if (!records.ok()) return records.status();
    if (absl::Status s = RefuseSameBytes(*records); first == 1 && !s.ok()) return s;
    for (size_t i = 0; i < records->size(); ++i) {
      const RunRecord& record = (*records)[i];
      NoteReal(record, static_cast<uint64_t>(first) + i / arms_.size(), i % arms_.size());
      if (SkipsSeed(*records, i)) continue;
      const absl::StatusOr<RunValues> values = ValuesOf(record.result, "result.json");
      if (!values.ok()) return values.status();
      values_[i % arms_.size()].push_back(*values);
      if (record.bound.is_object()) {
        const absl::StatusOr<RunValues> bound = ValuesOf(record.bound, "bound");
        if (!bound.ok()) return bound.status();
        result_.bounds.push_back(*bound);
      }
      result_.cpu_seconds += record.cpu_seconds;
      result_.packet_hops += record.packet_hops;
    }
    return absl::OkStatus();
  }

  void NoteReal(const RunRecord& record, uint64_t seed, size_t arm) {
    if (!record.real) return;
    if (!record.real->skipped.empty()) {
      result_.skipped.push_back({seed, arm, record.real->skipped});
    }
    if (!result_.real || result_.real->poll_gap < record.real->poll_gap) {
      result_.real = record.real;
    }
  }

  // Arms are compared seed by seed: all of a seed's runs count, or none.
  bool SkipsSeed(const std::vector<RunRecord>& records, size_t i) const {
    const size_t first = i - i % arms_.size();
    for (size_t arm = 0; arm < arms_.size(); ++arm) {
      const std::optional<RealTime>& real = records[first + arm].real;
      if (real && !real->skipped.empty()) return true;
    }
    return false;
  }

  absl::Status RefuseSameBytes(const std::vector<RunRecord>& records) const {
    if (records.size() < 2 * arms_.size()) return absl::OkStatus();
    for (size_t arm = 0; arm < arms_.size(); ++arm) {
      Json one = records[arm].result, two = records[arms_.size() + arm].result;
      one.erase("seed");
      two.erase("seed");
      if (one != two) return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        "--seeds: seeds 1 and 2 give the same bytes, so more seeds would be the same run again; "
        "nothing in this experiment is random: take --seeds 1, or add --jitter 100ns");
  }

  const ComparisonPlan& plan_;
  std::vector<std::string> arms_;               // a first
  std::vector<std::vector<RunValues>> values_;  // per arm and seed
  int planned_ = 0;
  ComparisonResult result_;
};

Json SkippedJson(const ComparisonPlan& plan, const ComparisonResult& result) {
  Json all = Json::array();
  for (const SkippedRun& run : result.skipped) {
    all.push_back({{"seed", run.seed},
                   {"cc", run.arm == 0 ? plan.a : plan.rivals[run.arm - 1]},
                   {"cause", run.cause}});
  }
  return all;
}

// Of a comparison of which no pair of runs counts.
Json NothingJson(const ComparisonPlan& plan) {
  Json j;
  j["b"] = plan.rivals[0];
  j["verdict"] = NameOf(Verdict::kInconclusive);
  j["unfinished"] = nullptr;
  j["metrics"] = Json::array();
  return j;
}

Json BoundsJson(const ComparisonResult& result) {
  Json j = Json::object();
  for (size_t m = 0; m < MetricKinds().size(); ++m) {
    if (!MetricKinds()[m].bounded) continue;
    Json values = Json::array();
    for (const RunValues& run : result.bounds) values.push_back(run.values[m]);
    j[std::string(MetricKinds()[m].name)] = std::move(values);
  }
  return j;
}

Json RivalJson(const std::string& b, const Judgement& judgement) {
  Json j;
  j["b"] = b;
  j["verdict"] = NameOf(judgement.primary().comparison.verdict);
  j["unfinished"] = {{"a", judgement.unfinished_a}, {"b", judgement.unfinished_b}};
  j["metrics"] = MetricsJson(judgement);
  return j;
}

// The gap of the primary metric to the fluid bound: mean of the seeds over mean of the bounds.
std::string GapText(const ComparisonPlan& plan, const ComparisonResult& result) {
  const MetricKind& kind = MetricKinds()[plan.primary];
  if (!kind.bounded || result.bounds.empty()) return "";
  // Of the seeds that have a bound; the arms' means are those of all.
  double bound = 0;
  for (const RunValues& run : result.bounds) bound += run.values[plan.primary];
  bound /= static_cast<double>(result.bounds.size());
  if (!(bound > 0)) return "";
  const auto gap = [&](double mean) { return NumberForPeople(mean / bound); };
  const Comparison& c = result.rivals[0].primary().comparison;
  std::string text =
      absl::StrFormat("max-min fluid bound of %s: %s; a is x%s of it", std::string(kind.name),
                      NumberForPeople(bound * kind.scale), gap(c.a));
  for (size_t i = 0; i < result.rivals.size(); ++i) {
    text += absl::StrFormat(", %c x%s", static_cast<char>('b' + i),
                            gap(result.rivals[i].primary().comparison.b));
  }
  return text + "\n";
}

}  // namespace

std::string RunDirectory(const std::string& directory, size_t arm, uint64_t seed) {
  return absl::StrFormat("%s/%c/%d", directory, static_cast<char>('a' + arm), seed);
}

absl::StatusOr<ComparisonResult> CompareArms(const ComparisonPlan& plan) {
  return Comparing(plan).Go();
}

Json ComparisonJson(const ComparisonPlan& plan, const ComparisonResult& result) {
  Json j;
  j["experiment"] = plan.experiment.experiment->name;
  j["experiment_text"] = plan.experiment.text;
  j["a"] = plan.a;
  Json first =
      result.rivals.empty() ? NothingJson(plan) : RivalJson(plan.rivals[0], result.rivals[0]);
  j["b"] = first["b"];
  j["seeds"] = result.seeds;
  j["seeds_from_pilot"] = result.piloted;
  j["primary"] = MetricKinds()[plan.primary].name;
  j["verdict"] = first["verdict"];
  j["confidence"] = kConfidence;
  j["equivalence_margin"] = kMargin;
  j["unfinished"] = first["unfinished"];
  j["metrics"] = std::move(first["metrics"]);
  if (result.rivals.size() > 1) {
    j["rivals"] = Json::array();
    for (size_t i = 0; i < plan.rivals.size(); ++i) {
      j["rivals"].push_back(RivalJson(plan.rivals[i], result.rivals[i]));
    }
  }
  if (result.real) j["world"] = RealJson(*result.real);
  if (!result.skipped.empty()) j["skipped"] = SkippedJson(plan, result);
  j["bound"] = BoundsJson(result);
  j["independent"] = RedrawText(plan.independent);
  j["jitter_ps"] = plan.jitter.ps();
  j["params"]["a"] = ParametersJson(plan.experiment, plan.a);
  for (size_t i = 0; i < plan.rivals.size(); ++i) {
    j["params"][std::string(1, static_cast<char>('b' + i))] =
        ParametersJson(plan.experiment, plan.rivals[i]);
  }
  j["version"] = plan.version;
  j["commit"] = plan.commit;
  j["compiler"] = kCompiler;
  return j;
}

std::vector<std::string> VerdictLines(const Json& comparison) {
  if (comparison["metrics"].empty()) return {"Nothing is judged: every pair has a skipped run."};
  const std::string a = comparison["a"];
  if (!comparison.contains("rivals")) {
    return {VerdictSentence(a, comparison["b"].get<std::string>(), comparison["metrics"])};
  }
  std::vector<std::string> lines;
  for (const Json& rival : comparison["rivals"]) {
    lines.push_back(VerdictSentence(a, rival["b"].get<std::string>(), rival["metrics"]));
  }
  return lines;
}

std::string ComparisonText(const ComparisonPlan& plan, const ComparisonResult& result) {
  std::string text;
  for (size_t i = 0; i < result.rivals.size(); ++i) {
    text += absl::StrFormat("%s: a = %s, b = %s, %d seeds%s\n\n", plan.experiment.text, plan.a,
                            plan.rivals[i], result.seeds, result.piloted ? " (from a pilot)" : "");
    text += MetricsTable(result.rivals[i]) + "\n";
  }
  if (plan.independent.any()) {
    text +=
        absl::StrFormat("%s %s anew.\n", plan.rivals.size() > 1 ? "The rivals draw" : "Arm b draws",
                        RedrawText(plan.independent));
  }
  if (plan.jitter > Duration::Zero()) {
    text += absl::StrFormat("Starts are jittered by up to %s.\n", TimeText(plan.jitter));
  }
  if (result.real) text += RealText(*result.real);
  for (const SkippedRun& run : result.skipped) {
    text += absl::StrFormat("SKIPPED seed %d of %s: %s.\n", run.seed,
                            run.arm == 0 ? plan.a : plan.rivals[run.arm - 1], run.cause);
  }
  if (result.rivals.empty()) return text;
  text += GapText(plan, result);
  text += absl::StrFormat(
      "* primary metric%s; the others are exploratory, each interval by itself. Paired by seed:\n"
      "means of the seeds, ratio of geometric means. equivalent: within %.0f %%. %d runs, %.1f s "
      "of\nCPU, %.2f M packet hops per CPU second.\n",
      plan.rivals.size() > 1 ? ", Holm over the rivals" : "", kMargin * 100,
      static_cast<int>(plan.rivals.size() + 1) * result.seeds, result.cpu_seconds,
      result.cpu_seconds > 0 ? static_cast<double>(result.packet_hops) / result.cpu_seconds * 1e-6
                             : 0.0);
  return text;
}

}  // namespace sluice::lab
