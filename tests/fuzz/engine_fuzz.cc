// Fuzzes what a received frame can do to an engine: the whole way from Port::Receive to application
// memory, through a verbs device over a FakePort whose frames lie in heap blocks of exactly their
// size (a read beyond a frame inside a pool of buffers would be seen by nobody).
//
// The input is a program (engine_program.h): frames, raw or made from fields so that lengths and
// iCRC are right unless the program bends them, among posts, polls, time and changes of state. What
// must hold beyond the sanitizers stands in engine_watch.cc. One input gives one run, always.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/rng.h"
#include "engine_frames.h"
#include "engine_program.h"
#include "engine_world.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace sluice::fuzz {
namespace {

class Machine {
 public:
  explicit Machine(std::span<const uint8_t, kWorldBytes> options) : world_(options) {}

  void Run(std::span<const uint8_t> program) {
    // What does more work than this is two programs.
    constexpr int kMost = 250;
    for (int n = 0; n < kMost && program.size() >= Instruction::kSize; ++n) {
      const Instruction i = Instruction::Read(program.data());
      const size_t size = i.Size(program.size());
      Step(i, program.subspan(Instruction::kSize, size - Instruction::kSize));
      program = program.subspan(size);
    }
    world_.Finish();
  }

 private:
  void Step(const Instruction& i, std::span<const uint8_t> raw) {
    Peer& p = world_.peer(i.qp & 0x7f);
    switch (i.what) {
      case Do::kRaw:
        return Deliver(i, frames_.Raw(i, raw));
      case Do::kRequest:
        return Deliver(i, frames_.Request(i));
      case Do::kResponse:
        return Deliver(i, frames_.Response(i));
      case Do::kTime:
        return PassTime(i);
      case Do::kPostSend:
        world_.PostSend(p, i);
        return world_.PollOnce();
      case Do::kPostReceive:
        return world_.PostReceive(p, i);
      case Do::kPoll:
        world_.LimitPort(i.b, i.c);
        for (int n = 0; n <= i.a % 8; ++n) world_.PollOnce();
        return;
      case Do::kDrain:
        return world_.Drain();
      case Do::kControl:
        return world_.Run(p, static_cast<Control>(i.a % static_cast<int>(Control::kCount)));
      case Do::kAlter:
      case Do::kMeta:
        return frames_.Expect(i);
      default:
        for (int n = 0; n < i.a % 40; ++n) world_.Deliver(last_);
        return world_.PollOnce();
    }
  }

  void Deliver(const Instruction& i, test::FakeFrame frame) {
    if (frame.bytes.empty()) return;
    last_ = frame;
    world_.Deliver(std::move(frame));
    if ((i.qp & kBurst) == 0) world_.PollOnce();
  }

  void PassTime(const Instruction& i) {
    if (i.a == 0) {
      world_.AdvanceToDeadline();
    } else {
      world_.Advance(Duration::Picoseconds((int64_t{i.b} + 1) << (i.a % 48)));
    }
    world_.PollOnce();
  }

  EngineWorld world_;
  FrameMaker frames_{&world_};
  test::FakeFrame last_;
};

// Where the instructions of the program start.
std::vector<size_t> Starts(std::span<const uint8_t> input) {
  std::vector<size_t> starts;
  size_t at = kWorldBytes;
  while (at + Instruction::kSize <= input.size()) {
    starts.push_back(at);
    at += Instruction::Read(input.data() + at).Size(input.size() - at);
  }
  return starts;
}

Instruction Random(Rng* rng) {
  constexpr uint8_t kOpcodes[] = {0,  1,  2,    3,    4,    5,    6,    7,    8,    9,
                                  10, 11, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7};
  constexpr uint8_t kSyndromes[] = {0, 3, 31, 0x20, 0x21, 0x60, 0x61, 0x62, 0x63, 0x64, 0x40};
  const auto byte = [rng] { return static_cast<uint8_t>(rng->Next()); };
  const auto rarely = [&] { return byte() < 200 ? uint8_t{0} : byte(); };
  Instruction i;
  i.what = static_cast<Do>(1 + rng->Next() % (static_cast<uint64_t>(Do::kCount) - 1));
  i.qp = static_cast<uint8_t>(byte() % EngineWorld::kPeers | (byte() & kBurst));
  i.a = byte();
  i.b = rarely();
  i.c = byte();
  i.d = rarely();
  i.e = byte();
  i.f = byte();
  if (i.what == Do::kRequest) {
    const size_t qp = i.qp & 0x7f;
    // Those of the queue pair's service.
    i.a = qp < EngineWorld::kUc    ? kOpcodes[i.a % std::size(kOpcodes)]
          : qp == EngineWorld::kUc ? static_cast<uint8_t>(0x20 | i.a % 12)
                                   : static_cast<uint8_t>(0x64 | i.a % 2);
  }
  if (i.what == Do::kRequest && (byte() & 1) != 0) i.e &= 0xe1;
  if (i.what == Do::kResponse) i.a = kSyndromes[i.a % std::size(kSyndromes)];
  if (i.what == Do::kPostReceive || i.what == Do::kPostSend) i.c %= 12;
  return i;
}

// Works on whole instructions: inserts, repeats, deletes or exchanges them.
size_t MutateProgram(uint8_t* data, size_t size, size_t max_size, Rng* rng) {
  const std::vector<size_t> starts = Starts({data, size});
  const size_t count = starts.size();
  const size_t at = count == 0 ? std::max(size, kWorldBytes) : starts[rng->Next() % count];
  if (size < kWorldBytes || at > size) return LLVMFuzzerMutate(data, size, max_size);
  const uint64_t kind = rng->Next() % 4;
  if (kind <= 1) {
    if (size + Instruction::kSize > max_size) return LLVMFuzzerMutate(data, size, max_size);
    Instruction i = Random(rng);
    if (kind == 1 && count > 0) i = Instruction::Read(data + starts[rng->Next() % count]);
    if (i.what == Do::kRaw) i.what = Do::kPoll;
    std::memmove(data + at + Instruction::kSize, data + at, size - at);
    const uint8_t bytes[] = {static_cast<uint8_t>(i.what), i.qp, i.a, i.b, i.c, i.d, i.e, i.f};
    std::memcpy(data + at, bytes, sizeof bytes);
    return size + Instruction::kSize;
  }
  if (count < 2) return LLVMFuzzerMutate(data, size, max_size);
  if (kind == 2) {
    const size_t n = Instruction::Read(data + at).Size(size - at);
    std::memmove(data + at, data + at + n, size - at - n);
    return size - n;
  }
  const size_t other = starts[rng->Next() % count];
  if (Instruction::Read(data + at).what == Do::kRaw ||
      Instruction::Read(data + other).what == Do::kRaw) {
    return LLVMFuzzerMutate(data, size, max_size);
  }
  if (at != other) std::swap_ranges(data + at, data + at + Instruction::kSize, data + other);
  return size;
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using sluice::fuzz::kWorldBytes;
  if (size < kWorldBytes) return 0;
  const std::span<const uint8_t> input(data, size);
  sluice::fuzz::Machine(input.first<kWorldBytes>()).Run(input.subspan(kWorldBytes));
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned int seed) {
  sluice::Rng rng(seed, 0, 0);
  if (rng.Next() % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
  return sluice::fuzz::MutateProgram(data, size, max_size, &rng);
}
