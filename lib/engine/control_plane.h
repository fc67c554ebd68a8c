// ControlPlane: what an engine does beside its queue pairs so that two ends need nothing but
// addresses: it hands foreign frames (ARP, neighbour discovery, ICMP) to net::Stack and datagrams
// of queue pair 1 to cm::Manager, and writes the frames that these have to send.
//
// Off the hot path: it sees only frames that the RoCE parser refused and datagrams to queue pair 1,
// and asks for room in the transmit burst only when something waits. How much strangers can make it
// send is bounded by its two parts. Owner and thread: the engine. Allocates when made, and as the
// manager grows to its limit.
#ifndef SLUICE_ENGINE_CONTROL_PLANE_H_
#define SLUICE_ENGINE_CONTROL_PLANE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/optional_time.h"
#include "base/time.h"
#include "base/token_bucket.h"
#include "cm/manager.h"
#include "engine/path_prober.h"
#include "net/stack.h"
#include "port/packet.h"
#include "telemetry/counter.h"
#include "wire/address.h"
#include "wire/frame_view.h"
#include "wire/header_template.h"
#include "wire/headers.h"

namespace sluice::engine {

struct ControlConfig {
  wire::MacAddress mac;
  wire::IpAddress ip;
  net::RouteTable routes;  // empty: every address is on the link
  uint64_t seed = 1;
  Time start;
  uint8_t max_mtu = 5;  // MTU code that the port can carry
  bool icrc = true;
  // Limits and times; addresses, seed and MTU are filled in.
  cm::Config connections;
  net::NeighbourConfig neighbours;
};

// Why a datagram to queue pair 1 was dropped, in the order of the checks.
enum class GsiDrop : uint8_t { kOpcode, kPkey, kLength, kKey, kAddress, kIcrc };
inline constexpr size_t kGsiDrops = 6;
const char* NameOf(GsiDrop cause);

class ControlPlane {
 public:
  explicit ControlPlane(const ControlConfig& config);

  // A frame that is no RoCE. TakeTooBig until it says no.
  void OnForeignFrame(Time now, const port::Packet& packet);
  // A router's report; that it may be believed about a path is remembered (MtuTo).
  bool TakeTooBig(Time now, net::TooBig* report);
  // The report was about a packet of ours that is under way: the path is as narrow as it says, down
  // to 256 bytes.
  void Believe(Time now, const net::TooBig& report);
  // Whether one more report may be held against the queue pairs: 10 in a second.
  bool MayLook(Time now) { return looks_.Take(now); }
  // MTU code of the largest packets in an IP packet of so many bytes; 0: not even 256 bytes fit.
  uint8_t MtuWithin(uint32_t ip_bytes) const;
  // That of a path that was tried, and is narrower than what was wanted.
  void Remember(Time now, const wire::IpAddress& peer, uint8_t mtu);

  // A parsed frame to queue pair 1.
  void OnDatagram(Time now, const wire::FrameView& parsed, const port::Packet& packet);

  void OnTimers(Time now) {
    if (deadline_ && *deadline_ <= now) RunTimers(now);
  }
  // The exact time of the next thing to do; not of frames that wait.
  OptionalTime NextDeadline() const { return deadline_; }

  bool HasFrame() const {
    return !stack_.out().empty() || manager_.HasMad() || prober_.HasDatagram();
  }
  // Writes the next frame into an empty packet with `room` bytes; false if it was dropped instead,
  // because it does not fit.
  bool Write(port::Packet* packet, uint32_t room);

  // For those who call the parts; Update afterwards, so that their deadlines are known.
  net::Stack& stack() { return stack_; }
  cm::Manager& manager() { return manager_; }
  PathProber& prober() { return prober_; }
  const net::Stack& stack() const { return stack_; }
  const cm::Manager& manager() const { return manager_; }
  void Update();

  // MTU code of the largest packets to `ip`: what the port carries, or 1024 bytes and more of it
  // after a router has reported "too big" within the last ten minutes (RFC 1191, 6.3). A report is
  // easily forged, so none narrows a path below what every link since Ethernet carries, unless it
  // shows a packet that is under way (Believe).
  uint8_t MtuTo(Time now, const wire::IpAddress& ip) const;
  uint64_t drops(GsiDrop cause) const { return drops_[static_cast<size_t>(cause)].value(); }

 private:
  struct Narrow {
    wire::IpAddress ip;
    uint8_t mtu = 0;  // code; 0: unused
    Time until;
  };
  void RunTimers(Time now);
  // The whole frame in one piece, or nothing if it is too long or not all there.
  std::span<const uint8_t> Linear(const port::Packet& packet);
  // The frame of a datagram to the peer's queue pair 1, whose payload stands behind its headers
  // already.
  size_t Seal(const wire::HeaderTemplate& head, uint32_t payload, uint8_t* out);
  wire::HeaderTemplate HeadTo(const cm::Peer& to) const;
  static size_t HeadersOf(const wire::HeaderTemplate& head) {
    return head.size() + wire::Bth::kSize + wire::Deth::kSize;
  }
  size_t WriteMad(const cm::MadOut& mad, uint8_t* out);
  size_t WriteProbe(const PathProber::Datagram& datagram, uint32_t room, uint8_t* out);
  void OnProbe(Time now, const wire::FrameView& view, const port::Packet& packet);
  bool Check(const wire::FrameView& view, const port::Packet& packet);

  const wire::MacAddress mac_;
  const wire::IpAddress ip_;
  const uint8_t max_mtu_;
  const bool icrc_;
  net::Stack stack_;
  cm::Manager manager_;
  PathProber prober_;
  OptionalTime deadline_;
  uint32_t psn_ = 0;
  std::array<Narrow, 16> narrow_;  // the oldest gives way
  size_t next_narrow_ = 0;
  TokenBucket looks_{10, 4};
  std::array<uint8_t, net::kMaxControlFrame> gathered_;
  std::array<telemetry::Counter, kGsiDrops> drops_;
};

}  // namespace sluice::engine

#endif  // SLUICE_ENGINE_CONTROL_PLANE_H_
