#include "lab/hpcc_config.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/near.h"
#include "base/values.h"
#include "cli/values.h"
#include "lab/profile.h"
#include "lab/tokens.h"

namespace sluice::lab {
namespace {

using cli::Json;

constexpr double kMost = 1e12;

struct Unit {
  std::string_view name;
  int decimals;  // of the base unit in one of these: "Gb/s" is 10^9 bit/s
};

// A number and one of these units, in base units.
absl::StatusOr<int64_t> Quantity(std::string_view text, std::initializer_list<Unit> units,
                                 const char* example) {
  const size_t end = text.find_first_not_of("0123456789.");
  const std::string_view unit = end == std::string_view::npos ? "" : text.substr(end);
  for (const Unit& u : units) {
    if (u.name != unit) continue;
    const absl::StatusOr<int64_t> value = ParseDecimal(text.substr(0, end), u.decimals);
    if (value.ok()) return *value;
  }
  return absl::InvalidArgumentError(
      absl::StrFormat("'%s' is none such as %s", cli::OneLine(text), example));
}

// Reads the values of the keys, each by a function of its own.
class Reader {
 public:
  Reader(std::string_view name, std::string_view text, std::vector<std::string>* notes)
      : tokens_(name, text), notes_(notes) {
    Switches();
    Algorithm();
    Maps();
    Passed();
  }

  absl::StatusOr<HpccConfig> Read();

 private:
  using Handler = std::function<absl::Status()>;

  void Switches();
  void Algorithm();
  void Maps();
  void Passed();

  void Add(std::string_view key, Handler handler) { keys_.emplace(key, std::move(handler)); }
  void AddNumber(std::string_view key, double* value, double most) {
    Add(key, [=, this] { return Number(key, 0, most, value); });
  }
  void AddInteger(std::string_view key, int64_t* value, int64_t most) {
    Add(key, [=, this] { return Integer(key, most, value); });
  }
  void AddSwitch(std::string_view key, bool* value) {
    Add(key, [=, this] {
      int64_t on = 0;
      absl::Status s = Integer(key, 1, &on);
      *value = on == 1;
      return s;
    });
  }
  void AddMicroseconds(std::string_view key, Duration* value) {
    Add(key, [=, this] {
      const absl::StatusOr<std::string_view> word = tokens_.Word(key);
      if (!word.ok()) return word.status();
      const absl::StatusOr<int64_t> ps = ParseDecimal(*word, 6);
      if (!ps.ok()) return tokens_.Wrong(ps.status());
      *value = Duration::Picoseconds(*ps);
      return absl::OkStatus();
    });
  }
  void AddRate(std::string_view key, Bandwidth* value) {
    Add(key, [=, this] {
      const absl::StatusOr<std::string_view> word = tokens_.Word(key);
      if (!word.ok()) return word.status();
      const absl::StatusOr<Bandwidth> rate = ParseNs3Rate(*word);
      if (!rate.ok()) return tokens_.Wrong(rate.status());
      *value = *rate;
      return absl::OkStatus();
    });
  }
  // A key of which we know one value only.
  void AddFixed(std::string_view key, double wanted, std::string_view what) {
    Add(key, [=, this] {
      double value = 0;
      absl::Status s = Number(key, 0, kMost, &value);
      if (!s.ok() || value == wanted) return s;
      return tokens_.Wrong(absl::StrFormat("%s %g (%s) is not supported, only %g", std::string(key),
                                           value, std::string(what), wanted));
    });
  }
  void AddPassed(std::string_view key, int words) {
    Add(key, [=, this] {
      for (int i = 0; i < words; ++i) {
        if (auto word = tokens_.Word(key); !word.ok()) return word.status();
      }
      return absl::OkStatus();
    });
  }

  absl::Status Number(std::string_view what, double min, double max, double* value) {
    const absl::StatusOr<double> v = tokens_.Number(what, min, max);
    if (!v.ok()) return v.status();
    *value = *v;
    return absl::OkStatus();
  }
  absl::Status Integer(std::string_view what, int64_t max, int64_t* value) {
    const absl::StatusOr<int64_t> v = tokens_.Integer(what, 0, max);
    if (!v.ok()) return v.status();
    *value = *v;
    return absl::OkStatus();
  }
  absl::Status ReadMap(std::string_view key, std::map<int64_t, double>* map);
  absl::Status ReadTrace();
  absl::Status ReadCut();
  absl::Status Unknown(std::string_view key);
  absl::Status Check();

  Tokens tokens_;
  std::vector<std::string>* notes_;
  std::map<std::string_view, Handler> keys_;
  HpccConfig config_;
  std::map<int64_t, double> kmin_, kmax_, pmax_;
  int64_t mode_ = 0;
  double buffer_mib_ = 16;
  int64_t int_multi_ = 1;  // the units of its telemetry, so many times as coarse
};

void Reader::Switches() {
  AddSwitch("ENABLE_QCN", &config_.lossless);
  AddFixed("USE_DYNAMIC_PFC_THRESHOLD", 1, "PFC by fixed thresholds");
  AddInteger("PACKET_PAYLOAD_SIZE", &config_.payload, 9000);
  AddNumber("BUFFER_SIZE", &buffer_mib_, 1024);
  AddNumber("ERROR_RATE_PER_LINK", &config_.loss, 1);
  AddSwitch("ACK_HIGH_PRIO", &config_.ack_first);
  AddFixed("L2_ACK_INTERVAL", 1, "acknowledgements of several packets");
  AddFixed("L2_BACK_TO_ZERO", 0, "retransmission from the first byte");
  AddPassed("L2_CHUNK_SIZE", 1);  // without L2_BACK_TO_ZERO it does nothing
  Add("SIMULATOR_STOP_TIME", [this] {
    const absl::StatusOr<std::string_view> word = tokens_.Word("SIMULATOR_STOP_TIME");
    if (!word.ok()) return word.status();
    const absl::StatusOr<int64_t> ns = ParseDecimal(*word, 9);
    if (!ns.ok() || *ns > int64_t{1000} * 1'000'000'000) {
      return tokens_.Wrong("'" + cli::OneLine(*word) + "' is no time of at most 1000 s");
    }
    config_.stop = Duration::Nanoseconds(*ns);
    return absl::OkStatus();
  });
  Add("LINK_DOWN", [this] { return ReadCut(); });
}

void Reader::Algorithm() {
  AddInteger("CC_MODE", &mode_, 1000);
  AddNumber("EWMA_GAIN", &config_.g, 1);
  AddMicroseconds("RP_TIMER", &config_.rate_timer);
  AddMicroseconds("ALPHA_RESUME_INTERVAL", &config_.alpha_timer);
  AddMicroseconds("RATE_DECREASE_INTERVAL", &config_.decrease_interval);
  AddInteger("FAST_RECOVERY_TIMES", &config_.fast_recovery, 1000);
  AddSwitch("CLAMP_TARGET_RATE", &config_.clamp_target);
  AddRate("RATE_AI", &config_.ai);
  AddRate("RATE_HAI", &config_.hai);
  AddRate("MIN_RATE", &config_.min_rate);
  AddRate("DCTCP_RATE_AI", &config_.dctcp_ai);
  AddNumber("U_TARGET", &config_.eta, 1);
  AddInteger("MI_THRESH", &config_.max_stage, 1000);
  AddSwitch("HAS_WIN", &config_.window);
  AddSwitch("VAR_WIN", &config_.variable_window);
  AddFixed("GLOBAL_T", 1, "a base round trip per pair");
  AddFixed("MULTI_RATE", 0, "a rate per hop");
  AddFixed("SAMPLE_FEEDBACK", 0, "feedback of some packets");
  AddFixed("RATE_BOUND", 1, "a window without pacing");
  AddPassed("FAST_REACT", 1);  // HPCC's per-ACK reaction, which is what its arm does
  AddInteger("INT_MULTI", &int_multi_, 1000);
}

void Reader::Maps() {
  Add("KMIN_MAP", [this] { return ReadMap("KMIN_MAP", &kmin_); });
  Add("KMAX_MAP", [this] { return ReadMap("KMAX_MAP", &kmax_); });
  Add("PMAX_MAP", [this] { return ReadMap("PMAX_MAP", &pmax_); });
}

void Reader::Passed() {
  for (const std::string_view key :
       {"TOPOLOGY_FILE", "FLOW_FILE", "TRACE_FILE", "TRACE_OUTPUT_FILE", "FCT_OUTPUT_FILE",
        "PFC_OUTPUT_FILE", "QLEN_MON_FILE", "QLEN_MON_START", "QLEN_MON_END", "ENABLE_TRACE",
        "STOP_WHEN_DONE", "PINT_LOG_BASE", "PINT_PROB", "PAUSE_TIME", "NIC_TOTAL_PAUSE_TIME"}) {
    AddPassed(key, 1);
  }
  AddPassed("FTRACE", 2);
  Add("QTRACE", [this] { return ReadTrace(); });
}

absl::Status Reader::ReadMap(std::string_view key, std::map<int64_t, double>* map) {
  int64_t n = 0;
  if (absl::Status s = Integer("the number of pairs", 64, &n); !s.ok()) return s;
  for (int64_t i = 0; i < n; ++i) {
    int64_t rate = 0;
    double value = 0;
    if (absl::Status s = Integer("a rate in bit/s", int64_t{10'000'000'000'000}, &rate); !s.ok()) {
      return s;
    }
    if (absl::Status s = Number("a value", 0, 1e6, &value); !s.ok()) return s;
    if (key == "PMAX_MAP" && value > 1) return tokens_.Wrong("a probability is at most 1");
    if (!map->emplace(rate, value).second) {
      return tokens_.Wrong(absl::StrFormat("%s has the rate %d twice", std::string(key), rate));
    }
  }
  return absl::OkStatus();
}

// QTRACE file interval_ns n {node port}.
absl::Status Reader::ReadTrace() {
  for (int i = 0; i < 2; ++i) {
    if (auto word = tokens_.Word("QTRACE"); !word.ok()) return word.status();
  }
  int64_t n = 0;
  if (absl::Status s = Integer("the number of ports", 100'000, &n); !s.ok()) return s;
  for (int64_t i = 0; i < 2 * n; ++i) {
    if (auto word = tokens_.Word("a node and a port"); !word.ok()) return word.status();
  }
  return absl::OkStatus();
}

absl::Status Reader::ReadCut() {
  HpccConfig::Cut cut;
  int64_t us = 0;
  if (absl::Status s = Integer("a time in us after 2 s", 1'000'000'000, &us); !s.ok()) return s;
  if (absl::Status s = Integer("a node", 1 << 20, &cut.a); !s.ok()) return s;
  if (absl::Status s = Integer("a node", 1 << 20, &cut.b); !s.ok()) return s;
  cut.at = Duration::Microseconds(us);
  if (us > 0) config_.cuts.push_back(cut);  // 0 0 0: none
  return absl::OkStatus();
}

// Passes over the key and what stands behind it on its line.
absl::Status Reader::Unknown(std::string_view key) {
  std::vector<std::string_view> names;
  for (const auto& [name, handler] : keys_) names.push_back(name);
  const std::string near = DidYouMean(key, names);
  const bool word = !key.empty() && key[0] >= 'A' && key[0] <= 'Z';
  if (!near.empty() || !word) {
    return tokens_.Wrong(absl::StrFormat("'%s' is no key%s", cli::OneLine(key), near));
  }
  const int line = tokens_.last_line();
  notes_->push_back(
      absl::StrFormat("line %d: nobody here knows %s; passed over", line, cli::OneLine(key)));
  while (!tokens_.AtEnd() && tokens_.line() == line) {
    if (auto value = tokens_.Word("a value"); !value.ok()) return value.status();
  }
  return absl::OkStatus();
}

absl::Status Reader::Check() {
  if (keys_.count("CC_MODE") != 0) return tokens_.Wrong("CC_MODE is missing; which algorithm?");
  if (mode_ != 1 && mode_ != 3 && mode_ != 7 && mode_ != 8) {
    return tokens_.Wrong(absl::StrFormat(
        "CC_MODE %d is not supported: 1 DCQCN, 3 HPCC, 7 TIMELY and 8 DCTCP are", mode_));
  }
  config_.mode = static_cast<HpccConfig::Mode>(mode_);
  if (config_.mode == HpccConfig::Mode::kHpcc && int_multi_ != kIntMulti) {
    notes_->push_back(
        absl::StrFormat("INT_MULTI %d: the units of telemetry are those of INT_MULTI %d here",
                        int_multi_, kIntMulti));
  }
  if (config_.window != config_.variable_window && config_.mode != HpccConfig::Mode::kHpcc) {
    return tokens_.Wrong("HAS_WIN and VAR_WIN differ; only both or none is supported");
  }
  if (config_.payload < 256 || config_.payload > 4096 || config_.payload % 4 != 0) {
    return tokens_.Wrong("PACKET_PAYLOAD_SIZE must be a multiple of 4 from 256 to 4096");
  }
  config_.buffer = Bytes(static_cast<int64_t>(buffer_mib_ * 1048576));
  if (config_.buffer < Bytes(1)) return tokens_.Wrong("BUFFER_SIZE must be positive");
  for (const auto& [rate, kmin] : kmin_) {
    const auto kmax = kmax_.find(rate);
    const auto pmax = pmax_.find(rate);
    if (kmax == kmax_.end() || pmax == pmax_.end() || kmax->second < kmin) {
      return tokens_.Wrong(
          absl::StrFormat("KMIN_MAP, KMAX_MAP and PMAX_MAP do not go together at %d bit/s", rate));
    }
    config_.ecn.push_back({Bandwidth::BitsPerSecond(rate), Bytes(static_cast<int64_t>(kmin * 1000)),
                           Bytes(static_cast<int64_t>(kmax->second * 1000)), pmax->second});
  }
  if (kmax_.size() != kmin_.size() || pmax_.size() != kmin_.size()) {
    return tokens_.Wrong("KMIN_MAP, KMAX_MAP and PMAX_MAP do not name the same rates");
  }
  return absl::OkStatus();
}

absl::StatusOr<HpccConfig> Reader::Read() {
  std::vector<std::string_view> names;
  while (!tokens_.AtEnd()) {
    const absl::StatusOr<std::string_view> key = tokens_.Word("a key");
    if (!key.ok()) return key.status();
    const auto found = keys_.find(*key);
    absl::Status s = absl::OkStatus();
    if (found != keys_.end()) {
      s = found->second();
      // LINK_DOWN may stand several times; of others the second would silently win.
      if (*key != "LINK_DOWN") keys_.erase(found);
      names.push_back(*key);
    } else if (std::find(names.begin(), names.end(), *key) != names.end()) {
      s = tokens_.Wrong(absl::StrFormat("%s stands twice; keep one", cli::OneLine(*key)));
    } else {
      s = Unknown(*key);
    }
    if (!s.ok()) return s;
  }
  if (absl::Status s = Check(); !s.ok()) return s;
  return config_;
}

Json DcqcnParameters(const HpccConfig& c) {
  return {{"preset", "ns3-50us"},
          {"g", NumberText(c.g)},
          {"ai", RateText(c.ai)},
          {"hai", RateText(c.hai)},
          {"min_rate", RateText(c.min_rate)},
          {"fast_recovery", c.fast_recovery},
          {"rate_timer", TimeText(c.rate_timer)},
          {"alpha_timer", TimeText(c.alpha_timer)},
          {"decrease_interval", TimeText(c.decrease_interval)},
          {"target", c.clamp_target ? "rate" : "kept"},
          // An acknowledgement carries the mark of its packet.
          {"notice", "ack"}};
}

}  // namespace

absl::StatusOr<HpccConfig> ParseHpccConfig(std::string_view name, std::string_view text,
                                           std::vector<std::string>* notes) {
  return Reader(name, text, notes).Read();
}

Json HpccArm(const HpccConfig& c, bool acks_first) {
  using Mode = HpccConfig::Mode;
  Json arm;
  Json parameters = {{"preset", "ns3"}};
  switch (c.mode) {
    case Mode::kDcqcn:
      arm["cc"] = "dcqcn";
      parameters = DcqcnParameters(c);
      if (acks_first) parameters["tie"] = "cnp";
      break;
    case Mode::kHpcc:
      arm["cc"] = "hpcc";
      parameters["eta"] = NumberText(c.eta);
      parameters["max_stage"] = c.max_stage;
      parameters["ai"] = RateText(c.ai);
      break;
    case Mode::kTimely:
      arm["cc"] = "timely";
      parameters["ai"] = RateText(c.ai);
      parameters["hai"] = RateText(c.hai);
      break;
    case Mode::kDctcp:
      arm["cc"] = "dctcp";
      parameters["g"] = NumberText(c.g);
      parameters["ai"] = RateText(c.dctcp_ai);
      break;
  }
  parameters["min_rate"] = RateText(c.min_rate);
  // HPCC has its window anyway.
  if (c.mode != Mode::kHpcc && c.window) parameters["window"] = "rtt";
  arm["parameters"] = std::move(parameters);
  return arm;
}

absl::StatusOr<Bandwidth> ParseNs3Rate(std::string_view text) {
  const absl::StatusOr<int64_t> bps = Quantity(text,
                                               {{"Gbps", 9},
                                                {"Gb/s", 9},
                                                {"Mbps", 6},
                                                {"Mb/s", 6},
                                                {"kbps", 3},
                                                {"kb/s", 3},
                                                {"bps", 0},
                                                {"b/s", 0}},
                                               "100Gbps or 50Mb/s");
  if (!bps.ok()) return bps.status();
  if (*bps < 1 || *bps > int64_t{10'000'000'000'000}) {
    return absl::InvalidArgumentError(
        absl::StrFormat("'%s' is not from 1 bit/s to 10 Tb/s", cli::OneLine(text)));
  }
  return Bandwidth::BitsPerSecond(*bps);
}

absl::StatusOr<Duration> ParseNs3Time(std::string_view text) {
  const absl::StatusOr<int64_t> ps =
      Quantity(text, {{"s", 12}, {"ms", 9}, {"us", 6}, {"ns", 3}, {"ps", 0}}, "1000ns or 0.001ms");
  if (!ps.ok()) return ps.status();
  return Duration::Picoseconds(*ps);
}

}  // namespace sluice::lab
