// The registry of algorithms: an ordinary table from a name to how the algorithm is configured and
// made. Everything that runs "dcqcn:preset=paper" comes through here.
#ifndef SLUICE_CC_REGISTRY_H_
#define SLUICE_CC_REGISTRY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "cc/controller.h"
#include "cc/receiver.h"

namespace sluice::cc {

// What an algorithm needs and how the conformance suite may judge it.
struct Traits {
  SignalSet required;  // a queue pair whose peer cannot serve these is refused by name
  SignalSet optional;
  bool uses_window = false;
  bool uses_rate = false;
  bool lossless_only = false;  // not meant for fabrics that drop
  // Declared bounds; the conformance suite holds the algorithm to them.
  double min_utilisation = 0.9;  // of the analytic limit, one flow
  double min_jain = 0.9;         // 2-16 equal flows; 0: promises nothing
  // The deepest queue of a 16:1 incast of long flows that start at once, in bandwidth-delay
  // products (after the first rounds: what 16 senders send before any feedback is not the
  // algorithm's doing); 0: promises nothing.
  double max_incast_queue_bdp = 4;
  // Time within which flows fill a link again whose capacity fell to a quarter and came back; zero:
  // promises nothing.
  Duration recovery = Duration::Milliseconds(2);
  // Where set, the suite does not ask for the direction "congestion never raises the answer", with
  // the written reason.
  const char* exempt_direction = nullptr;
};

// One parameter, for help and validation. Values are texts in the grammar of the command line
// (40Mbps, 55us, 10MB, 0.5); the algorithm parses them into its typed struct.
struct ParamSpec {
  const char* name;
  const char* unit;  // "rate", "time", "size", "number", "name"
  const char* default_text;
  // The legal texts, shown to people and obeyed by the parser: "1Mbps..1Tbps" (ends included),
  // "1Mbps..1Tbps|line" (or the word for not set), "paper|ns3-50us" (words).
  const char* range;
  const char* source;  // paper and section, or "Sluice"
  const char* help;
};

using ParamList = std::vector<std::pair<std::string, std::string>>;

// An algorithm with its parameters fixed: immutable, shared by any number of flows and threads. It
// must outlive the controllers and receiver halves that it made: they refer to its parameters.
class Algorithm {
 public:
  virtual ~Algorithm() = default;

  virtual std::string_view name() const = 0;
  virtual const Traits& traits() const = 0;
  // Every parameter with its value in effect, in the order of the specs.
  virtual ParamList params() const = 0;

  // Constructs the controller into `storage` (controller_size() bytes, 64-byte aligned). The
  // caller destroys it by its destructor. No allocation.
  virtual Controller* MakeController(void* storage, const FlowContext& context) const = 0;
  // Likewise the receiver half (kMaxReceiverSize bytes, 16-byte aligned).
  virtual ReceiverHalf* MakeReceiver(void* storage, const FlowContext& context) const = 0;
  // Bytes of state of a controller, at most kMaxControllerSize.
  virtual size_t controller_size() const = 0;
};

struct RegistryEntry {
  const char* name;
  const char* summary;  // one line
  std::span<const ParamSpec> params;
  // Fails with the parameter's name, what is wrong, and the nearest name.
  absl::StatusOr<std::shared_ptr<const Algorithm>> (*configure)(const ParamList& params);
};

// In the order in which help shows them.
std::span<const RegistryEntry> Algorithms();

// "name" or "name:key=value,key=value". Unknown names and keys fail with the nearest one, a
// repeated key fails too. The error is one line that names what is wrong and the cure.
absl::StatusOr<std::shared_ptr<const Algorithm>> MakeAlgorithm(std::string_view text);

}  // namespace sluice::cc

#endif  // SLUICE_CC_REGISTRY_H_
