#include "sim/queue_probe.h"

#include <algorithm>
#include <bit>

namespace sluice::sim {
namespace {

// Levels are classed by their 8 leading bits.
constexpr int kBits = 7;
constexpr uint64_t kLinear = uint64_t{1} << kBits;

size_t ClassOf(Bytes level) {
  const auto v = static_cast<uint64_t>(level.count());
  if (v < kLinear) return v;
  const int shift = std::bit_width(v) - 1 - kBits;
  return (static_cast<size_t>(shift) << kBits) + (v >> shift);
}

Bytes LowerEdge(size_t c) {
  if (c < 2 * kLinear) return Bytes(static_cast<int64_t>(c));
  const size_t shift = (c >> kBits) - 1;
  return Bytes(static_cast<int64_t>((c - (shift << kBits)) << shift));
}

}  // namespace

QueueProbe::QueueProbe(Time start, Duration interval)
    : start_(start), interval_(interval), since_(start), next_sample_(start) {}

void QueueProbe::OnLevel(Time now, Bytes waiting) {
  Finish(now);
  if (waiting < level_) sent_ += level_ - waiting;
  level_ = waiting;
}

// Those before now.
void QueueProbe::TakeSamples(Time now) {
  if (next_sample_ >= now) return;
  if (bin_ == Bytes(0)) {
    for (; next_sample_ < now; next_sample_ += interval_) {
      samples_.push_back({next_sample_, level_, sent_});
    }
    return;
  }
  const int64_t n = ((now - next_sample_).ps() - 1) / interval_.ps() + 1;
  const auto bin = static_cast<size_t>(level_.count() / bin_.count());
  if (bin >= counts_.size()) counts_.resize(bin + 1);
  counts_[bin] += n;
  next_sample_ += interval_ * n;
}

void QueueProbe::Finish(Time now) {
  if (now <= since_) return;
  if (interval_ > Duration::Zero()) TakeSamples(now);
  const int64_t ps = (now - since_).ps();
  const size_t c = ClassOf(level_);
  if (c >= ps_at_.size()) ps_at_.resize(c + 1);
  ps_at_[c] += ps;
  byte_ps_ +=
      static_cast<Uint128>(static_cast<uint64_t>(ps)) * static_cast<uint64_t>(level_.count());
  max_ = std::max(max_, level_);
  since_ = now;
}

double QueueProbe::mean_bytes() const {
  if (since_ == start_) return 0;
  return static_cast<double>(byte_ps_) / static_cast<double>((since_ - start_).ps());
}

Bytes QueueProbe::Percentile(int percent) const {
  const Uint128 need = static_cast<Uint128>(static_cast<uint64_t>((since_ - start_).ps())) *
                       static_cast<unsigned>(percent);
  Uint128 seen = 0;
  for (size_t c = 0; c < ps_at_.size(); ++c) {
    seen += static_cast<Uint128>(static_cast<uint64_t>(ps_at_[c])) * 100;
    if (ps_at_[c] > 0 && seen >= need) return LowerEdge(c);
  }
  return Bytes(0);
}

}  // namespace sluice::sim
