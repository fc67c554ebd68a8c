#include "dpdk/fault_guard.h"

#include <csetjmp>
#include <csignal>

namespace sluice::dpdk {
namespace {

// Where a fault of this thread goes while a guarded call runs. A signal handler reads it: plain
// thread-local storage that this thread has touched before.
thread_local sigjmp_buf* way_out = nullptr;

struct sigaction before_segv = {};
struct sigaction before_bus = {};

void OnFault(int number, siginfo_t* info, void* context) {
  if (way_out != nullptr) siglongjmp(*way_out, 1);
  const struct sigaction& before = number == SIGBUS ? before_bus : before_segv;
  if ((before.sa_flags & SA_SIGINFO) != 0) {
    before.sa_sigaction(number, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(number);
  } else {
    // Back to the default: the instruction runs again and faults for good.
    sigaction(number, &before, nullptr);
  }
}

bool TakeOver() {
  struct sigaction ours = {};
  ours.sa_sigaction = OnFault;
  // The jump out does not restore the signal mask, which would be a system call per burst.
  ours.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  sigemptyset(&ours.sa_mask);
  sigaction(SIGSEGV, &ours, &before_segv);
  sigaction(SIGBUS, &ours, &before_bus);
  return true;
}

}  // namespace

void FaultGuard::Install() {
  static const bool kInstalled = TakeOver();
  static_cast<void>(kInstalled);
}

bool FaultGuard::Run(void (*call)(void* argument), void* argument) {
  sigjmp_buf buffer;
  // Nothing that a jump leaves behind here has a destructor.
  if (sigsetjmp(buffer, 0) != 0) {
    way_out = nullptr;
    return false;
  }
  way_out = &buffer;
  call(argument);
  way_out = nullptr;
  return true;
}

}  // namespace sluice::dpdk
