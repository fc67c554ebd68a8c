#include "lab/sweep_grid.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_format.h"
#include "base/near.h"
#include "cc/registry.h"
#include "cli/values.h"
#include "lab/status.h"

namespace sluice::lab {
namespace {

// The algorithm of "tita:beta=0.01", or the arm of a file.
std::string_view NameOfArm(std::string_view arm) { return arm.substr(0, arm.find(':')); }

// a, b, c, ...: the arm at that place.
std::string LetterOf(size_t place) { return std::string(1, static_cast<char>('a' + place)); }

// An axis whose parameter is one of arms.
struct ArmAxis {
  std::string parameter;
  std::vector<bool> arms;  // which of them take it
};

// "tita.beta" and "b.beta"; an axis of the experiment has no dot and no arms.
absl::StatusOr<ArmAxis> ResolveAxis(const GridAxis& axis, const std::vector<std::string>& arms) {
  ArmAxis found;
  const size_t dot = axis.name.find('.');
  if (dot == std::string::npos) return found;
  const std::string_view owner = std::string_view(axis.name).substr(0, dot);
  found.parameter = axis.name.substr(dot + 1);
  if (found.parameter.empty())
    return Invalid("--grid " + axis.name + ": write arm.parameter=value,value");
  std::vector<std::string> letters;
  for (size_t i = 0; i < arms.size(); ++i) letters.push_back(LetterOf(i));
  std::vector<std::string_view> names(letters.begin(), letters.end());
  for (size_t i = 0; i < arms.size(); ++i) {
    const std::string_view name = NameOfArm(arms[i]);
    found.arms.push_back(owner == name || owner == letters[i]);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  if (std::find(found.arms.begin(), found.arms.end(), true) != found.arms.end()) return found;
  std::string known;
  for (const std::string_view n : names) known.append(known.empty() ? "" : ", ").append(n);
  return Invalid(absl::StrFormat("--grid %s: no arm '%s'%s (there are: %s)", axis.name,
                                 cli::OneLine(owner), DidYouMean(owner, names), known));
}

// The arm with one more parameter. What a file calls an arm stands for an algorithm with
// parameters, of which the new one takes the place; on the command line a parameter that stands
// there already is given twice, which the algorithm refuses.
std::string WithParameter(const Chosen& experiment, const std::string& arm, const std::string& name,
                          const std::string& value) {
  std::string text = AlgorithmOf(experiment.arms, arm);
  if (text != arm) {
    const std::string all = text;
    text = NameOfArm(all);
    std::string_view rest = std::string_view(all).substr(text.size());
    while (!rest.empty()) {
      rest.remove_prefix(1);  // the colon, or a comma
      const std::string_view item = rest.substr(0, rest.find(','));
      rest.remove_prefix(item.size());
      if (item.substr(0, item.find('=')) == name) continue;
      text.append(text.find(':') == std::string::npos ? ":" : ",").append(item);
    }
  }
  return text + (text.find(':') == std::string::npos ? ":" : ",") + name + "=" + value;
}

absl::Status CheckAlgorithm(const Chosen& experiment, const std::string& place,
                            const std::string& arm) {
  const auto algorithm = cc::MakeAlgorithm(AlgorithmOf(experiment.arms, arm));
  if (algorithm.ok()) return absl::OkStatus();
  std::string arms;
  for (const Arm& a : experiment.arms) arms.append(arms.empty() ? "" : ", ").append(a.name);
  return Invalid(place + ": " + MessageOf(algorithm.status()) +
                 (arms.empty() ? "" : "; arms of the experiment: " + arms));
}

// Somebody who means a parameter of an algorithm and leaves the algorithm out.
absl::Status ExplainName(std::string_view experiment, const GridAxis& axis,
                         const std::vector<std::string>& arms) {
  const bool file = experiment.ends_with(".json");
  const auto known = FindExperiment(experiment.substr(0, experiment.find(':')));
  if (!file && !known.ok()) return absl::OkStatus();  // which is told elsewhere
  const auto named = [&](const auto& p) { return p.name == axis.name; };
  if (!file && std::any_of((*known)->parameters.begin(), (*known)->parameters.end(), named)) {
    return absl::OkStatus();
  }
  for (const std::string& arm : arms) {
    for (const cc::RegistryEntry& e : cc::Algorithms()) {
      if (e.name != NameOfArm(arm) || !std::any_of(e.params.begin(), e.params.end(), named))
        continue;
      return Invalid(
          absl::StrFormat("--grid %s: no parameter of the experiment; did you mean '%s.%s'?",
                          axis.name, e.name, axis.name));
    }
  }
  if (!file) return absl::OkStatus();
  return Invalid(absl::StrFormat(
      "--grid %s: a file has no parameters; leave it out, or name one of an algorithm, as %s.NAME",
      axis.name, std::string(NameOfArm(arms.empty() ? "tita" : std::string_view(arms[0])))));
}

class Grid {
 public:
  Grid(std::string_view experiment, const std::vector<GridAxis>& grid,
       const std::vector<std::string>& arms)
      : experiment_(experiment), grid_(grid), arms_(arms) {}

  absl::StatusOr<std::vector<SweepPoint>> Points() {
    size_t all = 1;
    for (const GridAxis& axis : grid_) {
      absl::StatusOr<ArmAxis> resolved = ResolveAxis(axis, arms_);
      if (!resolved.ok()) return resolved.status();
      if (resolved->arms.empty()) {
        if (absl::Status s = ExplainName(experiment_, axis, arms_); !s.ok()) return s;
      }
      axes_.push_back(*std::move(resolved));
      all *= axis.values.size();
    }
    std::vector<SweepPoint> points;
    for (size_t number = 0; number < all; ++number) {
      absl::StatusOr<SweepPoint> point = At(number, all);
      if (!point.ok()) return point.status();
      points.push_back(*std::move(point));
    }
    return points;
  }

 private:
  absl::StatusOr<SweepPoint> At(size_t number, size_t all) {
    SweepPoint point;
    std::string text(experiment_);
    size_t block = all;
    for (size_t i = 0; i < grid_.size(); ++i) {
      block /= grid_[i].values.size();
      const std::string& value = grid_[i].values[number / block];
      number %= block;
      point.values.emplace_back(grid_[i].name, value);
      if (!axes_[i].arms.empty()) continue;
      text += (text.find(':') == std::string::npos ? ":" : ",") + grid_[i].name + "=" + value;
    }
    // Points that differ in arms only share the experiment, which takes its time to build.
    auto known = experiments_.find(text);
    if (known == experiments_.end()) {
      absl::StatusOr<Chosen> chosen = Choose(text);
      if (!chosen.ok()) return chosen.status();
      known = experiments_.emplace(text, *std::move(chosen)).first;
    }
    point.experiment = known->second;
    if (absl::Status s = SetArms(point); !s.ok()) return s;
    return point;
  }

  absl::Status SetArms(SweepPoint& point) const {
    point.arms = arms_;
    for (const std::string& arm : arms_) {
      if (absl::Status s = CheckAlgorithm(point.experiment, "arm " + arm, arm); !s.ok()) return s;
    }
    for (size_t i = 0; i < axes_.size(); ++i) {
      const std::string& value = point.values[i].second;
      for (size_t arm = 0; arm < axes_[i].arms.size(); ++arm) {
        if (!axes_[i].arms[arm]) continue;
        std::string& text = point.arms[arm];
        text = WithParameter(point.experiment, text, axes_[i].parameter, value);
        absl::Status s =
            CheckAlgorithm(point.experiment, "--grid " + grid_[i].name + "=" + value, text);
        if (!s.ok()) return s;
      }
    }
    return absl::OkStatus();
  }

  const std::string_view experiment_;
  const std::vector<GridAxis>& grid_;
  const std::vector<std::string>& arms_;
  std::vector<ArmAxis> axes_;                  // as grid_
  std::map<std::string, Chosen> experiments_;  // by their texts
};

}  // namespace

absl::StatusOr<GridAxis> ParseGridAxis(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return Invalid(absl::StrFormat("'%s' is no axis; write name=value,value", cli::OneLine(text)));
  }
  GridAxis axis{std::string(text.substr(0, equals)), {}};
  std::string_view rest = text.substr(equals + 1);
  while (true) {
    const size_t comma = rest.find(',');
    const std::string value(rest.substr(0, comma));
    if (value.empty()) {
      return Invalid(absl::StrFormat("%s: an empty value in '%s'", axis.name, cli::OneLine(text)));
    }
    if (std::find(axis.values.begin(), axis.values.end(), value) != axis.values.end()) {
      return Invalid(absl::StrFormat("%s: %s is given twice; keep one", axis.name, value));
    }
    axis.values.push_back(value);
    if (comma == std::string_view::npos) return axis;
    rest.remove_prefix(comma + 1);
  }
}

absl::StatusOr<std::vector<SweepPoint>> MakePoints(std::string_view experiment,
                                                   const std::vector<GridAxis>& grid,
                                                   const std::vector<std::string>& arms) {
  return Grid(experiment, grid, arms).Points();
}

std::string ValuesText(const SweepPoint& point) {
  std::string text;
  for (const auto& [name, value] : point.values) {
    text += (text.empty() ? "" : " ") + name + "=" + value;
  }
  return text.empty() ? "-" : text;
}

}  // namespace sluice::lab
