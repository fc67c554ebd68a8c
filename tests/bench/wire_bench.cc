// What a packet costs in lib/wire: parsing, stamping the header, iCRC over headers, CRC and copy.
// Judge cycles per item beside the portable kernel in the same run.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "cycles.h"
#include "wire/crc_kernel.h"
#include "wire/frame_view.h"
#include "wire/header_template.h"
#include "wire/icrc.h"

namespace sluice::wire {
namespace {

constexpr size_t kFrames = 16;
constexpr size_t kStride = 256;

// A few SENDs of 64 bytes, in blocks as far apart as small packet buffers.
class Frames {
 public:
  explicit Frames(bool ipv6) : bytes_(kFrames * kStride) {
    PathHeader path;
    path.source_ip = *IpAddress::Parse(ipv6 ? "fd00:51::1" : "198.51.100.1");
    path.destination_ip = *IpAddress::Parse(ipv6 ? "fd00:51::2" : "198.51.100.2");
    const HeaderTemplate head(path);
    constexpr size_t kTransport = Bth::kSize + 64 + kIcrcBytes;
    length_ = head.size() + kTransport;
    for (size_t i = 0; i < kFrames; ++i) {
      uint8_t* frame = bytes_.data() + i * kStride;
      head.Write(frame, kTransport, 2);
      Bth{.opcode = Opcode::kRcSendOnly, .dest_qpn = 17, .psn = Psn(static_cast<uint32_t>(i))}
          .Write(frame + head.size());
      SealFrame(frame, head.l3_offset(), ipv6, length_ - kIcrcBytes);
    }
  }
  std::span<const uint8_t> at(size_t i) const {
    return {bytes_.data() + i % kFrames * kStride, length_};
  }

 private:
  std::vector<uint8_t> bytes_;
  size_t length_ = 0;
};

void ParseFrames(benchmark::State& state) {
  const Frames frames(state.range(0) != 0);
  size_t i = 0;
  uint32_t sum = 0;
  bench::Cycles cycles(&state);
  for (auto _ : state) {
    FrameView view;
    const auto frame = frames.at(i++);
    if (ParseFrame(frame, static_cast<uint32_t>(frame.size()), &view) == DropCause::kNone) {
      sum += view.dest_qpn + view.psn.value() + view.payload_length;
    }
  }
  cycles.CountItems(state.iterations());
  benchmark::DoNotOptimize(sum);
}
BENCHMARK(ParseFrames)->ArgName("ipv6")->Arg(0)->Arg(1);

// Each value chooses the next frame: latency, not throughput.
void HeaderIcrc(benchmark::State& state, const CrcKernel* kernel) {
  if (kernel == &kVectorCrc && !VectorCrcSupported()) return state.SkipWithError("no AVX-512");
  const bool ipv6 = state.range(0) != 0;
  const Frames frames(ipv6);
  uint32_t crc = 0;
  bench::Cycles cycles(&state);
  for (auto _ : state) crc = kernel->headers(frames.at(crc).data() + 14, ipv6, ipv6 ? 60 : 40);
  cycles.CountItems(state.iterations());
  benchmark::DoNotOptimize(crc);
}
BENCHMARK_CAPTURE(HeaderIcrc, portable, &kPortableCrc)->ArgName("ipv6")->Arg(0)->Arg(1);
BENCHMARK_CAPTURE(HeaderIcrc, vector, &kVectorCrc)->ArgName("ipv6")->Arg(0)->Arg(1);

void StampHeader(benchmark::State& state) {
  PathHeader path;
  path.source_ip = *IpAddress::Parse(state.range(0) != 0 ? "fd00:51::1" : "198.51.100.1");
  path.destination_ip = *IpAddress::Parse(state.range(0) != 0 ? "fd00:51::2" : "198.51.100.2");
  const HeaderTemplate head(path);
  std::vector<uint8_t> out(kFrames * kStride);
  uint32_t i = 0;
  bench::Cycles cycles(&state);
  for (auto _ : state) {
    head.Write(out.data() + i % kFrames * kStride, 80 + (i & 63), 2);
    ++i;
  }
  cycles.CountItems(state.iterations());
  benchmark::DoNotOptimize(out.data());
}
BENCHMARK(StampHeader)->ArgName("ipv6")->Arg(0)->Arg(1);

// Arguments: bytes, offset of the source and of the destination from a cache line. The runs walk
// through 256 KiB, so that they are warm in L2 and not in L1.
void CopyAndCrc(benchmark::State& state, const CrcKernel* kernel) {
  if (kernel == &kVectorCrc && !VectorCrcSupported()) return state.SkipWithError("no AVX-512");
  constexpr size_t kArea = 256 << 10;
  const size_t n = static_cast<size_t>(state.range(0));
  struct alignas(4096) Page {
    uint8_t bytes[4096];
  };
  const auto src = std::make_unique<Page[]>(kArea / 4096 + 3);
  const auto dst = std::make_unique<Page[]>(kArea / 4096 + 3);
  std::memset(static_cast<void*>(src.get()), 0x5a, kArea);
  uint8_t* from = src[0].bytes + state.range(1);
  uint8_t* to = dst[0].bytes + state.range(2);
  const size_t step = (n + 63) / 64 * 64;
  size_t at = 0;
  uint32_t crc = 0;
  bench::Cycles cycles(&state);
  for (auto _ : state) {
    crc = kernel->crc_copy(crc, to + at, from + at, n);
    at += step;
    if (at >= kArea) at = 0;
  }
  cycles.CountItems(state.iterations());
  state.SetBytesProcessed(state.iterations() * state.range(0));
  benchmark::DoNotOptimize(crc);
}
void Sizes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"bytes", "src", "dst"});
  for (const int n : {8, 61, 64, 256, 1024, 1500, 4096}) {
    b->Args({n, 0, 0});
    b->Args({n, 54, 0});
    b->Args({n, 0, 54});
  }
}
BENCHMARK_CAPTURE(CopyAndCrc, portable, &kPortableCrc)->Apply(Sizes);
BENCHMARK_CAPTURE(CopyAndCrc, vector, &kVectorCrc)->Apply(Sizes);

}  // namespace
}  // namespace sluice::wire

BENCHMARK_MAIN();
