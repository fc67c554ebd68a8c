#include "lab/htsim_topology.h"

#include <array>
#include <string_view>

#include "absl/strings/str_format.h"
#include "base/near.h"
#include "base/values.h"
#include "cli/values.h"
#include "lab/limits.h"
#include "lab/tokens.h"

namespace sluice::lab {
namespace {

using cli::Json;

struct Tier {
  int64_t speed_gbps = 0;  // of its links down
  int64_t down = 0;        // links down, of a switch
  int64_t up = 0;
  int64_t latency_ns = -1;  // of its links down
  int64_t switch_ns = 0;
  int64_t bundle = 1;  // links down to one and the same switch
};

class Reader {
 public:
  Reader(const NamedText& file, std::vector<std::string>* notes)
      : file_(file), tokens_(file.name, file.text), notes_(notes) {}
  absl::StatusOr<Json> Read(int64_t* hosts);

 private:
  absl::Status ReadKey();
  absl::Status Check() const;
  Json Build() const;
  absl::Status Wrong(const std::string& why) const {
    return absl::InvalidArgumentError(file_.name + ": " + why);
  }

  const NamedText& file_;
  Tokens tokens_;
  std::vector<std::string>* notes_;
  int64_t nodes_ = 0;
  int64_t tiers_ = 0;
  int64_t pod_ = 0;
  int64_t at_ = -1;  // the tier that is being described
  std::array<Tier, 3> tier_;
};

std::string Lower(std::string_view word) {
  std::string lower(word);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

absl::Status Reader::ReadKey() {
  const absl::StatusOr<std::string_view> word = tokens_.Word("a key");
  if (!word.ok()) return word.status();
  const std::string key = Lower(*word);
  Tier& t = tier_[static_cast<size_t>(at_ < 0 ? 0 : at_)];
  int64_t passed = 0;
  const struct {
    std::string_view name;
    bool in_tier;
    int64_t* value;
    int64_t min;
    int64_t max;
  } keys[] = {{"nodes", false, &nodes_, 2, kMostNodes},
              {"tiers", false, &tiers_, 2, 3},
              {"podsize", false, &pod_, 1, kMostNodes},
              {"tier", false, &at_, 0, 2},
              {"downlink_speed_gbps", true, &t.speed_gbps, 1, 10'000},
              {"radix_down", true, &t.down, 1, 65536},
              {"radix_up", true, &t.up, 1, 65536},
              {"downlink_latency_ns", true, &t.latency_ns, 0, 1'000'000},
              {"switch_latency_ns", true, &t.switch_ns, 0, 1'000'000},
              {"bundle", true, &t.bundle, 1, 65536},
              {"oversubscribed", true, &passed, 0, INT64_MAX},
              {"queue_up", true, &passed, 0, INT64_MAX},
              {"queue_down", true, &passed, 0, INT64_MAX}};
  std::vector<std::string_view> names;
  for (const auto& k : keys) {
    names.push_back(k.name);
    if (k.name != key) continue;
    if (k.in_tier && at_ < 0) return tokens_.Wrong("stands before the first `Tier`");
    const absl::StatusOr<int64_t> value = tokens_.Integer(k.name, k.min, k.max);
    if (!value.ok()) return value.status();
    *k.value = *value;
    if (k.value == &passed) notes_->push_back(std::string(k.name) + " is passed over");
    return absl::OkStatus();
  }
  return tokens_.Wrong(
      absl::StrFormat("no key '%s'%s", cli::OneLine(*word), DidYouMean(key, names)));
}

absl::Status Reader::Check() const {
  if (nodes_ == 0 || tiers_ == 0) return Wrong("`Nodes` and `Tiers` are needed");
  for (int64_t i = 0; i < tiers_; ++i) {
    const Tier& t = tier_[static_cast<size_t>(i)];
    if (t.speed_gbps == 0 || t.down == 0 || t.latency_ns < 0 || (i + 1 < tiers_ && t.up == 0)) {
      return Wrong(absl::StrFormat("tier %d lacks a speed, a radix or a latency", i));
    }
  }
  const int64_t pod = tiers_ == 2 ? nodes_ : pod_;
  if (pod == 0 || nodes_ % pod != 0 || pod % tier_[0].down != 0) {
    return Wrong("Nodes must be a multiple of Podsize, and that of tier 0's Radix_Down");
  }
  const int64_t tors = pod / tier_[0].down;
  if (tier_[0].up % tier_[1].bundle != 0 || tier_[1].down != tors * tier_[1].bundle) {
    return Wrong(
        absl::StrFormat("tier 1 has Radix_Down %d, but each pod has %d ToRs with %d links to each",
                        tier_[1].down, tors, tier_[1].bundle));
  }
  const int64_t aggs = tier_[0].up / tier_[1].bundle * (nodes_ / pod);
  const int64_t links =
      nodes_ + nodes_ / tier_[0].down * tier_[0].up + (tiers_ == 2 ? 0 : aggs * tier_[1].up);
  if (links > kMostLinks) return Wrong(absl::StrFormat("more than %d links", kMostLinks));
  if (tiers_ == 2) return absl::OkStatus();
  if (tier_[1].up % tier_[2].bundle != 0 || tier_[2].down != nodes_ / pod * tier_[2].bundle) {
    return Wrong(
        absl::StrFormat("tier 2 has Radix_Down %d, but there are %d pods with %d links each",
                        tier_[2].down, nodes_ / pod, tier_[2].bundle));
  }
  return absl::OkStatus();
}

Json Reader::Build() const {
  const int64_t pod = tiers_ == 2 ? nodes_ : pod_;
  const int64_t pods = nodes_ / pod;
  const int64_t tors = nodes_ / tier_[0].down;
  const int64_t aggs_per_pod = tier_[0].up / tier_[1].bundle;
  const int64_t aggs = aggs_per_pod * pods;
  const int64_t uplinks = tiers_ == 2 ? 0 : tier_[1].up / tier_[2].bundle;
  const int64_t cores = uplinks * aggs_per_pod;
  Json switches = Json::array();
  for (int64_t i = 0; i < tors + aggs + cores; ++i) switches.push_back(nodes_ + i);
  Json links = Json::array();
  // Between a node of the tier below, whose switch latency is given, and a switch of `tier`.
  const auto link = [&](int64_t a, int64_t b, size_t tier, int64_t below_ns) {
    const Tier& t = tier_[tier];
    const int64_t ps = t.latency_ns * 1000 + (t.switch_ns + below_ns) * 500;
    const Json row = {a, b, RateText(Bandwidth::GigabitsPerSecond(t.speed_gbps)),
                      TimeText(Duration::Picoseconds(ps))};
    for (int64_t i = 0; i < (tier == 0 ? 1 : t.bundle); ++i) links.push_back(row);
  };
  const int64_t first_agg = nodes_ + tors;
  const int64_t first_core = first_agg + aggs;
  for (int64_t host = 0; host < nodes_; ++host) link(host, nodes_ + host / tier_[0].down, 0, 0);
  for (int64_t tor = 0; tor < tors; ++tor) {
    const int64_t in_pod = tor / (pod / tier_[0].down);
    for (int64_t a = 0; a < aggs_per_pod; ++a) {
      link(nodes_ + tor, first_agg + in_pod * aggs_per_pod + a, 1, tier_[0].switch_ns);
    }
  }
  for (int64_t agg = 0; agg < aggs && uplinks > 0; ++agg) {
    for (int64_t u = 0; u < uplinks; ++u) {
      link(first_agg + agg, first_core + agg % aggs_per_pod * uplinks + u, 2, tier_[1].switch_ns);
    }
  }
  return {{"kind", "inline"},
          {"nodes", nodes_ + tors + aggs + cores},
          {"switches", switches},
          {"links", links}};
}

absl::StatusOr<Json> Reader::Read(int64_t* hosts) {
  while (!tokens_.AtEnd()) {
    if (tokens_.Peek().starts_with("#")) {
      tokens_.SkipLine();
      continue;
    }
    if (absl::Status s = ReadKey(); !s.ok()) return s;
  }
  if (absl::Status s = Check(); !s.ok()) return s;
  *hosts = nodes_;
  return Build();
}

}  // namespace

absl::StatusOr<Json> ReadHtsimTopology(const NamedText& file, int64_t* hosts,
                                       std::vector<std::string>* notes) {
  return Reader(file, notes).Read(hosts);
}

Json DefaultHtsimTopology(int64_t hosts) {
  int64_t k = 2;
  while (k * k * k / 4 < hosts) k += 2;
  if (k * k * k / 4 == hosts) return Json{{"kind", "fat-tree"}, {"k", k}};
  int64_t leaf = 1;
  for (int64_t d = 1; d * d <= hosts; ++d) {
    if (hosts % d == 0) leaf = d;
  }
  return Json{
      {"kind", "leaf-spine"}, {"leaves", hosts / leaf}, {"hosts_per_leaf", leaf}, {"spines", leaf}};
}

}  // namespace sluice::lab
