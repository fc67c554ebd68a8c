#include "lab/collective.h"

#include <algorithm>

namespace sluice::lab {
namespace {

FlowEvent Sent(uint32_t flow) { return {flow, false}; }
FlowEvent Received(uint32_t flow) { return {flow, true}; }

// The i-th of n parts of all bytes.
int64_t Part(int64_t bytes, size_t i, size_t n) {
  const auto parts = static_cast<int64_t>(n);
  const auto place = static_cast<int64_t>(i);
  // bytes is at most 2^31 and parts at most 2^20: no overflow.
  return bytes * (place + 1) / parts - bytes * place / parts;
}

}  // namespace

uint32_t Messages::Send(sim::NodeId from, sim::NodeId to, int64_t bytes, const Ready& after) {
  FlowSpec f{from, to, Bytes(std::max<int64_t>(bytes, 1)), Time::Zero()};
  if (after.events.empty()) {
    f.start = Time::Zero() + after.delay;
  } else {
    f.trigger = static_cast<uint32_t>(scenario_.triggers.size());
    scenario_.triggers.push_back(
        {after.events, static_cast<uint32_t>(after.events.size()), after.delay});
  }
  scenario_.flows.push_back(f);
  return static_cast<uint32_t>(scenario_.flows.size() - 1);
}

std::vector<Ready> RingAllReduce(Messages& messages, const std::vector<sim::NodeId>& ranks,
                                 int64_t bytes, const std::vector<Ready>& ready) {
  const size_t n = ranks.size();
  std::vector<Ready> now = ready;  // before the step, by rank
  for (size_t step = 0; step < 2 * (n - 1); ++step) {
    std::vector<Ready> next(n);
    for (size_t rank = 0; rank < n; ++rank) {
      const size_t to = (rank + 1) % n;
      const size_t chunk = (rank + 2 * n - step) % n;
      const uint32_t flow = messages.Send(ranks[rank], ranks[to], Part(bytes, chunk, n), now[rank]);
      next[to].events = {Received(flow)};
    }
    now = std::move(next);
  }
  return now;
}

std::vector<Ready> TreeAllReduce(Messages& messages, const std::vector<sim::NodeId>& ranks,
                                 int64_t bytes, int chunks, const std::vector<Ready>& ready) {
  const size_t n = ranks.size();
  const auto parts = static_cast<size_t>(chunks);
  std::vector<Ready> done(n);
  std::vector<FlowEvent> last_up(n);    // the chunk before, by sender
  std::vector<FlowEvent> last_down(n);  // by receiver
  for (size_t c = 0; c < parts; ++c) {
    const int64_t size = Part(bytes, c, parts);
    std::vector<Ready> have(n);  // the sum of the ranks below, by rank
    if (c == 0) have = ready;
    for (size_t rank = n - 1; rank > 0; --rank) {
      if (c > 0) have[rank].events.push_back(last_up[rank]);
      const size_t parent = (rank - 1) / 2;
      const uint32_t flow = messages.Send(ranks[rank], ranks[parent], size, have[rank]);
      have[parent].events.push_back(Received(flow));
      last_up[rank] = Sent(flow);
    }
    for (const FlowEvent& e : have[0].events) done[0].events.push_back(e);
    std::vector<Ready> sum(n);  // the whole
    sum[0] = have[0];
    for (size_t rank = 1; rank < n; ++rank) {
      const size_t parent = (rank - 1) / 2;
      Ready after = sum[parent];
      if (c > 0) after.events.push_back(last_down[rank]);
      const uint32_t flow = messages.Send(ranks[parent], ranks[rank], size, after);
      sum[rank].events = {Received(flow)};
      done[rank].events.push_back(Received(flow));
      last_down[rank] = Sent(flow);
    }
  }
  return done;
}

std::vector<Ready> HalvingDoublingAllReduce(Messages& messages,
                                            const std::vector<sim::NodeId>& ranks, int64_t bytes,
                                            const std::vector<Ready>& ready) {
  const size_t n = ranks.size();
  std::vector<size_t> distances;
  for (size_t d = n / 2; d > 0; d /= 2) distances.push_back(d);
  for (size_t i = distances.size(); i > 0; --i) distances.push_back(distances[i - 1]);
  std::vector<Ready> now = ready;
  for (const size_t distance : distances) {
    std::vector<Ready> next(n);
    for (size_t rank = 0; rank < n; ++rank) {
      const size_t to = rank ^ distance;
      // Half of what is left at distance n / 2, a quarter at n / 4, ...
      const int64_t size = bytes * static_cast<int64_t>(distance) / static_cast<int64_t>(n);
      const uint32_t flow = messages.Send(ranks[rank], ranks[to], size, now[rank]);
      next[to].events = {Received(flow)};
    }
    now = std::move(next);
  }
  return now;
}

std::vector<Ready> AllToAll(Messages& messages, const std::vector<sim::NodeId>& ranks,
                            const std::vector<std::vector<int64_t>>& bytes, size_t outstanding,
                            const std::vector<Ready>& ready) {
  const size_t n = ranks.size();
  std::vector<Ready> done(n);
  std::vector<std::vector<uint32_t>> sent(n);
  for (size_t shift = 1; shift < n; ++shift) {
    for (size_t rank = 0; rank < n; ++rank) {
      const size_t to = (rank + shift) % n;
      if (bytes[rank][to] == 0) continue;
      Ready after = ready[rank];
      if (sent[rank].size() >= outstanding) {
        after = {{Sent(sent[rank][sent[rank].size() - outstanding])}, Duration()};
      }
      const uint32_t flow = messages.Send(ranks[rank], ranks[to], bytes[rank][to], after);
      sent[rank].push_back(flow);
      done[to].events.push_back(Received(flow));
    }
  }
  return done;
}

}  // namespace sluice::lab
