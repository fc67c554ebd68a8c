#include "dpdk/devargs.h"

#include <string>

#include "dpdk/errors.h"
#include "gtest/gtest.h"

namespace sluice::dpdk {
namespace {

constexpr Bytes kFrame{4154};

std::string Message(const absl::StatusOr<SizedVdev>& s) {
  return std::string(s.status().message());
}

TEST(DevargsTest, MemifGetsBuffersForTheFrame) {
  const auto sized = SizeVdev("net_memif0,role=server,socket=/run/m.sock", kFrame);
  ASSERT_TRUE(sized.ok()) << sized.status();
  // 4154 rounded up to 64.
  EXPECT_EQ(sized->devargs, "net_memif0,role=server,socket=/run/m.sock,bsize=4160");
  const auto small = SizeVdev("net_memif0", Bytes(1100));
  ASSERT_TRUE(small.ok());
  EXPECT_EQ(small->devargs, "net_memif0,bsize=2048");
}

TEST(DevargsTest, ASmallerMemifBufferIsRefusedByName) {
  const auto sized = SizeVdev("net_memif0,bsize=2048,role=client", kFrame);
  ASSERT_FALSE(sized.ok());
  EXPECT_EQ(KindOf(sized.status()), ErrorKind::kUsage);
  EXPECT_NE(Message(sized).find("bsize=2048 is too small for frames of 4154 bytes"),
            std::string::npos);
  EXPECT_NE(Message(sized).find("bsize=4160"), std::string::npos);
  EXPECT_TRUE(SizeVdev("net_memif0,bsize=4154", kFrame).ok());
  EXPECT_FALSE(SizeVdev("net_memif0,bsize=4153", kFrame).ok());
  EXPECT_FALSE(SizeVdev("net_memif0,bsize=big", kFrame).ok());
  EXPECT_FALSE(SizeVdev("net_memif0,bsize=", kFrame).ok());
}

TEST(DevargsTest, AfPacketGetsFramesInWholePages) {
  const auto sized = SizeVdev("net_af_packet0,iface=veth0", kFrame);
  ASSERT_TRUE(sized.ok());
  EXPECT_EQ(sized->devargs, "net_af_packet0,iface=veth0,framesz=8192,blocksz=8192");
  EXPECT_EQ(sized->min_data_room.count(), 8192);
  const auto small = SizeVdev("net_af_packet0,iface=veth0", Bytes(1518));
  ASSERT_TRUE(small.ok());
  EXPECT_EQ(small->devargs, "net_af_packet0,iface=veth0");
  EXPECT_EQ(small->min_data_room.count(), 2048);
  EXPECT_FALSE(SizeVdev("net_af_packet0,iface=veth0,framesz=4096", kFrame).ok());
  EXPECT_FALSE(SizeVdev("net_af_packet0,iface=veth0,blocksz=4096", kFrame).ok());
}

TEST(DevargsTest, OtherDriversStayAsTheyAre) {
  const auto sized = SizeVdev("net_vhost0,iface=/tmp/s.sock", kFrame);
  ASSERT_TRUE(sized.ok());
  EXPECT_EQ(sized->devargs, "net_vhost0,iface=/tmp/s.sock");
  EXPECT_EQ(sized->min_data_room.count(), 0);
}

}  // namespace
}  // namespace sluice::dpdk
