#include "cc/registry.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace sluice::cc {
namespace {

std::string ErrorOf(std::string_view text) {
  const auto made = MakeAlgorithm(text);
  if (made.ok()) return "";
  EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(made.status().message());
}

std::string ParamOf(const Algorithm& algorithm, std::string_view name) {
  for (const auto& [key, value] : algorithm.params()) {
    if (key == name) return value;
  }
  return "(missing)";
}

TEST(RegistryTest, NamesAreUniqueAndEachCanBeMade) {
  std::set<std::string> names;
  for (const RegistryEntry& entry : Algorithms()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    const auto made = MakeAlgorithm(entry.name);
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_EQ((*made)->name(), entry.name);
  }
  EXPECT_TRUE(names.contains("fixed"));
}

TEST(RegistryTest, ParametersAreReadBackAsGiven) {
  const auto made = MakeAlgorithm("fixed:rate=25Gbps,window=64KiB");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(ParamOf(**made, "rate"), "25Gbps");
  EXPECT_EQ(ParamOf(**made, "window"), "64KiB");
}

TEST(RegistryTest, WordsStandForNotSet) {
  const auto made = MakeAlgorithm("fixed:rate=line,window=none");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ((*made)->params(), (*MakeAlgorithm("fixed"))->params());
}

TEST(RegistryTest, ErrorsNameWhatIsWrongAndTheCure) {
  const struct {
    const char* text;
    const char* says;
  } kCases[] = {
      {"fixd", "did you mean 'fixed'"},
      {"", "no algorithm ''"},
      {"fixed:", "nothing after the colon"},
      {"fixed:rat=1Gbps", "did you mean 'rate'"},
      {"fixed:zzzzz=1", "no such parameter"},
      {"fixed:rate=1Gbps,rate=2Gbps", "given twice"},
      {"fixed:rate", "not key=value"},
      {"fixed:rate=", "not key=value"},
      {"fixed:=1Gbps", "not key=value"},
      {"fixed:rate=1Gbps,", "ends with a comma"},
      {"fixed:rate=1Gbps,,window=1KB", "not key=value"},
      {"fixed:rate=10X", "unknown unit"},
      {"fixed:rate=1bps", "out of range (1Mbps..10Tbps|line)"},
      {"fixed:rate=none", "no number"},
      {"fixed:window=0", "out of range"},
  };
  for (const auto& c : kCases) {
    EXPECT_NE(ErrorOf(c.text).find(c.says), std::string::npos)
        << c.text << " gives: " << ErrorOf(c.text);
    EXPECT_EQ(ErrorOf(c.text).find('\n'), std::string::npos);
  }
}

// Help, validation and the typed struct must not drift apart.
TEST(RegistryTest, DefaultsAreLegalAndAreTheValuesInEffect) {
  for (const RegistryEntry& entry : Algorithms()) {
    const auto plain = entry.configure({});
    ASSERT_TRUE(plain.ok()) << entry.name << ": " << plain.status();
    ParamList defaults;
    std::set<std::string> names;
    for (const ParamSpec& spec : entry.params) {
      EXPECT_TRUE(names.insert(spec.name).second) << entry.name << " " << spec.name;
      EXPECT_STRNE(spec.help, "");
      EXPECT_STRNE(spec.source, "");
      EXPECT_TRUE(
          (std::set<std::string>{"rate", "time", "size", "number", "name"}.contains(spec.unit)))
          << entry.name << " " << spec.name << ": " << spec.unit;
      defaults.emplace_back(spec.name, spec.default_text);
    }
    const auto spelled = entry.configure(defaults);
    ASSERT_TRUE(spelled.ok()) << entry.name << ": " << spelled.status();
    EXPECT_EQ((*spelled)->params(), (*plain)->params()) << entry.name;
    // The texts of params() are those of the specs, in their order.
    EXPECT_EQ((*plain)->params(), defaults) << entry.name;
    const auto again = entry.configure((*plain)->params());
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ((*again)->params(), (*plain)->params());
  }
}

}  // namespace
}  // namespace sluice::cc
