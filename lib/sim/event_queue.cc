#include "sim/event_queue.h"

namespace sluice::sim {

EventQueue::EventQueue(Time origin, size_t sources) : origin_(origin) {
  while (leaves_ < sources) leaves_ *= 2;
  nodes_.resize(2 * leaves_);
}

}  // namespace sluice::sim
