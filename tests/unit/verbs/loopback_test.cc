// Two devices exchange messages through the whole stack, in virtual time, and every byte is
// compared.
#include <gtest/gtest.h>

#include <cstring>

#include "base/rng.h"
#include "support/device_pair.h"

namespace sluice::test {
namespace {

using verbs::CompletionStatus;
using verbs::Opcode;
using verbs::PostResult;
using verbs::WorkCompletion;

void FillPattern(std::vector<uint8_t>& memory, uint64_t seed) {
  Rng rng(seed);
  for (uint8_t& b : memory) b = static_cast<uint8_t>(rng.Next());
}

verbs::ConnectOptions FixedOptions(uint32_t mtu = 1024) {
  verbs::ConnectOptions o;
  o.mtu = mtu;
  o.algorithm = "fixed";
  o.timeout = 8;
  return o;
}

struct Case {
  uint32_t mtu;
  uint32_t length;
};

class Loopback : public testing::TestWithParam<Case> {};

TEST_P(Loopback, SendArrivesIntact) {
  const Case c = GetParam();
  DevicePair pair;
  pair.ConnectAll(FixedOptions(c.mtu), 8, 1 << 20);
  FillPattern(pair.a().memory, 7);
  const verbs::Segment to = pair.b().At(0, c.length);
  ASSERT_EQ(pair.b().qp->PostReceive({11, {&to, 1}}), PostResult::kOk);
  const verbs::Segment from = pair.a().At(100, c.length);
  verbs::SendRequest r;
  r.wr_id = 22;
  r.segments = {&from, 1};
  r.opcode = Opcode::kSendWithImm;
  r.imm = 0xdeadbeef;
  ASSERT_EQ(pair.a().qp->PostSend(r), PostResult::kOk);
  pair.Settle();

  const std::vector<WorkCompletion> sent = DevicePair::Drain(pair.a());
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].wr_id, 22u);
  EXPECT_EQ(sent[0].status, CompletionStatus::kSuccess);
  const std::vector<WorkCompletion> got = DevicePair::Drain(pair.b());
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].wr_id, 11u);
  EXPECT_EQ(got[0].byte_length, c.length);
  EXPECT_TRUE(got[0].has_imm);
  EXPECT_EQ(got[0].imm, 0xdeadbeefu);
  EXPECT_EQ(std::memcmp(pair.b().memory.data(), pair.a().memory.data() + 100, c.length), 0);
  // ceil(length / mtu) data packets, at least one.
  const uint64_t packets = std::max<uint64_t>(1, (c.length + c.mtu - 1) / c.mtu);
  EXPECT_EQ(pair.a().device->statistics().Value("data_packets_sent_total"), packets);
}

TEST_P(Loopback, WriteLandsWhereItShould) {
  const Case c = GetParam();
  DevicePair pair;
  pair.ConnectAll(FixedOptions(c.mtu), 8, 1 << 20);
  FillPattern(pair.a().memory, 9);
  const verbs::Segment from = pair.a().At(0, c.length);
  verbs::SendRequest r;
  r.segments = {&from, 1};
  r.opcode = Opcode::kRdmaWrite;
  r.remote_address = pair.b().Va(300);
  r.rkey = pair.b().region->rkey();
  ASSERT_EQ(pair.a().qp->PostSend(r), PostResult::kOk);
  pair.Settle();
  const std::vector<WorkCompletion> sent = DevicePair::Drain(pair.a());
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].status, CompletionStatus::kSuccess);
  EXPECT_TRUE(DevicePair::Drain(pair.b()).empty());
  EXPECT_EQ(std::memcmp(pair.b().memory.data() + 300, pair.a().memory.data(), c.length), 0);
  // Nothing around it was touched.
  for (size_t i = 0; i < 300; ++i) ASSERT_EQ(pair.b().memory[i], 0);
  for (size_t i = 300 + c.length; i < pair.b().memory.size(); ++i) {
    ASSERT_EQ(pair.b().memory[i], 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Loopback,
                         testing::Values(Case{1024, 0}, Case{1024, 1}, Case{1024, 1023},
                                         Case{1024, 1024}, Case{1024, 1025}, Case{4096, 64},
                                         Case{4096, 100000}, Case{256, 700001}),
                         [](const auto& param) {
                           return "mtu" + std::to_string(param.param.mtu) + "_" +
                                  std::to_string(param.param.length);
                         });

}  // namespace
}  // namespace sluice::test
