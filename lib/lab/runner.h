// Runner: executes a scenario with one algorithm and one seed in virtual time.
//
// What comes back, apart from the CPU time, is a function of (scenario, algorithm, seed): bit for
// bit on any machine, compiler and level of optimisation. A run owns everything that it touches, so
// runs may go on in parallel threads.
#ifndef SLUICE_LAB_RUNNER_H_
#define SLUICE_LAB_RUNNER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/time.h"
#include "base/units.h"
#include "lab/scenario.h"
#include "sim/link_faults.h"
#include "verbs/assemble.h"

namespace sluice::lab {

struct FlowResult {
  FlowSpec spec;       // its start is when it was posted
  bool posted = true;  // false: its trigger never fired, or the run was over before its start
  bool finished = false;
  // From the post to the completion at the sender; of an unfinished flow until the end of the run,
  // which is a lower bound; zero if it was never posted.
  Duration fct;
  Duration ideal;  // lab/ideal.h
};

// Levels of one queue, or bytes that a host put on its line, at equal steps from time zero.
struct Series {
  Duration step;
  std::vector<int64_t> queue_bytes;              // the watched queue
  std::vector<int64_t> sent_bytes;               // that left it until then
  std::vector<sim::NodeId> hosts;                // that send, in order
  std::vector<std::vector<int64_t>> host_bytes;  // per host: frames put on its line until then
};

// What the HPCC simulator writes beside fct.txt.
struct FabricTrace {
  struct Pfc {
    Time time;
    sim::NodeId node = 0;  // that received the frame
    sim::PortIndex port = 0;
    bool pause = false;
  };
  // How often the queue before a port of a switch was found in each kilobyte of its length.
  struct Queue {
    sim::NodeId node = 0;
    sim::PortIndex port = 0;
    std::vector<int64_t> counts;
  };
  std::vector<Pfc> pfc;
  std::vector<Queue> queues;  // by node and port
};

// What a run beside a clock, on real ports, tells beyond a run in virtual time.
struct RealTime {
  int64_t scale = 1;  // rates were divided, times multiplied by it
  Bandwidth rate;     // of the slowest line of a host, as it was carried
  Duration base_rtt;  // the shortest of the flows, likewise
  Duration poll_gap;  // the largest time that the loop took to come by
  uint64_t polls = 0;
  std::optional<Duration> rtt_p50;  // of the samples that controllers were given
  Bytes verified;                   // payload that arrived as it was sent
  std::string skipped;              // why the figures do not count; empty: they do
};

struct RunResult {
  std::vector<FlowResult> flows;  // as in the scenario
  std::vector<size_t> finished;   // indices of `flows`, in the order of completion

  Bytes queue_max;
  double queue_mean_bytes = 0;
  Bytes queue_p99;
  Duration busy;                // the watched line, from the first post to the end
  uint64_t watched_frames = 0;  // that it sent

  uint64_t pfc_pauses = 0;
  uint64_t drops = 0;
  uint64_t ecn_marks = 0;
  bool lossy = false;             // whether links may lose frames,
  sim::LinkCounters link_totals;  // and what all of them did
  bool trimming = false;          // whether switches may cut packets,
  uint64_t trims = 0;             // and how many they did
  uint64_t cnps = 0;
  uint64_t retransmissions = 0;
  uint64_t timeouts = 0;
  uint64_t packet_hops = 0;
  uint64_t events = 0;
  uint64_t trace_hash = 0;
  Duration end;     // virtual time of the last event
  Duration origin;  // of the scenario

  std::optional<RealTime> real;  // of the wire world

  Series series;      // empty unless asked for
  FabricTrace trace;  // likewise

  double cpu_seconds = 0;  // of the event loop, all its threads; not part of the result
};

// Which random factors a run draws anew, from other streams than a run of the same seed without:
// the two arms of an A/A comparison differ in nothing else.
struct Redraw {
  bool ecmp = false;     // the keys by which switches choose among equal paths
  bool marking = false;  // the coins of ECN
  bool jitter = false;   // of the starts, see RunOptions::jitter
  bool any() const { return ecmp || marking || jitter; }
};

struct RunOptions {
  std::string algorithm;  // "name:key=value,..."
  uint64_t seed = 1;
  Redraw redraw;
  // Added to every flow's start: uniform in [0, jitter], from a stream of its own. 0 adds nothing.
  Duration jitter;
  bool series = false;
  bool in_order = false;  // event by event, though hosts could go alone for a while
  // Collects the trace, with a sample of every queue each 100 ns.
  bool trace = false;
  // Watches the controllers of every flow; empty: nobody does. With several cores on as many
  // threads.
  verbs::AlgorithmDecorator decorate;
  // Parts of the fabric that go on in parallel, each on a thread; the result does not depend on it.
  int cores = 1;
  // Told every now and then which part of the work is done, 0 to 1, by what the watched line has
  // sent or by how many flows have ended; false ends the run (which is Cancelled then).
  std::function<bool(double)> progress;
};

// The scenario with the jitter of these options added; its flows stay in their order, by which
// triggers name them.
Scenario WithJitter(const Scenario& scenario, const RunOptions& options);

// The links that each flow's data crosses in such a run, in order: node and port that send.
struct Crossing {
  sim::NodeId node = 0;
  sim::PortIndex port = 0;
};
absl::StatusOr<std::vector<std::vector<Crossing>>> CrossingsOf(const Scenario& scenario,
                                                               const RunOptions& options);

// Whether several cores can run it. InvalidArgument says why not: messages that wait for others
// of other hosts; links without delay; a trace is wanted.
absl::Status CheckCores(const Scenario& scenario, const RunOptions& options);

// InvalidArgument: the algorithm is unknown or does not fit, or CheckCores; Internal: an engine got
// stuck, or the pauses of the fabric are a deadlock.
absl::StatusOr<RunResult> Run(const Scenario& scenario, const RunOptions& options);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_RUNNER_H_
