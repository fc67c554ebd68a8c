// SampleRecorder: takes the place of a connected queue pair's controller and keeps what it is told.
#ifndef SLUICE_TESTS_SUPPORT_SAMPLE_RECORDER_H_
#define SLUICE_TESTS_SUPPORT_SAMPLE_RECORDER_H_

#include <new>
#include <vector>

#include "cc/controller.h"
#include "transport/queue_pair.h"
#include "verbs/internal.h"
#include "verbs/verbs.h"

namespace sluice::test {

class SampleRecorder {
 public:
  struct Entry {
    Time now;
    cc::SignalSet present;
    Duration poll_gap;
    cc::Sample sample;
    // What is left of the round trip for the fabric.
    Duration Fabric() const { return sample.rtt - sample.host_delay - sample.remote_delay; }
  };

  // No window and no pace of its own. Outlives the queue pair.
  void Record(verbs::QueuePair& qp, Time now) {
    verbs::QueuePair::Impl& impl = qp.impl();
    const cc::FlowContext context = impl.qp->flow().context();
    impl.qp->flow().Start(
        [this](void* storage, const cc::FlowContext&) { return new (storage) Controller(this); },
        context, Bytes(int64_t{1} << 30), now, &counters_);
    signals = context.signals;
  }

  std::vector<Entry> timed;  // samples with a round trip
  Bytes acked;               // of all samples
  cc::SignalSet signals;     // what the flow was promised

 private:
  class Controller final : public cc::Controller {
   public:
    explicit Controller(SampleRecorder* to) : to_(to) {}
    void OnFeedback(const cc::Feedback& f) override {
      for (const cc::Sample& s : f.samples) {
        to_->acked += s.acked;
        if (s.stamp != cc::StampSource::kNone)
          to_->timed.push_back({f.now, f.present, f.poll_gap, s});
      }
    }
    void OnLoss(const cc::Loss&) override {}

   private:
    SampleRecorder* to_;
  };

  transport::Counters counters_;
};

}  // namespace sluice::test

#endif  // SLUICE_TESTS_SUPPORT_SAMPLE_RECORDER_H_
