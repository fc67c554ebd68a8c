#include "lab/seeds.h"

#include <gtest/gtest.h>

#include "lab/experiment_file.h"

namespace sluice::lab {
namespace {

Chosen Incast(const char* more) {
  const std::string text = std::string(R"({"format": "sluice-experiment/1", "name": "two",
      "topology": {"kind": "star", "hosts": 3},
      "flows": [[0, 2, 300000, "0"], [1, 2, 300000, "0"]])") +
                           more + "}";
  const auto chosen = ParseExperimentFile("two.json", text);
  EXPECT_TRUE(chosen.ok()) << chosen.status();
  return *chosen;
}

bool Differ(const Chosen& experiment, const char* a, const char* b) {
  const absl::Status s = CheckSeedsDiffer(experiment, a, b, [] { return true; });
  EXPECT_TRUE(s.ok() || absl::IsInvalidArgument(s)) << s;
  return s.ok();
}

// Two flows at given times to one host, no coin anywhere.
TEST(Seeds, ThatVaryNothingAreRefused) { EXPECT_FALSE(Differ(Incast(""), "fixed", "tita")); }

TEST(Seeds, JitterIsEnough) {
  EXPECT_TRUE(Differ(Incast(R"(, "jitter": "100ns")"), "fixed", "tita"));
  EXPECT_FALSE(Differ(Incast(R"(, "jitter": "100ns", "random": ["ecmp"])"), "fixed", "tita"));
}

TEST(Seeds, CoinsThatAnArmReadsAreEnough) {
  const char* ecn = R"(, "switch": {"ecn": {"kmin": "10KB", "kmax": "300KB", "pmax": 0.5}})";
  EXPECT_TRUE(Differ(Incast(ecn), "fixed", "dcqcn"));
}

TEST(Seeds, ARunThatIsStoppedIsCancelled) {
  const absl::Status s = CheckSeedsDiffer(*Choose("incast:senders=64,size=4MB,spread=0"), "fixed",
                                          "fixed", [] { return false; });
  EXPECT_TRUE(absl::IsCancelled(s)) << s;
}

}  // namespace
}  // namespace sluice::lab
