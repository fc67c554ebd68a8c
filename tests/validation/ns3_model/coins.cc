#include "validation/ns3_model/coins.h"

#include <array>
#include <cstddef>

#include "base/int128.h"

namespace sluice::test::ns3 {
namespace {

constexpr uint64_t kMa = 4294967087, kMb = 4294944443;
constexpr double kUnit = 2.328306549295727688e-10;  // 1 / (kMa + 1)
constexpr int kStreamSteps = 127, kRunSteps = 76;   // powers of two
constexpr uint32_t kOfNode = 6, kOfLinks = 2;

using Matrix = std::array<std::array<uint64_t, 3>, 3>;

// One step of each half: the new number from the last three.
constexpr Matrix kStepA = {{{0, 1, 0}, {0, 0, 1}, {kMa - 810728, 1403580, 0}}};
constexpr Matrix kStepB = {{{0, 1, 0}, {0, 0, 1}, {kMb - 1370589, 0, 527612}}};

constexpr uint64_t Dot(const std::array<uint64_t, 3>& row, const uint64_t* column, size_t stride,
                       uint64_t m) {
  Uint128 sum = 0;
  for (size_t k = 0; k < 3; ++k) sum += static_cast<Uint128>(row[k]) * column[k * stride];
  return static_cast<uint64_t>(sum % m);
}

constexpr Matrix Square(const Matrix& x, uint64_t m) {
  uint64_t flat[9] = {};
  for (size_t i = 0; i < 9; ++i) flat[i] = x[i / 3][i % 3];
  Matrix result = {};
  for (size_t i = 0; i < 9; ++i) result[i / 3][i % 3] = Dot(x[i / 3], flat + i % 3, 3, m);
  return result;
}

constexpr Matrix Power(Matrix x, int doublings, uint64_t m) {
  for (int i = 0; i < doublings; ++i) x = Square(x, m);
  return x;
}

constexpr Matrix kStreamA = Power(kStepA, kStreamSteps, kMa);
constexpr Matrix kStreamB = Power(kStepB, kStreamSteps, kMb);
constexpr Matrix kRunA = Power(kStepA, kRunSteps, kMa);
constexpr Matrix kRunB = Power(kStepB, kRunSteps, kMb);

void Step(const Matrix& by, uint64_t (&state)[3], uint64_t m) {
  const uint64_t old[3] = {state[0], state[1], state[2]};
  for (size_t i = 0; i < 3; ++i) state[i] = Dot(by[i], old, 1, m);
}

}  // namespace

TheirCoins::TheirCoins(uint32_t nodes) : a_{1, 1, 1}, b_{1, 1, 1} {
  Step(kRunA, a_, kMa);
  Step(kRunB, b_, kMb);
  for (uint32_t i = 0; i < kOfNode * nodes + kOfLinks; ++i) NextStream();
}

void TheirCoins::NextStream() {
  Step(kStreamA, a_, kMa);
  Step(kStreamB, b_, kMb);
}

double TheirCoins::First() {
  const uint64_t a = Dot(kStepA[2], a_, 1, kMa), b = Dot(kStepB[2], b_, 1, kMb);
  NextStream();
  return static_cast<double>(a > b ? a - b : a + kMa - b) * kUnit;
}

bool OurCoins::Toss(uint32_t node, uint32_t port, double probability) {
  constexpr uint64_t kPurpose = 0x6d61726b;
  const auto [at, _] =
      ports_.try_emplace({node, port}, seed_, (uint64_t{node} << 16) + port, kPurpose);
  return at->second.Bernoulli(probability);
}

}  // namespace sluice::test::ns3
