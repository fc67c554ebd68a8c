#include "switch/telemetry.h"

#include <gtest/gtest.h>

#include <vector>

#include "switch/headers.h"
#include "switch/output_queues.h"
#include "wire/header_template.h"
#include "wire/headers.h"
#include "wire/telemetry_shim.h"

namespace sluice::switching {
namespace {

using wire::Opcode;

// A frame of the extension over IPv4, headers only, `length` bytes on the wire.
struct Frame {
  explicit Frame(Opcode opcode, uint32_t length = 1000) {
    wire::PathHeader path;
    path.source_ip = *wire::IpAddress::Parse("10.0.0.1");
    path.destination_ip = *wire::IpAddress::Parse("10.0.0.2");
    path.ecn = 2;
    const wire::HeaderTemplate head(path);
    const size_t extension = wire::TraitsOf(opcode).extension_bytes;
    bytes.resize(head.size() + wire::Bth::kSize + extension);
    head.Write(bytes.data(), static_cast<uint32_t>(length - head.size()));
    wire::Bth bth;
    bth.opcode = opcode;
    bth.Write(bytes.data() + head.size());
    packet.header = bytes.data();
    packet.header_length = static_cast<uint16_t>(bytes.size());
    packet.wire_length = length;
    packet.network_offset = FindNetworkHeader(bytes);
  }
  wire::TelemetryShim shim() const {
    return wire::TelemetryShim::Read(bytes.data() + bytes.size() - wire::TelemetryShim::kSize);
  }
  std::vector<uint8_t> bytes;
  SwitchPacket packet;
};

constexpr Time At(int64_t ns) { return Time::Zero() + Duration::Nanoseconds(ns); }

// Three frames of 1000 B on a link with 24 B more per frame: the second is told that 1024 B = 16
// units went before it, and that 1000 B = 15 units wait behind it.
TEST(TelemetryWriterTest, ReportsThePortAsThePacketLeavesIt) {
  TelemetryWriter writer(2, {.on = true});
  writer.SetLink(1, Bandwidth::GigabitsPerSecond(100), Bytes(24));
  OutputQueues queues(2, Bytes(1 << 20), 1, 0);
  queues.SetTelemetry(&writer);
  Frame first(Opcode::kXtWrite), second(wire::WithShim(Opcode::kXtWrite)), third(Opcode::kXtSend);
  for (Frame* f : {&first, &second, &third}) queues.Enqueue(At(0), f->packet, 1);
  for (int64_t i = 0; i < 3; ++i) queues.Dequeue(At(5000 + 82 * i), 1);
  const wire::TelemetryShim shim = second.shim();
  ASSERT_EQ(shim.hops, 1);
  EXPECT_EQ(shim.hop[0], (wire::HopReport{.stamp = 5082, .sent = 16, .queue = 15, .speed = 1000}));
  EXPECT_EQ(shim.wait, 79) << "5082 ns since it came, in whole steps of 64 ns";
}

// A PFC frame of 60 B, in no queue: 60 + 24 B = 1 unit of 64 B went before, and nothing waits.
TEST(TelemetryWriterTest, CountsWhatPassesTheQueues) {
  TelemetryWriter writer(2, {.on = true});
  writer.SetLink(1, Bandwidth::GigabitsPerSecond(100), Bytes(24));
  OutputQueues queues(2, Bytes(1 << 20), 1, 0);
  queues.SetTelemetry(&writer);
  SwitchPacket pause;
  pause.wire_length = 60;
  queues.PassBy(1, pause);
  Frame frame(wire::WithShim(Opcode::kXtWrite));
  queues.Enqueue(At(0), frame.packet, 1);
  queues.Dequeue(At(0), 1);
  ASSERT_EQ(frame.shim().hops, 1);
  EXPECT_EQ(frame.shim().hop[0].sent, 1);
  EXPECT_EQ(frame.shim().hop[0].queue, 0);
}

// Of two switches the longer wait stays, whichever came first; a pause of the port counts; the wrap
// of the clock does not matter; 65535 steps are the most.
TEST(TelemetryWriterTest, TellsTheLongestWaitAtOneSwitch) {
  TelemetryWriter writer(1, {.on = true});
  writer.SetLink(0, Bandwidth::GigabitsPerSecond(100), Bytes(24));
  const struct {
    int64_t first_ns, second_ns;
    uint16_t steps;
  } cases[] = {{63, 0, 0},
               {64, 0, 1},
               {640, 1280, 20},
               {1280, 640, 20},
               {4'194'303, 0, 65535},
               {4'194'304, 0, 65535},
               {0, 3'000'000'000, 65535}};
  int64_t now = (int64_t{1} << 32) - 100;
  for (const auto& c : cases) {
    Frame frame(wire::WithShim(Opcode::kXtWrite));
    for (const int64_t wait : {c.first_ns, c.second_ns}) {
      OutputQueues queues(1, Bytes(1 << 20), 1, 0);
      queues.SetTelemetry(&writer);
      queues.Enqueue(At(now), frame.packet, 0);
      queues.SetPaused(At(now), 0, 0, true);
      now += wait;
      queues.SetPaused(At(now), 0, 0, false);
      queues.Dequeue(At(now), 0);
    }
    EXPECT_EQ(frame.shim().wait, c.steps) << c.first_ns << " " << c.second_ns;
  }
}

// Stamps are modulo 2^32 ns; steps round down: 999 B behind, in steps of 320, are 960.
TEST(TelemetryWriterTest, WrapsAndRounds) {
  TelemetryWriter writer(1, {.on = true, .queue_step = Bytes(320), .sent_step = Bytes(512)});
  writer.SetLink(0, Bandwidth::GigabitsPerSecond(400), Bytes(0));
  Frame before(Opcode::kXtWrite, 1500), frame(wire::WithShim(Opcode::kXtSendImm));
  writer.OnDeparture(At(0), 0, Bytes(0), before.packet);
  writer.OnDeparture(At((int64_t{1} << 32) + 7), 0, Bytes(999), frame.packet);
  EXPECT_EQ(frame.shim().hop[0],
            (wire::HopReport{.stamp = 7, .sent = 1024 / 64, .queue = 960 / 64, .speed = 4000}));
  Frame deep(wire::WithShim(Opcode::kXtSend));
  writer.OnDeparture(At(1), 0, Bytes(1 << 30), deep.packet);
  EXPECT_EQ(deep.shim().hop[0].queue, 0xffff) << "saturates";
}

// Acknowledgements bring back the reports of the other way; others are not ours to touch.
TEST(TelemetryWriterTest, LeavesEverythingElseAlone) {
  TelemetryWriter writer(1, {.on = true});
  Frame ack(wire::WithShim(Opcode::kXtAck)), plain(Opcode::kRcWriteOnly);
  Frame cut(wire::WithShim(Opcode::kXtWrite)), other(wire::WithShim(Opcode::kXtWrite));
  cut.packet.header_length = static_cast<uint16_t>(cut.packet.header_length - 1);
  other.packet.network_offset = 0;
  for (Frame* f : {&ack, &plain, &cut, &other}) {
    const std::vector<uint8_t> before = f->bytes;
    writer.OnDeparture(At(1), 0, Bytes(10), f->packet);
    EXPECT_EQ(f->bytes, before);
  }
}

}  // namespace
}  // namespace sluice::switching
