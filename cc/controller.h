// Controller: how much a send flow may send. The contract between the transport and every
// congestion-control algorithm; cc/receiver.h and cc/path.h are its two siblings.
//
// One Controller per send flow (a requester, or the READ responses of a responder). The engine
// calls it once per flow and burst with a batch of feedback, not once per packet, and reads
// control() afterwards. The algorithm says how much, the wheel says when, the port says whether.
//
// Threads: the core that owns the flow. Time: only what arrives as an argument. Memory: the object
// lies in room that the flow took for it at set-up (at most kMaxControllerSize bytes), and
// allocates nothing after its construction. Determinism: the same calls give the same answers bit
// for bit; no clock, no random source but FlowContext::seed, no libm. Results must not hang on
// batching: conformance asks for the same behaviour within 5 % at batches of 1 and 32.
//
// Required are OnFeedback and OnLoss; the rest defaults to nothing.
#ifndef SLUICE_CC_CONTROLLER_H_
#define SLUICE_CC_CONTROLLER_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "base/time.h"
#include "base/units.h"
#include "cc/signals.h"

namespace sluice::cc {

// No limit; legal answers, behind which the engine adds no hidden guard.
inline constexpr Bytes kNoWindow{std::numeric_limits<int64_t>::max()};
inline constexpr Bandwidth kNoRate = Bandwidth::BitsPerSecond(std::numeric_limits<int64_t>::max());

inline constexpr size_t kMaxControllerSize = 256;
inline constexpr size_t kMaxSamples = 32;

// The whole answer. The transport obeys both limits.
struct Control {
  // Payload bytes that may be in flight: a packet goes while in_flight < window. A window below
  // one MTU is honoured by pacing (one MTU per rtt * mtu / window).
  Bytes window = kNoWindow;
  // Pace of whole Ethernet frames, each counted with 24 B of preamble, FCS and gap.
  Bandwidth rate = kNoRate;
  // When OnDeadline is wanted, at the latest; only if has_deadline.
  Time deadline;
  bool has_deadline = false;
  // Why control last changed: an algorithm's own code, named by Describe; for traces only.
  uint16_t cause = 0;
};

// What a controller knows of its flow when it is made.
struct FlowContext {
  Bandwidth line_rate;  // of the port; the engine clamps rates above it
  Bytes mtu;            // payload bytes of a full packet
  Bytes header_bytes;   // frame bytes beyond the payload of a middle packet, with iCRC
  Duration base_rtt;    // as configured or measured; zero: unknown
  SignalSet signals;    // what this peer and fabric can deliver
  uint64_t seed = 0;    // for algorithms that randomise
  uint32_t fan_in = 0;  // senders that a collective is known to aim here; 0: unknown
};

// One acknowledged measurement, newest last.
struct Sample {
  Bytes acked;  // newly acknowledged payload since the previous sample
  // From the poll in which we decided to send the packet to the poll in which we saw its
  // acknowledgement; both hosts and the fabric. Less the two shares below it is the fabric's:
  // (t4 - t1) - (t3 - t2) in the stamps of docs/wire-formats.md.
  Duration rtt;
  // Our host's share, if Signal::kHostDelay: from the decision to the transmit stamp (t1), and from
  // the receive stamp (t4) to our sight.
  Duration host_delay;
  Duration remote_delay;     // the peer's turn-around t3 - t2, if Signal::kRemoteDelay
  uint32_t wire_length = 0;  // frame bytes of the packet that was timed
  uint16_t path = 0;
  // kNone: this sample carries no rtt. How good it is, Feedback::poll_gap tells too.
  StampSource stamp = StampSource::kNone;
  bool ce = false;               // the packet was marked, if Signal::kCeBytes
  std::span<const IntHop> hops;  // valid during the call, if Signal::kInt
};

// What one burst told about one flow.
struct Feedback {
  Time now;
  SignalSet present;  // which signals this batch carries
  Bytes acked;        // newly acknowledged payload, all samples together
  uint32_t acked_packets = 0;
  Bytes ce_bytes;  // of which marked
  uint32_t ce_packets = 0;
  Bytes in_flight;        // after this batch
  Duration newest_rtt;    // of the last sample that has one; zero: none
  Duration smallest_rtt;  // of this batch; zero: none
  // Of each of the samples: between the poll that saw its acknowledgement and the poll before that.
  // Unless its stamp is kNic, the acknowledgement may have waited for so long unseen.
  Duration poll_gap;
  Bandwidth delivered_rate;  // acknowledged payload over the time it took; zero: unknown
  uint32_t active_senders = 0;
  // Of the newest packet that tells of it, in the queue of one switch of its way; if
  // Signal::kHopWait. Steps of 64 ns, at most 4.2 ms.
  Duration longest_wait;
  bool app_limited = false;         // the flow had nothing more to send
  std::span<const Sample> samples;  // at most kMaxSamples
};

enum class LossKind : uint8_t { kSequenceNak, kSackGap, kTimeout, kRnr, kTrim, kCorruption };

struct Loss {
  Time now;
  LossKind kind = LossKind::kSequenceNak;
  Bytes lost;  // payload that left the in-flight count; it will be sent again
  uint32_t packets = 0;
  Bytes in_flight;  // after
  uint16_t path = 0;
  bool undo = false;  // an earlier loss was spurious: it arrived after all
};

struct Cnp {
  Time now;
  Bytes in_flight;
  uint16_t path = 0;
};

struct Sent {
  Time now;
  Bytes payload;  // of this burst
  uint32_t packets = 0;
  Bytes in_flight;           // after
  bool app_limited = false;  // the flow ran out of work, not of window or rate
};

// Receives an algorithm's state for telemetry: names and units, no formatting.
class FieldSink {
 public:
  virtual ~FieldSink() = default;
  virtual void Field(const char* name, const char* unit, double value) = 0;
};

class Controller {
 public:
  virtual ~Controller() = default;

  virtual void OnFeedback(const Feedback& feedback) = 0;
  virtual void OnLoss(const Loss& loss) = 0;
  virtual void OnCnp(const Cnp&) {}
  virtual void OnSent(const Sent&) {}
  // Called at or after control().deadline; spurious calls are harmless.
  virtual void OnDeadline(Time) {}

  // State, for telemetry and traces.
  virtual void Describe(FieldSink&) const {}

  // Hot swap: Snapshot writes what a successor should know (window, rate, smoothed rtt) and Restore
  // takes it, whatever algorithm wrote it.
  struct State {
    Bytes window = kNoWindow;
    Bandwidth rate = kNoRate;
    Duration base_rtt;
  };
  virtual State Snapshot() const { return {control_.window, control_.rate, Duration::Zero()}; }
  virtual void Restore(const State&) {}

  // Plain read on the hot path. The transport clamps what is senseless and counts it.
  const Control& control() const { return control_; }

 protected:
  Control control_;
};

}  // namespace sluice::cc

#endif  // SLUICE_CC_CONTROLLER_H_
