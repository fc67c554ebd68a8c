// The conformance suite over the ports that need no EAL.
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "gtest/gtest.h"
#include "port/capture_port.h"
#include "port/fault_port.h"
#include "support/datagram_port.h"
#include "support/fake_port.h"
#include "support/port_conformance.h"

namespace sluice::test {
namespace {

class FakeRig : public PortRig {
 public:
  explicit FakeRig(const FakePortOptions& options) : a_(options), b_(options) {
    FakePort::Connect(a_, b_);
  }
  port::Port& a() override { return a_; }
  port::Port& b() override { return b_; }
  size_t in_use() override { return a_.lent() + b_.lent() + a_.under_way() + b_.under_way(); }

 private:
  FakePort a_;
  FakePort b_;
};

FakePortOptions SmallAndCutUp() {
  FakePortOptions o;
  o.pool = 160;
  o.wire_capacity = 64;
  o.exact_size = true;
  o.receive_header = 54;
  o.receive_segment = 500;
  return o;
}

// Both ends of a fake pair behind a decorator.
template <typename Decorator>
class DecoratedRig : public PortRig {
 public:
  template <typename... Args>
  explicit DecoratedRig(const FakePortOptions& options, Args... args)
      : inner_(options), a_(&inner_.a(), args...), b_(&inner_.b(), args...) {}
  port::Port& a() override { return a_; }
  port::Port& b() override { return b_; }
  size_t in_use() override { return inner_.in_use(); }

 private:
  FakeRig inner_;
  Decorator a_;
  Decorator b_;
};

class ZeroClock : public Clock {
 public:
  Time Now() override { return Time::Zero(); }
};

class DatagramRig : public PortRig {
 public:
  DatagramRig() {
    char name[] = "/tmp/sluice-ports-XXXXXX";
    folder_ = mkdtemp(name);
    a_ = Open("/a", "/b");
    b_ = Open("/b", "/a");
    EXPECT_TRUE(a_->Connect() && b_->Connect());
  }
  ~DatagramRig() override {
    a_.reset();
    b_.reset();
    rmdir(folder_.c_str());
  }
  port::Port& a() override { return *a_; }
  port::Port& b() override { return *b_; }
  size_t in_use() override { return a_->lent() + b_->lent(); }

 private:
  std::unique_ptr<DatagramPort> Open(const char* local, const char* remote) {
    DatagramPortOptions o;
    o.local = folder_ + local;
    o.remote = folder_ + remote;
    absl::StatusOr<std::unique_ptr<DatagramPort>> port = DatagramPort::Open(o);
    EXPECT_TRUE(port.ok()) << port.status();
    return *std::move(port);
  }

  std::string folder_;
  std::unique_ptr<DatagramPort> a_;
  std::unique_ptr<DatagramPort> b_;
};

std::unique_ptr<PortRig> Plain() { return std::make_unique<FakeRig>(FakePortOptions{}); }
std::unique_ptr<PortRig> Small() { return std::make_unique<FakeRig>(SmallAndCutUp()); }
std::unique_ptr<PortRig> Faultless() {
  return std::make_unique<DecoratedRig<port::FaultPort>>(SmallAndCutUp(), port::FaultRates{}, 1, 0);
}
std::unique_ptr<PortRig> Datagrams() { return std::make_unique<DatagramRig>(); }
std::unique_ptr<PortRig> Captured() {
  static ZeroClock clock;
  return std::make_unique<DecoratedRig<port::CapturePort>>(SmallAndCutUp(), &clock);
}

INSTANTIATE_TEST_SUITE_P(FakePort, PortConformance, ::testing::Values(&Plain, &Small));
INSTANTIATE_TEST_SUITE_P(DatagramPort, PortConformance, ::testing::Values(&Datagrams));
INSTANTIATE_TEST_SUITE_P(FaultPort, PortConformance, ::testing::Values(&Faultless));
INSTANTIATE_TEST_SUITE_P(CapturePort, PortConformance, ::testing::Values(&Captured));

}  // namespace
}  // namespace sluice::test
