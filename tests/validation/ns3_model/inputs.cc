#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "validation/ns3_model/model.h"

namespace sluice::test::ns3 {
namespace {

constexpr uint16_t kFirstPort = 10000;
constexpr double kMega = 1e6, kGiga = 1e9;

absl::Status Read(const std::string& path, std::istringstream& text) {
  std::ifstream in(path);
  if (!in.good()) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  std::ostringstream all;
  all << in.rdbuf();
  text.str(all.str());
  return absl::OkStatus();
}

// A key's first value, or of KMIN_MAP and its like, which are `n rate value`, the last.
class Keys {
 public:
  explicit Keys(std::istringstream& text) {
    for (std::string word; text >> word;) words_.push_back(word);
  }
  std::string Word(const std::string& key, size_t ahead = 1) const {
    const auto at = std::find(words_.begin(), words_.end(), key);
    return at != words_.end() && static_cast<size_t>(words_.end() - at) > ahead
               ? *(at + static_cast<ptrdiff_t>(ahead))
               : "";
  }
  double Number(const std::string& key) const { return std::strtod(Word(key).c_str(), nullptr); }
  double Mapped(const std::string& key) const { return std::strtod(Word(key, 3).c_str(), nullptr); }
  uint64_t Rate(const std::string& key) const {  // "50Mb/s"
    return static_cast<uint64_t>(Number(key) * kMega);
  }
  int64_t Micro(const std::string& key) const { return static_cast<int64_t>(Number(key)) * 1000; }

 private:
  std::vector<std::string> words_;
};

void TakeKeys(const Keys& keys, Inputs& inputs) {
  inputs.law = static_cast<Law>(static_cast<int>(keys.Number("CC_MODE")));
  inputs.window = keys.Number("HAS_WIN") > 0;
  inputs.ack_first = keys.Number("ACK_HIGH_PRIO") > 0;
  inputs.min_rate = keys.Rate("MIN_RATE");
  inputs.ai = keys.Rate("RATE_AI");
  inputs.hai = keys.Rate("RATE_HAI");
  inputs.dctcp_ai = keys.Rate("DCTCP_RATE_AI");
  inputs.gain = keys.Number("EWMA_GAIN");
  inputs.target = keys.Number("U_TARGET");
  inputs.least_steps = static_cast<uint32_t>(keys.Number("MI_THRESH"));
  inputs.int_multi = static_cast<uint32_t>(keys.Number("INT_MULTI"));
  inputs.alpha_interval = keys.Micro("ALPHA_RESUME_INTERVAL");
  inputs.decrease_interval = keys.Micro("RATE_DECREASE_INTERVAL");
  inputs.increase_interval = keys.Micro("RP_TIMER");
  inputs.fast_recovery = static_cast<uint32_t>(keys.Number("FAST_RECOVERY_TIMES"));
  inputs.kmin = static_cast<uint64_t>(keys.Mapped("KMIN_MAP")) * 1000;
  inputs.kmax = static_cast<uint64_t>(keys.Mapped("KMAX_MAP")) * 1000;
  inputs.pmax = keys.Mapped("PMAX_MAP");
  inputs.buffer = static_cast<uint64_t>(keys.Number("BUFFER_SIZE")) << 20;
}

absl::Status TakeTopology(std::istringstream& text, const std::string& path, Inputs& inputs) {
  size_t switches = 0, links = 0;
  text >> inputs.nodes >> switches >> links;
  inputs.is_switch.assign(inputs.nodes, false);
  for (size_t i = 0, node = 0; i < switches && text >> node; ++i) {
    if (node < inputs.nodes) inputs.is_switch[node] = true;
  }
  for (size_t i = 0; i < links; ++i) {
    Link link;
    std::string rate, delay, loss;
    text >> link.a >> link.b >> rate >> delay >> loss;
    link.rate = static_cast<uint64_t>(std::strtod(rate.c_str(), nullptr) * kGiga);
    link.delay = static_cast<int64_t>(std::strtod(delay.c_str(), nullptr));
    inputs.links.push_back(link);
  }
  if (text) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(path, ": ends too early"));
}

absl::Status TakeFlows(std::istringstream& text, const std::string& path, Inputs& inputs) {
  size_t flows = 0;
  text >> flows;
  std::map<std::pair<uint32_t, uint32_t>, uint16_t> used;
  for (size_t i = 0; i < flows; ++i) {
    FlowInput flow;
    uint32_t priority = 0, port = 0;
    text >> flow.source >> flow.destination >> priority >> port >> flow.size >> flow.start;
    const uint16_t before = used[{flow.source, flow.destination}]++;
    flow.source_port = static_cast<uint16_t>(kFirstPort + before);
    inputs.flows.push_back(flow);
  }
  if (text) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(path, ": ends too early"));
}

// What the model takes for granted.
absl::Status Check(const Inputs& inputs) {
  switch (inputs.law) {
    case Law::kDcqcn:
    case Law::kHpcc:
    case Law::kTimely:
    case Law::kDctcp:
      break;
    default:
      return absl::InvalidArgumentError("CC_MODE is none of 1, 3, 7 and 8");
  }
  std::vector<int> links(inputs.nodes);
  for (const Link& link : inputs.links) {
    if (link.a >= inputs.nodes || link.b >= inputs.nodes || link.rate == 0) {
      return absl::InvalidArgumentError("a link has no rate, or leads to no node");
    }
    ++links[link.a];
    ++links[link.b];
  }
  for (const FlowInput& flow : inputs.flows) {
    for (const uint32_t host : {flow.source, flow.destination}) {
      if (host >= inputs.nodes || inputs.is_switch[host] || links[host] != 1) {
        return absl::InvalidArgumentError(
            absl::StrCat("node ", host, " of a flow is no host with one link"));
      }
    }
    if (flow.size == 0) return absl::InvalidArgumentError("a flow has no bytes");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Inputs> ReadInputs(const std::string& directory, const std::string& scenario,
                                  const std::string& variant) {
  Inputs inputs;
  std::istringstream text;
  absl::Status read =
      Read(absl::StrCat(directory, "/config_", scenario, "_", variant, ".txt"), text);
  if (!read.ok()) return read;
  const Keys keys(text);
  TakeKeys(keys, inputs);
  using Take = absl::Status (*)(std::istringstream&, const std::string&, Inputs&);
  const std::pair<const char*, Take> files[] = {{"TOPOLOGY_FILE", TakeTopology},
                                                {"FLOW_FILE", TakeFlows}};
  for (const auto& [key, take] : files) {
    const std::string path = absl::StrCat(directory, "/", keys.Word(key));
    std::istringstream file;
    if (read = Read(path, file); !read.ok()) return read;
    if (read = take(file, path, inputs); !read.ok()) return read;
  }
  if (read = Check(inputs); !read.ok()) return read;
  return inputs;
}

}  // namespace sluice::test::ns3
