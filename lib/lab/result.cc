#include "lab/result.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/near.h"
#include "cc/registry.h"

namespace sluice::lab {
namespace {

using cli::Json;

template <typename T>
Json OrNull(const std::optional<T>& v) {
  return v ? Json(*v) : Json(nullptr);
}

double Ns(Duration d) { return static_cast<double>(d.ps()) / 1000.0; }

Json BucketsJson(const Metrics& m) {
  Json all = Json::array();
  for (const Bucket& b : m.buckets) {
    Json j;
    j["up_to_bytes"] = OrNull(b.up_to_bytes);
    j["n"] = b.n;
    j["p50"] = OrNull(b.p50);
    j["p95"] = OrNull(b.p95);
    j["p99"] = OrNull(b.p99);
    all.push_back(std::move(j));
  }
  return all;
}

absl::Status FileError(std::string_view what, const std::string& path, int error) {
  return absl::InvalidArgumentError(
      absl::StrFormat("%s: %s: %s", path, std::string(what), std::strerror(error)));
}

struct Factor {
  std::string_view name;
  bool Redraw::*drawn;
};
constexpr Factor kFactors[] = {
    {"ecmp", &Redraw::ecmp}, {"marking", &Redraw::marking}, {"jitter", &Redraw::jitter}};

}  // namespace

std::string RedrawText(const Redraw& redraw) {
  std::string text;
  for (const Factor& f : kFactors) {
    if (redraw.*f.drawn) text.append(text.empty() ? "" : ",").append(f.name);
  }
  return text;
}

absl::StatusOr<Redraw> ParseRedraw(std::string_view text) {
  Redraw redraw;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view name = text.substr(0, comma);
    const Factor* found = nullptr;
    for (const Factor& f : kFactors) {
      if (f.name == name) found = &f;
    }
    if (found == nullptr) {
      std::vector<std::string_view> names;
      std::string known;
      for (const Factor& f : kFactors) {
        names.push_back(f.name);
        known.append(known.empty() ? "" : ", ").append(f.name);
      }
      return absl::InvalidArgumentError(absl::StrFormat("no random factor '%s'%s (there are: %s)",
                                                        cli::OneLine(name), DidYouMean(name, names),
                                                        known));
    }
    if (redraw.*found->drawn) {
      return absl::InvalidArgumentError(
          absl::StrFormat("%s is given twice; keep one", std::string(name)));
    }
    redraw.*found->drawn = true;
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
    if (text.empty()) return absl::InvalidArgumentError("ends with a comma");
  }
  return redraw;
}

Json ParametersJson(const Chosen& experiment, std::string_view arm) {
  Json j;
  j["experiment"] = Json::object();
  for (const auto& [name, value] : experiment.parameters.texts()) j["experiment"][name] = value;
  j["cc"] = Json::object();
  const auto algorithm = cc::MakeAlgorithm(AlgorithmOf(experiment.arms, arm));
  if (algorithm.ok()) {
    for (const auto& [name, value] : (*algorithm)->params()) j["cc"][name] = value;
  }
  return j;
}

Json RealJson(const RealTime& real) {
  Json j;
  j["name"] = "wire";
  j["scale"] = real.scale;
  j["rate_bps"] = real.rate.bps();
  j["base_rtt_ns"] = Ns(real.base_rtt);
  j["poll_gap_ns"] = Ns(real.poll_gap);
  j["polls"] = real.polls;
  j["rtt_p50_ns"] = real.rtt_p50 ? Json(Ns(*real.rtt_p50)) : Json(nullptr);
  j["verified_bytes"] = real.verified.count();
  return j;
}

std::string RealText(const RealTime& real) {
  return absl::StrFormat(
      "World wire: rates / %d, times x %d: lines of %.1f Mbps, base RTT %.0f us. Largest poll gap "
      "%.1f us;\n%d bytes arrived as they were sent.\n",
      real.scale, real.scale, real.rate.gbps() * 1e3, real.base_rtt.us(), real.poll_gap.us(),
      real.verified.count());
}

Json ResultJson(const RunLabel& label, const RunResult& run, const Metrics& m) {
  Json j;
  j["experiment"] = label.experiment->experiment->name;
  j["arm"] = label.arm;
  j["params"] = ParametersJson(*label.experiment, label.arm);
  j["seed"] = label.seed;
  if (label.redraw.any() || label.jitter > Duration::Zero()) {
    j["independent"] = RedrawText(label.redraw);
    j["jitter_ps"] = label.jitter.ps();
  }
  j["version"] = label.version;
  j["commit"] = label.commit;
  j["flows"] = m.flows;
  j["flows_beside"] = run.flows.size() - m.flows;  // not measured
  j["unfinished"] = m.unfinished;
  j["fct_ns"] = {{"p50", Ns(m.fct_p50)}, {"p99", Ns(m.fct_p99)}, {"max", Ns(m.fct_max)}};
  j["last_finish_ns"] = Ns(m.last_finish);
  j["slowdown"] = {{"p50", m.slowdown_p50},
                   {"p95", m.slowdown_p95},
                   {"p99", m.slowdown_p99},
                   {"mean", m.slowdown_mean}};
  j["buckets"] = BucketsJson(m);
  j["goodput_gbps"] = m.goodput_gbps;
  j["utilisation"] = m.utilisation;
  j["jain"] = m.jain;
  j["queue_bytes"] = {{"max", run.queue_max.count()},
                      {"mean", run.queue_mean_bytes},
                      {"p99", run.queue_p99.count()}};
  j["pfc_pauses"] = run.pfc_pauses;
  j["drops"] = run.drops;
  if (run.lossy) {
    const sim::LinkCounters& links = run.link_totals;
    j["link_losses"] = {
        {"frames", links.lost}, {"corrupt", links.corrupt}, {"blackholed", links.blackholed}};
  }
  j["ecn_marks"] = run.ecn_marks;
  if (run.trimming) j["trimmed"] = run.trims;
  j["cnps"] = run.cnps;
  j["retransmissions"] = run.retransmissions;
  j["timeouts"] = run.timeouts;
  j["virtual_seconds"] = static_cast<double>(run.end.ps()) / 1e12;
  j["packet_hops"] = run.packet_hops;
  j["events"] = run.events;
  j["trace_hash"] = absl::StrFormat("%016x", run.trace_hash);
  if (!run.real) return j;
  j["world"] = RealJson(*run.real);
  if (!run.real->skipped.empty()) j["skipped"] = run.real->skipped;
  return j;
}

Json TimingJson(const RunResult& run) {
  Json j;
  j["cpu_seconds"] = run.cpu_seconds;
  j["packet_hops_per_cpu_second"] =
      run.cpu_seconds > 0 ? static_cast<double>(run.packet_hops) / run.cpu_seconds : 0.0;
  return j;
}

std::string FctText(const RunResult& run) {
  std::vector<uint32_t> port(run.flows.size());
  std::map<std::pair<sim::NodeId, sim::NodeId>, uint32_t> pairs;
  for (size_t i = 0; i < run.flows.size(); ++i) {
    const FlowSpec& f = run.flows[i].spec;
    port[i] = 10000 + pairs[{f.source, f.destination}]++;
  }
  std::string text;
  for (const size_t i : run.finished) {
    const FlowResult& f = run.flows[i];
    if (!f.spec.measured) continue;
    text += absl::StrFormat("%08x %08x %d %d %d %d %d %d\n", sim::AddressOf(f.spec.source).ipv4,
                            sim::AddressOf(f.spec.destination).ipv4, port[i],
                            f.spec.destination_port, f.spec.size.count(),
                            (run.origin + (f.spec.start - Time::Zero())).ps() / 1000,
                            f.fct.ps() / 1000, f.ideal.ps() / 1000);
  }
  return text;
}

std::string QueuesCsv(const Series& series) {
  std::string text = "time_ns,queue_bytes,sent_bytes\n";
  for (size_t i = 0; i < series.queue_bytes.size(); ++i) {
    text += absl::StrFormat("%d,%d,%d\n", series.step.ps() * static_cast<int64_t>(i) / 1000,
                            series.queue_bytes[i], series.sent_bytes[i]);
  }
  return text;
}

std::string RatesCsv(const Series& series) {
  std::string text = "time_ns";
  for (const sim::NodeId host : series.hosts) text += absl::StrFormat(",host_%d_bps", host);
  text += "\n";
  const size_t rows = series.queue_bytes.size();
  for (size_t i = 1; i < rows; ++i) {
    text += absl::StrFormat("%d", series.step.ps() * static_cast<int64_t>(i) / 1000);
    for (const std::vector<int64_t>& bytes : series.host_bytes) {
      const int64_t sent = i < bytes.size() ? bytes[i] - bytes[i - 1] : 0;
      text += absl::StrFormat(",%d", RateOf(Bytes(sent), series.step).bps());
    }
    text += "\n";
  }
  return text;
}

absl::Status MakeDirectory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return FileError("cannot make the directory", path, error.value());
  return absl::OkStatus();
}

absl::Status WriteText(const std::string& path, std::string_view text) {
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  if (!file) return FileError("cannot write", path, errno != 0 ? errno : EIO);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadText(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file) return FileError("cannot read", path, errno != 0 ? errno : EIO);
  return text.str();
}

std::string ShellWord(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./:,=+@%").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return std::string(text);
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

absl::Status WriteRun(const std::string& directory, const RunLabel& label, const RunResult& run,
                      const Metrics& metrics) {
  if (absl::Status s = MakeDirectory(directory); !s.ok()) return s;
  const std::pair<const char*, std::string> files[] = {
      {"timing.json", cli::JsonText(TimingJson(run))},
      {"fct.txt", FctText(run)},
      {"queues.csv", QueuesCsv(run.series)},
      {"rates.csv", RatesCsv(run.series)},
      {"result.json.part", cli::JsonText(ResultJson(label, run, metrics))},
  };
  for (const auto& [name, text] : files) {
    if (absl::Status s = WriteText(directory + "/" + name, text); !s.ok()) return s;
  }
  const std::string& document = label.experiment->document;
  if (!document.empty()) {
    absl::Status s = WriteText(directory + "/experiment.json", document);
    if (!s.ok()) return s;
  }
  const std::string whole = directory + "/result.json";
  std::error_code error;
  std::filesystem::rename(whole + ".part", whole, error);
  if (error) return FileError("cannot write", whole, error.value());
  return absl::OkStatus();
}

}  // namespace sluice::lab
