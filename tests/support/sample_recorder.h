// SampleRecorder: takes the place of a connected queue pair's controller and keeps what it is told.
#ifndef SLUICE_TESTS_SUPPORT_SAMPLE_RECORDER_H_
#define SLUICE_TESTS_SUPPORT_SAMPLE_RECORDER_H_

#include <memory>
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
    cc::Sample sample;  // its hops are those below
    std::vector<cc::IntHop> hops;
    Duration longest_wait;
    // What is left of the round trip for the fabric.
    Duration Fabric() const { return sample.rtt - sample.host_delay - sample.remote_delay; }
  };

  // No window and no pace of its own. Outlives the queue pair.
  void Record(verbs::QueuePair& qp, Time now) {
    transport::SendFlow& flow = qp.impl().qp->flow();
    transport::FlowProfile profile = *flow.profile();
    profile.maker = {this,
                     [](const void* to, void* room, const cc::FlowContext&) -> cc::Controller* {
                       return new (room) Controller(
                           const_cast<SampleRecorder*>(  // its flow tells it, nobody else
                               static_cast<const SampleRecorder*>(to)));
                     },
                     sizeof(Controller)};
    profile.pacing_credit = Bytes(int64_t{1} << 30);
    signals = profile.context.signals;
    flow.Start(std::make_shared<const transport::FlowProfile>(profile), qp.qpn(), now, &counters_);
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
          to_->timed.push_back(
              {f.now, f.present, f.poll_gap, s, {s.hops.begin(), s.hops.end()}, f.longest_wait});
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
