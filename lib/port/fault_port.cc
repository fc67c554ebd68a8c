#include "port/fault_port.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/fixed_vector.h"

namespace sluice::port {

namespace {

// The purposes of the random streams.
enum : uint64_t { kDrop = 1, kDuplicate, kReorder, kCorrupt, kDelay };

constexpr uint64_t kMaxPassed = 8;      // packets that overtake a held one
constexpr uint64_t kMaxStall = 16;      // calls of Receive that a delay lasts
constexpr uint64_t kMaxFlips = 3;       // bits
constexpr uint64_t kMacAddresses = 12;  // bytes at the front that a corruption spares

size_t CarriedBytes(const Packet& p) {
  size_t n = size_t{p.header_length} + p.payload_length;
  for (size_t i = 0; i < p.more_count; ++i) n += p.more[i].length;
  return n;
}

}  // namespace

FaultPort::FaultPort(Port* inner, const FaultRates& rates, uint64_t seed, uint64_t entity)
    : inner_(inner),
      rates_(rates),
      drop_(seed, entity, kDrop),
      duplicate_(seed, entity, kDuplicate),
      reorder_(seed, entity, kReorder),
      corrupt_(seed, entity, kCorrupt),
      delay_(seed, entity, kDelay) {}

FaultPort::~FaultPort() {
  for (size_t i = 0; i < held_count_; ++i) inner_->Release(std::span(&held_[i].packet, 1));
  for (; ready_begin_ != ready_end_; ++ready_begin_) {
    inner_->Release(std::span(&ready_[ready_begin_].packet, 1));
  }
}

absl::Status FaultPort::Check(const FaultRates& rates) {
  const struct {
    const char* name;
    double value;
  } all[] = {{"drop", rates.drop},
             {"duplicate", rates.duplicate},
             {"reorder", rates.reorder},
             {"corrupt", rates.corrupt},
             {"delay", rates.delay}};
  for (const auto& rate : all) {
    if (rate.value >= 0 && rate.value <= 1) continue;  // also refuses NaN
    return absl::InvalidArgumentError(
        absl::StrCat(rate.name, " is ", rate.value, "; a probability lies between 0 and 1"));
  }
  return absl::OkStatus();
}

// One linear copy in a packet of our own; false when the pool is empty or the frame too long.
bool FaultPort::Copy(const Packet& from, Packet* to) {
  const size_t carried = CarriedBytes(from);
  const bool fits = carried <= inner_->capabilities().linear_room &&
                    carried <= std::numeric_limits<uint16_t>::max();
  if (!fits || inner_->Allocate(std::span(to, 1)) != 1) {
    ++counts_.no_buffer;
    return false;
  }
  uint8_t* out = to->header;
  const auto append = [&out](const uint8_t* data, size_t n) {
    if (n != 0) std::memcpy(out, data, n);
    out += n;
  };
  append(from.header, from.header_length);
  append(from.payload, from.payload_length);
  for (size_t i = 0; i < from.more_count; ++i) append(from.more[i].data, from.more[i].length);
  to->header_length = static_cast<uint16_t>(carried);
  to->elided_length = from.elided_length;
  to->frame_length = from.frame_length;
  to->stamp = from.stamp;
  to->rx = from.rx;
  return true;
}

// Replaces the packet by an altered copy; false when it stayed as it was.
bool FaultPort::Corrupt(Packet* packet) {
  const uint64_t flips = 1 + corrupt_.Below(kMaxFlips);
  if (inner_->capabilities().elides_payload) {
    packet->rx.icrc = IcrcState::kBad;
    return true;
  }
  const size_t carried = CarriedBytes(*packet);
  if (carried <= kMacAddresses) return false;
  Packet copy;
  if (!Copy(*packet, &copy)) return false;
  const uint64_t bits = (carried - kMacAddresses) * 8;
  FixedVector<uint64_t, kMaxFlips> flipped;
  while (flipped.size() < flips) {
    const uint64_t bit = corrupt_.Below(bits);
    // The same bit twice would be no corruption.
    if (std::find(flipped.begin(), flipped.end(), bit) != flipped.end()) continue;
    flipped.push_back(bit);
    copy.header[kMacAddresses + bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
  }
  copy.rx.icrc = IcrcState::kUnknown;  // whatever a NIC found before is stale
  inner_->Release(std::span(packet, 1));
  *packet = copy;
  return true;
}

void FaultPort::Append(const Packet& packet, uint32_t stall) {
  ready_[ready_end_++] = {packet, stall};
}

// A packet goes on, and the held ones that waited for it after it.
void FaultPort::Pass(const Packet& packet, uint32_t stall) {
  Append(packet, stall);
  size_t still = 0;
  for (size_t i = 0; i < held_count_; ++i) {
    if (--held_[i].remaining == 0) {
      Append(held_[i].packet, 0);
    } else {
      held_[still++] = held_[i];
    }
  }
  held_count_ = still;
}

void FaultPort::FlushHeld() {
  for (size_t i = 0; i < held_count_; ++i) Append(held_[i].packet, 0);
  held_count_ = 0;
}

void FaultPort::Strike(Packet packet) {
  ++counts_.received;
  // Every stream draws for every packet, so that the kinds do not move each other.
  const bool drop = drop_.Bernoulli(rates_.drop);
  const bool duplicate = duplicate_.Bernoulli(rates_.duplicate);
  const bool reorder = reorder_.Bernoulli(rates_.reorder);
  const bool corrupt = corrupt_.Bernoulli(rates_.corrupt);
  const bool delay = delay_.Bernoulli(rates_.delay);
  if (drop) {
    ++counts_.dropped;
    inner_->Release(std::span(&packet, 1));
    return;
  }
  if (corrupt && Corrupt(&packet)) ++counts_.corrupted;
  Packet copy;
  const bool copied = duplicate && Copy(packet, &copy);
  if (copied) ++counts_.duplicated;
  if (reorder && held_count_ < kMaxHeld) {
    ++counts_.reordered;  // it waits anyway: a delay as well would say nothing
    held_[held_count_++] = {packet, static_cast<uint32_t>(1 + reorder_.Below(kMaxPassed))};
  } else if (delay) {
    ++counts_.delayed;
    Pass(packet, static_cast<uint32_t>(1 + delay_.Below(kMaxStall)));
  } else {
    Pass(packet, 0);
  }
  if (copied) Pass(copy, 0);
}

size_t FaultPort::TakeReady(std::span<Packet> burst) {
  size_t n = 0;
  while (n < burst.size() && ready_begin_ != ready_end_) {
    Ready& r = ready_[ready_begin_];
    if (r.stall != 0) {
      if (n == 0) --r.stall;  // this call brought it nothing: that is what it waits for
      break;
    }
    burst[n++] = r.packet;
    ++ready_begin_;
  }
  if (ready_begin_ == ready_end_) ready_begin_ = ready_end_ = 0;
  return n;
}

size_t FaultPort::Receive(std::span<Packet> burst) {
  size_t n = TakeReady(burst);
  if (n == burst.size() || ready_end_ != 0) return n;
  std::array<Packet, kMaxBurst> in;
  const size_t room = std::min(burst.size() - n, kMaxBurst);
  const size_t got = inner_->Receive(std::span(in.data(), room));
  if (got != 0) {
    empty_calls_ = 0;
    for (size_t i = 0; i < got; ++i) Strike(in[i]);
  } else if (held_count_ != 0 && ++empty_calls_ >= kFlushAfterEmpty) {
    empty_calls_ = 0;
    FlushHeld();
  }
  return n + TakeReady(burst.subspan(n));
}

}  // namespace sluice::port
