#include "sim/deadlock.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace sluice::sim {
namespace {

using Key = std::tuple<NodeId, PortIndex, uint8_t>;

Key KeyOf(const PausedHop& hop) { return {hop.node, hop.port, hop.priority}; }

struct Frame {
  PausedHop hop;
  std::vector<PausedHop> next;
  size_t tried = 0;
};

}  // namespace

std::vector<PausedHop> FindPauseCycle(const std::vector<PausedHop>& starts,
                                      const WaitsFor& waits_for) {
  std::set<Key> seen;
  for (const PausedHop& start : starts) {
    if (!seen.insert(KeyOf(start)).second) continue;
    std::vector<Frame> path = {{start, waits_for(start)}};
    while (!path.empty()) {
      Frame& last = path.back();
      if (last.tried == last.next.size()) {
        path.pop_back();
        continue;
      }
      const PausedHop hop = last.next[last.tried++];
      const auto again =
          std::find_if(path.begin(), path.end(), [&](const Frame& f) { return f.hop == hop; });
      if (again != path.end()) {
        std::vector<PausedHop> cycle;
        for (auto i = again; i != path.end(); ++i) cycle.push_back(i->hop);
        return cycle;
      }
      if (seen.insert(KeyOf(hop)).second) path.push_back({hop, waits_for(hop)});
    }
  }
  return {};
}

}  // namespace sluice::sim
