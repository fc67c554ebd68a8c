#include "cli/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>

namespace sluice::cli {
namespace {

TEST(Json, KeepsTheOrderOfKeys) {
  Json j;
  j["test"] = "bw";
  j["size_bytes"] = 64;
  j["a"] = nullptr;
  EXPECT_EQ(JsonText(j), "{\n  \"test\": \"bw\",\n  \"size_bytes\": 64,\n  \"a\": null\n}\n");
}

TEST(Json, NeverThrowsForOddBytesOrNumbers) {
  Json j;
  j["file"] = "\xff\xfe.pcap";
  j["ratio"] = std::nan("");
  const Json back = Json::parse(JsonText(j));
  EXPECT_TRUE(back["ratio"].is_null());
  EXPECT_EQ(back["file"], "\xef\xbf\xbd\xef\xbf\xbd.pcap");
}

TEST(Json, ErrorHasMessageAndStatus) {
  EXPECT_EQ(ErrorJson("no such file", 2).dump(), R"({"error":"no such file","exit":2})");
}

TEST(Json, WritesToAFileOrStandardOutput) {
  std::ostringstream out;
  EXPECT_TRUE(WriteJson(Json::array(), "-", out).ok());
  EXPECT_EQ(out.str(), "[]\n");

  const std::string path = testing::TempDir() + "/sluice_json_test.json";
  EXPECT_TRUE(WriteJson(Json::parse("[1]"), path, out).ok());
  EXPECT_TRUE(WriteJson(Json::parse("[2]"), path, out).ok());
  std::ifstream file(path);
  EXPECT_EQ(Json::parse(file), Json::parse("[2]"));
  std::remove(path.c_str());

  const absl::Status missing = WriteJson(Json::array(), "/no/such/dir/x.json", out);
  EXPECT_NE(missing.message().find("/no/such/dir/x.json"), absl::string_view::npos);
  EXPECT_NE(missing.message().find("No such file"), absl::string_view::npos);
  EXPECT_FALSE(WriteJson(Json(std::string(100'000, 'x')), "/dev/full", out).ok());
}

}  // namespace
}  // namespace sluice::cli
