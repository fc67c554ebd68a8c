// What a run of sluice-perf is asked to do, typed and checked.
#ifndef SLUICE_PERF_OPTIONS_H_
#define SLUICE_PERF_OPTIONS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/time.h"
#include "base/units.h"
#include "cli/arguments.h"
#include "port/fault_port.h"
#include "verbs/verbs.h"

namespace sluice::perf {

enum class Test : uint8_t { kBandwidth, kLatency };

// What the initiator fetches from the target, if it is not the one that sends.
enum class Fetch : uint8_t { kNone, kRead, kAdd, kSwap };

// QPNs and memory suffice for so many.
inline constexpr uint32_t kMaxQps = 130'000;
inline constexpr std::string_view kMaxQpsText = "130000";

struct Options {
  Test test = Test::kBandwidth;
  std::string op_name;  // as given
  bool write = false;   // else send, unless it fetches
  Fetch fetch = Fetch::kNone;
  uint32_t size = 64;  // bytes per message
  uint32_t qps = 1;
  uint32_t depth = 64;        // messages outstanding per queue pair
  bool random_order = false;  // the queue pairs post in an order drawn from the seed
  uint32_t mtu = 4096;
  std::string algorithm;  // "name[:key=value,...]"
  bool icrc = true;
  int cores = 1;
  uint64_t messages = 0;  // 0: run for `duration`
  Duration duration;
  uint64_t seed = 1;
  port::FaultRates faults;
  bool verify = true;
  uint8_t timeout = 14;
  uint8_t retry = 7;
  std::string reliability = "auto";  // or base, extended: what this end asks for
  bool relaxed_ordering = false;     // WRITEs that overlap do not wait; needs selective repeat
  Bandwidth line_rate;               // zero: the port's own
  uint64_t churn = 0;                // messages per life of a queue pair; 0: one life
  std::string capture;               // pcap file, or empty

  bool atomic() const { return fetch == Fetch::kAdd || fetch == Fetch::kSwap; }
  bool faulty() const {
    return faults.drop > 0 || faults.duplicate > 0 || faults.reorder > 0 || faults.corrupt > 0;
  }
  // Frame bytes of the longest packet of such a run (802.1Q, IPv6, RETH and immediate included).
  Bytes max_frame() const { return Bytes(int64_t{mtu} + 128); }
};

// Sets what `name` (send, write, read, fadd, cas) means; false: no such operation.
bool SetOperation(std::string_view name, Options* options);

// Ranges and what must fit together, whoever the options come from.
absl::Status CheckOptions(const Options& options);

// InvalidArgument: one line that names the option, the value and the cure.
absl::StatusOr<Options> ReadOptions(const cli::Arguments& arguments, bool loopback);

// Whether two ends use selective repeat, given what each asks for: if neither says base and the
// operation has it. InvalidArgument if one insists on what the other refuses, or if the options
// need it and it is refused.
absl::StatusOr<bool> AgreeOnExtension(const Options& options, std::string_view peer);

// Connect options of one end, without the peer's part.
verbs::ConnectOptions BaseConnectOptions(const Options& options, bool extended);

}  // namespace sluice::perf

#endif  // SLUICE_PERF_OPTIONS_H_
