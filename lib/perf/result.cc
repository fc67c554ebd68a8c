#include "perf/result.h"

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "cc/registry.h"

#ifndef SLUICE_COMMIT
#define SLUICE_COMMIT "unknown"
#endif

namespace sluice::perf {
namespace {

constexpr char kDropPrefix[] = "drop_";

double PerSecond(double n, double seconds) { return seconds > 0 ? n / seconds : 0; }

uint64_t ToNs(const Result& r, uint64_t cycles) {
  return static_cast<uint64_t>(
      std::llround(static_cast<double>(cycles) * 1e9 / r.cycles_per_second));
}

cli::Json RttJson(const Result& r) {
  const telemetry::HistogramSnapshot& h = r.latency_cycles;
  cli::Json j;
  if (h.count() == 0) {
    j["p50"] = j["p99"] = j["p999"] = j["min"] = nullptr;
    return j;
  }
  j["p50"] = ToNs(r, h.Quantile(500'000));
  j["p99"] = ToNs(r, h.Quantile(990'000));
  j["p999"] = ToNs(r, h.Quantile(999'000));
  j["min"] = ToNs(r, h.min());
  return j;
}

double Gbps(const Options& o, const Result& r) {
  return PerSecond(static_cast<double>(r.completed) * o.size * 8e-9, r.seconds);
}

double CyclesPerMessage(const Result& r) {
  return r.completed == 0 ? 0 : static_cast<double>(r.cycles) / static_cast<double>(r.completed);
}

// Both ends' work over the data packets of the initiator and the target, sent again included.
double CyclesPerPacket(const Result& r) {
  const uint64_t packets = r.Counter("data_packets_sent_total");
  return packets == 0 ? 0 : static_cast<double>(r.cycles) / static_cast<double>(packets);
}

double PacingIdle(const Result& r) {
  return PerSecond(static_cast<double>(r.Counter("pacing_idle_picoseconds_total")) * 1e-12,
                   r.seconds);
}

}  // namespace

void Result::Add(const verbs::Statistics& statistics) {
  for (const auto& [name, value] : statistics.counters) counters[name] += value;
}

uint64_t Result::Counter(const std::string& name) const {
  const auto it = counters.find(name);
  return it == counters.end() ? 0 : it->second;
}

bool Result::good() const {
  return complete && mismatches == 0 && posted == completed && mbufs_leaked == 0 && qps_leaked == 0;
}

cli::Json ToJson(const Options& o, const Result& r) {
  cli::Json j;
  j["test"] = o.test == Test::kLatency ? "lat" : "bw";
  j["op"] = o.op_name;
  j["size_bytes"] = o.size;
  j["qps"] = o.qps;
  j["depth"] = o.depth;
  j["mtu_bytes"] = o.mtu;
  const auto algorithm = cc::MakeAlgorithm(o.algorithm);
  j["cc"] = algorithm.ok() ? std::string((*algorithm)->name()) : o.algorithm;
  cli::Json params = cli::Json::object();
  if (algorithm.ok()) {
    for (const auto& [key, value] : (*algorithm)->params()) params[key] = value;
  }
  j["cc_params"] = params;
  j["icrc"] = o.icrc;
  j["cores"] = o.cores;
  j["reliability"] = r.extended ? "extended" : "base";
  j["relaxed_ordering"] = o.relaxed_ordering;
  j["seed"] = o.seed;
  j["seconds"] = r.seconds;
  j["messages"] = r.completed;
  j["bytes"] = r.completed * o.size;
  j["verified_bytes"] = r.verified_bytes;
  j["mismatches"] = r.mismatches;
  j["lost_messages"] = r.posted - r.completed;
  j["messages_per_second"] = PerSecond(static_cast<double>(r.completed), r.seconds);
  j["gbps"] = Gbps(o, r);
  j["cycles_per_message"] = CyclesPerMessage(r);
  if (r.cycles_per_message_min > 0) {
    j["cycles_per_message_min"] = r.cycles_per_message_min;
    j["cycles_per_message_median"] = r.cycles_per_message_median;
  }
  j["cycles_per_packet"] = CyclesPerPacket(r);
  j["packets"] = r.Counter("tx_packets_total");
  j["retransmissions"] = r.Counter("retransmitted_packets_total");
  j["timeouts"] = r.Counter("local_ack_timeout_errors_total");
  cli::Json drops = cli::Json::object();
  cli::Json counters = cli::Json::object();
  for (const auto& [name, value] : r.counters) {
    if (name.rfind(kDropPrefix, 0) == 0) {
      if (value > 0) drops[name.substr(sizeof(kDropPrefix) - 1)] = value;
    } else {
      counters[name] = value;
    }
  }
  j["drops"] = drops;
  j["rtt_ns"] = RttJson(r);
  j["mbufs_leaked"] = r.mbufs_leaked;
  j["qps_created"] = r.qps_created;
  j["qps_leaked"] = r.qps_leaked;
  cli::Json faults = cli::Json::object();
  for (const auto& [name, value] : r.faults) faults[name] = value;
  j["faults_injected"] = faults;
  j["line_rate_bps"] = r.line_rate_bps;
  j["pacing_idle_ratio"] = PacingIdle(r);
  j["clamps"] = r.Counter("cc_clamped_rates_total") + r.Counter("cc_clamped_windows_total");
  j["counters"] = counters;
  j["driver"] = r.driver;
  j["tsc_hz"] = r.cycles_per_second;
  j["complete"] = r.complete;
  j["version"] = r.version;
  j["commit"] = SLUICE_COMMIT;
  return j;
}

std::string ToText(const Options& o, const Result& r) {
  std::string t;
  absl::StrAppendFormat(&t, "%s of %d bytes over %s, %d queue pair%s, depth %d, MTU %d, cc %s\n",
                        absl::AsciiStrToUpper(o.op_name), o.size, r.driver, o.qps,
                        o.qps == 1 ? "" : "s", o.depth, o.mtu, o.algorithm);
  absl::StrAppendFormat(
      &t,
      "  %d messages in %.3f s   %.3f M/s   %.3f Gb/s   %.0f cycles/message   %.0f cycles/packet\n",
      r.completed, r.seconds, PerSecond(static_cast<double>(r.completed), r.seconds) * 1e-6,
      Gbps(o, r), CyclesPerMessage(r), CyclesPerPacket(r));
  const telemetry::HistogramSnapshot& h = r.latency_cycles;
  if (h.count() > 0) {
    absl::StrAppendFormat(&t, "  %s  min %d ns   p50 %d ns   p99 %d ns   p99.9 %d ns\n",
                          o.test == Test::kLatency ? "round trip " : "post to done",
                          ToNs(r, h.min()), ToNs(r, h.Quantile(500'000)),
                          ToNs(r, h.Quantile(990'000)), ToNs(r, h.Quantile(999'000)));
  }
  if (o.verify) {
    absl::StrAppendFormat(&t, "  verified %d bytes, %d wrong, %d messages lost\n", r.verified_bytes,
                          r.mismatches, r.posted - r.completed);
  } else {
    absl::StrAppendFormat(&t, "  NOT verified (--noverify), %d messages lost\n",
                          r.posted - r.completed);
  }
  absl::StrAppendFormat(&t, "  %d packets, %d sent again, %d timeouts, %d mbufs leaked\n",
                        r.Counter("tx_packets_total"), r.Counter("retransmitted_packets_total"),
                        r.Counter("local_ack_timeout_errors_total"), r.mbufs_leaked);
  absl::StrAppendFormat(
      &t, "  line rate %.0f Gb/s, idle for pacing %.1f %%, %d answers clamped\n",
      static_cast<double>(r.line_rate_bps) * 1e-9, PacingIdle(r) * 100,
      r.Counter("cc_clamped_rates_total") + r.Counter("cc_clamped_windows_total"));
  for (const auto& [name, value] : r.counters) {
    if (value > 0 && name.rfind(kDropPrefix, 0) == 0) {
      absl::StrAppendFormat(&t, "  dropped: %s %d\n", name.substr(sizeof(kDropPrefix) - 1), value);
    }
  }
  return t;
}

}  // namespace sluice::perf
