// The text of a virtual device, checked before DPDK sees it: several drivers refuse a wrong or a
// missing key without a word, and others take it for their default. Pure.
#ifndef SLUICE_DPDK_VDEV_KEYS_H_
#define SLUICE_DPDK_VDEV_KEYS_H_

#include <string_view>

#include "absl/status/status.h"

namespace sluice::dpdk {

// `devargs` as --vdev takes it. InvalidArgument names the nearest driver or key, a key that is
// given twice, and one that the driver cannot do without. The keys are those of DPDK 22.11; of a
// driver that is not listed here only the form is checked.
absl::Status CheckVdev(std::string_view devargs);

}  // namespace sluice::dpdk

#endif  // SLUICE_DPDK_VDEV_KEYS_H_
