#include "dpdk/vdev_keys.h"

#include <string>

#include "dpdk/errors.h"
#include "gtest/gtest.h"

namespace sluice::dpdk {
namespace {

TEST(VdevKeysTest, TakesWhatTheDriversTake) {
  for (const char* text :
       {"net_vhost0,iface=/tmp/s.sock,queues=1", "net_virtio_user0,path=/tmp/s.sock", "net_memif0",
        "net_memif0,role=server,socket=/tmp/m.sock,socket-abstract=no",
        "net_af_packet0,iface=veth0,qpairs=1", "net_tap_a,iface=x", "net_null0,copy=1",
        "net_pcap0,rx_pcap=a.pcap"}) {
    EXPECT_TRUE(CheckVdev(text).ok()) << text << ": " << CheckVdev(text);
  }
}

TEST(VdevKeysTest, SaysWhatIsWrongAndWhatWouldBeRight) {
  const struct {
    const char* text;
    const char* says;
  } cases[] = {
      {"", "is called ''"},
      {"net_rign0", "did you mean net_ring0?"},
      {"net_vhost,iface=/s", "for example net_vhost0"},
      {"net_vhost0", "for example net_vhost0,iface="},
      {"net_virtio_user0,iface=/s", "needs path="},
      {"net_af_packet0", "needs iface="},
      {"net_memif0,roel=server", "did you mean 'role'?"},
      {"net_memif0,nonsense=1", "it has id, role, bsize"},
      {"net_memif0,role=server,role=client", "role is given twice"},
      {"net_memif0,role", "'role' is not key=value"},
      {"net_memif0,", "'' is not key=value"},
  };
  for (const auto& c : cases) {
    const absl::Status s = CheckVdev(c.text);
    ASSERT_FALSE(s.ok()) << c.text;
    EXPECT_EQ(KindOf(s), ErrorKind::kUsage);
    EXPECT_NE(std::string(s.message()).find(c.says), std::string::npos) << s;
    EXPECT_EQ(s.message().find('\n'), absl::string_view::npos);
  }
}

}  // namespace
}  // namespace sluice::dpdk
