#include "sim/ns3_coins.h"

#include <cstddef>

#include "base/int128.h"

namespace sluice::sim {
namespace {

constexpr uint64_t kMa = 4294967087;
constexpr uint64_t kMb = 4294944443;
constexpr double kUnit = 2.328306549295727688e-10;  // 1 / (kMa + 1)
constexpr int kStreamSteps = 127;                   // powers of two
constexpr int kRunSteps = 76;
constexpr uint32_t kStreamsOfNode = 6;
constexpr uint32_t kStreamsOfLinks = 2;

using Vector = std::array<uint64_t, 3>;
using Matrix = std::array<Vector, 3>;  // by rows

// One step of each half: the new number from the last three.
constexpr Matrix kStepA = {{{0, 1, 0}, {0, 0, 1}, {kMa - 810728, 1403580, 0}}};
constexpr Matrix kStepB = {{{0, 1, 0}, {0, 0, 1}, {kMb - 1370589, 0, 527612}}};

constexpr uint64_t Dot(const Vector& x, const Vector& y, uint64_t m) {
  Uint128 sum = 0;
  for (size_t k = 0; k < 3; ++k) sum += static_cast<Uint128>(x[k]) * y[k];
  return static_cast<uint64_t>(sum % m);
}

constexpr Vector Times(const Matrix& x, const Vector& y, uint64_t m) {
  return {Dot(x[0], y, m), Dot(x[1], y, m), Dot(x[2], y, m)};
}

constexpr Matrix Times(const Matrix& x, const Matrix& y, uint64_t m) {
  Matrix product = {};
  for (size_t column = 0; column < 3; ++column) {
    const Vector sums = Times(x, Vector{y[0][column], y[1][column], y[2][column]}, m);
    for (size_t row = 0; row < 3; ++row) product[row][column] = sums[row];
  }
  return product;
}

constexpr Matrix Doubled(Matrix x, int times, uint64_t m) {
  for (int i = 0; i < times; ++i) x = Times(x, x, m);
  return x;
}

constexpr Matrix kStreamA = Doubled(kStepA, kStreamSteps, kMa);
constexpr Matrix kStreamB = Doubled(kStepB, kStreamSteps, kMb);
constexpr Matrix kRunA = Doubled(kStepA, kRunSteps, kMa);
constexpr Matrix kRunB = Doubled(kStepB, kRunSteps, kMb);

// `step`, so many times.
Vector Moved(Matrix step, uint64_t times, Vector state, uint64_t m) {
  for (; times != 0; times >>= 1) {
    if ((times & 1) != 0) state = Times(step, state, m);
    step = Times(step, step, m);
  }
  return state;
}

}  // namespace

Ns3Coins::Ns3Coins(uint64_t run, uint32_t nodes) {
  const uint64_t streams = uint64_t{kStreamsOfNode} * nodes + kStreamsOfLinks;
  a_ = Moved(kStreamA, streams, Moved(kRunA, run, a_, kMa), kMa);
  b_ = Moved(kStreamB, streams, Moved(kRunB, run, b_, kMb), kMb);
}

void Ns3Coins::NextStream() {
  a_ = Times(kStreamA, a_, kMa);
  b_ = Times(kStreamB, b_, kMb);
}

double Ns3Coins::First() {
  const uint64_t a = Dot(kStepA[2], a_, kMa);
  const uint64_t b = Dot(kStepB[2], b_, kMb);
  NextStream();
  return static_cast<double>(a > b ? a - b : a + kMa - b) * kUnit;
}

}  // namespace sluice::sim
