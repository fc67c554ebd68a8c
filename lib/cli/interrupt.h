// Ctrl-C as a flag.
#ifndef SLUICE_CLI_INTERRUPT_H_
#define SLUICE_CLI_INTERRUPT_H_

#include <csignal>

namespace sluice::cli {

// While one lives, the first SIGINT says so on standard error and sets a flag; the second kills the
// process as if there were no handler. A command that sees the flag stops within a second, reports
// what it has with "complete": false and ends with kExitInterrupted. One at a time per process;
// made and destroyed on one thread; the flag may be read on any.
class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  // Whether SIGINT came since the newest scope began. Async-signal-safe.
  static bool Interrupted();

 private:
  struct sigaction before_;
};

}  // namespace sluice::cli

#endif  // SLUICE_CLI_INTERRUPT_H_
