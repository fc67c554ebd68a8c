#include "wire/icrc.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/rng.h"
#include "frames.h"
#include "wire/crc_kernel.h"

namespace sluice::wire {
namespace {

// One bit at a time, from the definition: reflected 0x04C11DB7, all ones in and out.
class BitwiseCrc {
 public:
  explicit BitwiseCrc(uint32_t crc) : state_(~crc) {}
  void Add(uint8_t byte) {
    state_ ^= byte;
    for (int bit = 0; bit < 8; ++bit) {
      state_ = (state_ >> 1) ^ ((state_ & 1) != 0 ? 0xedb88320u : 0);
    }
  }
  void Add(const uint8_t* p, size_t n) {
    for (size_t i = 0; i < n; ++i) Add(p[i]);
  }
  uint32_t value() const { return ~state_; }

 private:
  uint32_t state_;
};

// Bytes between two pages that may not be touched: an access beyond either end is a crash, also in
// assembly and in instructions that no sanitizer sees.
class Guarded {
 public:
  static constexpr size_t kPage = 4096;
  explicit Guarded(size_t pages) : size_(pages * kPage) {
    base_ = static_cast<uint8_t*>(
        mmap(nullptr, size_ + 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_NE(static_cast<void*>(base_), MAP_FAILED);
    EXPECT_EQ(mprotect(base_ + kPage, size_, PROT_READ | PROT_WRITE), 0);
  }
  ~Guarded() { munmap(base_, size_ + 2 * kPage); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  uint8_t* begin() { return base_ + kPage; }
  uint8_t* end() { return begin() + size_; }

 private:
  size_t size_;
  uint8_t* base_;
};

std::vector<uint8_t> RandomBytes(size_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<uint8_t> v(n);
  for (uint8_t& b : v) b = static_cast<uint8_t>(rng.Next());
  return v;
}

struct KernelCase {
  const char* name;
  const CrcKernel* kernel;
};

class KernelTest : public testing::TestWithParam<KernelCase> {
 protected:
  void SetUp() override {
    if (GetParam().kernel == &kVectorCrc && !VectorCrcSupported()) {
      GTEST_SKIP() << "this processor lacks AVX-512 VBMI or VPCLMULQDQ";
    }
  }
  const CrcKernel& kernel() const { return *GetParam().kernel; }
};

INSTANTIATE_TEST_SUITE_P(Both, KernelTest,
                         testing::Values(KernelCase{"portable", &kPortableCrc},
                                         KernelCase{"vector", &kVectorCrc}),
                         [](const auto& param) { return std::string(param.param.name); });

TEST_P(KernelTest, CheckValue) {
  // The check value of CRC-32/ISO-HDLC in every catalogue.
  const char* text = "123456789";
  EXPECT_EQ(kernel().crc(0, reinterpret_cast<const uint8_t*>(text), 9), 0xcbf43926u);
}

TEST_P(KernelTest, EveryLengthAndOffsetAgreesWithTheDefinition) {
  const std::vector<uint8_t> bytes = RandomBytes(1400, 3);
  std::vector<uint8_t> out(1400);
  constexpr uint8_t kCanary = 0xc5;
  for (const size_t from : {0, 1, 2, 3, 5, 31, 60, 63}) {
    for (const size_t to : {0, 1, 4, 54, 63}) {
      const uint32_t seed = static_cast<uint32_t>(0x9e3779b9u * (from + 1) * to);
      BitwiseCrc want(seed);
      for (size_t n = 0; n <= 1100; ++n) {
        if (n > 0) want.Add(bytes[from + n - 1]);
        ASSERT_EQ(kernel().crc(seed, bytes.data() + from, n), want.value()) << n << ' ' << from;
        std::memset(out.data(), kCanary, n + 130);
        ASSERT_EQ(kernel().crc_copy(seed, out.data() + to, bytes.data() + from, n), want.value())
            << n << ' ' << from << ' ' << to;
        ASSERT_EQ(std::memcmp(out.data() + to, bytes.data() + from, n), 0) << n;
        if (to > 0) {
          ASSERT_EQ(out[to - 1], kCanary);
        }
        ASSERT_EQ(out[to + n], kCanary) << n;
      }
    }
  }
}

TEST_P(KernelTest, LongRunsAgreeWithTheDefinition) {
  const std::vector<uint8_t> bytes = RandomBytes(9300, 4);
  std::vector<uint8_t> out(9300);
  BitwiseCrc want(0);
  for (size_t n = 1; n <= 9216; ++n) {
    want.Add(bytes[n - 1]);
    ASSERT_EQ(kernel().crc_copy(0, out.data(), bytes.data(), n), want.value()) << n;
  }
  EXPECT_EQ(std::memcmp(out.data(), bytes.data(), 9216), 0);
}

// A run may end or start exactly where a page does.
TEST_P(KernelTest, NothingOutsideIsTouched) {
  Guarded src(1);
  Guarded dst(1);
  const std::vector<uint8_t> bytes = RandomBytes(Guarded::kPage, 5);
  std::memcpy(src.begin(), bytes.data(), bytes.size());
  for (size_t n = 0; n <= 700; ++n) {
    BitwiseCrc start(1);
    start.Add(src.begin(), n);
    BitwiseCrc end(1);
    end.Add(src.end() - n, n);
    ASSERT_EQ(kernel().crc(1, src.begin(), n), start.value());
    ASSERT_EQ(kernel().crc(1, src.end() - n, n), end.value());
    ASSERT_EQ(kernel().crc_copy(1, dst.begin(), src.end() - n, n), end.value());
    ASSERT_EQ(kernel().crc_copy(1, dst.end() - n, src.begin(), n), start.value());
    ASSERT_EQ(std::memcmp(dst.end() - n, src.begin(), n), 0);
  }
}

TEST_P(KernelTest, CutsDoNotMatter) {
  const std::vector<uint8_t> bytes = RandomBytes(300, 6);
  const uint32_t whole = kernel().crc(0, bytes.data(), bytes.size());
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    const uint32_t first = kernel().crc(0, bytes.data(), cut);
    ASSERT_EQ(kernel().crc(first, bytes.data() + cut, bytes.size() - cut), whole) << cut;
  }
}

// The masked fields, from annex A17.3.3, in the plainest way.
uint32_t HeadersByDefinition(const uint8_t* l3, bool ipv6, size_t n) {
  std::vector<uint8_t> b(l3, l3 + n);
  const size_t udp = ipv6 ? 40 : 20;
  const std::vector<size_t> v4 = {1, 8, 10, 11};
  const std::vector<size_t> v6 = {1, 2, 3, 7};
  for (const size_t i : ipv6 ? v6 : v4) b[i] = 0xff;
  if (ipv6) b[0] |= 0x0f;
  b[udp + 6] = b[udp + 7] = b[udp + 8 + 4] = 0xff;
  BitwiseCrc crc(0);
  for (int i = 0; i < 8; ++i) crc.Add(0xff);
  crc.Add(b.data(), n);
  return crc.value();
}

TEST_P(KernelTest, HeadersOfEveryLength) {
  Guarded page(1);
  for (const bool ipv6 : {false, true}) {
    for (size_t n = ipv6 ? 60 : 40; n <= kMaxIcrcHeaderBytes; ++n) {
      const std::vector<uint8_t> bytes = RandomBytes(n, 7 + n);
      for (uint8_t* at : {page.begin(), page.end() - n}) {
        std::memcpy(at, bytes.data(), n);
        ASSERT_EQ(kernel().headers(at, ipv6, n), HeadersByDefinition(at, ipv6, n)) << n;
        ASSERT_EQ(std::memcmp(at, bytes.data(), n), 0) << "the frame was altered";
      }
    }
  }
}

// Exactly the bits of the masked fields may change without changing the value.
TEST_P(KernelTest, HeadersIgnoreExactlyTheMaskedBits) {
  for (const bool ipv6 : {false, true}) {
    const size_t n = (ipv6 ? 60 : 40) + 16;
    std::vector<uint8_t> b = RandomBytes(n, 8);
    const uint32_t before = kernel().headers(b.data(), ipv6, n);
    size_t free_bits = 0;
    for (size_t bit = 0; bit < 8 * n; ++bit) {
      b[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      if (kernel().headers(b.data(), ipv6, n) == before) ++free_bits;
      b[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
    // TOS 8, TTL 8, checksum 16; or traffic class 8, flow label 20, hop limit 8; and in both
    // the UDP checksum 16 and BTH byte 4.
    EXPECT_EQ(free_bits, ipv6 ? 8u + 20 + 8 + 16 + 8 : 8u + 8 + 16 + 16 + 8);
  }
}

TEST(CrcKernelTest, PrefixIsTheCrcOfEightBytesOfOnes) {
  BitwiseCrc crc(0);
  for (int i = 0; i < 8; ++i) crc.Add(0xff);
  EXPECT_EQ(kIcrcPrefix, crc.value());
}

TEST(CrcTest, ListsOfRuns) {
  const std::vector<uint8_t> bytes = RandomBytes(1000, 9);
  const ByteRun runs[] = {{bytes.data(), 1},
                          {bytes.data() + 1, 0},
                          {nullptr, 0},
                          {bytes.data() + 1, 600},
                          {bytes.data() + 601, 399}};
  BitwiseCrc want(77);
  want.Add(bytes.data(), bytes.size());
  EXPECT_EQ(Crc(77, runs), want.value());
  std::vector<uint8_t> out(1000);
  EXPECT_EQ(CrcCopy(77, out.data(), runs), want.value());
  EXPECT_EQ(out, bytes);
  EXPECT_EQ(Crc(77, bytes.data(), bytes.size()), want.value());
  EXPECT_EQ(CrcCopy(77, out.data(), bytes.data(), bytes.size()), want.value());
  EXPECT_EQ(Crc(77, std::span<const ByteRun>()), 77u);
}

TEST(IcrcTest, GoldenFramesCarryTheIcrcThatWeCompute) {
  for (const GoldenFrame& g : kGoldenFrames) {
    SCOPED_TRACE(g.name);
    std::vector<uint8_t> bytes = g.bytes();
    FrameView view;
    ASSERT_EQ(ParseFrame(bytes, static_cast<uint32_t>(bytes.size()), &view), DropCause::kNone);
    EXPECT_TRUE(IcrcGood(view));
    const uint8_t* payload = bytes.data() + view.header_bytes;
    const uint32_t crc = Crc(IcrcOfHeaders(view), payload, view.payload_length + view.pad);
    EXPECT_EQ(crc, LoadLe32(bytes.data() + view.icrc_offset()));
    EXPECT_EQ(view.icrc_offset() + kIcrcBytes, bytes.size());

    // Sealing the frame again changes nothing; a flipped payload, pad or iCRC bit is seen.
    std::vector<uint8_t> again = bytes;
    std::memset(again.data() + view.icrc_offset(), 0, kIcrcBytes);
    EXPECT_EQ(SealFrame(again.data(), static_cast<size_t>(view.l3 - view.frame), view.ipv6,
                        view.icrc_offset()),
              bytes.size());
    EXPECT_EQ(again, bytes);
    for (size_t i = view.header_bytes; i < bytes.size(); ++i) {
      bytes[i] ^= 0x10;
      EXPECT_FALSE(IcrcGood(view)) << i;
      bytes[i] ^= 0x10;
    }
  }
}

// Of a selective acknowledgement over IPv6 they are 136 bytes, more than the kernels take at once.
TEST(IcrcOfHeaders, OfAnyLengthContinueAsPlainBytes) {
  std::vector<uint8_t> bytes(256);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 37 + 5);
  for (const bool ipv6 : {false, true}) {
    const size_t shortest = (ipv6 ? 40 : 20) + 8 + 12;
    const uint32_t head = IcrcOfHeaders(bytes.data(), ipv6, shortest);
    for (size_t n = shortest; n <= bytes.size(); ++n) {
      ASSERT_EQ(IcrcOfHeaders(bytes.data(), ipv6, n),
                Crc(head, bytes.data() + shortest, n - shortest))
          << n;
    }
  }
}

}  // namespace
}  // namespace sluice::wire
