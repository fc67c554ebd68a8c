#include "open/device.h"

#include <cctype>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "dpdk/errors.h"
#include "dpdk/vdev_keys.h"

namespace sluice::open {

namespace {

// A PCI address with its domain ("0000:01:00.0"), or empty when the text is none.
std::string PciAddress(std::string_view text) {
  constexpr std::string_view kShape = "hhhh:hh:hh.f";
  std::string full(text);
  if (full.size() == kShape.size() - 5) full.insert(0, "0000:");
  if (full.size() != kShape.size()) return "";
  for (size_t i = 0; i < full.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(full[i]);
    const bool fits = kShape[i] == 'h'   ? std::isxdigit(c) != 0
                      : kShape[i] == 'f' ? c >= '0' && c <= '7'
                                         : full[i] == kShape[i];
    if (!fits) return "";
    full[i] = static_cast<char>(std::tolower(c));
  }
  return full;
}

}  // namespace

absl::StatusOr<Device> ParseDevice(std::string_view text) {
  const absl::string_view shown(text.data(), text.size());
  if (text == "net_ring") return Device{DeviceKind::kRingPair, ""};
  const std::string pci = PciAddress(text);
  if (!pci.empty()) return Device{DeviceKind::kPci, pci};
  const std::string driver = dpdk::DriverOf(text);
  if (driver.empty()) {
    const std::string near = dpdk::NearestDriver(text);
    const std::string hint =
        near.empty() ? "net_ring, net_vhost0,iface=/tmp/s.sock or 0000:01:00.0 would be"
                     : absl::StrCat("did you mean ", near, near == "net_ring" ? "?" : "0?");
    return absl::InvalidArgumentError(absl::StrCat("'", shown, "' is no device; ", hint));
  }
  if (absl::Status s = dpdk::CheckVdev(text); !s.ok()) return s;
  return Device{DeviceKind::kVdev, std::string(text)};
}

}  // namespace sluice::open
