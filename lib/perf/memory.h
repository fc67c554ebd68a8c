// AlignedMemory: zeroed bytes on a page boundary.
#ifndef SLUICE_PERF_MEMORY_H_
#define SLUICE_PERF_MEMORY_H_

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
        bytes_(
            static_cast<uint8_t*>(std::aligned_alloc(kPage, (length + kPage - 1) / kPage * kPage)),
            &std::free) {
    std::memset(bytes_.get(), 0, length_);
  }
  uint8_t* data() const { return bytes_.get(); }
  size_t length() const { return length_; }

 private:
  static constexpr size_t kPage = 4096;
  size_t length_;
  std::unique_ptr<uint8_t, void (*)(void*)> bytes_;
};

}  // namespace sluice::perf

#endif  // SLUICE_PERF_MEMORY_H_
