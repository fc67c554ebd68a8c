#include "perf/session.h"

#include "absl/strings/str_cat.h"

namespace sluice::perf {
namespace {

absl::Status Malformed(std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("the peer's '", absl::string_view(what.data(), what.size()),
                   "' is missing or of the wrong kind: use the same version at both ends"));
}

bool Unsigned(const cli::Json& j, const char* key, uint64_t max, uint64_t* out) {
  const auto it = j.find(key);
  if (it == j.end() || !it->is_number_unsigned()) return false;
  *out = it->get<uint64_t>();
  return *out <= max;
}

bool Boolean(const cli::Json& j, const char* key, bool* out) {
  const auto it = j.find(key);
  if (it == j.end() || !it->is_boolean()) return false;
  *out = it->get<bool>();
  return true;
}

bool Text(const cli::Json& j, const char* key, std::string* out) {
  const auto it = j.find(key);
  if (it == j.end() || !it->is_string()) return false;
  *out = it->get<std::string>();
  return out->size() <= 4096;
}

}  // namespace

cli::Json SharedOptionsJson(const Options& o) {
  cli::Json j;
  j["latency"] = o.test == Test::kLatency;
  j["op"] = o.op_name;
  j["size"] = uint64_t{o.size};
  j["qps"] = uint64_t{o.qps};
  j["depth"] = uint64_t{o.depth};
  j["mtu"] = uint64_t{o.mtu};
  j["reliability"] = o.reliability;
  j["relaxed_ordering"] = o.relaxed_ordering;
  j["cc"] = o.algorithm;
  j["icrc"] = o.icrc;
  j["seed"] = o.seed;
  j["verify"] = o.verify;
  return j;
}

absl::StatusOr<Options> MergeShared(const Options& own, const cli::Json& j) {
  if (!j.is_object()) return Malformed("options");
  Options o = own;
  bool latency = false;
  uint64_t size = 0, qps = 0, depth = 0, mtu = 0;
  if (!Boolean(j, "latency", &latency)) return Malformed("latency");
  std::string op;
  if (!Text(j, "op", &op) || !SetOperation(op, &o)) return Malformed("op");
  if (!Unsigned(j, "size", uint64_t{1} << 31, &size)) return Malformed("size");
  if (!Unsigned(j, "qps", kMaxQps, &qps)) return Malformed("qps");
  if (!Unsigned(j, "depth", 32768, &depth)) return Malformed("depth");
  if (!Unsigned(j, "mtu", 4096, &mtu)) return Malformed("mtu");
  if (!Text(j, "cc", &o.algorithm)) return Malformed("cc");
  // Clients that cannot ask for it do not say.
  o.relaxed_ordering = false;
  if (j.contains("relaxed_ordering") && !Boolean(j, "relaxed_ordering", &o.relaxed_ordering)) {
    return Malformed("relaxed_ordering");
  }
  if (!Boolean(j, "icrc", &o.icrc)) return Malformed("icrc");
  if (!Unsigned(j, "seed", ~uint64_t{0}, &o.seed)) return Malformed("seed");
  if (!Boolean(j, "verify", &o.verify)) return Malformed("verify");
  o.test = latency ? Test::kLatency : Test::kBandwidth;
  o.size = static_cast<uint32_t>(size);
  o.qps = static_cast<uint32_t>(qps);
  o.depth = static_cast<uint32_t>(depth);
  if (mtu > own.mtu) {
    return absl::InvalidArgumentError(absl::StrCat("the client asks for MTU ", mtu,
                                                   ", the server serves up to ", own.mtu,
                                                   ": start it with a larger --mtu"));
  }
  o.mtu = static_cast<uint32_t>(mtu);
  if (absl::Status s = CheckOptions(o); !s.ok()) return s;
  return o;
}

cli::Json EndJson(const EndAddress& address) {
  cli::Json qps = cli::Json::array();
  for (const QpAddress& q : address.qps) {
    qps.push_back({{"qpn", q.qpn}, {"psn", q.psn}, {"va", q.va}, {"rkey", q.rkey}});
  }
  return {{"mac", address.mac}, {"ip", address.ip}, {"qps", qps}};
}

absl::StatusOr<EndAddress> ParseEnd(const cli::Json& json) {
  const auto end = json.find("end");
  if (end == json.end() || !end->is_object()) return Malformed("end");
  EndAddress a;
  if (!Text(*end, "mac", &a.mac)) return Malformed("mac");
  if (!Text(*end, "ip", &a.ip)) return Malformed("ip");
  const auto qps = end->find("qps");
  if (qps == end->end() || !qps->is_array()) return Malformed("qps");
  for (const cli::Json& q : *qps) {
    uint64_t qpn = 0, psn = 0, va = 0, rkey = 0;
    if (!q.is_object() || !Unsigned(q, "qpn", 0xffffff, &qpn) ||
        !Unsigned(q, "psn", 0xffffff, &psn) || !Unsigned(q, "va", ~uint64_t{0}, &va) ||
        !Unsigned(q, "rkey", 0xffffffff, &rkey)) {
      return Malformed("qps");
    }
    a.qps.push_back(
        {static_cast<uint32_t>(qpn), static_cast<uint32_t>(psn), va, static_cast<uint32_t>(rkey)});
  }
  return a;
}

cli::Json CountsJson(const Result& r) {
  cli::Json counters = cli::Json::object();
  for (const auto& [name, value] : r.counters) counters[name] = value;
  cli::Json faults = cli::Json::object();
  for (const auto& [name, value] : r.faults) faults[name] = value;
  return {{"verified_bytes", r.verified_bytes},
          {"mismatches", r.mismatches},
          {"qps_leaked", r.qps_leaked},
          {"counters", counters},
          {"faults", faults}};
}

absl::Status AddCounts(const cli::Json& json, Result* r) {
  const auto counts = json.find("counts");
  if (counts == json.end() || !counts->is_object()) return Malformed("counts");
  uint64_t verified = 0, mismatches = 0, qps = 0;
  constexpr uint64_t kAny = ~uint64_t{0};
  if (!Unsigned(*counts, "verified_bytes", kAny, &verified) ||
      !Unsigned(*counts, "mismatches", kAny, &mismatches) ||
      !Unsigned(*counts, "qps_leaked", kAny, &qps)) {
    return Malformed("counts");
  }
  r->verified_bytes += verified;
  r->mismatches += mismatches;
  r->qps_leaked += qps;
  for (const char* group : {"counters", "faults"}) {
    const auto it = counts->find(group);
    if (it == counts->end() || !it->is_object()) return Malformed(group);
    auto& into = group[0] == 'c' ? r->counters : r->faults;
    for (const auto& [name, value] : it->items()) {
      if (value.is_number_unsigned()) into[name] += value.get<uint64_t>();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> ParseAgreement(const cli::Json& document, const Options& own) {
  bool extended = false;
  if (!Boolean(document, "extended", &extended)) return Malformed("extended");
  // What the server decided must be what its answer to ours can be.
  const absl::StatusOr<bool> agreed = AgreeOnExtension(own, extended ? "extended" : "base");
  if (!agreed.ok()) return agreed.status();
  return extended;
}

absl::StatusOr<bool> AgreeWithClient(const Options& own, const cli::Json& shared) {
  std::string peer;
  if (!Text(shared, "reliability", &peer)) return Malformed("reliability");
  return AgreeOnExtension(own, peer);
}

absl::Status ErrorOf(const cli::Json& document) {
  std::string text;
  if (!Text(document, "error", &text)) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("the peer: ", cli::OneLine(text, 200)));
}

}  // namespace sluice::perf
