#include "open/device.h"

#include <string>

#include "gtest/gtest.h"

namespace sluice::open {
namespace {

TEST(DeviceTest, ReadsTheThreeKinds) {
  const struct {
    const char* text;
    DeviceKind kind;
    const char* argument;
  } cases[] = {
      {"net_ring", DeviceKind::kRingPair, ""},
      {"net_ring0", DeviceKind::kVdev, "net_ring0"},
      {"net_vhost0,iface=/tmp/s.sock", DeviceKind::kVdev, "net_vhost0,iface=/tmp/s.sock"},
      {"net_virtio_user12,path=/a=b", DeviceKind::kVdev, "net_virtio_user12,path=/a=b"},
      {"0000:01:00.0", DeviceKind::kPci, "0000:01:00.0"},
      {"01:00.7", DeviceKind::kPci, "0000:01:00.7"},
      {"0000:AF:1f.3", DeviceKind::kPci, "0000:af:1f.3"},
  };
  for (const auto& c : cases) {
    const auto device = ParseDevice(c.text);
    ASSERT_TRUE(device.ok()) << c.text << ": " << device.status();
    EXPECT_EQ(device->kind, c.kind) << c.text;
    EXPECT_EQ(device->argument, c.argument);
  }
}

TEST(DeviceTest, SaysWhatIsWrongAndWhatWouldBeRight) {
  const struct {
    const char* text;
    const char* says;
  } cases[] = {
      {"", "is no device"},
      {"net_rng", "did you mean net_ring?"},
      {"net_menif0,role=server", "did you mean net_memif0?"},
      {"01:00.8", "is no device"},
      {"0000:01:00", "is no device"},
      {"net_tap,iface=x", "for example net_tap0"},
      {"net_tap0,iface", "'iface' is not key=value"},
      {"net_tap0,=x", "'=x' is not key=value"},
      {"net_tap0,", "'' is not key=value"},
      {"net_tap0,iface=x,iface=y", "iface is given twice"},
      {"net_vhost0,ifcae=/tmp/s", "did you mean 'iface'?"},
      {"net_vhost0", "net_vhost needs iface="},
  };
  for (const auto& c : cases) {
    const auto device = ParseDevice(c.text);
    ASSERT_FALSE(device.ok()) << c.text;
    EXPECT_EQ(device.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(std::string(device.status().message()).find(c.says), std::string::npos)
        << device.status();
  }
}

}  // namespace
}  // namespace sluice::open
