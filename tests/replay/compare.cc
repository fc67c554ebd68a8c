#include "replay/compare.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <optional>

#include "wire/opcode.h"

namespace sluice::replay {
namespace {

using wire::DecodedFrame;

bool IsRequest(const DecodedFrame& f) { return wire::TraitsOf(f.bth.opcode).request; }
bool IsCnp(const DecodedFrame& f) { return f.bth.opcode == wire::Opcode::kCnp; }
bool IsAck(const DecodedFrame& f) {
  return f.bth.opcode == wire::Opcode::kRcAcknowledge && f.aeth && f.aeth->IsAck();
}
bool IsNak(const DecodedFrame& f) {
  return f.bth.opcode == wire::Opcode::kRcAcknowledge && f.aeth && !f.aeth->IsAck();
}

std::string Describe(const DecodedFrame& f) {
  char text[128];
  std::snprintf(text, sizeof text, "%s psn=%u len=%zu", wire::NameOf(f.bth.opcode),
                f.bth.psn.value(), f.payload.size());
  std::string out = text;
  if (f.aeth) {
    std::snprintf(text, sizeof text, " syndrome=%#04x msn=%u", f.aeth->syndrome, f.aeth->msn);
    out += text;
  }
  return out;
}

std::string DescribeAll(const std::vector<DecodedFrame>& frames) {
  std::string out;
  for (const DecodedFrame& f : frames) out += "    " + Describe(f) + "\n";
  return out;
}

// Everything but the syndrome.
bool SameWords(const DecodedFrame& a, const DecodedFrame& b) {
  return a.bth.opcode == b.bth.opcode && a.bth.psn == b.bth.psn &&
         a.bth.solicited == b.bth.solicited && a.payload == b.payload && a.reth == b.reth &&
         a.atomic_eth == b.atomic_eth && a.atomic_ack_eth == b.atomic_ack_eth && a.ieth == b.ieth &&
         a.imm == b.imm && a.deth.has_value() == b.deth.has_value() &&
         (!a.deth || a.deth->qkey == b.deth->qkey) && a.aeth.has_value() == b.aeth.has_value() &&
         (!a.aeth || a.aeth->msn == b.aeth->msn);
}

class Comparison {
 public:
  Comparison(const std::set<std::string>& allowed, Verdict* verdict)
      : allowed_(allowed), verdict_(verdict) {}

  // Whether the table lists it; then it is noted as needed.
  bool Allows(const char* difference) {
    if (allowed_.count(difference) == 0) return false;
    verdict_->needed.insert(difference);
    return true;
  }

  bool Same(const DecodedFrame& ours, uint32_t credits, const DecodedFrame& recorded) {
    if (!SameWords(ours, recorded)) return false;
    if (!ours.aeth || ours.aeth->syndrome == recorded.aeth->syndrome) return true;
    // rxe does no end-to-end flow control, we do: then the credits are those of the receive queue.
    return ours.aeth->IsAck() && recorded.aeth->IsAck() &&
           ours.aeth->credit_code() == wire::CreditCode(credits) && Allows("credits");
  }

  void Responses(const std::vector<DecodedFrame>& ours, const std::vector<uint32_t>& credits,
                 const std::vector<DecodedFrame>& recorded) {
    size_t i = 0;
    size_t j = 0;
    while (i < ours.size() || j < recorded.size()) {
      const bool both = i < ours.size() && j < recorded.size();
      if (both && Same(ours[i], credits[i], recorded[j])) {
        ++i, ++j;
      } else if (j < recorded.size() && Covered(recorded, j)) {
        ++j;  // coalesced by us
      } else if (i < ours.size() && Covered(ours, i)) {
        ++i;  // coalesced by rxe
      } else if (i < ours.size() && IsCnp(ours[i]) && Allows("cnp")) {
        ++i;
      } else if (both && Resumes(ours[i], recorded[j]) && Allows("resume")) {
        ++i, ++j;
      } else if (both && IsAck(recorded[j]) && IsNak(ours[i]) &&
                 ours[i].aeth->nak_code() == wire::NakCode::kRemoteAccessError &&
                 ours[i].bth.psn == recorded[j].bth.psn && Allows("invalidate")) {
        j = recorded.size();
        ++i;
      } else if (both && IsAck(recorded[j]) && IsInvalid(ours[i]) &&
                 ours[i].bth.psn == recorded[j].bth.psn && Allows("length")) {
        // The queue pair has failed where rxe went on.
        j = recorded.size();
        ++i;
      } else {
        return Fail("responses", ours, i, recorded, j);
      }
    }
  }

  void Requests(const std::vector<DecodedFrame>& ours, const std::vector<DecodedFrame>& recorded) {
    size_t i = 0;
    size_t j = 0;
    while (i < ours.size() || j < recorded.size()) {
      if (i < ours.size() && j < recorded.size() && SameWords(ours[i], recorded[j])) {
        ++i, ++j;
      } else if (j < recorded.size() && Seen(recorded, j) && Allows("timer")) {
        ++j;  // rxe sent it again, we did not
      } else if (i < ours.size() && Seen(ours, i) && Allows("timer")) {
        ++i;
      } else {
        return Fail("requests", ours, i, recorded, j);
      }
    }
  }

 private:
  // The first response to a READ that begins again: FIRST or ONLY with an AETH, or MIDDLE and LAST.
  static bool Resumes(const DecodedFrame& ours, const DecodedFrame& recorded) {
    const wire::OpcodeTraits& a = wire::TraitsOf(ours.bth.opcode);
    const wire::OpcodeTraits& b = wire::TraitsOf(recorded.bth.opcode);
    return a.read_response && b.read_response && a.starts() && !b.starts() &&
           a.ends() == b.ends() && ours.bth.psn == recorded.bth.psn &&
           ours.payload == recorded.payload;
  }
  static bool IsInvalid(const DecodedFrame& f) {
    return IsNak(f) && f.aeth->syndrome == wire::Aeth::NakSyndrome(wire::NakCode::kInvalidRequest);
  }
  // An ACK that the very next response, an ACK of a later PSN, covers.
  static bool Covered(const std::vector<DecodedFrame>& frames, size_t at) {
    return at + 1 < frames.size() && IsAck(frames[at]) && IsAck(frames[at + 1]) &&
           frames[at].bth.psn < frames[at + 1].bth.psn;
  }
  // A retransmission: an earlier frame was the same.
  static bool Seen(const std::vector<DecodedFrame>& frames, size_t at) {
    for (size_t i = 0; i < at; ++i) {
      if (SameWords(frames[i], frames[at])) return true;
    }
    return false;
  }

  void Fail(const char* what, const std::vector<DecodedFrame>& ours, size_t i,
            const std::vector<DecodedFrame>& recorded, size_t j) {
    verdict_->equal = false;
    verdict_->why += std::string(what) + ": ours[" + std::to_string(i) + "] " +
                     (i < ours.size() ? Describe(ours[i]) : "nothing") + ", recorded[" +
                     std::to_string(j) + "] " +
                     (j < recorded.size() ? Describe(recorded[j]) : "nothing") + "\n  ours:\n" +
                     DescribeAll(ours) + "  recorded:\n" + DescribeAll(recorded);
  }

  const std::set<std::string>& allowed_;
  Verdict* verdict_;
};

std::vector<DecodedFrame> Only(const std::vector<DecodedFrame>& frames, bool requests) {
  std::vector<DecodedFrame> out;
  std::copy_if(frames.begin(), frames.end(), std::back_inserter(out),
               [&](const DecodedFrame& f) { return IsRequest(f) == requests; });
  return out;
}

}  // namespace

Verdict Compare(const std::vector<DecodedFrame>& ours, const std::vector<uint32_t>& credits,
                const std::vector<DecodedFrame>& recorded, const std::set<std::string>& allowed) {
  std::vector<uint32_t> at_responses;
  for (size_t i = 0; i < ours.size(); ++i) {
    if (!IsRequest(ours[i])) at_responses.push_back(credits[i]);
  }
  Verdict verdict;
  Comparison comparison(allowed, &verdict);
  comparison.Responses(Only(ours, false), at_responses, Only(recorded, false));
  comparison.Requests(Only(ours, true), Only(recorded, true));
  return verdict;
}

}  // namespace sluice::replay
