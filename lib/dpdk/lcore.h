// Lcore: a thread on a given CPU that DPDK knows, so that pools have their per-core caches there.
#ifndef SLUICE_DPDK_LCORE_H_
#define SLUICE_DPDK_LCORE_H_

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::dpdk {

class Lcore {
 public:
  // Starts `run` on a new thread bound to the CPU `core`. Returns once the thread stands there (or
  // could not: InvalidArgument for a core that is not there or not allowed). Needs a live Eal.
  static absl::StatusOr<std::unique_ptr<Lcore>> Start(int core, std::function<void()> run);
  // Waits for `run` to return.
  ~Lcore();
  Lcore(const Lcore&) = delete;
  Lcore& operator=(const Lcore&) = delete;
  void Join();

 private:
  explicit Lcore(std::thread thread) : thread_(std::move(thread)) {}
  std::thread thread_;
};

// The CPUs that the calling thread may use, ascending.
std::vector<int> AllowedCores();

// Binds the calling thread to one CPU.
absl::Status BindToCore(int core);

}  // namespace sluice::dpdk

#endif  // SLUICE_DPDK_LCORE_H_
