#include <algorithm>

#include "support/cc_bottleneck.h"

namespace sluice::test {

double BottleneckConfig::MarkProbability(int64_t queued) const {
  if (queued <= ecn_min.count()) return 0;
  if (queued > ecn_max.count()) return 1;
  return ecn_probability * static_cast<double>(queued - ecn_min.count()) /
         static_cast<double>((ecn_max - ecn_min).count());
}

int64_t BottleneckResult::DeliveredBy(size_t flow, size_t first, size_t last) const {
  int64_t sum = 0;
  for (size_t b = first; b < last && b < delivered[flow].size(); ++b) sum += delivered[flow][b];
  return sum;
}

double BottleneckResult::Utilisation(const BottleneckConfig& config, size_t first, size_t last,
                                     Bandwidth rate) const {
  int64_t sum = 0;
  for (size_t f = 0; f < delivered.size(); ++f) sum += DeliveredBy(f, first, last);
  const double share =
      static_cast<double>(config.mtu.count()) /
      static_cast<double>((config.mtu + config.header + kEthernetOverhead).count());
  const double limit = static_cast<double>(rate.bps()) / 8 * share * config.bucket.seconds() *
                       static_cast<double>(last - first);
  return static_cast<double>(sum) / limit;
}

double BottleneckResult::Jain(size_t first, size_t last) const {
  double sum = 0, squares = 0;
  for (size_t f = 0; f < delivered.size(); ++f) {
    const double x = static_cast<double>(DeliveredBy(f, first, last));
    sum += x;
    squares += x * x;
  }
  return squares > 0 ? sum * sum / (static_cast<double>(delivered.size()) * squares) : 0;
}

int64_t BottleneckResult::QueueMax(size_t first, size_t last) const {
  int64_t most = 0;
  for (size_t b = first; b < last && b < queue_max.size(); ++b) most = std::max(most, queue_max[b]);
  return most;
}

double BottleneckResult::QueueMean(size_t first, size_t last) const {
  double sum = 0;
  for (size_t b = first; b < last && b < queue_mean.size(); ++b) {
    sum += static_cast<double>(queue_mean[b]);
  }
  return last > first ? sum / static_cast<double>(last - first) : 0;
}

}  // namespace sluice::test
