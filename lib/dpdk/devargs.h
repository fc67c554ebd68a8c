// Device arguments that must agree with the frames that a port carries.
//
// Two drivers have buffers of their own whose default size of 2 KiB drops or cuts a frame of 4 KiB
// without a word: net_memif (bsize) and net_af_packet (framesz). They are set here; a smaller value
// given by the user is refused by name. Pure functions.
#ifndef SLUICE_DPDK_DEVARGS_H_
#define SLUICE_DPDK_DEVARGS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/units.h"

namespace sluice::dpdk {

struct SizedVdev {
  std::string devargs;  // what Eal::CreateVdev takes
  Bytes min_data_room;  // what a packet buffer must hold behind its headroom; 0: nothing special
};

// `devargs` as the user wrote them and the longest frame without FCS. InvalidArgument for a value
// that is too small or no number.
absl::StatusOr<SizedVdev> SizeVdev(std::string_view devargs, Bytes max_frame);

}  // namespace sluice::dpdk

#endif  // SLUICE_DPDK_DEVARGS_H_
