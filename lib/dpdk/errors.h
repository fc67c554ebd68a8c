// What went wrong in DPDK, in one line with the cause and the cure.
//
// EAL and its drivers say why they failed only in their log, and what they return is often a code
// for something else ("Cannot init EAL: Success"). Eal keeps that log in memory; this turns it into
// an absl::Status. Pure functions: no EAL is needed to test them.
#ifndef SLUICE_DPDK_ERRORS_H_
#define SLUICE_DPDK_ERRORS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace sluice::dpdk {

// What a program's exit status is made of (docs: the exit statuses of every command).
enum class ErrorKind {
  kNone,
  kFailed,      // 1: it was tried and failed: the peer is not there, a socket is taken
  kPermission,  // 1: this user may not
  kUsage,       // 2: a name or value is wrong
  kMissing,     // 5: this machine lacks a driver, hugepages, memory, a kernel module
};

// Every error of this room has one kind, carried by its code: InvalidArgument is kUsage,
// FailedPrecondition and ResourceExhausted are kMissing, PermissionDenied is kPermission.
ErrorKind KindOf(const absl::Status& status);

// The drivers of virtual devices that Debian's DPDK has: "net_ring", "net_memif", ...
const std::vector<std::string>& KnownVdevDrivers();

// "net_tap3,iface=x" -> "net_tap". Empty when it does not begin with a driver's name.
std::string DriverOf(std::string_view devargs);

// The known driver nearest to a wrong name; empty when none is near.
std::string NearestDriver(std::string_view name);

// Finds the cause in the log of a failed step. `what` names the step or device ("net_tap0,..."),
// and begins the message. Never OK: an unknown cause shows the log's last complaint.
absl::Status Translate(std::string_view what, std::string_view log);

}  // namespace sluice::dpdk

#endif  // SLUICE_DPDK_ERRORS_H_
