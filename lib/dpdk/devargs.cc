#include "dpdk/devargs.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "dpdk/errors.h"

namespace sluice::dpdk {

namespace {

absl::string_view Absl(std::string_view s) { return absl::string_view(s.data(), s.size()); }

// The number behind "key=", if the key is there.
absl::StatusOr<std::optional<int64_t>> Find(std::string_view devargs, absl::string_view key) {
  std::optional<int64_t> found;
  for (absl::string_view part : absl::StrSplit(Absl(devargs), ',')) {
    const std::pair<absl::string_view, absl::string_view> kv =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    if (kv.first != key) continue;
    int64_t value = 0;
    if (!absl::SimpleAtoi(kv.second, &value) || value <= 0) {
      return absl::InvalidArgumentError(absl::StrCat(Absl(devargs), ": ", key, "=", kv.second,
                                                     " is not a number of bytes; for example ", key,
                                                     "=8192"));
    }
    found = value;
  }
  return found;
}

absl::Status TooSmall(std::string_view devargs, absl::string_view key, int64_t value,
                      int64_t needed, Bytes max_frame) {
  return absl::InvalidArgumentError(absl::StrCat(
      Absl(devargs), ": ", key, "=", value, " is too small for frames of ", max_frame.count(),
      " bytes; leave it out, or write ", key, "=", needed, " or more"));
}

absl::StatusOr<SizedVdev> SizeMemif(std::string_view devargs, Bytes max_frame) {
  const absl::StatusOr<std::optional<int64_t>> bsize = Find(devargs, "bsize");
  if (!bsize.ok()) return bsize.status();
  const int64_t needed = (max_frame.count() + 63) / 64 * 64;
  if (bsize->has_value()) {
    if (**bsize < max_frame.count()) {
      return TooSmall(devargs, "bsize", **bsize, needed, max_frame);
    }
    return SizedVdev{std::string(devargs), Bytes(0)};
  }
  // Never below the default, which the peer may count on.
  return SizedVdev{absl::StrCat(Absl(devargs), ",bsize=", std::max<int64_t>(needed, 2048)),
                   Bytes(0)};
}

absl::StatusOr<SizedVdev> SizeAfPacket(std::string_view devargs, Bytes max_frame) {
  // The kernel puts its own header and the link address before the frame (packet_mmap.txt:
  // TPACKET2_HDRLEN and alignment, below 128 bytes).
  constexpr int64_t kRingHeader = 128;
  constexpr int64_t kDefault = 2048;
  constexpr int64_t kPage = 4096;
  const absl::StatusOr<std::optional<int64_t>> framesz = Find(devargs, "framesz");
  if (!framesz.ok()) return framesz.status();
  const absl::StatusOr<std::optional<int64_t>> blocksz = Find(devargs, "blocksz");
  if (!blocksz.ok()) return blocksz.status();
  const int64_t needed = max_frame.count() + kRingHeader;
  int64_t size = framesz->value_or(kDefault);
  if (framesz->has_value() && size < needed) {
    return TooSmall(devargs, "framesz", size, needed, max_frame);
  }
  std::string out(devargs);
  if (size < needed) {
    size = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(needed)));
    absl::StrAppend(&out, ",framesz=", size);
  }
  // A block holds whole frames and is whole pages.
  if (blocksz->has_value()) {
    if (**blocksz < size) return TooSmall(devargs, "blocksz", **blocksz, size, max_frame);
  } else if (size > kPage) {
    absl::StrAppend(&out, ",blocksz=", (size + kPage - 1) / kPage * kPage);
  }
  return SizedVdev{out, Bytes(size)};
}

}  // namespace

absl::StatusOr<SizedVdev> SizeVdev(std::string_view devargs, Bytes max_frame) {
  const std::string driver = DriverOf(devargs);
  if (driver == "net_memif") return SizeMemif(devargs, max_frame);
  if (driver == "net_af_packet") return SizeAfPacket(devargs, max_frame);
  return SizedVdev{std::string(devargs), Bytes(0)};
}

}  // namespace sluice::dpdk
