// How a Device is put together from a port, a clock and an address. For the rooms that make devices
// (open, the laboratory, tests); applications get theirs from open.
#ifndef SLUICE_VERBS_ASSEMBLE_H_
#define SLUICE_VERBS_ASSEMBLE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/block_pool.h"
#include "base/clock.h"
#include "base/key_permutation.h"
#include "cc/registry.h"
#include "engine/engine.h"
#include "engine/qp_table.h"
#include "memory/region_table.h"
#include "net/routes.h"
#include "port/port.h"
#include "runtime/worker.h"
#include "verbs/verbs.h"
#include "wire/address.h"

namespace sluice::verbs {

// Of one device.
inline constexpr uint32_t kMaxQueuePairs = engine::QpTable::kMaxCapacity;

// What controls a flow in place of the algorithm that its connection names: that one itself, with
// something around its controllers that watches. Called at set-up; the answer outlives the flow.
using AlgorithmDecorator =
    std::function<std::shared_ptr<const cc::Algorithm>(std::shared_ptr<const cc::Algorithm>)>;

struct DeviceParts {
  port::Port* port = nullptr;  // outlives the device unless `keep` owns it
  Clock* clock = nullptr;      // likewise
  std::shared_ptr<void> keep;  // destroyed after the engine
  wire::MacAddress mac;
  wire::IpAddress address;
  net::RouteTable routes;       // empty: every address is on the link
  engine::EngineConfig engine;  // its seed also draws keys and PSNs
  size_t max_regions = 1024;
  AlgorithmDecorator decorate;  // empty: the algorithm as it is
};

// A device's address and how to reach others, as people write it.
struct Addressing {
  std::string address;              // "198.51.100.1", or with the link's prefix "198.51.100.1/24"
  std::string gateway;              // "198.51.100.254", or nothing
  std::vector<std::string> routes;  // "10.0.0.0/8 via 198.51.100.253"
};
// Sets address and routes; InvalidArgument names the text that is wrong, and changes nothing.
absl::Status SetAddressing(const Addressing& addressing, DeviceParts* parts);

class CmHub;

std::unique_ptr<Device> MakeDevice(const DeviceParts& parts);

// What lies behind a Device.
struct Device::Impl {
  explicit Impl(const DeviceParts& parts);

  DeviceParts parts;
  memory::RegionTable regions;
  NumberPermutation psns;  // first PSNs of queue pairs, from next_psn
  engine::Engine engine;
  runtime::Worker worker;
  BlockPool blocks;  // of queue_pairs
  // What queue pairs asked for last, by its text; oldest first.
  struct NamedAlgorithm {
    std::string text;
    std::shared_ptr<const cc::Algorithm> algorithm;
  };
  std::vector<NamedAlgorithm> algorithms;
  std::vector<QueuePair::Impl*> queue_pairs;
  std::vector<SharedReceiveQueue::Impl*> shared_receives;
  uint32_t next_pd = 1;
  uint32_t next_psn = 0;
  std::shared_ptr<CmHub> cm;  // once the device takes part in connection management
};

}  // namespace sluice::verbs

#endif  // SLUICE_VERBS_ASSEMBLE_H_
