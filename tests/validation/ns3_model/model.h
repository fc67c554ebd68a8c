// An independent model of the ns-3 simulator of HPCC's authors (Alibaba's
// High-Precision-Congestion-Control, 9f4be2a), written from its behaviour and sharing no code with
// what it is compared with: no fabric, transport or congestion control of ours (its coins alone are
// the same). It is what decides whether a difference between that simulator's results and ours is a
// difference of models:
//
//   Order::kCause with Coins::kTheirs  events of one nanosecond in the order in which they were
//       planned, and marks drawn as there: every flow of every published run to the nanosecond
//       (scripts/validate-model).
//   Order::kPlace with Coins::kOurs    events of one nanosecond in our order, and marks drawn from
//       our streams: every flow of our profile hpcc-ns3 to the nanosecond
//       (tests/validation/ns3_model_test.py).
//
// So what lies between the two is that order, and the coins; and our profile with its option exact,
// which has both, is the first of the two, too.
//
// Not there: loss and what follows it, several priorities of data, links that go down; frames of
// data never wait for a free buffer (Run says so if they would have to). Times in ns, rates in
// bit/s, sizes in bytes, from the files as they are. One thread; nothing is shared between runs.
#ifndef SLUICE_TESTS_VALIDATION_NS3_MODEL_MODEL_H_
#define SLUICE_TESTS_VALIDATION_NS3_MODEL_MODEL_H_

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::test::ns3 {

struct Link {
  uint32_t a = 0, b = 0;  // nodes
  uint64_t rate = 0;
  int64_t delay = 0;
};

struct FlowInput {
  uint32_t source = 0, destination = 0;
  uint64_t size = 0;
  double start = 0;          // seconds, as it is read
  uint16_t source_port = 0;  // from 10000 on for each pair of hosts
};

enum class Law : uint8_t { kDcqcn = 1, kHpcc = 3, kTimely = 7, kDctcp = 8 };  // CC_MODE

struct Inputs {
  uint32_t nodes = 0;
  std::vector<bool> is_switch;
  std::vector<Link> links;
  std::vector<FlowInput> flows;

  Law law = Law::kDcqcn;
  bool window = false;     // HAS_WIN with VAR_WIN
  bool ack_first = false;  // ACK_HIGH_PRIO: at hosts pauses do not stop acknowledgements
  uint64_t min_rate = 0, ai = 0, hai = 0, dctcp_ai = 0;
  double gain = 0;           // EWMA_GAIN
  double target = 0;         // U_TARGET
  uint32_t least_steps = 0;  // MI_THRESH
  uint32_t int_multi = 1;    // INT_MULTI
  int64_t alpha_interval = 0, decrease_interval = 0, increase_interval = 0;
  uint32_t fast_recovery = 0;
  uint64_t kmin = 0, kmax = 0;
  double pmax = 0;
  uint64_t buffer = 0;
};

// `directory` holds config_<scenario>_<variant>.txt and the files that it names. NotFound names the
// file; InvalidArgument says what is missing or unknown.
absl::StatusOr<Inputs> ReadInputs(const std::string& directory, const std::string& scenario,
                                  const std::string& variant);

enum class Order : uint8_t { kCause, kPlace };
enum class Coins : uint8_t { kTheirs, kOurs };

struct Options {
  Order order = Order::kCause;
  Coins coins = Coins::kTheirs;
  uint64_t seed = 1;           // of Coins::kOurs: SimulationConfig::marking_seed
  std::vector<int64_t> later;  // added to the starts; empty: nothing
  int64_t until = std::numeric_limits<int64_t>::max();  // from the first second on
};

struct Completion {
  uint32_t flow = 0;
  int64_t start = 0, fct = 0;
};

struct Pause {
  int64_t at = 0;
  uint32_t node = 0, port = 0;  // that stop sending, or go on
  bool stop = false;
};

struct Result {
  std::vector<Completion> completions;  // in their order
  std::vector<Pause> pauses;
  uint64_t events = 0;
};

// FailedPrecondition: a frame was lost, or came in another order.
absl::StatusOr<Result> Run(const Inputs& inputs, const Options& options);

}  // namespace sluice::test::ns3

#endif  // SLUICE_TESTS_VALIDATION_NS3_MODEL_MODEL_H_
