#include "cli/interrupt.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace sluice::cli {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler must not take a lock");

void OnSignal(int) {
  interrupted.store(true, std::memory_order_relaxed);
  const int keep = errno;
  constexpr char kMessage[] = "\ninterrupted: finishing (once more to kill)\n";
  const ssize_t written = write(STDERR_FILENO, kMessage, sizeof(kMessage) - 1);
  static_cast<void>(written);  // nobody is left to tell
  errno = keep;
}

}  // namespace

InterruptScope::InterruptScope() {
  interrupted.store(false, std::memory_order_relaxed);
  struct sigaction action = {};
  action.sa_handler = OnSignal;
  // SA_RESETHAND makes the second signal kill. No SA_RESTART: a blocking call returns EINTR, so
  // that its caller looks at the flag.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &before_);
}

InterruptScope::~InterruptScope() { sigaction(SIGINT, &before_, nullptr); }

bool InterruptScope::Interrupted() { return interrupted.load(std::memory_order_relaxed); }

}  // namespace sluice::cli
