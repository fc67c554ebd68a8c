// Control: the TCP connection beside the RoCE traffic, over which a client and a server of
// sluice-perf exchange addresses before and counts after. One JSON document per line.
//
// Blocking calls have a limit; everything that the other side says is input and only ever leads to
// an error Status. One thread.
#ifndef SLUICE_PERF_CONTROL_H_
#define SLUICE_PERF_CONTROL_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/time.h"
#include "cli/json.h"
#include "cli/values.h"

namespace sluice::perf {

class ControlChannel {
 public:
  // Tries again until `limit`, since the server may not be up yet.
  static absl::StatusOr<std::unique_ptr<ControlChannel>> Connect(const cli::HostPort& address,
                                                                 Duration limit);
  explicit ControlChannel(int fd) : fd_(fd) {}
  ~ControlChannel();
  ControlChannel(const ControlChannel&) = delete;
  ControlChannel& operator=(const ControlChannel&) = delete;

  absl::Status Send(const cli::Json& document);
  // Waits for the next document. Unavailable: the peer is gone; DeadlineExceeded: `limit` is over;
  // InvalidArgument: not a document of ours.
  absl::StatusOr<cli::Json> Receive(Duration limit);
  // Whether something is to be received now: a document, or the end of the connection. Does not
  // block: one system call.
  bool Readable() const;

 private:
  static constexpr size_t kMaxLine = size_t{16} << 20;
  int fd_;
  std::string buffer_;
};

class ControlListener {
 public:
  static absl::StatusOr<std::unique_ptr<ControlListener>> Listen(const cli::HostPort& address);
  explicit ControlListener(int fd) : fd_(fd) {}
  ~ControlListener();
  ControlListener(const ControlListener&) = delete;
  ControlListener& operator=(const ControlListener&) = delete;

  // The next client; `idle` is called about every 10 ms meanwhile and ends the wait by returning
  // false (Cancelled then).
  absl::StatusOr<std::unique_ptr<ControlChannel>> Accept(const std::function<bool()>& idle);

 private:
  int fd_;
};

}  // namespace sluice::perf

#endif  // SLUICE_PERF_CONTROL_H_
