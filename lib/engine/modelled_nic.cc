#include "engine/modelled_nic.h"

#include <algorithm>
#include <cstring>

#include "transport/queue_pair.h"

namespace sluice::engine {
namespace {

using transport::SendFlow;
using transport::SendGate;

constexpr size_t kNobody = ~size_t{0};

// Nothing is left, and nothing under way.
bool Finished(const SendFlow& flow) {
  return flow.owner->Gate() == SendGate::kNoWork && !flow.owner->outstanding();
}

}  // namespace

void ModelledNic::Add(SendFlow* flow, Time now) {
  if (std::find(flows_.begin(), flows_.end(), flow) != flows_.end()) return;
  if (began_ < now) known_ = flows_.size();
  began_ = now;
  flows_.push_back(flow);
}

void ModelledNic::Remove(SendFlow* flow) {
  const auto at = std::find(flows_.begin(), flows_.end(), flow);
  if (at == flows_.end()) return;
  if (static_cast<size_t>(at - flows_.begin()) < known_) --known_;
  flows_.erase(at);
}

SendFlow* ModelledNic::Choose(Time now, bool begun, bool paused) {
  if (began_ < now) known_ = flows_.size();
  if (begun && known_ < flows_.size()) ++known_;
  SendFlow* flow = Look(now, paused);
  while (flow == nullptr && known_ < flows_.size()) {
    ++known_;
    flow = Look(now, paused);
  }
  return flow;
}

SendFlow* ModelledNic::Look(Time now, bool paused) {
  const size_t n = known_;
  size_t chosen = kNobody;
  size_t finished = kNobody;
  for (size_t i = 1; i <= n; ++i) {
    const size_t at = (i + last_) % n;
    const SendFlow& flow = *flows_[at];
    const SendGate gate = flow.owner->Gate();
    if (gate == SendGate::kOpen) {
      if (paused || !flow.PaceAllows(now)) continue;
      chosen = at;
      break;
    }
    if (Finished(flow)) finished = std::min(finished, at);
  }
  if (finished != kNobody) DropFinished(finished, &chosen);
  if (chosen == kNobody) {
    Sleep(now);
    return nullptr;
  }
  last_ = chosen;
  return flows_[chosen];
}

// `chosen` follows its flow. None of those that have just begun has finished.
void ModelledNic::DropFinished(size_t from, size_t* chosen) {
  size_t to = from;
  for (size_t i = from; i < flows_.size(); ++i) {
    if (Finished(*flows_[i])) continue;
    if (i == *chosen) *chosen = to;
    flows_[to++] = flows_[i];
  }
  known_ -= flows_.size() - to;
  flows_.resize(to);
}

void ModelledNic::Sleep(Time now) {
  if (wake_) return;
  OptionalTime least;
  for (size_t i = 0; i < known_; ++i) {
    const SendFlow* flow = flows_[i];
    if (flow->owner->Gate() != SendGate::kNoWork) least = Earlier(least, flow->next_send());
  }
  if (least && *least > now) wake_ = least;
}

port::Packet* ModelledNic::NewAnswer() {
  Answer& answer = answers_.emplace_back();
  answer.packet.header = answer.bytes.data();
  return &answer.packet;
}

bool ModelledNic::TakeAnswer(port::Packet* packet) {
  if (first_answer_ == answers_.size()) return false;
  const Answer& answer = answers_[first_answer_++];
  packet->header_length = answer.packet.header_length;
  packet->elided_length = answer.packet.elided_length;
  packet->frame_length = answer.packet.frame_length;
  std::memcpy(packet->header, answer.bytes.data(), packet->header_length);
  if (first_answer_ == answers_.size()) {
    answers_.clear();
    first_answer_ = 0;
  }
  return true;
}

}  // namespace sluice::engine
