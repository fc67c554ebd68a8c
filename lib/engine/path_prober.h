// PathProber: asks another end of Sluice which packets the path carries, by datagrams as long as
// the packets that are meant, with "don't fragment" set, which the peer answers by equally long
// ones. So both directions are tried, and a link that drops long packets in silence is found.
//
// Each question is sent for every MTU above 1024 bytes up to the one that is wanted, at once; the
// answer to the largest ends it, silence ends it after eight tries 40 ms apart, with the largest
// that was answered. 1024 bytes are not tried: every link since Ethernet carries them.
//
// Sans-I/O; owner and thread: the control plane of an engine. Answers to strangers are as long as
// their questions and limited in rate. Allocates when a probe starts.
#ifndef SLUICE_ENGINE_PATH_PROBER_H_
#define SLUICE_ENGINE_PATH_PROBER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/optional_time.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "cm/types.h"
#include "wire/path_probe.h"

namespace sluice::engine {

class PathProber {
 public:
  static constexpr size_t kMost = 64;
  static constexpr uint8_t kSafeMtu = 3;  // code: 1024 bytes

  struct Datagram {
    cm::Peer to;
    wire::PathProbe probe;
  };

  explicit PathProber(uint64_t seed) : seed_(seed) {}

  // Begins to try the path to `peer`, up to the MTU with code `mtu`. Returns the probe's number, or
  // 0 when kMost are under way. Nothing is sent for kSafeMtu and below.
  uint64_t Start(Time now, const cm::Peer& peer, uint8_t mtu);
  // The code of the largest MTU that passed, once that is known; then the probe is forgotten. Of a
  // number that is unknown: nothing.
  std::optional<uint8_t> TakeResult(uint64_t number);
  void Forget(uint64_t number);

  // A datagram with our magic, intact, of `payload` bytes.
  void OnProbe(Time now, const cm::Peer& from, const wire::PathProbe& probe, uint32_t payload);
  // A router says that packets above the MTU with code `mtu` do not fit on the way to `peer`.
  void OnTooBig(const wire::IpAddress& peer, uint8_t mtu);

  void OnTimers(Time now);
  OptionalTime NextDeadline() const;

  bool HasDatagram() const { return !out_.empty(); }
  // The oldest; only if there is one.
  Datagram Take();

 private:
  struct Probe {
    uint64_t number = 0;
    cm::Peer peer;
    uint8_t top = 0;       // the largest that may pass still
    uint8_t answered = 0;  // the largest that passed
    uint8_t tries = 0;
    bool done = false;
    Time deadline;
  };
  void Ask(Time now, Probe* p);
  void Conclude(Probe* p);
  Probe* Find(uint64_t number);

  const uint64_t seed_;
  uint64_t count_ = 0;
  std::vector<Probe> probes_;
  std::deque<Datagram> out_;
  TokenBucket answers_{1000, 32};
};

}  // namespace sluice::engine

#endif  // SLUICE_ENGINE_PATH_PROBER_H_
