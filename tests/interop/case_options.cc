#include "interop/case_options.h"

#include <array>
#include <cstdlib>
#include <map>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::interop {
namespace {

constexpr std::array<std::string_view, 7> kOps = {"send", "send_imm", "write", "write_imm",
                                                  "read", "fadd",     "cswap"};

// One number of the options, whatever its width.
class Field {
 public:
  template <typename T>
  Field(T* to)  // NOLINT(google-explicit-constructor): a table of pointers
      : to_(to), store_([](void* p, double v) { *static_cast<T*>(p) = static_cast<T>(v); }) {}
  void Set(double value) const { store_(to_, value); }

 private:
  void* to_;
  void (*store_)(void*, double);
};

std::map<std::string, Field, std::less<>> Fields(CaseOptions* o) {
  return {{"id", &o->id},
          {"ipv6", &o->ipv6},
          {"size", &o->size},
          {"count", &o->count},
          {"depth", &o->depth},
          {"mtu", &o->mtu},
          {"qps", &o->queue_pairs},
          {"psn", &o->psn},
          {"delay_ms", &o->delay_ms},
          {"rd_atomic", &o->rd_atomic},
          {"seed", &o->seed},
          {"our_timeout", &o->our_timeout},
          {"guest_timeout", &o->guest_timeout},
          {"limit_s", &o->limit_s},
          {"lossy", &o->lossy},
          {"expect", &o->expect},
          {"bad_rkey", &o->bad_rkey},
          {"short_receive", &o->short_receive},
          {"no_receive", &o->no_receive},
          {"retry", &o->retry},
          {"rnr_retry", &o->rnr_retry},
          {"plant", &o->plant},
          {"inject", &o->inject},
          {"drop", &o->faults.drop},
          {"duplicate", &o->faults.duplicate},
          {"reorder", &o->faults.reorder},
          {"corrupt", &o->faults.corrupt},
          {"agent", &o->agent}};
}

}  // namespace

absl::StatusOr<CaseOptions> ParseCase(std::span<char* const> words) {
  CaseOptions o;
  const auto fields = Fields(&o);
  std::string initiator = "ours";
  const std::map<std::string, std::string*, std::less<>> texts = {
      {"service", &o.service},           {"op", &o.op_name},
      {"initiator", &initiator},         {"our_socket", &o.our_socket},
      {"guest_socket", &o.guest_socket}, {"capture", &o.capture},
      {"algorithm", &o.algorithm}};
  for (const char* word : words) {
    const std::string_view text = word;
    const size_t equals = text.find('=');
    const std::string key(text.substr(0, equals));
    const std::string value(equals == text.npos ? "" : text.substr(equals + 1));
    double number = 0;
    if (const auto t = texts.find(key); t != texts.end()) {
      *t->second = value;
    } else if (const auto f = fields.find(key);
               f != fields.end() && absl::SimpleAtod(value, &number) && number >= 0) {
      f->second.Set(number);
    } else {
      return absl::InvalidArgumentError(absl::StrCat("unknown word or no number: ", word));
    }
  }
  o.we_initiate = initiator == "ours";
  size_t op = 0;
  while (op < kOps.size() && kOps[op] != o.op_name) ++op;
  if (op == kOps.size() || o.count == 0 || o.queue_pairs == 0 || o.depth == 0) {
    return absl::InvalidArgumentError("op, count, qps or depth makes no case");
  }
  o.op = static_cast<Op>(op);
  return o;
}

}  // namespace sluice::interop
