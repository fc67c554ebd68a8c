// interop_case: runs one case against the agent in the guest and prints its verdict as one line:
//   result ok=0|1 lost= doubled= reordered= corrupted= text=...
// Exit status: 0 passed, 1 failed, 2 wrong words.
//
// Words are `key=value` (case_options.h). scripts/interop starts it, once for each case.
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "interop/agent_channel.h"
#include "interop/case_options.h"
#include "interop/our_end.h"
#include "interop/wire.h"
#include "wire/packet_value.h"

namespace sluice::interop {
namespace {

class Course {
 public:
  Course(const CaseOptions& options, Wire* wire, MonotonicClock* clock)
      : o_(options),
        wire_(wire),
        clock_(clock),
        end_(options, wire, clock),
        agent_(options.agent, options.id),
        limit_(clock->Now() + Duration::Seconds(options.limit_s)) {}

  absl::Status Run() {
    absl::Status status = Steps();
    if (!status.ok() && GuestStandsStill()) {
      status = absl::Status(
          status.code(),
          absl::StrCat("the guest stands still: ", std::string(status.message()), "; ", Traffic()));
    }
    // Whatever went wrong here: the guest goes back to where it takes the next case.
    if (!status.ok() && !guest_said_result_) (void)agent_.Say("stop", "");
    return status;
  }
  const OurEnd& end() const { return end_; }

 private:
  absl::Status Steps();
  absl::Status Initiate();
  absl::Status Serve();
  absl::Status InjectReserved();
  absl::StatusOr<uint64_t> AnswersTo(const std::vector<uint8_t>& frame);
  std::string Request() const;
  bool GuestStandsStill() const;
  std::string Traffic() const;
  // One turn of everything; sleeps a little when nothing happens.
  absl::Status Turn();
  absl::Status Pass(Duration duration);
  // Turns until the agent says something, and judges a result.
  absl::StatusOr<std::string> Answer(std::string_view word);
  absl::Status JudgeResult(const std::string& line);

  const CaseOptions o_;
  Wire* const wire_;
  MonotonicClock* const clock_;
  OurEnd end_;
  AgentChannel agent_;
  const Time limit_;
  bool started_ = false;  // the guest was told to begin
  bool guest_said_result_ = false;
};

std::string Course::Request() const {
  return absl::StrCat(
      "service=", o_.service, " op=", o_.op_name, " role=", o_.we_initiate ? "target" : "initiator",
      " size=", o_.size, " count=", o_.count, " depth=", o_.depth, " mtu=", o_.mtu,
      " family=", o_.ipv6 ? 6 : 4, " qps=", o_.queue_pairs, " seed=", o_.seed + (o_.plant ? 1 : 0),
      " psn=", o_.psn, " timeout=", static_cast<int>(o_.guest_timeout),
      " rd_atomic=", static_cast<int>(o_.rd_atomic), " delay_ms=", o_.delay_ms,
      " lossy=", o_.lossy ? 1 : 0, " expect=", o_.expect, " bad_rkey=", o_.bad_rkey ? 1 : 0,
      " short_receive=", o_.short_receive ? 1 : 0, " no_receive=", o_.no_receive ? 1 : 0,
      " retry=", static_cast<int>(o_.retry), " rnr_retry=", static_cast<int>(o_.rnr_retry));
}

// A reliable initiator without its answer asks again a few times a second, and a target answers
// each of our retransmissions. A guest that was silent for longer than that has stopped by itself.
bool Course::GuestStandsStill() const {
  constexpr Duration kSilence = Duration::Seconds(1);
  const bool owes = o_.reliable() && o_.expect == 0 && (o_.we_initiate || started_);
  return owes && !guest_said_result_ && clock_->Now() - wire_->heard() > kSilence;
}

std::string Course::Traffic() const {
  return absl::StrCat(wire_->from_guest_frames(), " frames came, the last one ",
                      (clock_->Now() - wire_->heard()).ps() / 1'000'000'000, " ms ago, ",
                      wire_->to_guest_frames(), " went");
}

absl::Status Course::Turn() {
  if (clock_->Now() > limit_) {
    return absl::DeadlineExceededError(absl::StrCat("not over after ", o_.limit_s, " s; ",
                                                    end_.finished(), " of ", o_.messages(),
                                                    " completions here; ", Traffic()));
  }
  size_t handled = wire_->Poll();
  absl::StatusOr<size_t> polled = end_.Poll();
  if (!polled.ok()) return polled.status();
  handled += *polled;
  if (handled == 0) wire_->Wait(agent_.descriptor(), Duration::Microseconds(200));
  return absl::OkStatus();
}

absl::Status Course::Pass(Duration duration) {
  const Time until = clock_->Now() + duration;
  while (clock_->Now() < until) {
    if (absl::Status s = Turn(); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status Course::JudgeResult(const std::string& line) {
  guest_said_result_ = true;
  if (NumberOf(line, "ok") == 1) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("guest: ", ValueOf(line, "text"), " (",
                                          ValueOf(line, "completed"), " completed)"));
}

absl::StatusOr<std::string> Course::Answer(std::string_view word) {
  for (;;) {
    if (std::optional<std::string> line = agent_.Line()) {
      if (line->compare(0, 7, "result ") == 0) {
        if (absl::Status s = JudgeResult(*line); !s.ok()) return s;
      }
      if (line->compare(0, word.size(), word) == 0) return *line;
      return absl::InternalError(absl::StrCat("the guest says ", *line));
    }
    if (absl::Status s = Turn(); !s.ok()) return s;
  }
}

absl::StatusOr<uint64_t> Course::AnswersTo(const std::vector<uint8_t>& frame) {
  const uint64_t before = wire_->from_guest_frames();
  if (!wire_->Inject(frame)) return absl::UnavailableError("the socket is full");
  if (absl::Status s = Pass(Duration::Milliseconds(300)); !s.ok()) return s;
  return wire_->from_guest_frames() - before;
}

// With nothing under way: a reserved opcode where the next packet is expected stays unanswered.
// That such a frame gets there at all is shown by a duplicate, which the guest must acknowledge.
absl::Status Course::InjectReserved() {
  const std::vector<uint8_t> last = wire_->last_to_guest();
  absl::StatusOr<wire::DecodedFrame> frame = wire::Decode(last);
  if (!frame.ok()) return frame.status();
  frame->bth.opcode = static_cast<wire::Opcode>(o_.inject);
  frame->bth.psn = frame->bth.psn + 1;
  frame->icrc = frame->ComputedIcrc();
  for (const bool reserved : {false, true}) {
    absl::StatusOr<uint64_t> answers = AnswersTo(reserved ? frame->Encode() : last);
    if (!answers.ok()) return answers.status();
    if ((*answers == 0) != reserved) {
      return absl::DataLossError(absl::StrCat(reserved ? "the reserved opcode" : "a duplicate",
                                              " was answered by ", *answers, " frames"));
    }
  }
  return absl::OkStatus();
}

absl::Status Course::Initiate() {
  if (o_.inject != 0) end_.PostUpTo(o_.count / 2);
  if (absl::Status s = end_.PostRequests(); !s.ok()) return s;
  bool injected = o_.inject == 0;
  while (!end_.complete()) {
    if (absl::Status s = Turn(); !s.ok()) return s;
    if (!injected && end_.finished() == o_.count / 2) {
      injected = true;
      if (absl::Status s = InjectReserved(); !s.ok()) return s;
      end_.PostUpTo(o_.count);
      if (absl::Status s = end_.PostRequests(); !s.ok()) return s;
    }
  }
  (void)agent_.Say("done", "");
  return Answer("result").status();
}

absl::Status Course::Serve() {
  started_ = agent_.Say("start", "");
  if (o_.takes_receive() && o_.delay_ms != 0) {
    if (absl::Status s = Pass(Duration::Milliseconds(o_.delay_ms)); !s.ok()) return s;
    if (absl::Status s = end_.PostReceives(); !s.ok()) return s;
  }
  absl::Status s = Answer("result").status();
  // Without acknowledgements the last messages may still be on their way.
  if (!s.ok() || o_.expect != 0 || (o_.reliable() && !o_.takes_receive())) return s;
  if (!o_.takes_receive()) return Pass(Duration::Milliseconds(500));
  const Time settled = clock_->Now() + Duration::Seconds(o_.lossy ? 1 : 5);
  while (!end_.complete() && clock_->Now() < settled) {
    if (s = Turn(); !s.ok()) return s;
  }
  if (end_.complete() || o_.lossy) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("only ", end_.finished(), " messages arrived here"));
}

absl::Status Course::Steps() {
  if (absl::Status s = end_.Create(); !s.ok()) return s;
  if (!agent_.Say("run", Request())) return absl::UnavailableError("the guest is gone");
  absl::StatusOr<std::string> where = Answer("at");
  if (!where.ok()) return where.status();
  PeerEnd peer;
  peer.va = NumberOf(*where, "va");
  peer.rkey = static_cast<uint32_t>(NumberOf(*where, "rkey"));
  peer.psn = static_cast<uint32_t>(NumberOf(*where, "psn"));
  peer.qpns = NumbersOf(*where, "qpn");
  if (peer.qpns.size() != o_.queue_pairs) return absl::InternalError("the guest lacks queue pairs");
  if (absl::Status s = end_.Connect(peer); !s.ok()) return s;
  if (!o_.we_initiate && o_.takes_receive() && o_.delay_ms == 0 && !o_.no_receive) {
    if (absl::Status s = end_.PostReceives(); !s.ok()) return s;
  }
  (void)agent_.Say("go", end_.Description());
  if (absl::Status s = Answer("ready").status(); !s.ok()) return s;
  if (absl::Status s = o_.we_initiate ? Initiate() : Serve(); !s.ok()) return s;
  return end_.Verify();
}

void Report(const absl::Status& status, const Wire& wire, const OurEnd& end) {
  const port::FaultCounts f = wire.faults();
  std::string counters;
  for (const auto& [name, value] : end.statistics().counters) {
    if (value != 0) absl::StrAppend(&counters, " ", name, "=", value);
  }
  std::printf("counters%s\nspared %llu\n", counters.c_str(),
              static_cast<unsigned long long>(wire.spared()));
  std::printf("result ok=%d lost=%llu doubled=%llu reordered=%llu corrupted=%llu text=%s\n",
              status.ok() ? 1 : 0, static_cast<unsigned long long>(f.dropped),
              static_cast<unsigned long long>(f.duplicated),
              static_cast<unsigned long long>(f.reordered),
              static_cast<unsigned long long>(f.corrupted), std::string(status.message()).c_str());
}

int Main(std::span<char* const> words) {
  absl::StatusOr<CaseOptions> o = ParseCase(words);
  if (!o.ok()) {
    std::fprintf(stderr, "interop_case: %s\n", std::string(o.status().message()).c_str());
    return 2;
  }
  MonotonicClock clock;
  WireOptions w;
  w.our_socket = o->our_socket;
  w.guest_socket = o->guest_socket;
  w.capture = o->capture;
  w.faults = o->faults;
  w.seed = o->seed;
  absl::StatusOr<std::unique_ptr<Wire>> wire = Wire::Open(w, &clock);
  if (!wire.ok()) {
    std::printf("result ok=0 text=%s\n", std::string(wire.status().message()).c_str());
    return 1;
  }
  Course course(*o, wire->get(), &clock);
  const absl::Status status = course.Run();
  Report(status, **wire, course.end());
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace sluice::interop

int main(int argc, char** argv) {
  return sluice::interop::Main(std::span<char* const>(argv + 1, static_cast<size_t>(argc - 1)));
}
