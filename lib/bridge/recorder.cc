#include "bridge/recorder.h"

#include <array>
#include <cstddef>
#include <new>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"

namespace sluice::bridge {
namespace {

class Watched final : public cc::Controller {
 public:
  Watched(Recorder& recorder, const std::shared_ptr<const cc::Algorithm>& algorithm,
          const cc::FlowContext& context)
      : recorder_(recorder), room_(std::make_unique<Room>()), tape_(recorder.NewTape()) {
    inner_ = algorithm->MakeController(room_->bytes.data(), context);
    control_ = inner_->control();
    if (tape_ == nullptr) return;
    tape_->algorithm = algorithm;
    tape_->context = context;
    tape_->first = DecisionOf(control_);
  }
  ~Watched() override { inner_->~Controller(); }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  void OnFeedback(const cc::Feedback& feedback) override {
    recorder_.Note(feedback);
    inner_->OnFeedback(feedback);
    if (tape_ != nullptr) TapeFeedback(feedback);
    Answer();
  }
  void OnLoss(const cc::Loss& loss) override {
    inner_->OnLoss(loss);
    Said(loss);
  }
  void OnCnp(const cc::Cnp& cnp) override {
    inner_->OnCnp(cnp);
    Said(cnp);
  }
  void OnSent(const cc::Sent& sent) override {
    inner_->OnSent(sent);
    Said(sent);
  }
  void OnDeadline(Time now) override {
    inner_->OnDeadline(now);
    Said(now);
  }
  void Restore(const State& state) override {
    inner_->Restore(state);
    Said(state);
  }
  void Describe(cc::FieldSink& sink) const override { inner_->Describe(sink); }
  State Snapshot() const override { return inner_->Snapshot(); }

 private:
  struct alignas(64) Room {
    std::array<std::byte, cc::kMaxControllerSize> bytes;
  };

  template <typename T>
  void Said(const T& said) {
    if (tape_ != nullptr) tape_->calls.emplace_back().said = said;
    Answer();
  }
  void TapeFeedback(const cc::Feedback& feedback) {
    TapedCall& call = tape_->calls.emplace_back();
    call.first_sample = tape_->samples.size();
    call.samples = static_cast<uint8_t>(feedback.samples.size());
    cc::Feedback own = feedback;
    own.samples = {};
    call.said = own;
    for (const cc::Sample& sample : feedback.samples) {
      TapedSample& taped = tape_->samples.emplace_back();
      taped.first_hop = tape_->hops.size();
      taped.hops = static_cast<uint8_t>(sample.hops.size());
      tape_->hops.insert(tape_->hops.end(), sample.hops.begin(), sample.hops.end());
      taped.sample = sample;
      taped.sample.hops = {};
    }
  }
  void Answer() {
    control_ = inner_->control();
    if (tape_ != nullptr) tape_->calls.back().answer = DecisionOf(control_);
  }

  Recorder& recorder_;
  const std::unique_ptr<Room> room_;
  Tape* const tape_;
  cc::Controller* inner_ = nullptr;
};
static_assert(sizeof(Watched) <= cc::kMaxControllerSize);

class WatchedAlgorithm final : public cc::Algorithm {
 public:
  WatchedAlgorithm(Recorder& recorder, std::shared_ptr<const cc::Algorithm> inner)
      : recorder_(recorder), inner_(std::move(inner)) {}
  std::string_view name() const override { return inner_->name(); }
  const cc::Traits& traits() const override { return inner_->traits(); }
  cc::ParamList params() const override { return inner_->params(); }
  cc::Controller* MakeController(void* storage, const cc::FlowContext& context) const override {
    return ::new (storage) Watched(recorder_, inner_, context);
  }
  cc::ReceiverHalf* MakeReceiver(void* storage, const cc::FlowContext& context) const override {
    return inner_->MakeReceiver(storage, context);
  }
  size_t controller_size() const override { return sizeof(Watched); }

 private:
  Recorder& recorder_;
  const std::shared_ptr<const cc::Algorithm> inner_;
};

}  // namespace

std::shared_ptr<const cc::Algorithm> Recorder::Around(
    std::shared_ptr<const cc::Algorithm> algorithm) {
  return std::make_shared<WatchedAlgorithm>(*this, std::move(algorithm));
}

Tape* Recorder::NewTape() { return tapes_wanted_ ? &tapes_.emplace_back() : nullptr; }

absl::Status Recorder::ReplayAll() const {
  for (size_t i = 0; i < tapes_.size(); ++i) {
    const std::optional<std::string> difference = Replay(tapes_[i], *tapes_[i].algorithm);
    if (!difference) continue;
    return absl::InternalError(absl::StrFormat("the tape of controller %d, %s, is not replayed: %s",
                                               i, std::string(tapes_[i].algorithm->name()),
                                               *difference));
  }
  return absl::OkStatus();
}

void Recorder::Note(const cc::Feedback& feedback) {
  for (const cc::Sample& sample : feedback.samples) {
    if (sample.stamp == cc::StampSource::kNone) continue;
    rtt_ns_.Record(static_cast<uint64_t>(sample.rtt.ps() / 1000));
  }
}

std::optional<Duration> Recorder::MedianRtt() const {
  const telemetry::HistogramSnapshot all = rtt_ns_.Snapshot();
  if (all.count() == 0) return std::nullopt;
  return Duration::Nanoseconds(static_cast<int64_t>(all.Quantile(500'000)));
}

}  // namespace sluice::bridge
