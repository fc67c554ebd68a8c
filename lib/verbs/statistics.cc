// Names for people and for JSON.
#include "transport/counters.h"
#include "verbs/internal.h"

namespace sluice::verbs {
namespace {

// What the control plane counted, by the prefixes net_, cm_ and drop_gsi_.
void AddControl(const engine::ControlPlane& control, Statistics* s) {
  for (size_t i = 0; i < net::kNetCounts; ++i) {
    const auto c = static_cast<net::NetCount>(i);
    s->counters.emplace_back(std::string("net_") + net::NameOf(c), control.stack().count(c));
  }
  for (size_t i = 0; i < cm::kCmCounts; ++i) {
    const auto c = static_cast<cm::CmCount>(i);
    s->counters.emplace_back(std::string("cm_") + cm::NameOf(c), control.manager().count(c));
  }
  for (size_t i = 0; i < engine::kGsiDrops; ++i) {
    const auto c = static_cast<engine::GsiDrop>(i);
    s->counters.emplace_back(std::string("drop_gsi_") + engine::NameOf(c), control.drops(c));
  }
}

}  // namespace

const char* NameOf(CompletionStatus status) {
  switch (status) {
    case CompletionStatus::kSuccess:
      return "success";
    case CompletionStatus::kLocalLengthError:
      return "local length error";
    case CompletionStatus::kLocalQpOperationError:
      return "local queue pair operation error";
    case CompletionStatus::kFlushed:
      return "flushed";
    case CompletionStatus::kRemoteInvalidRequestError:
      return "remote invalid request";
    case CompletionStatus::kRemoteAccessError:
      return "remote access error";
    case CompletionStatus::kRemoteOperationError:
      return "remote operation error";
    case CompletionStatus::kRetryExceeded:
      return "transport retries exceeded";
    case CompletionStatus::kRnrRetryExceeded:
      return "receiver-not-ready retries exceeded";
    case CompletionStatus::kMemoryWindowBindError:
      return "memory window bind error";
    case CompletionStatus::kPathMtuExceeded:
      return "transport retries exceeded: packets do not fit the path";
  }
  return "unknown";
}

const char* NameOf(PostResult result) {
  switch (result) {
    case PostResult::kOk:
      return "ok";
    case PostResult::kQueueFull:
      return "queue full";
    case PostResult::kBadKey:
      return "segment outside its region or without the right";
    case PostResult::kTooLong:
      return "longer than 2^31 bytes";
    case PostResult::kTooManySegments:
      return "too many segments";
    case PostResult::kNotConnected:
      return "queue pair not connected";
    case PostResult::kInvalidRequest:
      return "fields that contradict the opcode";
  }
  return "unknown";
}

const char* NameOf(QueuePairState state) {
  return transport::NameOf(static_cast<transport::QpState>(state));
}

uint64_t Statistics::Value(std::string_view name) const {
  for (const auto& [key, value] : counters) {
    if (key == name) return value;
  }
  return 0;
}

Statistics Device::statistics() const {
  const engine::Engine& e = impl_->engine;
  Statistics s;
  const telemetry::CounterView view = e.counters().View();
  for (size_t i = 0; i < view.infos.size(); ++i) {
    s.counters.emplace_back(std::string(view.infos[i].name), view.counters[i].value());
  }
  // Index 0 of both tables means "not dropped".
  for (size_t i = 1; i < wire::kDropCauses; ++i) {
    const auto cause = static_cast<wire::DropCause>(i);
    if (cause == wire::DropCause::kIcrc) continue;  // counted by the transport
    s.counters.emplace_back(std::string("drop_") + wire::NameOf(cause), e.wire_drops(cause));
  }
  for (size_t i = 1; i < static_cast<size_t>(transport::RxDrop::kCount); ++i) {
    const auto cause = static_cast<transport::RxDrop>(i);
    s.counters.emplace_back(std::string("drop_") + transport::NameOf(cause),
                            e.drops().value(cause));
  }
  if (e.control() != nullptr) AddControl(*e.control(), &s);
  return s;
}

}  // namespace sluice::verbs
