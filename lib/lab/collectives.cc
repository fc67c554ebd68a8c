// Workloads that are collective operations: all-to-all, all-reduce, MoE, training.
#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/math.h"
#include "lab/collective.h"
#include "lab/workload.h"

namespace sluice::lab {
namespace {

using K = cli::Kind;

constexpr uint64_t kStartPurpose = 0x7374617274;
constexpr uint64_t kPlacePurpose = 0x706c616365;
constexpr uint64_t kTokenPurpose = 0x746f6b656e;
constexpr uint64_t kStragglePurpose = 0x737472616767;

constexpr std::string_view kAlgorithms[] = {"ring", "tree", "halving-doubling"};
constexpr std::string_view kOrders[] = {"in-order", "random"};

constexpr std::string_view kSeedDetails =
    "Each message has a queue pair of its own, unless queue-pairs=reused, and is posted when what "
    "it\n"
    "needs has arrived. With rails every rail does this by itself.\n"
    "The seed varies the ranks' starts (uniform in `spread`), with order=random which host has "
    "which\n"
    "rank, ECMP keys, QPNs, PSNs and the ECN marking.";

std::vector<ParameterSpec> With(std::vector<ParameterSpec> specs) {
  specs.push_back(
      {"order", K::kChoice, "in-order", "", "", "of the ranks among the hosts", "", kOrders});
  specs.push_back({"spread", K::kTime, "1us", "0", "1s", "ranks start uniformly in this time"});
  return specs;
}

std::vector<ParameterSpec> AllReduceSpecs(std::string_view size) {
  return {{"size", K::kSize, size, "1", "2GiB", "bytes that every rank has, and gets"},
          {"algorithm", K::kChoice, "ring", "", "", "of the all-reduce", "", kAlgorithms},
          {"chunks", K::kInteger, "4", "1", "64", "of algorithm tree, one behind the other"}};
}

// The ranks of each rail.
absl::StatusOr<std::vector<std::vector<sim::NodeId>>> Groups(const WorkloadInput& input,
                                                             const Scenario& s) {
  const std::vector<sim::NodeId> hosts = HostsOf(s.topology);
  if (hosts.size() < 2 * size_t{input.rails}) {
    return absl::InvalidArgumentError("a collective needs two hosts");
  }
  std::vector<std::vector<sim::NodeId>> groups(input.rails);
  for (size_t i = 0; i < hosts.size(); ++i) groups[i % input.rails].push_back(hosts[i]);
  if (input.p().Text("order") == "in-order") return groups;
  for (size_t g = 0; g < groups.size(); ++g) {
    Rng rng = input.Draw(s, &RandomFactors::placement, g, kPlacePurpose);
    for (size_t i = groups[g].size() - 1; i > 0; --i) {
      std::swap(groups[g][i], groups[g][rng.Below(i + 1)]);
    }
  }
  return groups;
}

std::vector<Ready> Starts(const WorkloadInput& input, const Scenario& s,
                          const std::vector<sim::NodeId>& ranks) {
  const auto spread = static_cast<uint64_t>(input.p().Time("spread").ps());
  std::vector<Ready> ready;
  for (const sim::NodeId host : ranks) {
    Rng rng = input.Draw(s, &RandomFactors::jitter, host, kStartPurpose);
    ready.push_back({{}, Duration::Picoseconds(static_cast<int64_t>(rng.Below(spread + 1)))});
  }
  return ready;
}

// Flows that an all-reduce of n ranks is made of, and whether it can be.
absl::Status CheckAllReduce(const Parameters& p, size_t ranks, size_t times) {
  const std::string& algorithm = p.Text("algorithm");
  if (algorithm == "halving-doubling" && (ranks & (ranks - 1)) != 0) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "halving-doubling needs a power of two of ranks, not %d; choose ring", ranks));
  }
  size_t flows = 2 * (ranks - 1) * ranks;
  if (algorithm == "tree") flows = 2 * (ranks - 1) * static_cast<size_t>(p.Integer("chunks"));
  if (flows * times <= kMaxFlows) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrFormat("%d messages, more than %d; lower hosts, or choose another algorithm",
                      flows * times, kMaxFlows));
}

std::vector<Ready> AllReduce(const Parameters& p, Messages& messages,
                             const std::vector<sim::NodeId>& ranks,
                             const std::vector<Ready>& ready) {
  const int64_t size = p.Size("size").count();
  if (p.Text("algorithm") == "ring") return RingAllReduce(messages, ranks, size, ready);
  if (p.Text("algorithm") == "tree") {
    return TreeAllReduce(messages, ranks, size, static_cast<int>(p.Integer("chunks")), ready);
  }
  return HalvingDoublingAllReduce(messages, ranks, size, ready);
}

absl::Status AddAllToAll(const WorkloadInput& input, Scenario& s) {
  const auto groups = Groups(input, s);
  if (!groups.ok()) return groups.status();
  const size_t first = s.flows.size();
  Messages messages(s);
  for (const std::vector<sim::NodeId>& ranks : *groups) {
    const size_t n = ranks.size();
    if (n * n > kMaxFlows) return absl::InvalidArgumentError("too many messages; lower hosts");
    const std::vector<std::vector<int64_t>> bytes(
        n, std::vector<int64_t>(n, input.p().Size("size").count()));
    AllToAll(messages, ranks, bytes, static_cast<size_t>(input.p().Integer("outstanding")),
             Starts(input, s, ranks));
  }
  s.limit = std::max(s.limit, PatientLimit(s, first));
  return absl::OkStatus();
}

absl::Status AddAllReduce(const WorkloadInput& input, Scenario& s) {
  const auto groups = Groups(input, s);
  if (!groups.ok()) return groups.status();
  const size_t first = s.flows.size();
  Messages messages(s);
  for (const std::vector<sim::NodeId>& ranks : *groups) {
    absl::Status status = CheckAllReduce(input.p(), ranks.size(), groups->size());
    if (!status.ok()) return status;
    AllReduce(input.p(), messages, ranks, Starts(input, s, ranks));
  }
  s.limit = std::max(s.limit, PatientLimit(s, first));
  return absl::OkStatus();
}

// --- mixture of experts

// How many tokens of each rank go to each expert; expert e is on rank e.
std::vector<std::vector<int64_t>> RouteTokens(const WorkloadInput& input, const Scenario& s,
                                              size_t ranks, uint64_t layer) {
  const Parameters& p = input.p();
  // Popularity of the expert at place i is 1 / (i + 1)^skew (Zipf); who is at which place is drawn.
  std::vector<double> below;
  double sum = 0;
  for (size_t i = 0; i < ranks; ++i) {
    sum += Exp(-p.Number("skew") * Ln(static_cast<double>(i + 1)));
    below.push_back(sum);
  }
  std::vector<size_t> expert(ranks);
  std::iota(expert.begin(), expert.end(), 0);
  Rng place = input.Draw(s, &RandomFactors::placement, layer, kTokenPurpose);
  for (size_t i = ranks - 1; i > 0; --i) std::swap(expert[i], expert[place.Below(i + 1)]);

  const auto top = static_cast<size_t>(p.Integer("top"));
  std::vector<std::vector<int64_t>> tokens(ranks, std::vector<int64_t>(ranks));
  for (size_t rank = 0; rank < ranks; ++rank) {
    Rng rng = input.Draw(s, &RandomFactors::sizes, layer << 32 | rank, kTokenPurpose);
    for (int64_t t = 0; t < p.Integer("tokens"); ++t) {
      std::vector<size_t> chosen;
      while (chosen.size() < top) {
        const auto at = std::upper_bound(below.begin(), below.end() - 1, rng.Uniform() * sum);
        const size_t e = expert[static_cast<size_t>(at - below.begin())];
        if (std::find(chosen.begin(), chosen.end(), e) != chosen.end()) continue;
        chosen.push_back(e);
        ++tokens[rank][e];
      }
    }
  }
  return tokens;
}

// After `ready` events a rank computes.
std::vector<Ready> AfterCompute(std::vector<Ready> ready, Duration compute) {
  for (Ready& r : ready) r.delay += compute;
  return ready;
}

absl::Status AddMoe(const WorkloadInput& input, Scenario& s) {
  const Parameters& p = input.p();
  const auto groups = Groups(input, s);
  if (!groups.ok()) return groups.status();
  const size_t n = groups->front().size();
  if (static_cast<size_t>(p.Integer("top")) > n) {
    return absl::InvalidArgumentError(
        absl::StrFormat("top=%d experts of %d; lower top or raise hosts", p.Integer("top"), n));
  }
  const auto layers = static_cast<uint64_t>(p.Integer("layers"));
  if (2 * n * n * groups->size() * layers > kMaxFlows) {
    return absl::InvalidArgumentError("too many messages; lower hosts or layers");
  }
  const size_t first = s.flows.size();
  Messages messages(s);
  for (size_t g = 0; g < groups->size(); ++g) {
    const std::vector<sim::NodeId>& ranks = (*groups)[g];
    std::vector<Ready> ready = Starts(input, s, ranks);
    for (uint64_t layer = 0; layer < layers; ++layer) {
      std::vector<std::vector<int64_t>> out = RouteTokens(input, s, n, layer << 16 | g);
      std::vector<std::vector<int64_t>> back(n, std::vector<int64_t>(n));
      for (size_t i = 0; i < n; ++i) {
        for (size_t j = 0; j < n; ++j) {
          out[i][j] = std::min(out[i][j] * p.Size("token").count(), kMostMessageBytes);
          back[j][i] = out[i][j];
        }
      }
      const Duration compute = p.Time("compute");
      ready = AfterCompute(AllToAll(messages, ranks, out, n, ready), compute);
      ready = AfterCompute(AllToAll(messages, ranks, back, n, ready), compute);
    }
  }
  s.limit = std::max(s.limit, PatientLimit(s, first));
  return absl::OkStatus();
}

// --- training

absl::Status AddTraining(const WorkloadInput& input, Scenario& s) {
  const Parameters& p = input.p();
  const auto groups = Groups(input, s);
  if (!groups.ok()) return groups.status();
  const size_t first = s.flows.size();
  const auto steps = static_cast<uint64_t>(p.Integer("steps"));
  const auto straggle = static_cast<uint64_t>(p.Time("straggle").ps());
  Messages messages(s);
  for (const std::vector<sim::NodeId>& ranks : *groups) {
    absl::Status status = CheckAllReduce(p, ranks.size(), groups->size() * steps);
    if (!status.ok()) return status;
    std::vector<Ready> ready = Starts(input, s, ranks);
    for (uint64_t step = 0; step < steps; ++step) {
      for (size_t rank = 0; rank < ranks.size(); ++rank) {
        Rng rng = input.Draw(s, &RandomFactors::jitter, step << 32 | ranks[rank], kStragglePurpose);
        const auto late = static_cast<int64_t>(rng.Below(straggle + 1));
        ready[rank].delay += p.Time("compute") + Duration::Picoseconds(late);
      }
      ready = AllReduce(p, messages, ranks, ready);
    }
  }
  s.limit = std::max(s.limit, PatientLimit(s, first) + (p.Time("compute") + p.Time("straggle")) *
                                                           static_cast<int64_t>(steps));
  return absl::OkStatus();
}

}  // namespace

Workload AllToAllWorkload() {
  static const std::string details =
      "Every rank writes to every other, the next one first.\n" + std::string(kSeedDetails);
  return {"alltoall", "every host writes to every other", details,
          With({{"size", K::kSize, "100KB", "1", "2GiB", "bytes of each message"},
                {"outstanding", K::kInteger, "4", "1", "65536",
                 "messages of one rank that are under way at a time"}}),
          AddAllToAll};
}

Workload AllReduceWorkload() {
  static const std::string details =
      "One all-reduce over all hosts.\n"
      "  ring              2 (n - 1) steps of size / n to the next rank\n"
      "  tree              up a binary tree and down again, in `chunks` parts\n"
      "  halving-doubling  log2 n exchanges of half, a quarter, ..., and back\n" +
      std::string(kSeedDetails);
  return {"allreduce", "all-reduce over all hosts: ring, tree or halving-doubling", details,
          With(AllReduceSpecs("16MB")), AddAllReduce};
}

Workload MoeWorkload() {
  static const std::string details =
      "Mixture of experts: rank i holds expert i. Each of `tokens` tokens of a rank goes to `top`\n"
      "experts, drawn by a Zipf law (popularity 1 / place^skew); when an expert has all its tokens "
      "it\n"
      "computes and sends them back; when a rank has all of its own back, the next layer "
      "begins.\n" +
      std::string(kSeedDetails) + "\nIt varies the experts' popularity and the tokens too.";
  return {"moe", "all-to-all of a mixture of experts, some experts hot", details,
          With({{"tokens", K::kInteger, "256", "1", "65536", "of each rank"},
                {"token", K::kSize, "7168", "1", "1MB", "bytes of a token"},
                {"top", K::kInteger, "4", "1", "64", "experts of each token"},
                {"skew", K::kNumber, "0.8", "0", "4", "exponent of the Zipf law; 0: all alike"},
                {"compute", K::kTime, "50us", "0", "1s", "of an expert, and between two layers"},
                {"layers", K::kInteger, "1", "1", "64", "one after the other"}}),
          AddMoe};
}

Workload TrainingWorkload() {
  static const std::string details =
      "Data-parallel training: every rank computes, then all-reduces its gradients with the "
      "others;\n"
      "it goes on when it has the result. The time of all steps is last_finish.\n" +
      std::string(kSeedDetails) +
      "\nIt varies how much longer than `compute` each rank computes (uniform in `straggle`).";
  std::vector<ParameterSpec> specs = AllReduceSpecs("16MB");
  specs.push_back({"steps", K::kInteger, "2", "1", "1000", "one after the other"});
  specs.push_back({"compute", K::kTime, "500us", "0", "10s", "of each rank before a collective"});
  specs.push_back({"straggle", K::kTime, "20us", "0", "10s", "a rank computes up to this longer"});
  return {"training", "training steps: compute, then all-reduce", details, With(std::move(specs)),
          AddTraining};
}

}  // namespace sluice::lab
