#include "switch/shared_buffer.h"

#include <algorithm>
#include <bit>

namespace sluice::switching {
namespace {

constexpr double kMaxAlpha = 1024;

}  // namespace

absl::Status BufferConfig::Validate() const {
  if (size <= Bytes(0)) return absl::InvalidArgumentError("buffer is not positive");
  // Written so that a NaN fails too.
  if (!(alpha >= 0 && alpha <= kMaxAlpha)) {
    return absl::InvalidArgumentError("buffer alpha is not in 0..1024");
  }
  if (kept < Bytes(0) || kept >= size) {
    return absl::InvalidArgumentError("what is kept of the buffer is negative, or all of it");
  }
  if (lossless == 0) return absl::OkStatus();
  if (!(pfc_alpha > 0 && pfc_alpha <= kMaxAlpha)) {
    return absl::InvalidArgumentError("PFC alpha is not in 0..1024, or 0");
  }
  if (reserve < Bytes(0)) return absl::InvalidArgumentError("PFC reserve is negative");
  if (resume_offset < Bytes(0)) return absl::InvalidArgumentError("PFC resume offset is negative");
  return absl::OkStatus();
}

SharedBuffer::SharedBuffer(size_t ports, const BufferConfig& config)
    : config_(config), pool_(config.size) {
  if (config.lossless == 0) return;
  ingress_.resize(ports * kPriorities);
  const auto count = static_cast<int64_t>(ports) * std::popcount(config.lossless);
  pool_ -= config.reserve * count;
  for (size_t i = 0; i < ports && config.headroom >= Bytes(0); ++i) {
    SetHeadroom(static_cast<PortIndex>(i), config.headroom);
  }
}

void SharedBuffer::SetHeadroom(PortIndex port, Bytes headroom) {
  for (uint8_t priority = 0; priority < kPriorities; ++priority) {
    if (!lossless(priority)) continue;
    Ingress& in = ingress_[IndexOf(port, priority)];
    pool_ += in.headroom - headroom;
    in.headroom = headroom;
  }
}

Bytes SharedBuffer::Threshold(double alpha, Bytes used) const {
  const int64_t free = std::max<int64_t>((pool_ - used).count(), 0);
  return Bytes(static_cast<int64_t>(static_cast<double>(free) * alpha));
}

SharedBuffer::Verdict SharedBuffer::Judge(const SwitchPacket& packet, Bytes queue) const {
  if (!lossless(packet.priority)) {
    const Bytes kept = packet.priority == config_.kept_for ? Bytes(0) : config_.kept;
    if (pool_used_ + packet.length() + kept > pool_) return Verdict::kDrop;
    if (config_.alpha == 0) return Verdict::kPool;
    const bool within = queue + packet.length() <= Threshold(config_.alpha, pool_used_);
    return within ? Verdict::kPool : Verdict::kDrop;
  }
  const Ingress& in = ingress_[IndexOf(packet.ingress, packet.priority)];
  const Bytes beyond = in.stored + packet.length() - config_.reserve;
  if (beyond <= Bytes(0) || beyond <= Threshold(config_.pfc_alpha, pool_used_)) {
    return Verdict::kPool;
  }
  return in.in_headroom + packet.length() <= in.headroom ? Verdict::kHeadroom : Verdict::kDrop;
}

// The threshold falls as memory is used: what stays below it afterwards was below it before.
bool SharedBuffer::Easy(const SwitchPacket& packet, Bytes queue) const {
  if (!lossless(packet.priority)) return Judge(packet, queue) == Verdict::kPool;
  const Ingress& in = ingress_[IndexOf(packet.ingress, packet.priority)];
  if (in.paused) return Judge(packet, queue) == Verdict::kPool;
  const Bytes beyond = std::max(in.stored + packet.length() - config_.reserve, Bytes(0));
  const Bytes grows = beyond - InPool(in);
  return in.in_headroom == Bytes(0) && beyond < Threshold(config_.pfc_alpha, pool_used_ + grows);
}

bool SharedBuffer::Add(const SwitchPacket& packet, Verdict verdict) {
  used_ += packet.length();
  if (!lossless(packet.priority)) {
    pool_used_ += packet.length();
    return false;
  }
  Ingress& in = ingress_[IndexOf(packet.ingress, packet.priority)];
  if (verdict == Verdict::kHeadroom) {
    in.in_headroom += packet.length();
  } else {
    AddToPool(in, packet.length());
  }
  if (in.paused) return false;
  in.paused = in.in_headroom > Bytes(0) || InPool(in) >= Threshold(config_.pfc_alpha, pool_used_);
  paused_ += in.paused ? 1 : 0;
  return in.paused;
}

bool SharedBuffer::Remove(const SwitchPacket& packet) {
  used_ -= packet.length();
  if (!lossless(packet.priority)) {
    pool_used_ -= packet.length();
    return false;
  }
  // What is in the headroom goes first, whichever packet it was.
  Ingress& in = ingress_[IndexOf(packet.ingress, packet.priority)];
  const Bytes from_headroom = std::min(in.in_headroom, packet.length());
  const Bytes before = InPool(in);
  in.in_headroom -= from_headroom;
  in.stored -= packet.length() - from_headroom;
  pool_used_ -= before - InPool(in);
  if (!in.paused || in.in_headroom > Bytes(0)) return false;
  const Bytes pool = InPool(in);
  const Bytes limit = Threshold(config_.pfc_alpha, pool_used_);
  if (pool > Bytes(0) && pool + config_.resume_offset > limit) return false;
  in.paused = false;
  --paused_;
  return true;
}

}  // namespace sluice::switching
