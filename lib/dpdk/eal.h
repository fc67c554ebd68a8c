// Eal: DPDK's environment, started once per process, with and without hugepages.
//
// Quiet: everything that EAL and the drivers log goes to memory, and an error comes back as a
// Status with cause and cure (errors.h). The environment is private to the process (no shared
// configuration, no multi-process, no telemetry socket), so any number of them run side by side.
#ifndef SLUICE_DPDK_EAL_H_
#define SLUICE_DPDK_EAL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/units.h"

namespace sluice::dpdk {

enum class Hugepages {
  kAuto,  // when enough of them are free
  kOn,
  kOff,
};

struct EalOptions {
  std::string program = "sluice";
  // For pools, rings and device state. Without hugepages it is reserved at once (and touched only
  // when used); with hugepages it is what kAuto looks for, and may grow.
  Bytes memory = Bytes(int64_t{512} << 20);
  Hugepages hugepages = Hugepages::kAuto;
  // The CPU that the calling thread's lcore stands for; -1: the first of its affinity.
  int core = -1;
  // PCI devices to take, by address. Empty: the PCI bus is not looked at.
  std::vector<std::string> pci;
};

class Eal {
 public:
  // Once per process, also if it fails: DPDK cannot start twice (FailedPrecondition then). The
  // calling thread becomes an EAL thread (it may use ports) and keeps its CPU affinity, so that
  // threads which it starts do not inherit one core.
  static absl::StatusOr<std::unique_ptr<Eal>> Create(const EalOptions& options);
  // After all ports. Same thread as Create.
  ~Eal();
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;

  // Creates a virtual device from what DPDK's --vdev takes ("net_tap0,iface=x") and returns its
  // ethdev port number. Distinguishes a driver nobody knows (kUsage, with the nearest name) from
  // one that is not built in or installed (kMissing) and from a device that failed.
  absl::StatusOr<uint16_t> CreateVdev(std::string_view devargs);

  // The port of a PCI device named in EalOptions::pci.
  absl::StatusOr<uint16_t> FindPci(std::string_view address);

  bool hugepages() const { return hugepages_; }

  // What DPDK has logged so far in this process, at most the last 64 KiB. Any thread.
  static std::string Log();

 private:
  explicit Eal(bool hugepages) : hugepages_(hugepages) {}
  const bool hugepages_;
};

// Free bytes of hugepages of all sizes, below `root` (normally "/sys/kernel/mm/hugepages").
Bytes FreeHugepages(const std::string& root);

// The command line that Create gives to EAL. Pure.
std::vector<std::string> EalArguments(const EalOptions& options, bool hugepages, int core);

}  // namespace sluice::dpdk

#endif  // SLUICE_DPDK_EAL_H_
