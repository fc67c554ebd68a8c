// Crew: threads that work together again and again, in rounds that last a few microseconds.
#ifndef SLUICE_SIM_CREW_H_
#define SLUICE_SIM_CREW_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/clock.h"

namespace sluice::sim {

class Crew {
 public:
  using Work = std::function<void(size_t)>;

  // The executor gives each of the helpers a thread of its own until the crew is destroyed; null:
  // there are no threads, and the caller does the work of all.
  Crew(Executor* executor, size_t helpers);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // A round: work(0) on this thread, work(1) to work(helpers) on theirs. Returns when all have
  // returned; what they wrote is visible then, and to all of them in the next round.
  void Do(const Work& work);

  size_t size() const { return helpers_ + 1; }

 private:
  void Help(size_t place);

  Executor* const executor_;
  const size_t helpers_;
  const Work* work_ = nullptr;        // of the round; null: the crew is over
  std::atomic<uint32_t> round_{0};    // the one that has begun last
  std::atomic<uint32_t> working_{0};  // helpers that have not finished it
};

}  // namespace sluice::sim

#endif  // SLUICE_SIM_CREW_H_
