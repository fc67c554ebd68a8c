#include "dpdk/fault_guard.h"

#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <thread>

#include "gtest/gtest.h"

namespace sluice::dpdk {
namespace {

// A page that nobody may read, as the rings of a peer that went.
class GonePage {
 public:
  GonePage() : page_(mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {}
  ~GonePage() { munmap(page_, 4096); }
  GonePage(const GonePage&) = delete;
  GonePage& operator=(const GonePage&) = delete;
  void* get() const { return page_; }

 private:
  void* page_;
};

void Touch(void* address) { *static_cast<volatile uint8_t*>(address) = 1; }

TEST(FaultGuard, ACallThatFaultsComesToAnEnd) {
  FaultGuard::Install();
  const GonePage page;
  uint8_t byte = 0;
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(FaultGuard::Run(Touch, page.get()));
    EXPECT_TRUE(FaultGuard::Run(Touch, &byte));
  }
  EXPECT_EQ(byte, 1);
}

TEST(FaultGuard, EachThreadGuardsItsOwnCalls) {
  FaultGuard::Install();
  const GonePage page;
  bool faulted[2] = {};
  std::thread first([&] { faulted[0] = !FaultGuard::Run(Touch, page.get()); });
  std::thread second([&] { faulted[1] = !FaultGuard::Run(Touch, page.get()); });
  first.join();
  second.join();
  EXPECT_TRUE(faulted[0]);
  EXPECT_TRUE(faulted[1]);
}

TEST(FaultGuardDeathTest, AFaultOutsideAGuardedCallStillCrashes) {
  FaultGuard::Install();
  const GonePage page;
  // Also right after a guarded call: the guard ended with it.
  EXPECT_DEATH(
      {
        FaultGuard::Install();
        static_cast<void>(FaultGuard::Run(Touch, page.get()));
        Touch(page.get());
      },
      "");
}

}  // namespace
}  // namespace sluice::dpdk
