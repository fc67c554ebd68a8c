// Controllers that are wrong on purpose: each check must notice the fault it is there for, and
// leave a decent controller alone. A suite that cannot fail proves nothing.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "cc/controller.h"
#include "cc/receiver.h"
#include "cc/registry.h"
#include "support/cc_checks.h"

namespace sluice::test {
namespace {

// A plain window halved by loss and grown by acknowledged bytes: decent as far as it goes.
class Decent : public cc::Controller {
 public:
  explicit Decent(const cc::FlowContext& context) {
    control_.rate = context.line_rate;
    control_.window = Bytes(100'000);
  }
  void OnFeedback(const cc::Feedback& f) override {
    if (f.app_limited) return;
    grown_ += f.acked.count();
    if (f.ce_bytes > Bytes(0)) Set(control_.window.count() * 9 / 10);
    if (grown_ > 500'000) {
      grown_ = 0;
      Set(control_.window.count() + 1000);
    }
  }
  void OnLoss(const cc::Loss& loss) override {
    if (!loss.undo) Set(control_.window.count() / 2);
  }
  void Describe(cc::FieldSink& sink) const override {
    sink.Field("window", "bytes", static_cast<double>(control_.window.count()));
  }
  void Restore(const State& state) override { Set(state.window.count()); }

 protected:
  void Set(int64_t window) {
    control_.window = Bytes(std::clamp<int64_t>(window, 20'000, 300'000));
  }
  int64_t grown_ = 0;
};

struct DoublesOnLoss : Decent {
  using Decent::Decent;
  void OnLoss(const cc::Loss&) override { control_.window = control_.window + control_.window; }
};
struct GrowsWhenIdle : Decent {
  using Decent::Decent;
  void OnFeedback(const cc::Feedback& f) override { control_.window += f.acked; }
};
struct ReadsAClock : Decent {
  using Decent::Decent;
  void OnFeedback(const cc::Feedback&) override {
    Set(20'000 + std::chrono::steady_clock::now().time_since_epoch().count() % 100'000);
  }
};
struct UsesAbsoluteTime : Decent {
  using Decent::Decent;
  void OnFeedback(const cc::Feedback& f) override {
    Set(20'000 + static_cast<int64_t>(f.now.ps() / 1'000'000 % 100'000));
  }
};
struct SharesState : Decent {
  using Decent::Decent;
  void OnFeedback(const cc::Feedback& f) override { Set(shared += f.acked.count() % 999'983); }
  static inline int64_t shared = 0;
};
struct Allocates : Decent {
  using Decent::Decent;
  void OnFeedback(const cc::Feedback& f) override {
    history.push_back(f.acked.count());
    if (history.size() > 100) history.clear();
  }
  std::vector<int64_t> history;
};
struct ZeroRate : Decent {
  using Decent::Decent;
  void OnLoss(const cc::Loss&) override { control_.rate = Bandwidth(); }
};
struct NotANumber : Decent {
  using Decent::Decent;
  void Describe(cc::FieldSink& sink) const override {
    sink.Field("ratio", "1", std::numeric_limits<double>::quiet_NaN());
  }
};
struct AboveTheLine : Decent {
  using Decent::Decent;
  void OnCnp(const cc::Cnp&) override { control_.rate = Bandwidth::GigabitsPerSecond(101); }
};
struct PastDeadline : Decent {
  using Decent::Decent;
  void OnSent(const cc::Sent& s) override {
    control_.has_deadline = true;
    control_.deadline = s.now;
  }
};
struct CountsCalls : Decent {
  using Decent::Decent;
  void OnFeedback(const cc::Feedback&) override { Set(++calls * 10); }
  int64_t calls = 0;
};
struct NoUnit : Decent {
  using Decent::Decent;
  void Describe(cc::FieldSink& sink) const override { sink.Field("window", "", 1); }
};
struct WritesBeyond : Decent {
  using Decent::Decent;
  void OnFeedback(const cc::Feedback&) override {
    volatile char* end = reinterpret_cast<volatile char*>(this);
    end[sizeof(Decent) + 8] = 1;
  }
};
struct ForgetsOnSwap : Decent {
  using Decent::Decent;
  void Restore(const State&) override { control_.window = Bytes(20'000); }
};
struct Timid : Decent {
  explicit Timid(const cc::FlowContext& context) : Decent(context) {
    control_.rate = Bandwidth::GigabitsPerSecond(10);
  }
};
struct Deaf : Decent {
  using Decent::Decent;
  void OnFeedback(const cc::Feedback&) override {}
  void OnLoss(const cc::Loss&) override {}
};
struct Stops : Decent {
  using Decent::Decent;
  void OnFeedback(const cc::Feedback& f) override {
    if ((total += f.acked.count()) > 500'000) control_.rate = Bandwidth::MegabitsPerSecond(1);
  }
  int64_t total = 0;
};
// Every second flow, told apart by its seed, takes ten times as much.
struct Unfair : Decent {
  explicit Unfair(const cc::FlowContext& context) : Decent(context) {
    control_.window = Bytes(context.seed % 2 == 0 ? 10'000 : 100'000);
  }
  void OnFeedback(const cc::Feedback&) override {}
};
// Forgets that capacity can come back.
struct NeverRises : Decent {
  using Decent::Decent;
  void OnFeedback(const cc::Feedback& f) override {
    if (f.newest_rtt > Duration::Microseconds(25)) Set(control_.window.count() * 9 / 10);
  }
};
struct NeedsEcn : Decent {
  using Decent::Decent;
  void OnFeedback(const cc::Feedback& f) override {
    if (!f.present.Has(cc::Signal::kCeBytes)) control_.rate = Bandwidth::GigabitsPerSecond(1);
  }
};

template <typename C>
class CanaryOf final : public cc::Algorithm {
 public:
  CanaryOf() {
    traits_.uses_window = true;
    traits_.uses_rate = true;
    traits_.max_incast_queue_bdp = 4.5;
  }
  std::string_view name() const override { return "canary"; }
  const cc::Traits& traits() const override { return traits_; }
  cc::ParamList params() const override { return {}; }
  cc::Controller* MakeController(void* storage, const cc::FlowContext& context) const override {
    return ::new (storage) C(context);
  }
  cc::ReceiverHalf* MakeReceiver(void* storage, const cc::FlowContext&) const override {
    return ::new (storage) cc::SilentReceiver();
  }
  size_t controller_size() const override { return sizeof(C); }

 private:
  cc::Traits traits_;
};

template <typename C>
bool Noticed(Failures (*check)(const cc::Algorithm&)) {
  return !check(CanaryOf<C>()).empty();
}

TEST(CanaryTest, TheTapeChecksNoticeTheirFaults) {
  EXPECT_TRUE(Noticed<ZeroRate>(CheckSafety));
  EXPECT_TRUE(Noticed<NotANumber>(CheckSafety));
  EXPECT_TRUE(Noticed<AboveTheLine>(CheckSafety));
  EXPECT_TRUE(Noticed<PastDeadline>(CheckSafety));
  EXPECT_TRUE(Noticed<DoublesOnLoss>(CheckDirection));
  EXPECT_TRUE(Noticed<GrowsWhenIdle>(CheckDirection));
  EXPECT_TRUE(Noticed<ReadsAClock>(CheckDeterminism));
  EXPECT_TRUE(Noticed<UsesAbsoluteTime>(CheckDeterminism));
  EXPECT_TRUE(Noticed<SharesState>(CheckDeterminism));
  EXPECT_TRUE(Noticed<CountsCalls>(CheckBatching));
  EXPECT_TRUE(Noticed<Allocates>(CheckNoAllocation));
  EXPECT_TRUE(Noticed<WritesBeyond>(CheckSize));
  EXPECT_TRUE(Noticed<NoUnit>(CheckDescribe));
  EXPECT_TRUE(Noticed<ForgetsOnSwap>(CheckSnapshot));
}

TEST(CanaryTest, TheFabricChecksNoticeTheirFaults) {
  EXPECT_TRUE(Noticed<Timid>(CheckSingleFlow));
  EXPECT_TRUE(Noticed<Unfair>(CheckFairness));
  EXPECT_TRUE(Noticed<Stops>(CheckIncast));
  EXPECT_TRUE(Noticed<Deaf>(CheckIncast));
  EXPECT_TRUE(Noticed<NeverRises>(CheckRecovery));
  EXPECT_TRUE(Noticed<NeedsEcn>(CheckMissingSignals));
}

// Every check of the suite appears above, and passes what is decent.
TEST(CanaryTest, ADecentControllerPassesEveryCheck) {
  EXPECT_EQ(AllChecks().size(), 13u);
  for (const NamedCheck& check : AllChecks()) {
    const Failures failures = check.run(CanaryOf<Decent>());
    EXPECT_TRUE(failures.empty()) << check.name << ": " << failures.front();
  }
}

}  // namespace
}  // namespace sluice::test
