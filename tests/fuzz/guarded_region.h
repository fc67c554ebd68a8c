// GuardedRegion: a heap block of exactly its size (AddressSanitizer guards its edges) with a
// pattern in it. Allow says which bytes may change from now on; Check finds any other that did.
#ifndef SLUICE_TESTS_FUZZ_GUARDED_REGION_H_
#define SLUICE_TESTS_FUZZ_GUARDED_REGION_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "require.h"

namespace sluice::fuzz {

class GuardedRegion {
 public:
  explicit GuardedRegion(size_t size)
      : size_(size), bytes_(std::make_unique<uint8_t[]>(size)), may_(size, 0) {
    std::memcpy(bytes_.get(), Pattern().data(), size);
    Freeze();
  }
  uint8_t* data() { return bytes_.get(); }
  size_t size() const { return size_; }
  uint64_t va() const { return reinterpret_cast<uintptr_t>(bytes_.get()); }
  bool Holds(uint64_t va, uint64_t length) const {
    return va >= this->va() && va - this->va() <= size_ && length <= size_ - (va - this->va());
  }

  void Allow(size_t offset, size_t length) {
    std::memset(may_.data() + offset, 0xff, length);
    any_ = any_ || length > 0;
  }
  // From now on nothing may change.
  void Freeze() {
    expected_.assign(bytes_.get(), bytes_.get() + size_);
    if (any_) std::fill(may_.begin(), may_.end(), uint8_t{0});
    any_ = false;
  }
  void Check(const char* what) const {
    if (!any_) {
      Require(std::memcmp(bytes_.get(), expected_.data(), size_) == 0, what);
      return;
    }
    for (size_t i = 0; i < size_; ++i) {
      if (bytes_[i] != expected_[i] && may_[i] == 0) Require(false, what);
    }
  }

 private:
  static constexpr size_t kMost = 8192;
  // Made once: the fuzzer runs thousands of programs a second.
  static const std::array<uint8_t, kMost>& Pattern() {
    static const std::array<uint8_t, kMost> pattern = [] {
      std::array<uint8_t, kMost> p;
      for (size_t i = 0; i < kMost; ++i) p[i] = static_cast<uint8_t>(i * 29 + (i >> 8));
      return p;
    }();
    return pattern;
  }

  const size_t size_;
  const std::unique_ptr<uint8_t[]> bytes_;
  std::vector<uint8_t> may_;
  std::vector<uint8_t> expected_;
  bool any_ = false;
};

}  // namespace sluice::fuzz

#endif  // SLUICE_TESTS_FUZZ_GUARDED_REGION_H_
