#include "dpdk/eal.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "dpdk/errors.h"
#include "gtest/gtest.h"
#include "test_eal.h"

namespace sluice::dpdk {
namespace {

bool Has(const std::vector<std::string>& v, const std::string& s) {
  return std::find(v.begin(), v.end(), s) != v.end();
}

TEST(EalArgumentsTest, NoHugeAndInMemoryExcludeEachOther) {
  EalOptions o;
  o.memory = Bytes((int64_t{300} << 20) + 1);
  const auto without = EalArguments(o, false, 3);
  EXPECT_TRUE(Has(without, "--no-huge"));
  EXPECT_FALSE(Has(without, "--in-memory"));
  EXPECT_TRUE(Has(without, "--no-shconf"));
  EXPECT_TRUE(Has(without, "301"));
  EXPECT_TRUE(Has(without, "0@3"));
  const auto with = EalArguments(o, true, 3);
  EXPECT_FALSE(Has(with, "--no-huge"));
  EXPECT_TRUE(Has(with, "--in-memory"));
}

TEST(EalArgumentsTest, OnlyNamedPciDevicesAreTaken) {
  EalOptions o;
  EXPECT_TRUE(Has(EalArguments(o, false, 0), "--no-pci"));
  o.pci = {"0000:01:00.0"};
  const auto args = EalArguments(o, false, 0);
  EXPECT_FALSE(Has(args, "--no-pci"));
  EXPECT_TRUE(Has(args, "0000:01:00.0"));
}

TEST(FreeHugepagesTest, AddsUpAllSizes) {
  std::string root = ::testing::TempDir() + "hugepages-XXXXXX";
  ASSERT_NE(mkdtemp(root.data()), nullptr);
  EXPECT_EQ(FreeHugepages(root + "/none").count(), 0);
  for (const auto& [name, pages] :
       {std::pair("hugepages-2048kB", 3), std::pair("hugepages-1048576kB", 1)}) {
    std::filesystem::create_directory(root + "/" + name);
    std::ofstream(root + "/" + name + "/free_hugepages") << pages << "\n";
  }
  EXPECT_EQ(FreeHugepages(root).count(), 3 * (int64_t{2} << 20) + (int64_t{1} << 30));
  std::filesystem::remove_all(root);
}

TEST(EalTest, AWrongDriverNameIsUsageWithTheNearestName) {
  const auto port = test_eal->CreateVdev("net_rng0");
  ASSERT_FALSE(port.ok());
  EXPECT_EQ(KindOf(port.status()), ErrorKind::kUsage);
  EXPECT_NE(std::string(port.status().message()).find("did you mean net_ring0?"),
            std::string::npos);
}

TEST(EalTest, AKnownDriverThatCannotBeHadIsNotAWrongName) {
  // It wants a device to guard; a static build does not even have it.
  const auto port = test_eal->CreateVdev("net_failsafe0");
  ASSERT_FALSE(port.ok());
  EXPECT_NE(KindOf(port.status()), ErrorKind::kUsage) << port.status();
}

TEST(EalTest, AMissingInterfaceOrPeerIsNamed) {
  const auto virtio = test_eal->CreateVdev("net_virtio_user0,path=/nonexistent/s.sock");
  ASSERT_FALSE(virtio.ok());
  EXPECT_EQ(KindOf(virtio.status()), ErrorKind::kFailed);
  EXPECT_NE(std::string(virtio.status().message()).find("start the server"), std::string::npos)
      << virtio.status();
  const auto role = test_eal->CreateVdev("net_memif0,role=foo");
  ASSERT_FALSE(role.ok());
  EXPECT_EQ(KindOf(role.status()), ErrorKind::kUsage) << role.status();
}

TEST(EalTest, TheSameDeviceTwiceIsRefused) {
  const auto first = test_eal->CreateVdev("net_null7");
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = test_eal->CreateVdev("net_null7");
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(KindOf(second.status()), ErrorKind::kUsage);
}

TEST(EalTest, DpdkLogsToMemoryOnly) { EXPECT_NE(Eal::Log().find("EAL: "), std::string::npos); }

}  // namespace
}  // namespace sluice::dpdk
