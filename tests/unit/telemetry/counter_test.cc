#include "telemetry/counter.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace sluice::telemetry {
namespace {

enum class Rx { kPackets, kBytes, kQueue };
constexpr std::array<CounterInfo, 3> kRxInfos = {{
    {"rx_packets_total", "packets", "Packets received.", Kind::kCounter},
    {"rx_bytes_total", "bytes", "Bytes received.", Kind::kCounter},
    {"rx_queue_packets", "packets", "Packets that wait.", Kind::kGauge},
}};
using RxGroup = CounterGroup<Rx, 3>;

TEST(Counter, AddsAndSets) {
  Counter c;
  EXPECT_EQ(c.value(), 0u);
  c.Add();
  c.Add(41);
  EXPECT_EQ(c.value(), 42u);
  c.Set(7);
  EXPECT_EQ(c.value(), 7u);
}

TEST(CounterGroup, AReaderFindsNameUnitHelpAndValue) {
  RxGroup group("rx", kRxInfos);
  group.Add(Rx::kPackets);
  group.Add(Rx::kBytes, 1500);
  group[Rx::kQueue].Set(3);
  EXPECT_EQ(group.value(Rx::kBytes), 1500u);
  const CounterView view = group.View();
  EXPECT_EQ(view.group, "rx");
  ASSERT_EQ(view.infos.size(), 3u);
  ASSERT_EQ(view.counters.size(), 3u);
  const uint64_t expected[] = {1, 1500, 3};
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(view.infos[i].name, kRxInfos[i].name);
    EXPECT_EQ(view.infos[i].unit, kRxInfos[i].unit);
    EXPECT_EQ(view.infos[i].help, kRxInfos[i].help);
    EXPECT_EQ(view.infos[i].kind, kRxInfos[i].kind);
    EXPECT_EQ(view.counters[i].value(), expected[i]);
  }
}

TEST(CounterGroup, TwoGroupsShareNoCacheLine) {
  EXPECT_EQ(alignof(RxGroup) % 64, 0u);
  EXPECT_EQ(sizeof(RxGroup) % 64, 0u);
}

TEST(Registry, KeepsGroupsInOrderAndRefusesWhenFull) {
  RxGroup a("rx", kRxInfos), b("rx", kRxInfos), c("rx", kRxInfos);
  Registry registry(2);
  EXPECT_EQ(registry.size(), 0u);
  EXPECT_EQ(registry.Get(0), nullptr);
  {
    const std::string instance = "worker=\"0\"";  // need not outlive the call
    EXPECT_TRUE(registry.Add(a.View(), instance));
  }
  EXPECT_TRUE(registry.Add(b.View(), "worker=\"1\""));
  EXPECT_FALSE(registry.Add(c.View(), "worker=\"2\""));
  ASSERT_EQ(registry.size(), 2u);
  EXPECT_EQ(registry.Get(0)->instance, "worker=\"0\"");
  EXPECT_EQ(registry.Get(1)->instance, "worker=\"1\"");
  EXPECT_EQ(registry.Get(2), nullptr);
  b.Add(Rx::kPackets, 9);
  EXPECT_EQ(registry.Get(1)->view.counters[0].value(), 9u);
}

// Writers count and register while a reader enumerates: no torn and no shrinking value.
TEST(Registry, ReadersAndWritersRunTogether) {
  constexpr int kWriters = 3;
  constexpr uint64_t kAdds = 100'000;
  std::vector<std::unique_ptr<RxGroup>> groups;
  for (int i = 0; i < kWriters; ++i) groups.push_back(std::make_unique<RxGroup>("rx", kRxInfos));
  Registry registry(kWriters);
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&registry, group = groups[static_cast<size_t>(w)].get(), w] {
      EXPECT_TRUE(registry.Add(group->View(), std::to_string(w)));
      for (uint64_t i = 0; i < kAdds; ++i) group->Add(Rx::kBytes, uint64_t{1} << 32 | 1);
    });
  }
  uint64_t last[kWriters] = {};
  for (bool done = false; !done;) {
    done = registry.size() == kWriters;
    for (size_t i = 0; i < registry.size(); ++i) {
      const Registry::Item* item = registry.Get(i);
      const uint64_t v = item == nullptr ? 0 : item->view.counters[1].value();
      EXPECT_EQ(v >> 32, v & 0xffffffff);
      EXPECT_GE(v, last[i]);
      last[i] = v;
      done = done && v >> 32 == kAdds;
    }
  }
  for (std::thread& t : writers) t.join();
}

}  // namespace
}  // namespace sluice::telemetry
