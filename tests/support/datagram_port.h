// DatagramPort: a Port whose wire is a pair of unix datagram sockets, one Ethernet frame to the
// datagram. QEMU's `-netdev dgram` speaks the same, so a virtual machine is reached without root,
// tap device or EAL; two DatagramPorts reach each other.
//
// Frames are copied into and out of the kernel. Nothing blocks: what the kernel does not take is
// refused and stays the caller's. A frame sent while nobody holds the other end is lost, as on a
// cable that is not plugged in.
#ifndef SLUICE_TESTS_SUPPORT_DATAGRAM_PORT_H_
#define SLUICE_TESTS_SUPPORT_DATAGRAM_PORT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/time.h"
#include "port/port.h"

namespace sluice::test {

struct DatagramPortOptions {
  std::string local;     // path of our socket; a file that lies there is replaced
  std::string remote;    // path of the other end's, which may appear later
  size_t pool = 512;     // packets that may be lent at the same time
  uint32_t room = 9216;  // bytes of a packet, and so of the longest frame
  Bandwidth line_rate = Bandwidth::GigabitsPerSecond(1);  // only declared
  std::function<Time()> now;  // stamps received bursts; empty: stamps stay zero
};

class DatagramPort : public port::Port {
 public:
  // NotFound or FailedPrecondition when the socket cannot be made, with the system's reason.
  static absl::StatusOr<std::unique_ptr<DatagramPort>> Open(const DatagramPortOptions& options);
  ~DatagramPort() override;
  DatagramPort(const DatagramPort&) = delete;
  DatagramPort& operator=(const DatagramPort&) = delete;

  size_t Receive(std::span<port::Packet> burst) override;
  size_t Allocate(std::span<port::Packet> burst) override;
  size_t Transmit(std::span<port::Packet> burst) override;
  void Release(std::span<port::Packet> burst) override;
  const port::Capabilities& capabilities() const override { return capabilities_; }

  // Ties our socket to the other end's, if that is there: afterwards only it can send to us, and
  // its sends are not bounded by net.unix.max_dgram_qlen. Done by Transmit too.
  bool Connect();

  int descriptor() const { return socket_; }  // becomes readable when a frame is there
  size_t lent() const { return pool_size_ - free_.size(); }
  uint64_t lost() const { return lost_; }  // frames sent to nobody

 private:
  DatagramPort(const DatagramPortOptions& options, int socket);
  enum class Sent { kYes, kNo, kLost };
  Sent Send(const port::Packet& packet) const;
  uint8_t* Lend(port::Packet* packet);
  void TakeBack(const port::Packet& packet);

  const DatagramPortOptions options_;
  const int socket_;
  const size_t pool_size_;
  port::Capabilities capabilities_;
  std::unique_ptr<uint8_t[]> memory_;
  std::vector<uint8_t*> free_;
  bool connected_ = false;
  uint64_t lost_ = 0;
};

}  // namespace sluice::test

#endif  // SLUICE_TESTS_SUPPORT_DATAGRAM_PORT_H_
