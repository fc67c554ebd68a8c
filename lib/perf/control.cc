#include "perf/control.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"

namespace sluice::perf {
namespace {

constexpr int kIdleMs = 10;

std::string Name(const cli::HostPort& a) { return absl::StrCat(a.host, ":", a.port); }

std::chrono::steady_clock::time_point After(Duration limit) {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(limit.ps() / 1'000'000'000);
}

struct FreeAddresses {
  void operator()(addrinfo* a) const { freeaddrinfo(a); }
};

absl::StatusOr<std::unique_ptr<addrinfo, FreeAddresses>> Resolve(const cli::HostPort& address,
                                                                 bool passive) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = passive ? AI_PASSIVE : 0;
  addrinfo* found = nullptr;
  const int e =
      getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (e != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--control ", Name(address), ": ", gai_strerror(e)));
  }
  return std::unique_ptr<addrinfo, FreeAddresses>(found);
}

// Waits until the descriptor can be read; false when the time is over.
bool WaitReadable(int fd, int milliseconds) {
  pollfd p{fd, POLLIN, 0};
  return poll(&p, 1, milliseconds) > 0;
}

}  // namespace

ControlChannel::~ControlChannel() { close(fd_); }
ControlListener::~ControlListener() { close(fd_); }

absl::StatusOr<std::unique_ptr<ControlChannel>> ControlChannel::Connect(
    const cli::HostPort& address, Duration limit) {
  auto resolved = Resolve(address, false);
  if (!resolved.ok()) return resolved.status();
  const auto end = After(limit);
  int error = 0;
  do {
    for (const addrinfo* a = resolved->get(); a != nullptr; a = a->ai_next) {
      const int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
      if (fd < 0) continue;
      if (connect(fd, a->ai_addr, a->ai_addrlen) == 0) return std::make_unique<ControlChannel>(fd);
      error = errno;
      close(fd);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  } while (std::chrono::steady_clock::now() < end);
  return absl::UnavailableError(absl::StrCat("no server at --control ", Name(address), ": ",
                                             std::strerror(error),
                                             "; start sluice-perf server first"));
}

absl::Status ControlChannel::Send(const cli::Json& document) {
  const std::string line =
      document.dump(-1, ' ', false, cli::Json::error_handler_t::replace) + "\n";
  size_t at = 0;
  while (at < line.size()) {
    const ssize_t n = send(fd_, line.data() + at, line.size() - at, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return absl::UnavailableError("the peer closed the control connection");
    at += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

absl::StatusOr<cli::Json> ControlChannel::Receive(Duration limit) {
  const auto end = After(limit);
  for (;;) {
    const size_t newline = buffer_.find('\n');
    if (newline != std::string::npos) {
      cli::Json document = cli::Json::parse(buffer_.substr(0, newline), nullptr, false);
      buffer_.erase(0, newline + 1);
      if (!document.is_object()) {
        return absl::InvalidArgumentError("the other side of --control does not speak sluice-perf");
      }
      return document;
    }
    if (buffer_.size() > kMaxLine) {
      return absl::InvalidArgumentError("the other side of --control sends lines without end");
    }
    if (std::chrono::steady_clock::now() >= end) {
      return absl::DeadlineExceededError("the peer does not answer on the control connection");
    }
    if (!WaitReadable(fd_, kIdleMs)) continue;
    char chunk[65536];
    const ssize_t n = recv(fd_, chunk, sizeof(chunk), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return absl::UnavailableError("the peer closed the control connection");
    buffer_.append(chunk, static_cast<size_t>(n));
  }
}

bool ControlChannel::Readable() const {
  return buffer_.find('\n') != std::string::npos || WaitReadable(fd_, 0);
}

absl::StatusOr<std::unique_ptr<ControlListener>> ControlListener::Listen(
    const cli::HostPort& address) {
  auto resolved = Resolve(address, true);
  if (!resolved.ok()) return resolved.status();
  int error = 0;
  for (const addrinfo* a = resolved->get(); a != nullptr; a = a->ai_next) {
    const int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0) continue;
    const int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, 8) == 0) {
      return std::make_unique<ControlListener>(fd);
    }
    error = errno;
    close(fd);
  }
  return absl::UnavailableError(absl::StrCat("cannot listen at --control ", Name(address), ": ",
                                             std::strerror(error), "; choose another port"));
}

absl::StatusOr<std::unique_ptr<ControlChannel>> ControlListener::Accept(
    const std::function<bool()>& idle) {
  for (;;) {
    if (!idle()) return absl::CancelledError("interrupted");
    if (!WaitReadable(fd_, kIdleMs)) continue;
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) return std::make_unique<ControlChannel>(fd);
  }
}

}  // namespace sluice::perf
