// The name of a device as a user writes it, parsed. Pure: whether the device is there is found out
// by opening it.
//   net_ring                     two cross-connected ports in this process
//   net_vhost0,iface=/tmp/s      any --vdev argument of DPDK
//   0000:01:00.0, 01:00.0        a PCI address
#ifndef SLUICE_OPEN_DEVICE_H_
#define SLUICE_OPEN_DEVICE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice::open {

enum class DeviceKind {
  kRingPair,  // no argument
  kVdev,      // argument: the whole --vdev text
  kPci,       // argument: the address with its domain, in lower case
};

struct Device {
  DeviceKind kind = DeviceKind::kRingPair;
  std::string argument;
};

// InvalidArgument names what is wrong, the nearest driver and an example.
absl::StatusOr<Device> ParseDevice(std::string_view text);

}  // namespace sluice::open

#endif  // SLUICE_OPEN_DEVICE_H_
