// ExtendedPair: a fixture with two queue pairs that agreed to the extension, 10 us apart, whose
// frames a test can lose. End a sends what the test posts.
#ifndef SLUICE_TESTS_SUPPORT_EXTENDED_PAIR_H_
#define SLUICE_TESTS_SUPPORT_EXTENDED_PAIR_H_

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <set>

#include "support/device_pair.h"

namespace sluice::test {

class ExtendedPair : public testing::Test {
 public:
  static constexpr uint32_t kMtu = 1024;

 protected:
  void SetUp() override { Connect(Options()); }
  static verbs::ConnectOptions Options() {
    verbs::ConnectOptions o;
    o.mtu = kMtu;
    o.reliability = verbs::Reliability::kExtended;
    o.tracking_window = 256;
    o.algorithm = "fixed";
    o.base_rtt_ns = 10'000;
    o.min_rnr_timer = 1;
    return o;
  }
  void Connect(const verbs::ConnectOptions& o, uint32_t shared_receives = 0) {
    DevicePairOptions p;
    p.shared_receives = shared_receives;
    p.port.latency = Duration::Microseconds(5);
    pair_ = std::make_unique<DevicePair>(p);
    pair_->ConnectAll(o);
    for (size_t i = 0; i < pair_->a().memory.size(); ++i) {
      pair_->a().memory[i] = static_cast<uint8_t>(i * 7 + i / 251);
    }
  }
  // Loses the data frames of a with these indices, counted over what was sent.
  void Lose(std::set<size_t> indices) {
    pair_->a().fake->SetTap([this, indices](FakeFrame& frame, size_t) {
      if (!IsData(frame)) return true;
      return indices.count(data_frames_++) == 0;
    });
  }
  static bool IsData(const FakeFrame& f) { return f.bytes[42] < 0xd0; }

  verbs::PostResult Post(verbs::Opcode op, size_t offset, uint32_t length, uint64_t id,
                         uint32_t rkey_error = 0) {
    End& a = pair_->a();
    const verbs::Segment s = a.At(offset, length);
    verbs::SendRequest r;
    r.wr_id = id;
    r.segments = {&s, 1};
    r.opcode = op;
    r.imm = static_cast<uint32_t>(id) + 1000;
    r.remote_address = pair_->b().Va(offset);
    r.rkey = pair_->b().region->rkey() ^ rkey_error;
    return a.qp->PostSend(r);
  }
  void Receive(size_t offset, uint32_t length, uint64_t id) {
    const verbs::Segment s = pair_->b().At(offset, length);
    const verbs::ReceiveRequest r{id, {&s, 1}};
    const auto& srq = pair_->b().srq;
    EXPECT_EQ(srq != nullptr ? srq->PostReceive(r) : pair_->b().qp->PostReceive(r),
              verbs::PostResult::kOk);
  }
  bool Same(size_t from, size_t to, size_t length) {
    return std::memcmp(&pair_->a().memory[from], &pair_->b().memory[to], length) == 0;
  }
  uint64_t Count(End& end, const char* name) { return end.device->statistics().Value(name); }

  std::unique_ptr<DevicePair> pair_;
  size_t data_frames_ = 0;
};

}  // namespace sluice::test

#endif  // SLUICE_TESTS_SUPPORT_EXTENDED_PAIR_H_
