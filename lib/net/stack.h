// Stack: what an end with one IP address must say and understand beside RoCE, without I/O: ARP (RFC
// 826), neighbour solicitation and advertisement (RFC 4861), echo (RFC 792, RFC 4443), and "packet
// too big" (RFC 1191, RFC 8201), which it checks and reports.
//
// OnFrame takes the frames that the RoCE parser refused; what is to be sent waits in out(). Answers
// to strangers are limited in rate, so that nobody can make this end flood a third one. Untagged
// frames of one link; addresses beyond it are reached by the routers that the routes name.
//
// One thread. Allocates only when made. Bad frames are dropped and counted by cause.
#ifndef SLUICE_NET_STACK_H_
#define SLUICE_NET_STACK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/fixed_vector.h"
#include "base/optional_time.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "net/frame_queue.h"
#include "net/neighbour_table.h"
#include "net/routes.h"
#include "telemetry/counter.h"
#include "wire/address.h"

namespace sluice::net {

struct StackConfig {
  wire::MacAddress mac;
  wire::IpAddress ip;
  NeighbourConfig neighbours;
  RouteTable routes;  // empty: every address is on the link
  uint32_t answers_per_second = 1000;
  uint32_t answers_at_once = 32;
  size_t queued_frames = 32;
};

// A router says that what we sent to `peer` did not fit its next link.
struct TooBig {
  wire::IpAddress peer;
  uint32_t ip_mtu = 0;  // bytes of an IP packet that do fit; as said, may be absurd
  // Of the packet that did not fit; 0 and nothing when the report was cut before them.
  uint32_t dest_qpn = 0;
  std::optional<uint32_t> psn;
};

enum class NetCount : uint8_t {
  kArpAnswered,
  kArpLearned,  // answers to our questions
  kArpAsked,
  kNdAnswered,
  kNdLearned,
  kNdAsked,
  kEchoAnswered,
  kTooBig,           // believed and reported
  kTooBigForeign,    // about a packet that cannot be ours
  kAddressConflict,  // somebody else says that our address is theirs
  kHopLimit,         // neighbour discovery from beyond the link
  kChecksum,
  kMalformed,
  kOther,        // a protocol or message that is none of ours
  kRateLimited,  // an answer that was not given
  kQueueFull,    // a frame that found no room
};
inline constexpr size_t kNetCounts = 16;
// snake_case: the key in statistics.
const char* NameOf(NetCount count);

class Stack {
 public:
  explicit Stack(const StackConfig& config);

  // A frame from the destination MAC on, without FCS, whole and in one piece.
  void OnFrame(Time now, std::span<const uint8_t> frame);

  // What is known of `ip`, a neighbour of our own family, or of the router that leads there; asks
  // for it if need be. FAILED also if no route holds it.
  Neighbour Resolve(Time now, const wire::IpAddress& ip);

  void OnTimers(Time now);
  OptionalTime NextDeadline() const { return neighbours_.NextDeadline(); }

  // Frames to send; the owner takes them.
  FrameQueue& out() { return out_; }
  const FrameQueue& out() const { return out_; }
  // Reports since the last call; those beyond the room are dropped and counted.
  bool TakeTooBig(TooBig* report);

  const NeighbourTable& neighbours() const { return neighbours_; }
  uint64_t count(NetCount c) const { return counters_[static_cast<size_t>(c)].value(); }

 private:
  struct Ipv6Packet;
  void OnArp(Time now, std::span<const uint8_t> frame);
  void OnIpv4(Time now, std::span<const uint8_t> frame);
  void OnIpv6(Time now, std::span<const uint8_t> frame);
  void OnSolicitation(Time now, const Ipv6Packet& p);
  void OnAdvertisement(Time now, const Ipv6Packet& p);
  void OnTooBig(std::span<const uint8_t> packet, uint32_t ip_mtu);
  void EchoV4(Time now, std::span<const uint8_t> frame, size_t total);
  void EchoV6(Time now, const Ipv6Packet& p);
  void Ask(const Question& q);
  void SendArp(uint16_t operation, const wire::MacAddress& to, const wire::MacAddress& target_mac,
               const wire::IpAddress& target);
  void SendNd(uint8_t type, const wire::MacAddress& to_mac, const wire::IpAddress& to_ip,
              const wire::IpAddress& target, uint8_t flags);
  // Room for an answer, or nothing: too many, too fast.
  std::span<uint8_t> ClaimAnswer(Time now);
  std::span<uint8_t> Claim();
  void Add(NetCount c) { counters_[static_cast<size_t>(c)].Add(); }

  const StackConfig config_;
  NeighbourTable neighbours_;
  FrameQueue out_;
  TokenBucket answers_;
  FixedVector<TooBig, 8> too_big_;
  std::array<telemetry::Counter, kNetCounts> counters_;
};

}  // namespace sluice::net

#endif  // SLUICE_NET_STACK_H_
