// The configuration file of the HPCC simulator (alibaba-edu/High-Precision-Congestion-Control,
// `mix/config_doc.txt`): keys and values in any order. What it says about algorithm, switches and
// hosts; names of files and what only concerns traces are passed over.
#ifndef SLUICE_LAB_HPCC_CONFIG_H_
#define SLUICE_LAB_HPCC_CONFIG_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/time.h"
#include "base/units.h"
#include "cli/json.h"

namespace sluice::lab {

struct HpccConfig {
  // CC_MODE.
  enum class Mode : uint8_t { kDcqcn = 1, kHpcc = 3, kTimely = 7, kDctcp = 8 };
  Mode mode = Mode::kDcqcn;
  double g = 0.00390625;
  Duration rate_timer = Duration::Microseconds(1500);
  Duration alpha_timer = Duration::Microseconds(55);
  Duration decrease_interval = Duration::Microseconds(4);
  int64_t fast_recovery = 5;
  bool clamp_target = false;
  Bandwidth ai = Bandwidth::MegabitsPerSecond(5);
  Bandwidth hai = Bandwidth::MegabitsPerSecond(50);
  Bandwidth min_rate = Bandwidth::MegabitsPerSecond(100);
  Bandwidth dctcp_ai = Bandwidth::MegabitsPerSecond(1000);
  double eta = 0.95;
  int64_t max_stage = 0;
  bool window = false;
  bool variable_window = false;
  bool ack_first = false;
  int64_t payload = 1000;
  double loss = 0;
  Duration stop;  // of simulated time
  bool lossless = true;
  Bytes buffer{16 << 20};

  // ECN of ports of one rate.
  struct Ecn {
    Bandwidth rate;
    Bytes kmin;
    Bytes kmax;
    double pmax = 0;
  };
  std::vector<Ecn> ecn;

  // LINK_DOWN: at this time after 2 s the link between the two is cut.
  struct Cut {
    Duration at;
    int64_t a = 0;
    int64_t b = 0;
  };
  std::vector<Cut> cuts;
};

// Fails with file, line and cause: a key that looks like a slip of a known one, a value that is
// none or that this laboratory cannot have. A key that nobody knows adds a line to `notes`.
absl::StatusOr<HpccConfig> ParseHpccConfig(std::string_view name, std::string_view text,
                                           std::vector<std::string>* notes);

// "dcqcn" and its parameters, as an arm of an experiment file. `acks_first`: before alpha's timer
// of the same moment.
cli::Json HpccArm(const HpccConfig& config, bool acks_first = false);

// "50Mb/s", "100Gbps"; "1000ns", "0.001ms".
absl::StatusOr<Bandwidth> ParseNs3Rate(std::string_view text);
absl::StatusOr<Duration> ParseNs3Time(std::string_view text);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_HPCC_CONFIG_H_
