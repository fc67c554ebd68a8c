// FrameMaker: the frames of a program's instructions, as the peers of an EngineWorld send them.
#ifndef SLUICE_TESTS_FUZZ_ENGINE_FRAMES_H_
#define SLUICE_TESTS_FUZZ_ENGINE_FRAMES_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine_program.h"
#include "engine_world.h"
#include "support/fake_port.h"
#include "wire/headers.h"

namespace sluice::fuzz {

class FrameMaker {
 public:
  explicit FrameMaker(EngineWorld* world) : world_(*world) {}

  // kAlter and kMeta wait for the next frame.
  void Expect(const Instruction& i) { (i.what == Do::kAlter ? alter_ : meta_) = i; }

  test::FakeFrame Raw(const Instruction& i, std::span<const uint8_t> bytes);
  test::FakeFrame Request(const Instruction& i);
  test::FakeFrame Response(const Instruction& i);

 private:
  test::FakeFrame Build(const Instruction& i, wire::Bth bth, size_t payload);
  void FillExtensions(const Instruction& i, const wire::OpcodeTraits& t, size_t payload,
                      uint8_t* to);
  void FillExtended(const Instruction& i, const wire::OpcodeTraits& t, size_t payload, uint8_t* to);
  void FillAnswer(const Instruction& i, bool block, uint8_t* to);
  wire::Reth RethOf(const Instruction& i, size_t payload);
  test::FakeFrame Dress(std::vector<uint8_t> bytes, bool seal);
  void Redirect(const Peer& p, uint8_t psn_delta, std::vector<uint8_t>* bytes);

  EngineWorld& world_;
  std::optional<Instruction> alter_;
  std::optional<Instruction> meta_;
};

}  // namespace sluice::fuzz

#endif  // SLUICE_TESTS_FUZZ_ENGINE_FRAMES_H_
