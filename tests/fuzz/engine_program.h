// The programs that fuzz_engine runs and seeds_engine writes: four bytes that choose the world,
// then instructions of eight bytes. A raw frame follows its instruction, as long as that says. Any
// bytes are a program; what is cut off at the end does not run.
#ifndef SLUICE_TESTS_FUZZ_ENGINE_PROGRAM_H_
#define SLUICE_TESTS_FUZZ_ENGINE_PROGRAM_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace sluice::fuzz {

// Byte 0 of the world.
inline constexpr uint8_t kWorldIpv6 = 0x01;
inline constexpr uint8_t kWorldElides = 0x02;
inline constexpr uint8_t kWorldNoIcrc = 0x04;
inline constexpr uint8_t kWorldStamps = 0x08;
inline constexpr int kWorldCutShift = 4;  // two bits: how received frames are cut into segments
inline constexpr uint8_t kWorldSmallPool = 0x40;
inline constexpr uint8_t kWorldExtended = 0x80;  // queue pairs 0, 1, 2 and 5 use selective repeat
// Byte 1: two bits each for the algorithm, the MTU and the retry counts of queue pair 0, then
// whether its completion queue is small. Byte 2 and 3: where the PSNs start.

enum class Do : uint8_t {
  kRaw,       // a, b: bytes that follow; c: RawFlag; d: PSN from the expected one
  kRequest,   // a: opcode; b: PSN from the expected one; c: payload; d: Bend; e: RETH
  kResponse,  // a: syndrome; b: PSN from the newest sent; c: MSN; d: Bend; e: opcode
  kTime,      // a: 0 to the next deadline, else (b + 1) << (a % 48) ps
  kPostSend,  // a: opcode; b, c: length; d: unsignalled 1, solicited 2, no doorbell 4; e: segments
  kPostReceive,  // b, c: length; e: segments
  kPoll,         // a: how often; b: packets that the port takes; c: that it lends; 0: no limit
  kDrain,        // takes all completions
  kControl,      // a: Control
  kAlter,        // the next frame: a, b: where; c: bits; d: 1 behind the iCRC's back,
                 // 2 lengths made right, 4 cut by a switch
  kMeta,         // the next frame: a: RxMeta; b, c: bytes that it stands for but does not carry
  kAgain,        // a: how often the last frame comes again
  kCount,
};
inline constexpr uint8_t kBurst = 0x80;  // in the number of the queue pair: no poll after the frame

enum RawFlag : uint8_t { kRedirect = 1, kRepair = 2, kSeal = 4 };

// What is wrong, or special, with a frame that is otherwise in order.
enum Bend : uint8_t {
  kNoAckRequest = 1,
  kSolicited = 2,
  kCe = 4,
  kBecn = 8,
  kTagged = 0x10,
  kBadPkey = 0x20,
  kBadSource = 0x40,
  kBadIcrc = 0x80,
};

enum class Control : uint8_t {
  kFail,
  kDestroy,
  kCreate,
  kConnect,
  kDeregister,  // the region that peers may write; refused while a posted receive names it
  kRegister,
  kForget,  // the other domain's region, likewise
  kCount,
};

struct Instruction {
  static constexpr size_t kSize = 8;
  Do what = Do::kPoll;
  uint8_t qp = 0;
  uint8_t a = 0, b = 0, c = 0, d = 0, e = 0, f = 0;
  uint16_t ab() const { return static_cast<uint16_t>(a | b << 8); }
  uint16_t bc() const { return static_cast<uint16_t>(b | c << 8); }

  static Instruction Read(const uint8_t* p) {
    constexpr auto kinds = static_cast<uint8_t>(Do::kCount);
    return {static_cast<Do>(p[0] % kinds), p[1], p[2], p[3], p[4], p[5], p[6], p[7]};
  }
  // With the frame that follows it, as far as `room` goes.
  size_t Size(size_t room) const {
    const size_t size = kSize + (what == Do::kRaw ? ab() % 9300u : 0);
    return size < room ? size : room;
  }
};

inline constexpr size_t kWorldBytes = 4;

// Puts programs together, for the seeds and for tests.
class ProgramWriter {
 public:
  explicit ProgramWriter(std::initializer_list<uint8_t> world) : bytes_(world) {
    bytes_.resize(kWorldBytes);
  }
  void Add(const Instruction& i) {
    const uint8_t bytes[] = {static_cast<uint8_t>(i.what), i.qp, i.a, i.b, i.c, i.d, i.e, i.f};
    bytes_.insert(bytes_.end(), bytes, bytes + sizeof bytes);
  }
  void AddRaw(uint8_t qp, uint8_t flags, std::span<const uint8_t> frame) {
    const auto n = static_cast<uint16_t>(frame.size());
    Add({Do::kRaw, qp, static_cast<uint8_t>(n), static_cast<uint8_t>(n >> 8), flags});
    bytes_.insert(bytes_.end(), frame.begin(), frame.end());
  }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace sluice::fuzz

#endif  // SLUICE_TESTS_FUZZ_ENGINE_PROGRAM_H_
