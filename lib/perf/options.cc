#include "perf/options.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_format.h"
#include "cc/registry.h"

namespace sluice::perf {
namespace {

constexpr int64_t kMaxSize = int64_t{1} << 31;
// Slots of all queue pairs of one end.
constexpr int64_t kMaxMemory = int64_t{8} << 30;
// What one completion queue of verbs holds.
constexpr uint64_t kMaxRequests = uint64_t{1} << 22;
// Of an atomic.
constexpr uint32_t kWord = 8;

absl::Status RelaxedNeedsExtended() {
  return absl::InvalidArgumentError(
      "--relaxed-ordering with --reliability base at either end: only selective repeat can relax "
      "the order of WRITEs; leave one of the two out");
}

}  // namespace

bool SetOperation(std::string_view name, Options* o) {
  o->op_name = std::string(name);
  o->write = name == "write";
  o->fetch = name == "read"   ? Fetch::kRead
             : name == "fadd" ? Fetch::kAdd
             : name == "cas"  ? Fetch::kSwap
                              : Fetch::kNone;
  return o->write || o->fetch != Fetch::kNone || name == "send";
}

absl::Status CheckOptions(const Options& o) {
  if (o.size < 1 || o.qps < 1 || o.depth < 1) {
    return absl::InvalidArgumentError("size, queue pairs and depth must be at least 1");
  }
  if (o.mtu != 256 && o.mtu != 512 && o.mtu != 1024 && o.mtu != 2048 && o.mtu != 4096) {
    return absl::InvalidArgumentError(
        absl::StrFormat("--mtu %d: choose 256, 512, 1024, 2048 or 4096", o.mtu));
  }
  if (o.atomic() && o.size != kWord) {
    return absl::InvalidArgumentError(
        absl::StrFormat("--size %d: an atomic has 8 bytes; leave --size out", o.size));
  }
  if (int64_t{2} * o.depth * o.qps * o.size > kMaxMemory) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "--size %d with --depth %d and --qps %d needs more than 8 GiB of buffers: lower one of "
        "them",
        o.size, o.depth, o.qps));
  }
  if (uint64_t{3} * std::max<uint32_t>(o.depth, 8) * o.qps > kMaxRequests) {
    return absl::InvalidArgumentError(
        absl::StrFormat("--depth %d with --qps %d: more than %d requests in all; lower one of them",
                        o.depth, o.qps, kMaxRequests));
  }
  absl::StatusOr<std::shared_ptr<const cc::Algorithm>> algorithm = cc::MakeAlgorithm(o.algorithm);
  if (!algorithm.ok()) {
    const absl::string_view why = algorithm.status().message();
    return absl::InvalidArgumentError(
        absl::StrFormat("--cc %s: %s", o.algorithm, std::string(why.data(), why.size())));
  }
  if (o.faults.corrupt > 0 && !o.icrc) {
    return absl::InvalidArgumentError("--corrupt needs the iCRC: leave --icrc on");
  }
  if (o.relaxed_ordering && o.reliability == "base") return RelaxedNeedsExtended();
  return absl::OkStatus();
}

absl::StatusOr<Options> ReadOptions(const cli::Arguments& a, bool loopback) {
  Options o;
  o.test = a.Text("test") == "lat" ? Test::kLatency : Test::kBandwidth;
  SetOperation(a.Text("op"), &o);
  const int64_t size = o.atomic() && !a.Given("size") ? kWord : a.Size("size").count();
  if (size < 1 || size > kMaxSize) {
    return absl::InvalidArgumentError(
        absl::StrFormat("--size %d: a message has 1 to 2^31 bytes", size));
  }
  o.size = static_cast<uint32_t>(size);
  o.qps = static_cast<uint32_t>(a.Integer("qps"));
  o.depth = o.test == Test::kLatency ? 1 : static_cast<uint32_t>(a.Integer("depth"));
  o.random_order = a.Text("order") == "random";
  o.mtu = static_cast<uint32_t>(a.Integer("mtu"));
  o.algorithm = a.Text("cc");
  o.icrc = a.Flag("icrc");
  o.cores = loopback ? static_cast<int>(a.Integer("cores")) : 1;
  if (a.Given("messages") && a.Given("seconds")) {
    return absl::InvalidArgumentError("--messages and --seconds exclude each other: give one");
  }
  if (a.Given("messages")) o.messages = static_cast<uint64_t>(a.Integer("messages"));
  o.duration = a.Time("seconds");
  o.seed = a.Unsigned("seed");
  o.faults = {a.Number("loss"), a.Number("duplicate"), a.Number("reorder"), a.Number("corrupt"), 0};
  o.verify = !a.Flag("noverify");
  o.timeout = static_cast<uint8_t>(a.Given("timeout") ? a.Integer("timeout") : loopback ? 8 : 14);
  o.retry = static_cast<uint8_t>(a.Integer("retry"));
  o.reliability = a.Text("reliability");
  o.relaxed_ordering = a.Flag("relaxed-ordering");
  if (a.Has("line-rate")) o.line_rate = a.Rate("line-rate");
  o.churn = loopback ? static_cast<uint64_t>(a.Integer("churn")) : 0;
  if (a.Has("capture")) o.capture = a.Text("capture");
  if (absl::Status s = CheckOptions(o); !s.ok()) return s;
  return o;
}

absl::StatusOr<bool> AgreeOnExtension(const Options& o, std::string_view peer) {
  const bool base = o.reliability == "base" || peer == "base";
  const bool extended = o.reliability == "extended" || peer == "extended";
  if (base && extended) {
    return absl::InvalidArgumentError(
        "--reliability: one end asks for base, the other for extended; leave it out at one");
  }
  if (base && o.relaxed_ordering) return RelaxedNeedsExtended();
  return !base;
}

verbs::ConnectOptions BaseConnectOptions(const Options& options, bool extended) {
  verbs::ConnectOptions c;
  c.mtu = options.mtu;
  c.timeout = options.timeout;
  c.retry_count = options.retry;
  c.algorithm = options.algorithm;
  if (extended) c.reliability = verbs::Reliability::kExtended;
  c.relaxed_ordering = options.relaxed_ordering;
  return c;
}

}  // namespace sluice::perf
