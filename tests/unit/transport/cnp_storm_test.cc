// A storm of forged congestion notifications, 10^6 per second of virtual time: what it costs the
// flow that it is aimed at, while it lasts and after.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/device_pair.h"
#include "support/lone_end.h"

namespace sluice::test {
namespace {

constexpr Duration kWindow = Duration::Milliseconds(1);
constexpr int kWindows = 22;
constexpr int kStormFrom = 4;  // windows
constexpr int kStormTo = 8;
constexpr int kBackBy = kStormTo + 10;
constexpr uint32_t kMessage = 1 << 16;

enum class Storm { kNone, kWrongSource, kRightSource };

class StormRun {
 public:
  StormRun(const std::string& algorithm, Storm storm) : storm_(storm), pair_(Options()) {
    verbs::ConnectOptions o;
    o.algorithm = algorithm;
    o.mtu = 4096;
    o.base_rtt_ns = 20'000;
    pair_.ConnectAll(o, 64, 1 << 20);
    cnp_.destination = *wire::MacAddress::Parse(pair_.a().device->mac());
    cnp_.source = *wire::MacAddress::Parse(pair_.b().device->mac());
    wire::Ipv4Header ip;
    ip.source = *wire::IpAddress::Parse(storm == Storm::kRightSource ? EndAddress(1) : "192.0.2.7");
    ip.destination = *wire::IpAddress::Parse(EndAddress(0));
    cnp_.ip = ip;
    cnp_.udp.source_port = 0xc000;
    cnp_.bth.opcode = wire::Opcode::kCnp;
    cnp_.bth.becn = true;
    cnp_.bth.dest_qpn = pair_.a().qp->qpn();
    LoneEnd::Finish(&cnp_);
  }

  // Bytes that arrived, by window.
  std::vector<uint64_t> Run() {
    std::vector<uint64_t> bytes;
    const std::vector<uint8_t> cnp = cnp_.Encode();
    Time next = pair_.now();
    for (int w = 0; w < kWindows; ++w) {
      const uint64_t before = arrived_;
      const bool storms = storm_ != Storm::kNone && w >= kStormFrom && w < kStormTo;
      for (int us = 0; us < kWindow / Duration::Microseconds(1); ++us) {
        next += Duration::Microseconds(1);
        if (storms) pair_.a().fake->Inject(cnp);
        Fill();
        pair_.RunUntil([&] { return !(pair_.now() < next); }, Duration::Microseconds(1));
      }
      bytes.push_back(arrived_ - before);
    }
    return bytes;
  }

  uint64_t Count(const char* name) { return pair_.a().device->statistics().Value(name); }

 private:
  static DevicePairOptions Options() {
    DevicePairOptions o;
    o.port.line_rate = Bandwidth::GigabitsPerSecond(40);  // that of DCQCN's paper
    o.port.latency = Duration::Microseconds(10);
    return o;
  }

  // Keeps the send queue full, and counts what has completed.
  void Fill() {
    for (const verbs::WorkCompletion& c : DevicePair::Drain(pair_.a())) {
      EXPECT_EQ(c.status, verbs::CompletionStatus::kSuccess);
      arrived_ += kMessage;
      --posted_;
    }
    const verbs::Segment segment = pair_.a().At(0, kMessage);
    verbs::SendRequest r;
    r.segments = {&segment, 1};
    r.opcode = verbs::Opcode::kRdmaWrite;
    r.remote_address = pair_.b().Va(0);
    r.rkey = pair_.b().region->rkey();
    for (; posted_ < 32; ++posted_) {
      ASSERT_EQ(pair_.a().qp->PostSend(r), verbs::PostResult::kOk);
    }
  }

  const Storm storm_;
  DevicePair pair_;
  wire::DecodedFrame cnp_;
  uint64_t arrived_ = 0;
  int posted_ = 0;
};

class CnpStorm : public testing::TestWithParam<const char*> {};

TEST_P(CnpStorm, FromAWrongSourceCostsNothing) {
  StormRun calm(GetParam(), Storm::kNone), storm(GetParam(), Storm::kWrongSource);
  const std::vector<uint64_t> undisturbed = calm.Run();
  EXPECT_EQ(storm.Run(), undisturbed);
  EXPECT_EQ(storm.Count("drop_source_address"), 4000u);
  EXPECT_EQ(storm.Count("rp_cnp_packets_handled_total"), 0u);
  // The yardstick is no idle flow: 90 % of 40 Gb/s are 4.5 MB in a millisecond.
  EXPECT_GT(undisturbed[kStormFrom], 4'400'000u);
}

TEST_P(CnpStorm, FromTheRightSourceTheRateIsBackWithinTenMilliseconds) {
  StormRun calm(GetParam(), Storm::kNone), storm(GetParam(), Storm::kRightSource);
  const std::vector<uint64_t> undisturbed = calm.Run();
  const std::vector<uint64_t> disturbed = storm.Run();
  const uint64_t counted = storm.Count("rp_cnp_packets_handled_total");
  EXPECT_GE(counted, 1u);
  EXPECT_LE(counted, 5u) << "four milliseconds of storm";
  EXPECT_GT(disturbed[kBackBy - 1], undisturbed[kBackBy - 1] * 95 / 100)
      << "of " << undisturbed[kBackBy - 1];
  EXPECT_GT(disturbed[kBackBy], undisturbed[kBackBy] * 95 / 100);
}

INSTANTIATE_TEST_SUITE_P(Algorithms, CnpStorm, testing::Values("dcqcn", "tita"),
                         [](const auto& it) { return std::string(it.param); });

}  // namespace
}  // namespace sluice::test
