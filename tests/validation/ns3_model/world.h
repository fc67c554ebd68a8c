// What the parts of the model share: events, frames, flows, devices, nodes.
#ifndef SLUICE_TESTS_VALIDATION_NS3_MODEL_WORLD_H_
#define SLUICE_TESTS_VALIDATION_NS3_MODEL_WORLD_H_

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "validation/ns3_model/coins.h"
#include "validation/ns3_model/model.h"

namespace sluice::test::ns3 {

inline constexpr uint32_t kPayload = 1000;
inline constexpr size_t kMaxHops = 5;

struct Flow;
struct Node;

// What a switch writes into a frame: 24 bits of ns, 20 of bytes sent, 17 of queue, in units.
struct Hop {
  uint32_t time = 0, sent = 0, queue = 0;
};

struct Frame {
  enum class Kind : uint8_t { kData, kAck, kPfc };
  Kind kind = Kind::kData;
  bool marked = false;  // an acknowledgement: what it acknowledges was
  bool stop = false;    // of a PFC frame
  uint32_t size = 0;
  uint32_t payload = 0;
  uint64_t sequence = 0;  // of the first byte; an acknowledgement: of the next one expected
  Flow* flow = nullptr;
  uint32_t ingress = 0;
  int64_t stamp = 0;  // when it was sent
  uint32_t hops = 0;
  std::array<Hop, kMaxHops> hop;
};
using FramePtr = std::unique_ptr<Frame>;

// One end of a link, with what waits for it; at a host its NIC, at a switch also what came in by
// it.
struct Device {
  Node* node = nullptr;
  uint32_t port = 0;  // from 1 on
  Device* peer = nullptr;
  uint64_t rate = 0;
  int64_t delay = 0;
  bool busy = false;
  bool paused = false;  // data

  // Of a switch.
  std::deque<FramePtr> control, data;
  uint64_t queued = 0;  // bytes of both
  uint64_t egress = 0;  // of data
  uint64_t ingress = 0, headroom_used = 0, headroom = 0;
  uint64_t sent = 0;
  bool pausing = false;  // the peer

  // Of a host.
  std::deque<FramePtr> answers;
  std::vector<Flow*> flows;
  size_t last = 0;  // the place of the flow that sent last
  bool timer_set = false;
  int64_t timer = 0;
  uint64_t timer_event = 0;
  bool look_planned = false;
};

struct Node {
  uint32_t id = 0;
  bool is_switch = false;
  std::vector<std::unique_ptr<Device>> devices;  // by port - 1
  std::vector<std::vector<Device*>> ways;        // by destination
  uint64_t shared = 0, pool = 0;                 // bytes in use, and all that may be
};

struct Flow {
  uint32_t index = 0;
  const FlowInput* input = nullptr;
  Device* device = nullptr;
  int64_t start = 0;
  uint64_t next = 0, acknowledged = 0, expected = 0;  // sequence numbers; the last: at the receiver
  uint64_t rate = 0;
  int64_t available = 0;  // when its pace allows the next frame
  uint32_t last_size = 0;

  // Of the laws (control.cc).
  uint64_t reference = 0;  // target rate, or that of the last round
  uint64_t round_end = 0;  // sequence number; 0: no round yet
  uint32_t step = 0;
  double alpha = 1;  // of DCQCN and DCTCP; U of HPCC
  bool noticed = false, alpha_noticed = false, decrease_noticed = false;
  uint64_t timers = 0;  // version of the timers: others are cancelled
  uint64_t increase_timer = 0;
  std::array<Hop, kMaxHops> hop;
  int64_t last_rtt = 0;
  double rtt_slope = 0;
  bool reduced = false;
  uint64_t reduced_until = 0;
  uint64_t marks = 0, batch = 0;

  uint64_t left() const { return input->size - next; }
  bool finished() const { return acknowledged >= input->size; }
};

enum class EventKind : uint8_t {
  kArrival,
  kAlpha,  // timers of DCQCN
  kDecrease,
  kIncrease,
  kTimer,  // of a NIC
  kLook,   // Order::kPlace: what a host does last in its nanosecond
  kLineFree,
  kNextFlow,  // of the file
  kInstall,
  kBegin,
};

struct Event {
  int64_t at = 0;
  uint64_t rank = 0;    // within a nanosecond; 0 for all of Order::kCause
  uint64_t number = 0;  // in the order in which they were planned
  EventKind kind = EventKind::kArrival;
  Device* device = nullptr;
  Flow* flow = nullptr;
  Frame* frame = nullptr;  // owned
  uint64_t version = 0;

  bool operator<(const Event& o) const {  // comes later
    if (at != o.at) return at > o.at;
    return rank != o.rank ? rank > o.rank : number > o.number;
  }
};

struct World {
  World(const Inputs& in, const Options& o) : inputs(in), options(o) {}

  const Inputs& inputs;
  const Options& options;
  std::unique_ptr<CoinSource> coins;
  std::vector<std::unique_ptr<Node>> nodes;
  std::vector<std::unique_ptr<Flow>> flows;  // in the order of their starts
  int64_t longest_rtt = 0;
  uint64_t window = 0;  // bytes, of all flows at line rate; 0: none
  std::priority_queue<Event> events;
  uint64_t planned = 0;
  int64_t now = 0;
  Result result;
  std::string failure;

  uint64_t Plan(int64_t in, Event event);
};

// What the line takes, as a double of seconds that keeps 64 binary places, cut to whole ns.
int64_t LineTime(uint64_t bytes, uint64_t rate);
int64_t Cut(double seconds);

uint32_t DataHeader(Law law);
uint32_t AckSize(Law law);

// fabric.cc. Both ends of a link; what a switch does with a frame.
void Transmit(World& w, Device& device, FramePtr frame);
void Forward(World& w, Device& in, FramePtr frame);
void ServeSwitch(World& w, Device& device);

// nic.cc. A host.
void Look(World& w, Device& device);
void OnLineFree(World& w, Device& device);
void OnTimer(World& w, Device& device);
void BringTimerForward(World& w, Device& device, int64_t to);
void Deliver(World& w, Device& device, FramePtr frame);
void BeginFlow(World& w, Flow& flow);
void LookSoon(World& w, Device& device);

// control.cc.
void OnAck(World& w, Flow& flow, const Frame& ack);
void OnControlTimer(World& w, Flow& flow, EventKind kind, uint64_t version);
uint64_t WindowOf(const World& w, const Flow& flow);

}  // namespace sluice::test::ns3

#endif  // SLUICE_TESTS_VALIDATION_NS3_MODEL_WORLD_H_
