// What the model says about a schedule that has come to its end.
#include <algorithm>
#include <cstring>

#include "property/schedule.h"

namespace sluice::test {

using verbs::CompletionStatus;

void Schedule::CheckSuccesses() {
  for (int i = 0; i < 2; ++i) {
    Side& s = sides_[static_cast<size_t>(i)];
    const Side& peer = sides_[static_cast<size_t>(1 - i)];
    for (size_t k = 0; k < s.messages.size(); ++k) {
      const Message& m = s.messages[k];
      if (m.status != CompletionStatus::kSuccess) continue;
      if (TakesReceive(m.op) && k >= peer.delivered && !peer.destroyed) {
        Fault("success of a message that was not delivered");
      }
      if (IsWrite(m.op) && m.own_target && !Intact(i, m, m.target)) {
        Fault("success of a WRITE that is not intact");
      }
    }
    CheckSharedArea(1 - i);
    CheckAtomics(i);
  }
}

// WRITEs that overlap, in order; only when all of them succeeded is the outcome certain.
void Schedule::CheckSharedArea(int to) {
  const Side& s = sides_[static_cast<size_t>(1 - to)];
  const Side& peer = sides_[static_cast<size_t>(to)];
  if (connect_.relaxed_ordering) return CheckRelaxedArea(to);
  std::vector<uint8_t> model(max_length_, kUntouched);
  for (const Message& m : s.messages) {
    if (m.status != CompletionStatus::kSuccess) return;
    if (!IsWrite(m.op) || m.own_target) continue;
    std::copy_n(s.memory.begin() + m.source, m.length, model.begin() + (m.target - SharedBase()));
  }
  if (!std::equal(model.begin(), model.end(), peer.memory.begin() + SharedBase())) {
    Fault("overlapping WRITEs were not executed once and in order");
  }
}

// Every byte is of one of the WRITEs that went there, or untouched, once all have succeeded.
void Schedule::CheckRelaxedArea(int to) {
  const Side& s = sides_[static_cast<size_t>(1 - to)];
  const Side& peer = sides_[static_cast<size_t>(to)];
  for (const Message& m : s.messages) {
    if (m.status != CompletionStatus::kSuccess) return;
  }
  for (uint32_t at = SharedBase(); at < SharedBase() + max_length_; ++at) {
    bool aimed = false;
    bool found = false;
    for (const Message& m : s.messages) {
      if (!IsWrite(m.op) || m.own_target || at < m.target || at >= m.target + m.length) continue;
      aimed = true;
      found |= peer.memory[at] == s.memory[m.source + (at - m.target)];
    }
    if (!(aimed ? found : peer.memory[at] == kUntouched)) {
      Fault("a byte of overlapping WRITEs is of none of them");
      return;
    }
  }
}

// Each word went through the states of the model and stopped not before the last success.
void Schedule::CheckAtomics(int from) {
  const Side& s = sides_[static_cast<size_t>(from)];
  const Side& peer = sides_[static_cast<size_t>(1 - from)];
  for (uint32_t w = 0; w < kWords; ++w) {
    const uint32_t at = WordBase() + w * 2 * kGap;
    uint64_t value = 0;
    std::memcpy(&value, peer.memory.data() + at, sizeof value);
    bool allowed = true;
    bool any = false;
    for (size_t k = 0; k < s.posted; ++k) {
      const Message& m = s.messages[k];
      if (!IsAtomic(m.op) || m.target != at) continue;
      if (!any) allowed = value == m.before;
      any = true;
      if (m.status == CompletionStatus::kSuccess) allowed = false;
      allowed |= value == m.after;
    }
    if (!allowed) Fault("an atomic was executed twice, not at all, or not whole");
  }
}

// Gaps, slots that nothing was aimed at, and both ends outside the region.
void Schedule::CheckMemory() {
  for (size_t i = 0; i < 2; ++i) {
    const Side& s = sides_[i];
    std::vector<bool> may(s.memory.size(), false);
    const auto allow = [&may](uint32_t offset, uint32_t length) {
      std::fill_n(may.begin() + offset, length, true);
    };
    allow(kGap, source_size_);
    for (size_t k = 0; k < s.receives_posted; ++k) {
      allow(s.receives[k].offset, s.receives[k].length);
    }
    const Side& peer = sides_[1 - i];
    for (size_t k = 0; k < s.posted; ++k) {
      const Message& m = s.messages[k];
      if (FetchesData(m.op)) allow(m.landing, m.length);
    }
    for (uint32_t w = 0; w < kWords; ++w) allow(WordBase() + w * 2 * kGap, 8);
    for (size_t k = 0; k < peer.posted; ++k) {
      const Message& m = peer.messages[k];
      if (IsWrite(m.op) && !m.bad_key) allow(m.target, m.length);
    }
    for (size_t k = 0; k < s.memory.size(); ++k) {
      if (!may[k] && s.memory[k] != kUntouched) {
        Fault("memory outside was touched");
        return;
      }
    }
  }
}

}  // namespace sluice::test
