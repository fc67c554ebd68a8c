#include "dpdk/errors.h"

#include <algorithm>
#include <cctype>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/near.h"

namespace sluice::dpdk {

namespace {

absl::string_view Absl(std::string_view s) { return absl::string_view(s.data(), s.size()); }

struct Rule {
  std::string_view all[2];  // every non-empty one must occur in the log
  ErrorKind kind;
  std::string_view cause;
  std::string_view cure;
};

// The first that matches wins: special causes stand before general ones. The fragments are those
// of DPDK 22.11's own messages.
constexpr Rule kRules[] = {
    {{"connect error, No such file"},
     ErrorKind::kFailed,
     "nobody listens on the socket",
     "start the server (net_vhost) first, with iface= set to the same path"},
    {{"connect error, Connection refused"},
     ErrorKind::kFailed,
     "the socket is left over from a server that is gone",
     "start the server (net_vhost) again; it replaces the socket"},
    {{"SIOCGIFINDEX", "No such device"},
     ErrorKind::kUsage,
     "there is no network interface of that name",
     "see `ip -br link` for the names"},
    {{"Failed to get channel info of interface"},
     ErrorKind::kUsage,
     "there is no network interface of that name",
     "see `ip -br link` for the names"},
    {{"/dev/net/tun", "No such"},
     ErrorKind::kMissing,
     "the kernel module tun is not loaded",
     "sudo modprobe tun"},
    {{"TAP", "Operation not permitted"},
     ErrorKind::kPermission,
     "creating a TAP interface needs CAP_NET_ADMIN",
     "run as root, or sudo setcap cap_net_admin+ep on the program"},
    {{"TUNSETIFF", "Operation not permitted"},
     ErrorKind::kPermission,
     "creating a TAP interface needs CAP_NET_ADMIN",
     "run as root, or sudo setcap cap_net_admin+ep on the program"},
    {{"ould not open AF_PACKET socket"},
     ErrorKind::kPermission,
     "packet sockets need CAP_NET_RAW",
     "run as root, or sudo setcap cap_net_raw,cap_net_admin+ep on the program"},
    {{"PACKET_RX_RING"},
     ErrorKind::kUsage,
     "the kernel refuses the packet ring's geometry",
     "leave out blocksz, framesz and framecnt, or make blocksz a multiple of both framesz and "
     "4096"},
    {{"Failed to create umem"},
     ErrorKind::kPermission,
     "AF_XDP sockets need CAP_NET_RAW and locked memory",
     "run as root with `ulimit -l unlimited`"},
    {{"xsk socket"},
     ErrorKind::kMissing,
     "the interface takes no AF_XDP socket",
     "lower its MTU to 3500 and its queues to one, or use net_af_packet"},
    {{"Unknown role"},
     ErrorKind::kUsage,
     "role is neither server nor client",
     "write role=server on one side and role=client on the other"},
    {{"Failed to open socket", "memif"},
     ErrorKind::kFailed,
     "the memif socket cannot be opened",
     "give socket= a path in a directory that exists and is yours"},
    {{"memif_connect_client", "Failed to connect socket"},
     ErrorKind::kFailed,
     "nobody listens on the memif socket",
     "start the side with role=server first, with socket= set to the same path"},
    {{"failed to bind"},
     ErrorKind::kFailed,
     "the vhost socket's path is taken or its directory is missing",
     "give iface= a free path in a directory that exists and is yours"},
    {{"VFIO group is not viable"},
     ErrorKind::kMissing,
     "another device of its IOMMU group is bound to a kernel driver",
     "bind the whole group: dpdk-devbind.py --bind=vfio-pci ADDRESS..."},
    {{"/dev/vfio", "Permission denied"},
     ErrorKind::kPermission,
     "/dev/vfio is not yours",
     "sudo chown $USER /dev/vfio/GROUP, or run as root"},
    {{"VFIO modules not loaded"},
     ErrorKind::kMissing,
     "the kernel module vfio-pci is not loaded",
     "sudo modprobe vfio-pci"},
    {{"Cannot set up DMA remapping"},
     ErrorKind::kMissing,
     "the limit of locked memory is too low for the device",
     "ulimit -l unlimited"},
    {{"Is another primary process running"},
     ErrorKind::kFailed,
     "another DPDK process has the same file prefix",
     "stop it, or choose another prefix"},
    {{"No free", "hugepages"},
     ErrorKind::kMissing,
     "no hugepages are free",
     "echo 512 | sudo tee /proc/sys/vm/nr_hugepages, or run without hugepages (20 % slower)"},
    {{"annot get hugepage information"},
     ErrorKind::kMissing,
     "no hugepages are free",
     "echo 512 | sudo tee /proc/sys/vm/nr_hugepages, or run without hugepages (20 % slower)"},
    {{"hugepage", "Permission denied"},
     ErrorKind::kPermission,
     "the hugepages are not yours",
     "run as root, or without hugepages"},
    {{"Not enough memory available"},
     ErrorKind::kMissing,
     "fewer hugepages are free than asked for",
     "echo 512 | sudo tee /proc/sys/vm/nr_hugepages, or ask for less memory"},
    {{"annot init memory"},
     ErrorKind::kMissing,
     "the memory for packets cannot be had",
     "ask for less memory"},
    {{"invalid core list"},
     ErrorKind::kUsage,
     "the core is not there, or not in this process's affinity",
     "see `taskset -p $$` for the cores that are"},
    {{"This system does not support"},
     ErrorKind::kMissing,
     "the CPU lacks an instruction set that this DPDK was built for",
     "build with -Ddpdk=static on this machine"},
    {{"cannot open shared object"},
     ErrorKind::kMissing,
     "a driver of DPDK is not installed",
     "sudo apt-get install libdpdk-dev"},
    {{"nvalid key"},
     ErrorKind::kUsage,
     "the driver does not know one of the keys",
     "see the driver's page in doc.dpdk.org for its keys"},
    {{"rror parsing"},
     ErrorKind::kUsage,
     "the driver cannot read one of the values",
     "see the driver's page in doc.dpdk.org for its values"},
    {{"Operation not permitted"},
     ErrorKind::kPermission,
     "this user may not",
     "run as root, or sudo setcap cap_net_raw,cap_net_admin+ep on the program"},
    {{"Permission denied"},
     ErrorKind::kPermission,
     "this user may not",
     "run as root, or sudo setcap cap_net_raw,cap_net_admin+ep on the program"},
};

absl::Status Make(ErrorKind kind, const std::string& message) {
  switch (kind) {
    case ErrorKind::kUsage:
      return absl::InvalidArgumentError(message);
    case ErrorKind::kMissing:
      return absl::FailedPreconditionError(message);
    case ErrorKind::kPermission:
      return absl::PermissionDeniedError(message);
    default:
      return absl::InternalError(message);
  }
}

bool Contains(std::string_view text, std::string_view part) {
  return part.empty() || text.find(part) != std::string_view::npos;
}

// The last line that is not one of EAL's own follow-ups ("probe failed"), which say nothing.
std::string LastComplaint(std::string_view log) {
  std::string last;
  for (absl::string_view line : absl::StrSplit(Absl(log), '\n')) {
    const absl::string_view text = absl::StripAsciiWhitespace(line);
    const std::string_view t(text.data(), text.size());
    if (t.empty() || Contains(t, "probe failed") || Contains(t, "Failed to attach device") ||
        Contains(t, "cannot attach the device") || Contains(t, "Detected") || Contains(t, "IOVA") ||
        Contains(t, "Failed to register mp action")) {
      continue;
    }
    last = std::string(t);
  }
  return last;
}

}  // namespace

ErrorKind KindOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return ErrorKind::kNone;
    case absl::StatusCode::kInvalidArgument:
      return ErrorKind::kUsage;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kResourceExhausted:
      return ErrorKind::kMissing;
    case absl::StatusCode::kPermissionDenied:
      return ErrorKind::kPermission;
    default:
      return ErrorKind::kFailed;
  }
}

const std::vector<std::string>& KnownVdevDrivers() {
  static const auto* const kDrivers = new std::vector<std::string>{
      "net_af_packet",   "net_af_xdp", "net_bonding",    "net_failsafe", "net_memif",
      "net_null",        "net_pcap",   "net_ring",       "net_softnic",  "net_tap",
      "net_vdev_netvsc", "net_vhost",  "net_virtio_user"};
  return *kDrivers;
}

std::string DriverOf(std::string_view devargs) {
  const std::string_view name = devargs.substr(0, devargs.find(','));
  for (const std::string& driver : KnownVdevDrivers()) {
    if (name.substr(0, driver.size()) != driver) continue;
    const std::string_view rest = name.substr(driver.size());
    // An instance name: digits in most cases, a word behind an underscore in some.
    if (rest.empty() || rest[0] == '_' || std::all_of(rest.begin(), rest.end(), [](char c) {
          return std::isdigit(static_cast<unsigned char>(c)) != 0;
        })) {
      return driver;
    }
  }
  return "";
}

std::string NearestDriver(std::string_view name) {
  name = name.substr(0, name.find(','));
  while (!name.empty() && std::isdigit(static_cast<unsigned char>(name.back())) != 0) {
    name.remove_suffix(1);
  }
  std::string best;
  size_t least = 4;  // more edits than three make another word
  for (const std::string& driver : KnownVdevDrivers()) {
    // "ring" for "net_ring" is the commonest mistake of all.
    const size_t d = std::min(EditDistance(name, driver),
                              EditDistance(name, std::string_view(driver).substr(4)));
    if (d < least) {
      least = d;
      best = driver;
    }
  }
  return best;
}

absl::Status Translate(std::string_view what, std::string_view log) {
  const absl::string_view subject = Absl(what);
  for (const Rule& rule : kRules) {
    if (!Contains(log, rule.all[0]) || !Contains(log, rule.all[1])) continue;
    return Make(rule.kind, absl::StrCat(subject, ": ", Absl(rule.cause), "; ", Absl(rule.cure)));
  }
  const std::string last = LastComplaint(log);
  return Make(ErrorKind::kFailed,
              absl::StrCat(subject, ": ",
                           last.empty() ? "failed, and DPDK's log does not say why"
                                        : absl::StrCat("failed; DPDK says: ", last)));
}

}  // namespace sluice::dpdk
