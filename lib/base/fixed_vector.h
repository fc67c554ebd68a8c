// FixedVector: a vector whose room is part of it; push_back beyond it is refused, not allocated.
#ifndef SLUICE_BASE_FIXED_VECTOR_H_
#define SLUICE_BASE_FIXED_VECTOR_H_

#include <array>
#include <cstddef>
#include <span>

namespace sluice {

template <typename T, size_t N>
class FixedVector {
 public:
  static constexpr size_t capacity() { return N; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool full() const { return size_ == N; }
  // False when full; the vector is unchanged then.
  bool push_back(const T& v) {
    if (size_ == N) return false;
    items_[size_++] = v;
    return true;
  }
  void clear() { size_ = 0; }
  T& operator[](size_t i) { return items_[i]; }
  const T& operator[](size_t i) const { return items_[i]; }
  T* begin() { return items_.data(); }
  T* end() { return items_.data() + size_; }
  const T* begin() const { return items_.data(); }
  const T* end() const { return items_.data() + size_; }
  std::span<const T> span() const { return {items_.data(), size_}; }

 private:
  std::array<T, N> items_{};
  size_t size_ = 0;
};

}  // namespace sluice

#endif  // SLUICE_BASE_FIXED_VECTOR_H_
