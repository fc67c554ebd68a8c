#include "dpdk/vdev_keys.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/near.h"
#include "dpdk/errors.h"

namespace sluice::dpdk {

namespace {

struct DriverKeys {
  std::string_view driver;
  std::string_view required;  // with an example value; or empty
  std::vector<std::string_view> keys;
};

const std::vector<DriverKeys>& Table() {
  static const auto* const kTable = new std::vector<DriverKeys>{
      {"net_af_packet",
       "iface=eth0",
       {"iface", "qpairs", "blocksz", "framesz", "framecnt", "qdisc_bypass"}},
      {"net_af_xdp",
       "iface=eth0",
       {"iface", "start_queue", "queue_count", "shared_umem", "xdp_prog", "busy_budget",
        "force_copy"}},
      {"net_memif",
       "",
       {"id", "role", "bsize", "rsize", "socket", "socket-abstract", "owner-uid", "owner-gid",
        "mac", "zero-copy", "secret"}},
      {"net_null", "", {"size", "copy", "no-rx"}},
      {"net_tap", "", {"iface", "mac", "remote"}},
      {"net_vhost",
       "iface=/tmp/s.sock",
       {"iface", "queues", "client", "iommu-support", "postcopy-support", "tso", "linear-buffer",
        "ext-buffer", "legacy-ol-flags"}},
      {"net_virtio_user",
       "path=/tmp/s.sock",
       {"path", "mac", "cq", "queue_size", "queues", "iface", "server", "mrg_rxbuf", "in_order",
        "packed_vq", "speed", "vectorized"}},
  };
  return *kTable;
}

absl::string_view Absl(std::string_view s) { return absl::string_view(s.data(), s.size()); }

absl::Status CheckForm(absl::string_view text, std::vector<std::string_view>* keys) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ',');
  for (size_t i = 1; i < parts.size(); ++i) {
    const size_t equals = parts[i].find('=');
    if (equals == absl::string_view::npos || equals == 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          text, ": '", parts[i], "' is not key=value; for example net_tap0,iface=tap0"));
    }
    const std::string_view key(parts[i].data(), equals);
    if (std::find(keys->begin(), keys->end(), key) != keys->end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(text, ": ", Absl(key), " is given twice; give it once"));
    }
    keys->push_back(key);
  }
  return absl::OkStatus();
}

absl::Status CheckKeys(absl::string_view text, const DriverKeys& known,
                       const std::vector<std::string_view>& keys) {
  for (std::string_view key : keys) {
    if (std::find(known.keys.begin(), known.keys.end(), key) != known.keys.end()) continue;
    std::vector<absl::string_view> all;
    for (std::string_view k : known.keys) all.push_back(Absl(k));
    return absl::InvalidArgumentError(absl::StrCat(text, ": ", Absl(known.driver), " has no key '",
                                                   Absl(key), "'", DidYouMean(key, known.keys),
                                                   " (it has ", absl::StrJoin(all, ", "), ")"));
  }
  if (known.required.empty()) return absl::OkStatus();
  const std::string_view required = known.required.substr(0, known.required.find('='));
  if (std::find(keys.begin(), keys.end(), required) != keys.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(text, ": ", Absl(known.driver), " needs ",
                                                 Absl(required), "=; for example ", text, ",",
                                                 Absl(known.required)));
}

}  // namespace

absl::Status CheckVdev(std::string_view devargs) {
  const absl::string_view text = Absl(devargs);
  const std::string driver = DriverOf(devargs);
  const std::string_view name = devargs.substr(0, devargs.find(','));
  if (driver.empty()) {
    const std::string near = NearestDriver(devargs);
    return absl::InvalidArgumentError(
        absl::StrCat("no virtual device of DPDK is called '", Absl(name), "'",
                     near.empty() ? std::string("; for example net_tap0,iface=tap0")
                                  : absl::StrCat("; did you mean ", near, "0?")));
  }
  if (name == driver) {
    return absl::InvalidArgumentError(absl::StrCat(
        text, ": the device needs a number behind the driver's name; for example ", driver, "0"));
  }
  std::vector<std::string_view> keys;
  if (absl::Status s = CheckForm(text, &keys); !s.ok()) return s;
  for (const DriverKeys& known : Table()) {
    if (known.driver == driver) return CheckKeys(text, known, keys);
  }
  return absl::OkStatus();
}

}  // namespace sluice::dpdk
