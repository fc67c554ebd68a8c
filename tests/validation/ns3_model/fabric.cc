// Lines and switches of the model.
#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "base/int128.h"
#include "validation/ns3_model/world.h"

namespace sluice::test::ns3 {
namespace {

constexpr uint64_t kReserve = 4096, kResumeBelow = 3072;
constexpr int kShareShift = 3;  // an ingress may hold an eighth of what is free
constexpr uint32_t kPfcSize = 43;
constexpr uint16_t kDestinationPort = 100;
constexpr uint32_t kTelemetrySent = 128, kTelemetryQueue = 80;  // units, times INT_MULTI

uint32_t Address(uint32_t node) { return 0x0b000001 + (node / 256 << 16) + (node % 256 << 8); }

// Murmur3 of 12 bytes (Appleby, public domain algorithm).
uint32_t Hash(uint32_t source, uint32_t destination, uint32_t ports, uint32_t seed) {
  uint32_t h = seed;
  for (uint32_t word : {source, destination, ports}) {
    word = std::rotl(word * 0xcc9e2d51, 15) * 0x1b873593;
    h = std::rotl(h ^ word, 13) * 5 + 0xe6546b64;
  }
  h ^= 12;
  h = (h ^ h >> 16) * 0x85ebca6b;
  h = (h ^ h >> 13) * 0xc2b2ae35;
  return h ^ h >> 16;
}

Device* WayOut(Node& node, const Frame& frame) {
  const FlowInput& flow = *frame.flow->input;
  uint32_t from = flow.source, to = flow.destination;
  uint32_t ports = flow.source_port | uint32_t{kDestinationPort} << 16;
  if (frame.kind == Frame::Kind::kAck) {
    std::swap(from, to);
    ports = kDestinationPort | uint32_t{flow.source_port} << 16;
  }
  const std::vector<Device*>& ways = node.ways[to];
  if (ways.empty()) return nullptr;
  return ways[Hash(Address(from), Address(to), ports, node.id) % ways.size()];
}

uint64_t Beyond(uint64_t bytes) { return bytes > kReserve ? bytes - kReserve : 0; }
uint64_t Threshold(const Node& node) { return (node.pool - node.shared) >> kShareShift; }

void SendPfc(World& w, Device& to, bool stop) {
  auto frame = std::make_unique<Frame>();
  frame->kind = Frame::Kind::kPfc;
  frame->size = kPfcSize;
  frame->stop = stop;
  w.coins->Skip();
  to.queued += frame->size;
  to.control.push_back(std::move(frame));
  ServeSwitch(w, to);
}

// The ingress pays from its reserve, then from what all share, then from its headroom.
void TakeIn(World& w, Device& in, uint64_t size) {
  Node& node = *in.node;
  const uint64_t share = Beyond(in.ingress);
  if (size + in.headroom_used > in.headroom && size + share > Threshold(node)) {
    w.failure = "a frame was lost: no headroom";
  }
  const uint64_t then = in.ingress + size;
  if (Beyond(then) > Threshold(node)) {
    in.headroom_used += size;
  } else {
    in.ingress = then;
    node.shared += std::min(size, Beyond(then));
  }
  if (in.pausing) return;
  if (in.headroom_used == 0 && Beyond(in.ingress) < Threshold(node)) return;
  SendPfc(w, in, true);
  in.pausing = true;
}

void GiveBack(Device& in, uint64_t size) {
  const uint64_t headroom = std::min(in.headroom_used, size);
  const uint64_t shared = std::min(size - headroom, Beyond(in.ingress));
  in.headroom_used -= headroom;
  in.ingress -= size - headroom;
  in.node->shared -= shared;
}

void LetGoOn(World& w, Device& in) {
  if (!in.pausing || in.headroom_used > 0) return;
  const uint64_t share = Beyond(in.ingress);
  if (share > 0 && share + kResumeBelow > Threshold(*in.node)) return;
  SendPfc(w, in, false);
  in.pausing = false;
}

bool Marks(World& w, const Device& device) {
  const uint64_t kmin = w.inputs.kmin, kmax = w.inputs.kmax;
  if (device.egress > kmax) return true;
  if (device.egress <= kmin) return false;
  const double probability =
      w.inputs.pmax * static_cast<double>(device.egress - kmin) / static_cast<double>(kmax - kmin);
  return w.coins->Toss(device.node->id, device.port - 1, probability);
}

// The frame has left the queue.
void OnDeparture(World& w, Device& device, Frame& frame) {
  if (frame.kind != Frame::Kind::kPfc) {
    Device& in = *device.node->devices[frame.ingress - 1];
    GiveBack(in, frame.size);
    device.egress -= frame.size;
    // Acknowledgements are marked, too, and nobody looks; but a coin is a coin.
    const bool marks = Marks(w, device);
    if (frame.kind == Frame::Kind::kData) frame.marked |= marks;
    LetGoOn(w, in);
  }
  if (frame.kind == Frame::Kind::kData && w.inputs.law == Law::kHpcc) {
    Hop& hop = frame.hop[frame.hops++ % kMaxHops];
    const uint32_t multi = w.inputs.int_multi;
    hop.time = static_cast<uint32_t>(w.now & 0xffffff);
    hop.sent = static_cast<uint32_t>(device.sent / (kTelemetrySent * multi) & 0xfffff);
    hop.queue = static_cast<uint32_t>(device.queued / (kTelemetryQueue * multi) & 0x1ffff);
  }
  device.sent += frame.size;
}

}  // namespace

int64_t Cut(double seconds) {
  const double whole = std::floor(seconds);
  const auto part = static_cast<uint64_t>((seconds - whole) * 0x1p64);
  const auto ns = static_cast<uint64_t>(static_cast<Uint128>(part) * 1'000'000'000 >> 64);
  return static_cast<int64_t>(whole) * 1'000'000'000 + static_cast<int64_t>(ns);
}

int64_t LineTime(uint64_t bytes, uint64_t rate) {
  return Cut(static_cast<double>(bytes) * 8 / static_cast<double>(rate));
}

// PPP 14, IPv4 20, UDP 8, its own 6, then a stamp, or telemetry.
uint32_t DataHeader(Law law) { return 48 + (law == Law::kTimely ? 8 : law == Law::kHpcc ? 42 : 0); }
uint32_t AckSize(Law law) { return law == Law::kHpcc ? 88 : 60; }

void Transmit(World& w, Device& device, FramePtr frame) {
  const int64_t time = LineTime(frame->size, device.rate);
  device.busy = true;
  w.Plan(time, {.kind = EventKind::kLineFree, .device = &device});
  w.Plan(time + device.delay,
         {.kind = EventKind::kArrival, .device = device.peer, .frame = frame.release()});
}

void Forward(World& w, Device& in, FramePtr frame) {
  Device* const out = WayOut(*in.node, *frame);
  if (out == nullptr) {
    w.failure = "no way leads to the host of a flow";
    return;
  }
  frame->ingress = in.port;
  TakeIn(w, in, frame->size);
  out->egress += frame->size;
  out->queued += frame->size;
  out->data.push_back(std::move(frame));
  ServeSwitch(w, *out);
}

void ServeSwitch(World& w, Device& device) {
  if (device.busy) return;
  auto& queue = !device.control.empty() ? device.control : device.data;
  if (queue.empty() || (&queue == &device.data && device.paused)) return;
  FramePtr frame = std::move(queue.front());
  queue.pop_front();
  device.queued -= frame->size;
  // Letting the sender go on may use this line, which then is not free any more: never so, as a
  // frame does not leave where it came in.
  OnDeparture(w, device, *frame);
  Transmit(w, device, std::move(frame));
}

}  // namespace sluice::test::ns3
