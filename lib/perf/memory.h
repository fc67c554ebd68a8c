// AlignedMemory: zeroed bytes on a page boundary, many of them on huge pages if the system has
// some.
#ifndef SLUICE_PERF_MEMORY_H_
#define SLUICE_PERF_MEMORY_H_

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace sluice::perf {

class AlignedMemory {
 public:
  explicit AlignedMemory(size_t length)
      : length_(length),
        bytes_(static_cast<uint8_t*>(std::aligned_alloc(Page(length), Rounded(length))),
               &std::free) {
    // A refusal costs speed and nothing else.
    if (length >= kHuge) static_cast<void>(madvise(bytes_.get(), Rounded(length), MADV_HUGEPAGE));
    std::memset(bytes_.get(), 0, length_);
  }
  uint8_t* data() const { return bytes_.get(); }
  size_t length() const { return length_; }

 private:
  static constexpr size_t kPage = 4096;
  static constexpr size_t kHuge = size_t{2} << 20;
  static constexpr size_t Page(size_t length) { return length >= kHuge ? kHuge : kPage; }
  static constexpr size_t Rounded(size_t length) {
    return (length + Page(length) - 1) / Page(length) * Page(length);
  }
  size_t length_;
  std::unique_ptr<uint8_t, void (*)(void*)> bytes_;
};

}  // namespace sluice::perf

#endif  // SLUICE_PERF_MEMORY_H_
