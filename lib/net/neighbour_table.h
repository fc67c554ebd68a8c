// NeighbourTable: which MAC address an IP address on the link has, for ARP and for neighbour
// discovery alike (after RFC 4861, 7.3, with RFC 826 seen as its older form).
//
//   INCOMPLETE  asked for, no answer yet: asks up to `attempts` times, `retry` apart
//   REACHABLE   answered within the last `reachable`
//   STALE       known, but not confirmed lately; still usable, and using it starts a probe
//   PROBE       usable, being asked for again
//   FAILED      nobody answered: says so for `failed`, then is forgotten
//
// Strangers cannot fill it: only Resolve makes an entry. They cannot move an entry in silence
// either: an address that says of itself that it has moved is asked, and who answers is believed.
//
// Bounded, deterministic, no I/O: OnTimers says whom to ask. One thread; allocates when made.
#ifndef SLUICE_NET_NEIGHBOUR_TABLE_H_
#define SLUICE_NET_NEIGHBOUR_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/optional_time.h"
#include "base/time.h"
#include "wire/address.h"

namespace sluice::net {

struct NeighbourConfig {
  size_t capacity = 256;
  Duration retry = Duration::Seconds(1);       // RFC 4861: RETRANS_TIMER
  uint8_t attempts = 3;                        // MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT
  Duration reachable = Duration::Seconds(30);  // REACHABLE_TIME
  Duration stale = Duration::Seconds(600);     // an entry that nobody uses is kept for so long
  Duration failed = Duration::Seconds(3);
};

enum class NeighbourState : uint8_t { kIncomplete, kReachable, kStale, kProbe, kFailed };
// Upper case, as above.
const char* NameOf(NeighbourState state);

struct Neighbour {
  wire::IpAddress ip;
  wire::MacAddress mac;  // if usable()
  NeighbourState state = NeighbourState::kIncomplete;
  uint8_t asked = 0;  // questions of this round
  Time deadline;      // when the state changes, or the next question is due
  Time used;          // last Resolve

  bool usable() const {
    return state != NeighbourState::kIncomplete && state != NeighbourState::kFailed;
  }
};

// Whom to ask. Without a MAC address: everybody.
struct Question {
  wire::IpAddress ip;
  std::optional<wire::MacAddress> mac;
};

class NeighbourTable {
 public:
  explicit NeighbourTable(const NeighbourConfig& config);

  // What is known of `ip`; asks for it if need be (call OnTimers then). A full table forgets the
  // entry that was used longest ago, but none that is being asked for the first time; when all are,
  // the answer is FAILED.
  Neighbour Resolve(Time now, const wire::IpAddress& ip);
  // What is known, without asking.
  std::optional<Neighbour> Find(const wire::IpAddress& ip) const;

  // Somebody answered our question: an ARP reply to us, or a solicited advertisement.
  void OnAnswer(Time now, const wire::IpAddress& ip, const wire::MacAddress& mac);
  // Somebody said it unasked: gratuitous ARP, the sender of a question, an unsolicited
  // advertisement. Never makes nor confirms an entry.
  void OnHint(Time now, const wire::IpAddress& ip, const wire::MacAddress& mac);

  // Ages entries and writes questions that are due; returns how many. Call again while it fills
  // `out`.
  size_t OnTimers(Time now, std::span<Question> out);
  // The exact time of the next change; nullopt when the table is empty.
  OptionalTime NextDeadline() const { return deadline_; }

  size_t size() const { return entries_.size(); }

 private:
  Neighbour* Get(const wire::IpAddress& ip);
  Neighbour* Make(Time now, const wire::IpAddress& ip);
  void Ask(Neighbour* n, NeighbourState state, Time now);
  bool Age(Neighbour* n, Time now, std::optional<Question>* question);
  void Schedule();

  const NeighbourConfig config_;
  std::vector<Neighbour> entries_;
  OptionalTime deadline_;
};

}  // namespace sluice::net

#endif  // SLUICE_NET_NEIGHBOUR_TABLE_H_
