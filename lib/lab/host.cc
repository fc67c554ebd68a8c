#include "lab/host.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "wire/source_port.h"

namespace sluice::lab {
namespace {

// Where the messages lie: no memory, because elided payload is never touched.
constexpr uint64_t kBase = uint64_t{1} << 40;

}  // namespace

Host::Host(sim::Simulation& simulation, sim::NodeId node, size_t flows,
           const engine::EngineConfig& engine, const Events& events)
    : events_(events) {
  const sim::HostAddress address = sim::AddressOf(node);
  verbs::DeviceParts parts;
  parts.port = &simulation.port(node);
  parts.clock = &simulation.clock();
  parts.mac.bytes = address.mac;
  parts.address = wire::IpAddress::FromV4(address.ipv4);
  parts.engine = engine;
  parts.engine.max_queue_pairs = static_cast<uint32_t>(flows + 1);
  // For both directions of each flow: an idle host of a large fabric stays small.
  parts.engine.record_blocks =
      std::min(parts.engine.record_blocks, 2 * parts.engine.max_queue_pairs);
  parts.engine.pacing_credit = Bytes(0);
  parts.engine.start = simulation.now();
  parts.max_regions = 16;
  device_ = verbs::MakeDevice(parts);
  engine_ = &device_->impl().engine;
  pd_ = device_->AllocateProtectionDomain();
}

Host::~Host() = default;

absl::Status Host::Register(Bytes longest) {
  auto region = device_->Register(pd_.get(), reinterpret_cast<void*>(kBase),
                                  static_cast<size_t>(longest.count()),
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

absl::StatusOr<verbs::QueuePair*> Host::MakeQueuePair(uint32_t depth) {
  verbs::QueuePairOptions options;
  options.send_completions = completions_.get();
  options.receive_completions = arrivals_.get();
  options.send_depth = depth;
  options.receive_depth = 1;
  auto qp = device_->CreateQueuePair(pd_.get(), options);
  if (!qp.ok()) return qp.status();
  queue_pairs_.push_back(std::move(*qp));
  return queue_pairs_.back().get();
}

absl::Status Host::Connect(Host& source, Host& destination, size_t flow, const FlowSpec& spec,
                           verbs::ConnectOptions options, uint32_t depth, bool notify) {
  const absl::StatusOr<verbs::QueuePair*> from = source.MakeQueuePair(depth);
  if (!from.ok()) return from.status();
  const absl::StatusOr<verbs::QueuePair*> to = destination.MakeQueuePair(depth);
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
  Outgoing out{flow, spec, *from, kBase, destination.region_->rkey()};
  out.notify = notify;
  out.source_port = wire::ConnectedSourcePort(options.flow_label, (*from)->qpn(), (*to)->qpn());
  source.Add(out);
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
  outgoing_.push_back(std::move(out));
}

void Host::Release(size_t flow, Time start) { due_.push({start, waiting_.at(flow)}); }

void Host::AddFlow(size_t flow, const FlowSpec& spec) {
  Outgoing next = outgoing_.back();
  next.remote_address += static_cast<uint64_t>(next.spec.size.count());
  next.flow = flow;
  next.spec = spec;
  Add(next);
}

uint16_t Host::SourcePortOf(size_t flow) const {
  const auto at = std::lower_bound(outgoing_.begin(), outgoing_.end(), flow,
                                   [](const Outgoing& out, size_t f) { return out.flow < f; });
  return at != outgoing_.end() && at->flow == flow ? at->source_port : 0;
}

void Host::PostDue(Time now) {
  while (!due_.empty() && due_.top().start <= now) {
    const Outgoing& out = outgoing_[due_.top().place];
    due_.pop();
    Post(out, now);
  }
}

void Host::Post(const Outgoing& out, Time now) {
  const verbs::Segment segment{reinterpret_cast<void*>(kBase),
                               static_cast<uint32_t>(out.spec.size.count()), region_->lkey()};
  verbs::SendRequest request;
  request.wr_id = out.flow;
  request.segments = {&segment, 1};
  request.opcode = out.notify ? verbs::Opcode::kRdmaWriteWithImm : verbs::Opcode::kRdmaWrite;
  request.remote_address = out.remote_address;
  request.rkey = out.rkey;
  events_.posted(out.flow, now);
  if (out.qp->PostSend(request) != verbs::PostResult::kOk) {
    events_.done(out.flow, now, false);
    return;
  }
  ++pending_;
}

void Host::Reap(Time now) {
  verbs::WorkCompletion done;
  while (pending_ > 0 && completions_->Poll({&done, 1}) == 1) {
    --pending_;
    events_.done(static_cast<size_t>(done.wr_id), now,
                 done.status == verbs::CompletionStatus::kSuccess);
  }
  while (expected_ > 0 && arrivals_->Poll({&done, 1}) == 1) {
    --expected_;
    if (done.status == verbs::CompletionStatus::kSuccess) {
      events_.received(static_cast<size_t>(done.wr_id), now);
    }
  }
}

size_t Host::Poll(Time now) {
  PostDue(now);
  const size_t handled = engine_->Poll(now);
  Reap(now);
  return handled;
}

std::optional<Time> Host::NextDeadline() const {
  std::optional<Time> next = engine_->NextDeadline();
  if (!due_.empty()) {
    const Time start = due_.top().start;
    next = next ? Earlier(*next, start) : start;
  }
  return next;
}

}  // namespace sluice::lab
