// interop_cm: one end of rping or ucmatose (rdma-core), the other being the real program in the
// guest. Addresses are all that is known: neighbours and connections come about by verbs/cm.h.
//
//   interop_cm PROGRAM ROLE FAMILY COUNT SIZE OUR-SOCKET GUEST-SOCKET
//
// PROGRAM rping|ucmatose, ROLE client|server, FAMILY 4|6. A server prints `listening` when it does.
// Exit status: 0 the conversation went as the program of that name has it, 1 it did not, 2 wrong
// words.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/be.h"
#include "interop/wire.h"
#include "verbs/assemble.h"
#include "verbs/cm.h"

namespace sluice::interop {
namespace {

constexpr uint16_t kRpingPort = 7174;
constexpr uint16_t kUcmatosePort = 7471;
constexpr size_t kInfo = 16;    // rping tells of a buffer: address 8, rkey 4, size 4, big endian
constexpr size_t kSlot = 8192;  // our memory: what is sent, what is received, the data
constexpr uint32_t kDepth = 16;
constexpr int64_t kPatienceS = 30;

struct Words {
  bool rping = true;
  bool server = true;
  bool ipv6 = false;
  uint32_t count = 3;
  uint32_t size = 100;
  std::string our_socket;
  std::string guest_socket;
};

class Talk {
 public:
  Talk(const Words& words, Wire* wire, MonotonicClock* clock)
      : w_(words), wire_(wire), clock_(clock), memory_(4 * kSlot) {
    verbs::DeviceParts parts;
    parts.port = wire->device_port();
    parts.clock = clock;
    parts.mac = *wire::MacAddress::Parse("02:00:00:00:00:02");
    parts.address = *wire::IpAddress::Parse(w_.ipv6 ? "2001:db8:51::2" : "198.51.100.2");
    parts.engine.start = clock->Now();
    device_ = verbs::MakeDevice(parts);
  }
  ~Talk() {
    connection_.reset();
    qp_.reset();
    region_.reset();
  }

  absl::Status Run() {
    if (absl::Status s = MakeObjects(); !s.ok()) return s;
    if (absl::Status s = w_.server ? Accept() : Connect(); !s.ok()) return s;
    absl::Status s = w_.rping ? (w_.server ? RpingServer() : RpingClient()) : Ucmatose();
    if (!s.ok()) return s;
    return End();
  }

 private:
  uint16_t port() const { return w_.rping ? kRpingPort : kUcmatosePort; }
  uint8_t* Slot(size_t n) { return memory_.data() + n * kSlot; }
  verbs::Segment Run(size_t slot, uint32_t length) { return {Slot(slot), length, region_->lkey()}; }

  absl::Status MakeObjects();
  absl::Status Connect();
  absl::Status Accept();
  absl::Status End();
  absl::Status RpingServer();
  absl::Status RpingClient();
  absl::Status Ucmatose();
  absl::Status PostReceive();
  absl::Status Send(uint32_t length);
  absl::Status Move(verbs::Opcode opcode, uint32_t length);
  absl::Status TellOf(size_t slot);
  absl::Status Receive(uint32_t length);
  absl::Status Turn();
  // Turns until `n` completions of that side more have come.
  absl::Status Await(bool receive, uint32_t n);

  const Words w_;
  Wire* const wire_;
  MonotonicClock* const clock_;
  std::vector<uint8_t> memory_;
  std::unique_ptr<verbs::Device> device_;
  std::unique_ptr<verbs::ProtectionDomain> pd_;
  std::unique_ptr<verbs::CompletionQueue> cq_;
  std::unique_ptr<verbs::MemoryRegion> region_;
  std::unique_ptr<verbs::QueuePair> qp_;
  std::unique_ptr<verbs::Connection> connection_;
  uint32_t sent_ = 0;      // completions not awaited yet
  uint32_t received_ = 0;  // likewise
  uint32_t last_length_ = 0;
};

absl::Status Talk::MakeObjects() {
  pd_ = device_->AllocateProtectionDomain();
  auto cq = device_->CreateCompletionQueue(size_t{4} * kDepth);
  if (!cq.ok()) return cq.status();
  cq_ = *std::move(cq);
  auto region = device_->Register(pd_.get(), memory_.data(), memory_.size(),
                                  verbs::kLocalWrite | verbs::kRemoteWrite | verbs::kRemoteRead);
  if (!region.ok()) return region.status();
  region_ = *std::move(region);
  verbs::QueuePairOptions o;
  o.send_completions = o.receive_completions = cq_.get();
  o.send_depth = o.receive_depth = kDepth;
  auto qp = device_->CreateQueuePair(pd_.get(), o);
  if (!qp.ok()) return qp.status();
  qp_ = *std::move(qp);
  return absl::OkStatus();
}

absl::Status Talk::Turn() {
  if (clock_->Now() > Time() + Duration::Seconds(kPatienceS)) {
    return absl::DeadlineExceededError("not over in time");
  }
  const size_t handled = wire_->Poll() + device_->Poll();
  verbs::WorkCompletion done[8];
  const size_t n = cq_->Poll(done);
  for (size_t i = 0; i < n; ++i) {
    if (done[i].status != verbs::CompletionStatus::kSuccess) {
      return absl::DataLossError(absl::StrCat("completion: ", verbs::NameOf(done[i].status)));
    }
    ++(done[i].receive ? received_ : sent_);
    if (done[i].receive) last_length_ = done[i].byte_length;
  }
  if (handled == 0) wire_->Wait(-1, Duration::Microseconds(200));
  return absl::OkStatus();
}

absl::Status Talk::Await(bool receive, uint32_t n) {
  uint32_t& have = receive ? received_ : sent_;
  while (have < n) {
    if (absl::Status s = Turn(); !s.ok()) return s;
  }
  have -= n;
  return absl::OkStatus();
}

absl::Status Talk::Connect() {
  if (absl::Status s = PostReceive(); !s.ok()) return s;
  verbs::CmOptions o;
  o.connect.timeout = 16;
  auto c = verbs::Connection::Connect(device_.get(), qp_.get(),
                                      w_.ipv6 ? "2001:db8:51::1" : "198.51.100.1", port(), o);
  if (!c.ok()) return c.status();
  connection_ = *std::move(c);
  for (;;) {
    const verbs::CmState state = connection_->Poll();
    if (state == verbs::CmState::kEstablished) return absl::OkStatus();
    if (state != verbs::CmState::kResolving && state != verbs::CmState::kConnecting) {
      return absl::UnavailableError(
          absl::StrCat(verbs::NameOf(state), ": ", std::string(connection_->error().message())));
    }
    if (absl::Status s = Turn(); !s.ok()) return s;
  }
}

absl::Status Talk::Accept() {
  auto listener = verbs::Listener::Create(device_.get(), port());
  if (!listener.ok()) return listener.status();
  std::printf("listening\n");
  std::fflush(stdout);
  while ((connection_ = (*listener)->Poll()) == nullptr) {
    if (absl::Status s = Turn(); !s.ok()) return s;
  }
  if (absl::Status s = PostReceive(); !s.ok()) return s;
  verbs::CmOptions o;
  o.connect.timeout = 16;
  if (absl::Status s = connection_->Accept(qp_.get(), o); !s.ok()) return s;
  while (connection_->Poll() == verbs::CmState::kAccepting) {
    if (absl::Status s = Turn(); !s.ok()) return s;
  }
  if (connection_->state() == verbs::CmState::kEstablished) return absl::OkStatus();
  return absl::UnavailableError(verbs::NameOf(connection_->state()));
}

// rping's client and ucmatose's server part; the other hears of it.
absl::Status Talk::End() {
  const bool we_part = w_.rping != w_.server;
  if (we_part) {
    if (absl::Status s = connection_->Disconnect(); !s.ok()) return s;
  }
  while (connection_->Poll() != verbs::CmState::kDisconnected) {
    if (clock_->Now() > Time() + Duration::Seconds(kPatienceS)) {
      return absl::DeadlineExceededError("not parted in time");
    }
    (void)Turn();  // what is posted flushes
  }
  // The peer is told that we heard of it, and asks again if that is lost.
  const Time until = clock_->Now() + Duration::Milliseconds(300);
  while (clock_->Now() < until) (void)Turn();
  return absl::OkStatus();
}

absl::Status Talk::PostReceive() {
  const verbs::Segment run = Run(1, w_.rping ? kInfo : w_.size);
  for (uint32_t i = 0; i < (w_.rping ? 1 : w_.count); ++i) {
    if (qp_->PostReceive({i, {&run, 1}}) != verbs::PostResult::kOk) {
      return absl::InternalError("PostReceive");
    }
  }
  return absl::OkStatus();
}

absl::Status Talk::Send(uint32_t length) {
  const verbs::Segment run = Run(0, length);
  verbs::SendRequest r;
  r.segments = {&run, 1};
  if (qp_->PostSend(r) != verbs::PostResult::kOk) return absl::InternalError("PostSend");
  return Await(false, 1);
}

// A READ or WRITE between our data and the buffer that the peer told of.
absl::Status Talk::Move(verbs::Opcode opcode, uint32_t length) {
  const verbs::Segment run = Run(2, length);
  verbs::SendRequest r;
  r.segments = {&run, 1};
  r.opcode = opcode;
  r.remote_address = LoadBe64(Slot(1));
  r.rkey = LoadBe32(Slot(1) + 8);
  if (qp_->PostSend(r) != verbs::PostResult::kOk) return absl::InternalError("PostSend");
  return Await(false, 1);
}

absl::Status Talk::TellOf(size_t slot) {
  StoreBe64(Slot(0), reinterpret_cast<uintptr_t>(Slot(slot)));
  StoreBe32(Slot(0) + 8, region_->rkey());
  StoreBe32(Slot(0) + 12, w_.size);
  return Send(kInfo);
}

absl::Status Talk::Receive(uint32_t length) {
  if (absl::Status s = Await(true, 1); !s.ok()) return s;
  if (last_length_ == length) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("a message of ", last_length_, " bytes"));
}

// Each turn: the client tells of its source, we READ it; it tells of its sink, we WRITE there.
absl::Status Talk::RpingServer() {
  for (uint32_t i = 0; i < w_.count; ++i) {
    for (const verbs::Opcode opcode : {verbs::Opcode::kRdmaRead, verbs::Opcode::kRdmaWrite}) {
      if (absl::Status s = Receive(kInfo); !s.ok()) return s;
      const uint32_t length = LoadBe32(Slot(1) + 12);
      if (length != w_.size) return absl::DataLossError("the client tells of another size");
      if (absl::Status s = Move(opcode, length); !s.ok()) return s;
      if (absl::Status s = PostReceive(); !s.ok()) return s;
      if (absl::Status s = Send(kInfo); !s.ok()) return s;
    }
  }
  return absl::OkStatus();
}

absl::Status Talk::RpingClient() {
  for (uint32_t i = 0; i < w_.count; ++i) {
    std::string text = absl::StrCat("rdma-ping-", i, ": ");
    while (text.size() + 1 < w_.size)
      text.push_back(static_cast<char>('A' + (text.size() + i) % 57));
    std::memcpy(Slot(2), text.c_str(), w_.size);
    std::memset(Slot(3), 0, w_.size);
    for (const size_t slot : {size_t{2}, size_t{3}}) {
      if (absl::Status s = TellOf(slot); !s.ok()) return s;
      if (absl::Status s = Receive(kInfo); !s.ok()) return s;
      if (absl::Status s = PostReceive(); !s.ok()) return s;
    }
    if (std::memcmp(Slot(2), Slot(3), w_.size) != 0) {
      return absl::DataLossError(absl::StrCat("turn ", i, " came back otherwise"));
    }
  }
  return absl::OkStatus();
}

// The server sends all its messages, then the client.
absl::Status Talk::Ucmatose() {
  for (const bool sends : {w_.server, !w_.server}) {
    for (uint32_t i = 0; i < w_.count; ++i) {
      if (absl::Status s = sends ? Send(w_.size) : Receive(w_.size); !s.ok()) return s;
    }
  }
  return absl::OkStatus();
}

int Main(std::span<char* const> words) {
  if (words.size() != 7) return 2;
  Words w;
  w.rping = std::string_view(words[0]) == "rping";
  w.server = std::string_view(words[1]) == "server";
  w.ipv6 = std::string_view(words[2]) == "6";
  w.count = static_cast<uint32_t>(std::atoi(words[3]));
  w.size = static_cast<uint32_t>(std::atoi(words[4]));
  if (w.count == 0 || w.count > kDepth || w.size == 0 || w.size > kSlot) return 2;
  MonotonicClock clock;
  WireOptions o;
  o.our_socket = words[5];
  o.guest_socket = words[6];
  absl::StatusOr<std::unique_ptr<Wire>> wire = Wire::Open(o, &clock);
  if (!wire.ok()) {
    std::printf("result text=%s\n", std::string(wire.status().message()).c_str());
    return 1;
  }
  Talk talk(w, wire->get(), &clock);
  const absl::Status status = talk.Run();
  std::printf("result text=%s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace sluice::interop

int main(int argc, char** argv) {
  return sluice::interop::Main(std::span<char* const>(argv + 1, static_cast<size_t>(argc - 1)));
}
