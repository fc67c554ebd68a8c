#include "support/datagram_port.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace sluice::test {

using port::Packet;

namespace {

// The header span, the first segment and those behind it.
constexpr size_t kMaxRuns = 18;

absl::Status Address(const std::string& path, sockaddr_un* address) {
  *address = sockaddr_un{};
  address->sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address->sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("socket path '", path, "': must have 1 to ",
                                                   sizeof(address->sun_path) - 1,
                                                   " characters; choose a shorter folder"));
  }
  std::memcpy(address->sun_path, path.data(), path.size());
  return absl::OkStatus();
}

absl::Status Failed(const std::string& path) {
  return absl::FailedPreconditionError(absl::StrCat(path, ": ", std::strerror(errno)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<DatagramPort>> DatagramPort::Open(const DatagramPortOptions& o) {
  sockaddr_un address;
  if (absl::Status s = Address(o.remote, &address); !s.ok()) return s;
  if (absl::Status s = Address(o.local, &address); !s.ok()) return s;
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Failed(o.local);
  unlink(o.local.c_str());
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const absl::Status failed = Failed(o.local);
    close(fd);
    return failed;
  }
  return std::unique_ptr<DatagramPort>(new DatagramPort(o, fd));
}

DatagramPort::DatagramPort(const DatagramPortOptions& options, int socket)
    : options_(options),
      socket_(socket),
      pool_size_(options.pool),
      memory_(std::make_unique<uint8_t[]>(options.pool * options.room)) {
  capabilities_.linear_room = options.room;
  capabilities_.max_frame = options.room;
  capabilities_.segments = true;
  capabilities_.line_rate = options.line_rate;
  free_.reserve(pool_size_);
  for (size_t i = pool_size_; i-- > 0;) free_.push_back(memory_.get() + i * options.room);
}

DatagramPort::~DatagramPort() {
  close(socket_);
  unlink(options_.local.c_str());
}

bool DatagramPort::Connect() {
  sockaddr_un address;
  if (!connected_ && Address(options_.remote, &address).ok()) {
    connected_ =
        connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  return connected_;
}

uint8_t* DatagramPort::Lend(Packet* packet) {
  uint8_t* room = free_.back();
  free_.pop_back();
  *packet = Packet{};
  packet->handle = room;
  packet->header = room;
  return room;
}

void DatagramPort::TakeBack(const Packet& packet) {
  free_.push_back(static_cast<uint8_t*>(packet.handle));
}

size_t DatagramPort::Allocate(std::span<Packet> burst) {
  const size_t n = std::min(burst.size(), free_.size());
  for (size_t i = 0; i < n; ++i) Lend(&burst[i]);
  return n;
}

void DatagramPort::Release(std::span<Packet> burst) {
  for (const Packet& packet : burst) TakeBack(packet);
}

size_t DatagramPort::Receive(std::span<Packet> burst) {
  const Time now = options_.now && !burst.empty() ? options_.now() : Time();
  size_t n = 0;
  while (n < burst.size() && !free_.empty()) {
    // MSG_TRUNC: the true length, so that a frame beyond our room is seen and dropped.
    const ssize_t length = recv(socket_, Lend(&burst[n]), options_.room, MSG_TRUNC);
    if (length <= 0 || length > static_cast<ssize_t>(options_.room)) {
      TakeBack(burst[n]);
      if (length < 0) break;
      continue;
    }
    burst[n].header_length = static_cast<uint16_t>(length);
    burst[n].frame_length = static_cast<uint32_t>(length);
    burst[n].stamp = now;
    ++n;
  }
  return n;
}

DatagramPort::Sent DatagramPort::Send(const Packet& packet) const {
  std::array<iovec, kMaxRuns> runs;
  size_t n = 0;
  auto add = [&](const uint8_t* data, size_t length) {
    if (length != 0) runs[n++] = {const_cast<uint8_t*>(data), length};
  };
  add(packet.header, packet.header_length);
  add(packet.payload, packet.payload_length);
  for (size_t i = 0; i < packet.more_count && n < kMaxRuns; ++i) {
    add(packet.more[i].data, packet.more[i].length);
  }
  msghdr message{};
  message.msg_iov = runs.data();
  message.msg_iovlen = n;
  if (sendmsg(socket_, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return Sent::kYes;
  const bool full = errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS;
  return full ? Sent::kNo : Sent::kLost;
}

size_t DatagramPort::Transmit(std::span<Packet> burst) {
  size_t n = 0;
  for (; n < burst.size(); ++n) {
    const Sent sent = Connect() ? Send(burst[n]) : Sent::kLost;
    if (sent == Sent::kNo) break;
    if (sent == Sent::kLost) {
      ++lost_;
      connected_ = false;  // the other end may come back under the same name
    }
    TakeBack(burst[n]);
  }
  return n;
}

}  // namespace sluice::test
