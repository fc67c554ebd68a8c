// FakeParts: links of FakePorts and a clock that goes on by a step whenever somebody reads it: wire
// runs without DPDK and without time.
#ifndef SLUICE_TESTS_UNIT_BRIDGE_FAKE_PARTS_H_
#define SLUICE_TESTS_UNIT_BRIDGE_FAKE_PARTS_H_

#include <memory>
#include <vector>

#include "bridge/wire_parts.h"
#include "support/fake_port.h"

namespace sluice::bridge {

class FakeParts final : public WireParts, public Clock {
 public:
  explicit FakeParts(Duration step) : step_(step) {}

  Time Now() override {
    now_ += step_;
    if (++readings_ == stall_at_) now_ += stall_;
    return now_;
  }
  // The reading of that number, from 1, comes later by this.
  void StallAt(uint64_t reading, Duration stall) {
    stall_at_ = reading;
    stall_ = stall;
  }

  Clock& clock() override { return *this; }
  absl::Status Open(std::span<const Bandwidth> line_rates, Bytes max_frame, Clock*) override {
    for (const Bandwidth rate : line_rates) {
      test::FakePortOptions o;
      o.line_rate = rate;
      o.max_frame = o.linear_room = static_cast<uint32_t>(max_frame.count());
      o.wire_capacity = 64;
      hosts_.push_back(std::make_unique<test::FakePort>(o));
      bridges_.push_back(std::make_unique<test::FakePort>(o));
      hosts_.back()->KeepSent(false);
      bridges_.back()->KeepSent(false);
      test::FakePort::Connect(*hosts_.back(), *bridges_.back());
    }
    return absl::OkStatus();
  }
  port::Port& host(size_t link) override { return *hosts_[link]; }
  port::Port& bridge(size_t link) override { return *bridges_[link]; }
  size_t Close() override {
    size_t lent = 0;
    for (const auto& port : hosts_) lent += port->lent();
    for (const auto& port : bridges_) lent += port->lent();
    hosts_.clear();
    bridges_.clear();
    return lent;
  }

 private:
  const Duration step_;
  Time now_;
  uint64_t readings_ = 0;
  uint64_t stall_at_ = 0;
  Duration stall_;
  std::vector<std::unique_ptr<test::FakePort>> hosts_;
  std::vector<std::unique_ptr<test::FakePort>> bridges_;
};

}  // namespace sluice::bridge

#endif  // SLUICE_TESTS_UNIT_BRIDGE_FAKE_PARTS_H_
