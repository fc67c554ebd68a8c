#include "lab/host.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/rng.h"
#include "wire/source_port.h"

namespace sluice::lab {
namespace {

// Where the messages lie: no memory, because elided payload is never touched.
constexpr uint64_t kBase = uint64_t{1} << 40;
// Messages that a reused queue pair has at a time; the others wait in the application.
constexpr uint32_t kLaneDepth = 16;

}  // namespace

Host::Host(const Place& place, size_t flows, const QueuePairUse& use,
           const engine::EngineConfig& engine, const Events& events)
    : events_(events), use_(use), posted_by_hand_(place.posted_by_hand) {
  const sim::HostAddress address = sim::AddressOf(place.node);
  verbs::DeviceParts parts;
  parts.port = place.port;
  parts.clock = place.clock;
  parts.decorate = place.decorate;
  parts.mac.bytes = address.mac;
  parts.address = wire::IpAddress::FromV4(address.ipv4);
  parts.engine = engine;
  parts.engine.max_queue_pairs = static_cast<uint32_t>(flows + 1);
  // For both directions of each flow: an idle host of a large fabric stays small.
  parts.engine.record_blocks =
      std::min(parts.engine.record_blocks, 2 * parts.engine.max_queue_pairs);
  parts.engine.start = place.now;
  parts.max_regions = 16;
  device_ = verbs::MakeDevice(parts);
  engine_ = &device_->impl().engine;
  pd_ = device_->AllocateProtectionDomain();
}

Host::~Host() = default;

absl::Status Host::Register(Bytes longest) { return RegisterAt(kBase, longest); }

absl::Status Host::RegisterMemory(Bytes longest, Bytes arriving, uint64_t seed) {
  placed_ = static_cast<size_t>(longest.count());
  memory_.assign(placed_ + static_cast<size_t>(arriving.count()), 0);
  Rng rng(seed);
  for (size_t at = 0; at < placed_; at += sizeof(uint64_t)) {
    const uint64_t word = rng.Next();
    std::memcpy(memory_.data() + at, &word, std::min(sizeof(word), placed_ - at));
  }
  return RegisterAt(reinterpret_cast<uintptr_t>(memory_.data()), longest + arriving);
}

// Where flow `flow` of `source` is to write.
uint64_t Host::PlaceOf(size_t flow, const Host* source, Bytes length) {
  if (memory_.empty()) return base_;
  places_.push_back({flow, placed_, static_cast<size_t>(length.count()), source});
  placed_ += static_cast<size_t>(length.count());
  return base_ + places_.back().offset;
}

bool Host::Holds(size_t flow) const {
  for (const Arrival& a : places_) {
    if (a.flow != flow) continue;
    return std::memcmp(memory_.data() + a.offset, a.source->memory_.data(), a.length) == 0;
  }
  return false;
}

absl::Status Host::RegisterAt(uint64_t base, Bytes length) {
  base_ = base;
  auto region = device_->Register(pd_.get(), reinterpret_cast<void*>(base),
                                  static_cast<size_t>(length.count()),
                                  verbs::kLocalWrite | verbs::kRemoteWrite);
  if (!region.ok()) return region.status();
  region_ = std::move(*region);
  auto completions = device_->CreateCompletionQueue(device_->impl().parts.engine.max_queue_pairs);
  if (!completions.ok()) return completions.status();
  completions_ = std::move(*completions);
  auto arrivals = device_->CreateCompletionQueue(device_->impl().parts.engine.max_queue_pairs);
  if (!arrivals.ok()) return arrivals.status();
  arrivals_ = std::move(*arrivals);
  return absl::OkStatus();
}

absl::StatusOr<verbs::QueuePair*> Host::MakeQueuePair(uint32_t depth, uint32_t receives) {
  verbs::QueuePairOptions options;
  options.send_completions = completions_.get();
  options.receive_completions = arrivals_.get();
  options.send_depth = depth;
  options.receive_depth = receives;
  auto qp = device_->CreateQueuePair(pd_.get(), options);
  if (!qp.ok()) return qp.status();
  queue_pairs_.push_back(std::move(*qp));
  return queue_pairs_.back().get();
}

absl::Status Host::Connect(Host& source, Host& destination, size_t flow, const FlowSpec& spec,
                           verbs::ConnectOptions options, uint32_t depth, bool notify) {
  const bool reused = source.use_.reused;
  if (reused) depth = kLaneDepth;
  const uint32_t receives = reused ? kLaneDepth : 1;
  const absl::StatusOr<verbs::QueuePair*> from = source.MakeQueuePair(depth, receives);
  if (!from.ok()) return from.status();
  const absl::StatusOr<verbs::QueuePair*> to = destination.MakeQueuePair(depth, receives);
  if (!to.ok()) return to.status();
  const auto connect = [&](verbs::QueuePair* qp, const Host& peer,
                           const verbs::QueuePair& peer_qp) {
    options.peer_qpn = peer_qp.qpn();
    options.peer_mac = peer.device_->mac();
    options.peer_address = peer.device_->address();
    options.send_psn = qp->initial_psn();
    options.receive_psn = peer_qp.initial_psn();
    return qp->Connect(options);
  };
  if (absl::Status s = connect(*from, destination, **to); !s.ok()) return s;
  if (absl::Status s = connect(*to, source, **from); !s.ok()) return s;
  Outgoing out{flow, spec, *from, destination.PlaceOf(flow, &source, spec.size),
               destination.region_->rkey()};
  out.notify = notify;
  out.source_port = wire::ConnectedSourcePort(options.flow_label, (*from)->qpn(), (*to)->qpn());
  out.peer = &destination;
  out.peer_qp = *to;
  source.Add(out);
  if (reused) {
    source.lanes_.try_emplace(spec.destination);
    return absl::OkStatus();  // whose arrival comes first, nobody knows yet
  }
  return notify ? destination.ExpectArrival(**to, flow) : absl::OkStatus();
}

absl::Status Host::ExpectArrival(verbs::QueuePair& qp, size_t flow) {
  verbs::ReceiveRequest request;  // the data goes where the WRITE says
  request.wr_id = flow;
  if (qp.PostReceive(request) != verbs::PostResult::kOk) {
    return absl::InternalError(absl::StrFormat("flow %d: no receive for its arrival", flow));
  }
  ++expected_;
  return absl::OkStatus();
}

void Host::Add(Outgoing out) {
  const size_t place = outgoing_.size();
  if (out.spec.trigger == kNoTrigger) {
    due_.push({out.spec.start, place});
  } else {
    waiting_[out.flow] = place;
  }
  outgoing_.push_back(out);
}

void Host::Release(size_t flow, Time start) { due_.push({start, waiting_.at(flow)}); }

void Host::AddFlow(size_t flow, const FlowSpec& spec) {
  Outgoing next = outgoing_.back();
  next.remote_address += static_cast<uint64_t>(next.spec.size.count());
  next.flow = flow;
  next.spec = spec;
  Add(next);
}

void Host::AddToQueuePair(size_t flow, const FlowSpec& spec, bool notify) {
  Outgoing out;
  out.flow = flow;
  out.spec = spec;
  out.notify = notify;
  Add(out);
}

uint16_t Host::SourcePortOf(size_t flow) const {
  const auto at = std::lower_bound(outgoing_.begin(), outgoing_.end(), flow,
                                   [](const Outgoing& out, size_t f) { return out.flow < f; });
  return at != outgoing_.end() && at->flow == flow ? at->source_port : 0;
}

void Host::PostDue(Time now) {
  while (!due_.empty() && due_.top().start <= now) {
    const size_t place = due_.top().place;
    due_.pop();
    const Outgoing& out = outgoing_[place];
    events_.posted(out.flow, now);
    if (use_.reused) {
      PostOnLane(place, now);
    } else {
      Send(out, out, now);
    }
  }
}

void Host::PostOnLane(size_t place, Time now) {
  const Outgoing& out = outgoing_[place];
  Lane& lane = lanes_.at(out.spec.destination);
  const bool idle = lane.under_way == 0;
  const bool left = idle && use_.idle && now - lane.idle_since > *use_.idle;
  if (out.qp != nullptr && (!lane.taken || left || (idle && lane.failed))) {
    lane.owner = place;
    lane.taken = true;
    lane.failed = false;
  }
  lane.waiting.push(place);
  Drain(lane, now);
}

void Host::Drain(Lane& lane, Time now) {
  const Outgoing& way = outgoing_[lane.owner];
  while (!lane.waiting.empty() && lane.under_way < kLaneDepth) {
    const Outgoing& out = outgoing_[lane.waiting.front()];
    lane.waiting.pop();
    if (out.notify && !way.peer->ExpectArrival(*way.peer_qp, out.flow).ok()) {
      events_.done(out.flow, now, false);
    } else if (Send(out, way, now)) {
      ++lane.under_way;
    }
  }
}

bool Host::LaneIsDone(size_t flow, bool delivered, Time now) {
  const auto out = std::lower_bound(outgoing_.begin(), outgoing_.end(), flow,
                                    [](const Outgoing& o, size_t f) { return o.flow < f; });
  Lane& lane = lanes_.at(out->spec.destination);
  lane.failed = lane.failed || !delivered;
  --lane.under_way;
  lane.idle_since = now;
  const bool more = !lane.waiting.empty();
  Drain(lane, now);
  return more;
}

bool Host::Send(const Outgoing& out, const Outgoing& way, Time now) {
  const verbs::Segment segment{reinterpret_cast<void*>(base_),
                               static_cast<uint32_t>(out.spec.size.count()), region_->lkey()};
  verbs::SendRequest request;
  request.wr_id = out.flow;
  request.segments = {&segment, 1};
  request.opcode = out.notify ? verbs::Opcode::kRdmaWriteWithImm : verbs::Opcode::kRdmaWrite;
  request.remote_address = way.remote_address;
  request.rkey = way.rkey;
  if (way.qp->PostSend(request) != verbs::PostResult::kOk) {
    events_.done(out.flow, now, false);
    return false;
  }
  ++pending_;
  return true;
}

bool Host::Reap(Time now) {
  bool more = false;
  verbs::WorkCompletion done;
  while (pending_ > 0 && completions_->Poll({&done, 1}) == 1) {
    --pending_;
    const auto flow = static_cast<size_t>(done.wr_id);
    const bool delivered = done.status == verbs::CompletionStatus::kSuccess;
    events_.done(flow, now, delivered);
    if (use_.reused) more = LaneIsDone(flow, delivered, now) || more;
  }
  while (expected_ > 0 && arrivals_->Poll({&done, 1}) == 1) {
    --expected_;
    if (done.status == verbs::CompletionStatus::kSuccess) {
      events_.received(static_cast<size_t>(done.wr_id), now);
    }
  }
  return more;
}

size_t Host::Poll(Time now) {
  if (!posted_by_hand_) PostDue(now);
  size_t handled = engine_->Poll(now);
  // What waited for a queue pair goes out now.
  while (Reap(now)) handled += engine_->Poll(now);
  return handled;
}

void Host::Prefetch(std::span<const uint8_t> frame, int step) const {
  if (step > 0) return engine_->Prefetch(frame, step - 1);
  const char* const begin = reinterpret_cast<const char*>(this);
  for (size_t at = 0; at < sizeof *this; at += 64) __builtin_prefetch(begin + at);
}

OptionalTime Host::NextDeadline() const {
  const OptionalTime next = engine_->NextDeadline();
  return posted_by_hand_ ? next : Earlier(next, starts_.NextDeadline());
}

}  // namespace sluice::lab
