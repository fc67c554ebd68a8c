// Every algorithm of the registry, with its default parameters, against every check of
// support/cc_checks.h. A new algorithm is covered by its line in cc/meson.build. Laws that are
// others than those of the defaults stand in kVariants.
#include <gtest/gtest.h>

#include <iterator>
#include <memory>
#include <string>
#include <tuple>

#include "cc/registry.h"
#include "support/cc_checks.h"

namespace sluice::test {
namespace {

constexpr const char* kVariants[] = {"dctcp:law=rate", "timely:law=ns3", "dcqcn:notice=ack",
                                     "dcqcn:window=rtt"};

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const cc::RegistryEntry& entry : cc::Algorithms()) names.emplace_back(entry.name);
  names.insert(names.end(), std::begin(kVariants), std::end(kVariants));
  return names;
}

std::string Word(std::string name) {
  for (char& c : name) {
    if (c == ':' || c == '=') c = '_';
  }
  return name;
}

class CcConformanceTest : public testing::TestWithParam<std::tuple<std::string, size_t>> {};

TEST_P(CcConformanceTest, Holds) {
  const auto& [name, index] = GetParam();
  const auto made = cc::MakeAlgorithm(name);
  ASSERT_TRUE(made.ok()) << made.status();
  const Failures failures = AllChecks()[index].run(**made);
  for (size_t i = 0; i < failures.size() && i < 5; ++i) ADD_FAILURE() << failures[i];
  if (failures.size() > 5) ADD_FAILURE() << "and " << failures.size() - 5 << " more";
}

INSTANTIATE_TEST_SUITE_P(Registry, CcConformanceTest,
                         testing::Combine(testing::ValuesIn(Names()),
                                          testing::Range(size_t{0}, AllChecks().size())),
                         [](const auto& param) {
                           return Word(std::get<0>(param.param)) + "_" +
                                  AllChecks()[std::get<1>(param.param)].name;
                         });

}  // namespace
}  // namespace sluice::test
