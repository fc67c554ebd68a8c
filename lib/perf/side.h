// Side: one end of the wire as a run needs it: the port with its decorators, and the device on top.
#ifndef SLUICE_PERF_SIDE_H_
#define SLUICE_PERF_SIDE_H_

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "perf/options.h"
#include "perf/ports.h"
#include "perf/result.h"
#include "port/capture_port.h"
#include "port/fault_port.h"
#include "verbs/assemble.h"

namespace sluice::perf {

class Side {
 public:
  // `entity` (0 or 1) tells the two ends apart in everything that is drawn from the seed.
  static absl::StatusOr<std::unique_ptr<Side>> Make(const Options& options, PerfPort port,
                                                    const wire::IpAddress& address, uint64_t entity,
                                                    Clock* clock,
                                                    const verbs::Addressing& addressing = {});
  verbs::Device& device() { return *device_; }
  // Adds the counters of the device and of the faults.
  void AddTo(Result* result) const;
  // Writes what the capture holds; call it now and then, off the hot path. False when the file
  // could not be written.
  bool DrainCapture();

 private:
  struct CloseFile {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  PerfPort port_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::unique_ptr<port::CapturePort> capture_;
  std::unique_ptr<port::FaultPort> faults_;
  std::unique_ptr<verbs::Device> device_;
};

}  // namespace sluice::perf

#endif  // SLUICE_PERF_SIDE_H_
