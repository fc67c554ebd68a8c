// WindowedMin: the smallest of the values seen of late, in two halves of a window: a minimum is
// remembered for between one and two halves, whatever comes after it. No memory of its own.
#ifndef SLUICE_CC_PARTS_WINDOWED_MIN_H_
#define SLUICE_CC_PARTS_WINDOWED_MIN_H_

#include <limits>

namespace sluice::cc {

class WindowedMin {
 public:
  static constexpr float kNone = std::numeric_limits<float>::infinity();

  void Add(float value) {
    if (value < current_) current_ = value;
  }
  // The owner calls this at the end of each half.
  void Roll() {
    previous_ = current_;
    current_ = kNone;
  }
  // kNone before the first value, and after two halves without one.
  float value() const { return current_ < previous_ ? current_ : previous_; }
  bool known() const { return value() != kNone; }

 private:
  float current_ = kNone;
  float previous_ = kNone;
};

}  // namespace sluice::cc

#endif  // SLUICE_CC_PARTS_WINDOWED_MIN_H_
