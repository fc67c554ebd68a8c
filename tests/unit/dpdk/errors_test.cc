#include "dpdk/errors.h"

#include <string>

#include "gtest/gtest.h"

namespace sluice::dpdk {
namespace {

// What DPDK 22.11 wrote on a machine that lacked the thing.
struct Case {
  const char* log;
  ErrorKind kind;
  const char* says;
};

TEST(ErrorsTest, TranslatesWhatDpdkWrites) {
  const Case cases[] = {
      {"EAL: FATAL: Cannot get hugepage information.\nEAL: Cannot get hugepage information.\n",
       ErrorKind::kMissing, "nr_hugepages"},
      {"EAL: No free 2048 kB hugepages reported on node 0\nEAL: FATAL: Cannot get hugepage "
       "information.\n",
       ErrorKind::kMissing, "nr_hugepages"},
      {"vhost_user_setup(): connect error, No such file or directory\nEAL: Bus (vdev) probe "
       "failed.\n",
       ErrorKind::kFailed, "start the server"},
      {"vhost_user_setup(): connect error, Connection refused\n", ErrorKind::kFailed, "left over"},
      {"rte_pmd_init_internals(): net_af_packet0: ioctl failed (SIOCGIFINDEX):No such device\n",
       ErrorKind::kUsage, "no network interface"},
      {"init_internals(): Failed to get channel info of interface: nonexist\n", ErrorKind::kUsage,
       "no network interface"},
      {"memif_set_role(): Unknown role: foo.\nvdev_probe(): failed to initialize\n",
       ErrorKind::kUsage, "role=server"},
      {"EAL: Cannot allocate memseg list: Invalid argument\nEAL: FATAL: Cannot init memory\n",
       ErrorKind::kMissing, "less memory"},
      {"tun_alloc(): Unable to open /dev/net/tun interface\ntun_alloc(): No such file\n",
       ErrorKind::kMissing, "modprobe tun"},
      {"open_packet_iface(): Could not open AF_PACKET socket\n", ErrorKind::kPermission,
       "cap_net_raw"},
      {"EAL: 0000:01:00.0 VFIO group is not viable! Not all devices in IOMMU group bound\n",
       ErrorKind::kMissing, "vfio-pci"},
  };
  for (const Case& c : cases) {
    const absl::Status s = Translate("the device", c.log);
    EXPECT_EQ(KindOf(s), c.kind) << c.log << s;
    const std::string message(s.message());
    EXPECT_EQ(message.find("the device: "), 0u) << message;
    EXPECT_NE(message.find(c.says), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << "more than one line";
  }
}

TEST(ErrorsTest, AnUnknownCauseShowsTheLastComplaintThatSaysSomething) {
  const absl::Status s = Translate("net_x0",
                                   "EAL: Selected IOVA mode 'VA'\nfoo_init(): the moon is full\n"
                                   "EAL: Driver cannot attach the device (net_x0)\n"
                                   "EAL: Failed to attach device on primary process\n");
  EXPECT_EQ(KindOf(s), ErrorKind::kFailed);
  EXPECT_EQ(std::string(s.message()), "net_x0: failed; DPDK says: foo_init(): the moon is full");
  EXPECT_FALSE(Translate("net_x0", "").ok());
}

TEST(ErrorsTest, EveryKnownDriverIsFoundWithItsNumber) {
  for (const std::string& driver : KnownVdevDrivers()) {
    EXPECT_EQ(DriverOf(driver), driver);
    EXPECT_EQ(DriverOf(driver + "0"), driver);
    EXPECT_EQ(DriverOf(driver + "12,iface=x"), driver);
    EXPECT_EQ(NearestDriver(driver + "3"), driver);
  }
  EXPECT_EQ(DriverOf("net_rng0"), "");
  EXPECT_EQ(DriverOf("net_ringo"), "");
  EXPECT_EQ(DriverOf(""), "");
}

TEST(ErrorsTest, NamesTheNearest) {
  EXPECT_EQ(NearestDriver("net_rng0"), "net_ring");
  EXPECT_EQ(NearestDriver("net_menif0,role=server"), "net_memif");
  EXPECT_EQ(NearestDriver("ring"), "net_ring");
  EXPECT_EQ(NearestDriver("net_virtio_usr0"), "net_virtio_user");
  EXPECT_EQ(NearestDriver("something_else"), "");
}

}  // namespace
}  // namespace sluice::dpdk
