#include "port/capture_port.h"

#include <cstring>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "support/fake_port.h"

namespace sluice::port {
namespace {

using test::FakePort;
using test::FakePortOptions;

class StepClock : public Clock {
 public:
  Time Now() override { return now; }
  Time now;
};

struct Record {
  uint32_t seconds;
  uint32_t nanoseconds;
  uint32_t original;
  std::vector<uint8_t> bytes;
};

uint32_t Word(const std::vector<uint8_t>& v, size_t at) {
  uint32_t w;
  std::memcpy(&w, v.data() + at, 4);
  return w;
}

std::vector<uint8_t> DrainAll(CapturePort* port) {
  std::vector<uint8_t> all;
  const size_t n = port->Drain([&all](std::span<const uint8_t> piece) {
    all.insert(all.end(), piece.begin(), piece.end());
  });
  EXPECT_EQ(n, all.size());
  return all;
}

std::vector<Record> Parse(const std::vector<uint8_t>& file, size_t at) {
  std::vector<Record> out;
  while (at + 16 <= file.size()) {
    const uint32_t length = Word(file, at + 8);
    if (at + 16 + length > file.size()) break;
    const auto begin = file.begin() + static_cast<std::ptrdiff_t>(at) + 16;
    out.push_back({Word(file, at), Word(file, at + 4), Word(file, at + 12),
                   std::vector<uint8_t>(begin, begin + length)});
    at += 16 + length;
  }
  EXPECT_EQ(at, file.size()) << "the file ends inside a record";
  return out;
}

Packet Filled(Port* port, uint16_t length, uint8_t value) {
  Packet p;
  EXPECT_EQ(port->Allocate(std::span(&p, 1)), 1u);
  std::memset(p.header, value, length);
  p.header_length = length;
  p.frame_length = length;
  return p;
}

TEST(CapturePortTest, WritesAPcapOfWhatWasReceivedAndSent) {
  FakePort inner;
  StepClock clock;
  CapturePort port(&inner, &clock, {1 << 16, 65535, 1'700'000'000'000'000'000});
  clock.now = Time::FromPs(2'500'000'000'123'456);  // 2500 s, 0 ms, 123.456 ns
  inner.Inject(std::vector<uint8_t>(70, 1));
  Packet p;
  ASSERT_EQ(port.Receive(std::span(&p, 1)), 1u);
  port.Release(std::span(&p, 1));
  clock.now = Time::FromPs(2'500'000'001'000'000);
  p = Filled(&port, 80, 2);
  ASSERT_EQ(port.Transmit(std::span(&p, 1)), 1u);

  const std::vector<uint8_t> file = DrainAll(&port);
  // The header that `man pcap-savefile` describes: magic, 2.4, zone, accuracy, snap length, link.
  ASSERT_GE(file.size(), 24u);
  EXPECT_EQ(Word(file, 0), 0xa1b23c4du);
  EXPECT_EQ(file[4], 2);
  EXPECT_EQ(file[6], 4);
  EXPECT_EQ(Word(file, 16), 65535u);
  EXPECT_EQ(Word(file, 20), 1u);
  const std::vector<Record> r = Parse(file, 24);
  ASSERT_EQ(r.size(), 2u);
  EXPECT_EQ(r[0].seconds, 1'700'002'500u);
  EXPECT_EQ(r[0].nanoseconds, 123u);
  EXPECT_EQ(r[0].bytes, std::vector<uint8_t>(70, 1));
  EXPECT_EQ(r[0].original, 70u);
  EXPECT_EQ(r[1].nanoseconds, 1000u);
  EXPECT_EQ(r[1].bytes, std::vector<uint8_t>(80, 2));
  EXPECT_EQ(port.captured(), 2u);
  EXPECT_EQ(port.missed(), 0u);
}

TEST(CapturePortTest, RebuildsSegmentsAndShowsElidedBytesAsTruncated) {
  FakePortOptions o;
  o.elides_payload = true;
  o.receive_header = 54;
  o.receive_segment = 7;
  FakePort inner(o);
  StepClock clock;
  CapturePort port(&inner, &clock);
  std::vector<uint8_t> bytes(100);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  inner.Inject(bytes, {}, 1000, 1104);
  Packet p;
  ASSERT_EQ(port.Receive(std::span(&p, 1)), 1u);
  ASSERT_GT(p.more_count, 0);
  port.Release(std::span(&p, 1));
  const std::vector<Record> r = Parse(DrainAll(&port), 24);
  ASSERT_EQ(r.size(), 1u);
  EXPECT_EQ(r[0].bytes, bytes);
  EXPECT_EQ(r[0].original, 1104u);
}

TEST(CapturePortTest, SnapLengthCutsInsideASegment) {
  FakePortOptions o;
  o.receive_header = 54;
  FakePort inner(o);
  StepClock clock;
  CapturePort port(&inner, &clock, {1 << 16, 60, 0});
  inner.Inject(std::vector<uint8_t>(200, 9));
  Packet p;
  ASSERT_EQ(port.Receive(std::span(&p, 1)), 1u);
  port.Release(std::span(&p, 1));
  const std::vector<Record> r = Parse(DrainAll(&port), 24);
  ASSERT_EQ(r.size(), 1u);
  EXPECT_EQ(r[0].bytes, std::vector<uint8_t>(60, 9));
  EXPECT_EQ(r[0].original, 200u);
}

TEST(CapturePortTest, RefusedPacketsAreNotInTheFile) {
  FakePort inner;
  StepClock clock;
  CapturePort port(&inner, &clock);
  inner.AcceptOnly(1);
  Packet p[3] = {Filled(&port, 64, 1), Filled(&port, 65, 2), Filled(&port, 66, 3)};
  EXPECT_EQ(port.Transmit(p), 1u);
  EXPECT_EQ(port.Transmit(std::span(&p[1], 2)), 0u);
  inner.AcceptOnly(std::nullopt);
  EXPECT_EQ(port.Transmit(std::span(&p[1], 2)), 2u);
  const std::vector<Record> r = Parse(DrainAll(&port), 24);
  ASSERT_EQ(r.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(r[i].bytes.size(), 64 + i);
  EXPECT_EQ(port.captured(), 3u);
}

TEST(CapturePortTest, AFullBufferMissesFramesAndWrapsAfterADrain) {
  FakePort inner;
  inner.KeepSent(false);
  StepClock clock;
  CapturePort port(&inner, &clock, {1, 65535, 0});  // 64 KiB: 65536 / (16 + 1008) = 64 records
  std::vector<uint8_t> file;
  uint64_t sent = 0;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 70; ++i) {
      Packet p = Filled(&port, 1008, static_cast<uint8_t>(sent++));
      ASSERT_EQ(port.Transmit(std::span(&p, 1)), 1u);
    }
    const std::vector<uint8_t> piece = DrainAll(&port);
    file.insert(file.end(), piece.begin(), piece.end());
    // Another size once, so that later rounds do not end where the ring does.
    Packet p = Filled(&port, 77, 0);
    ASSERT_EQ(port.Transmit(std::span(&p, 1)), 1u);
    const std::vector<uint8_t> odd = DrainAll(&port);
    EXPECT_EQ(odd.size(), 16u + 77u);
  }
  EXPECT_EQ(port.captured(), 5u * 64 + 5);
  EXPECT_EQ(port.missed(), 5u * 6);
  const std::vector<Record> r = Parse(file, 24);
  ASSERT_EQ(r.size(), 5u * 64);
  for (size_t i = 0; i < r.size(); ++i) {
    const uint8_t value = static_cast<uint8_t>(i / 64 * 70 + i % 64);
    ASSERT_EQ(r[i].bytes, std::vector<uint8_t>(1008, value)) << i;
  }
}

}  // namespace
}  // namespace sluice::port
