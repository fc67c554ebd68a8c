// Tokens: the words of a text file, each with its line, for formats in which line breaks carry no
// meaning. Every error names the file, the line, what was expected and what stands there.
#ifndef SLUICE_LAB_TOKENS_H_
#define SLUICE_LAB_TOKENS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice::lab {

class Tokens {
 public:
  // Both outlive the object. `name` is the file's, for errors.
  Tokens(std::string_view name, std::string_view text) : name_(name), text_(text) { Skip(); }

  bool AtEnd() const { return at_ == text_.size(); }
  // Of the word that comes next, from 1.
  int line() const { return line_; }
  // Of the word that was read last.
  int last_line() const { return last_line_; }

  // The next word, empty at the end; and on to the next line.
  std::string_view Peek() const;
  void SkipLine();

  // `what` says what is expected, in errors: "a rate".
  absl::StatusOr<std::string_view> Word(std::string_view what);
  absl::StatusOr<int64_t> Integer(std::string_view what, int64_t min, int64_t max);
  // A decimal number such as 0.0625 or 1e9.
  absl::StatusOr<double> Number(std::string_view what, double min, double max);

  // "name: line 7: why", of the word that was read last.
  absl::Status Wrong(const std::string& why) const;
  absl::Status Wrong(const absl::Status& why) const;

 private:
  void Skip();

  std::string_view name_;
  std::string_view text_;
  size_t at_ = 0;
  int line_ = 1;
  int last_line_ = 1;
};

// The text of a decimal number in whole units of 10^-decimals: "2.000000577" with 9 is
// 2000000577. Fails on anything else, on more decimals (unless they are zeros) and beyond 2^62.
absl::StatusOr<int64_t> ParseDecimal(std::string_view text, int decimals);

}  // namespace sluice::lab

#endif  // SLUICE_LAB_TOKENS_H_
