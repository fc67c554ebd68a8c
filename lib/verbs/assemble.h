// How a Device is put together from a port, a clock and an address. For the rooms that make devices
// (open, the laboratory, tests); applications get theirs from open.
#ifndef SLUICE_VERBS_ASSEMBLE_H_
#define SLUICE_VERBS_ASSEMBLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/key_permutation.h"
#include "engine/engine.h"
#include "memory/region_table.h"
#include "port/port.h"
#include "runtime/worker.h"
#include "verbs/verbs.h"
#include "wire/address.h"

namespace sluice::verbs {

struct DeviceParts {
  port::Port* port = nullptr;  // outlives the device unless `keep` owns it
  Clock* clock = nullptr;      // likewise
  std::shared_ptr<void> keep;  // destroyed after the engine
  wire::MacAddress mac;
  wire::IpAddress address;
  engine::EngineConfig engine;  // its seed also draws keys and PSNs
  size_t max_regions = 1024;
};

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
  std::vector<QueuePair::Impl*> queue_pairs;
  std::vector<SharedReceiveQueue::Impl*> shared_receives;
  uint32_t next_pd = 1;
  uint32_t next_psn = 0;
  std::shared_ptr<CmHub> cm;  // once the device takes part in connection management
};

}  // namespace sluice::verbs

#endif  // SLUICE_VERBS_ASSEMBLE_H_
