#include "lab/tokens.h"

#include "absl/strings/str_format.h"
#include "base/values.h"
#include "cli/values.h"
#include "lab/status.h"

namespace sluice::lab {
namespace {

bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

void Tokens::Skip() {
  for (; at_ < text_.size() && IsBlank(text_[at_]); ++at_) {
    if (text_[at_] == '\n') ++line_;
  }
}

std::string_view Tokens::Peek() const {
  size_t end = at_;
  while (end < text_.size() && !IsBlank(text_[end])) ++end;
  return text_.substr(at_, end - at_);
}

void Tokens::SkipLine() {
  while (at_ < text_.size() && text_[at_] != '\n') ++at_;
  Skip();
}

absl::Status Tokens::Wrong(const std::string& why) const {
  return absl::InvalidArgumentError(
      absl::StrFormat("%s: line %d: %s", std::string(name_), last_line_, why));
}

absl::Status Tokens::Wrong(const absl::Status& why) const { return Wrong(MessageOf(why)); }

absl::StatusOr<std::string_view> Tokens::Word(std::string_view what) {
  last_line_ = line_;
  if (AtEnd()) return Wrong("the file ends where " + std::string(what) + " should stand");
  const size_t begin = at_;
  while (at_ < text_.size() && !IsBlank(text_[at_])) ++at_;
  const std::string_view word = text_.substr(begin, at_ - begin);
  Skip();
  return word;
}

absl::StatusOr<int64_t> Tokens::Integer(std::string_view what, int64_t min, int64_t max) {
  absl::StatusOr<std::string_view> word = Word(what);
  if (!word.ok()) return word.status();
  const absl::StatusOr<int64_t> value = ParseInteger(*word);
  if (value.ok() && *value >= min && *value <= max) return *value;
  return Wrong(absl::StrFormat("'%s' is not %s, an integer from %d to %d", cli::OneLine(*word),
                               std::string(what), min, max));
}

absl::StatusOr<double> Tokens::Number(std::string_view what, double min, double max) {
  absl::StatusOr<std::string_view> word = Word(what);
  if (!word.ok()) return word.status();
  const absl::StatusOr<double> value = ParseNumber(*word);
  if (value.ok() && *value >= min && *value <= max) return *value;
  return Wrong(absl::StrFormat("'%s' is not %s, a number from %g to %g", cli::OneLine(*word),
                               std::string(what), min, max));
}

absl::StatusOr<int64_t> ParseDecimal(std::string_view text, int decimals) {
  constexpr int64_t kMost = int64_t{1} << 62;
  int64_t value = 0;
  int left = -1;  // decimals that are still to come; before the point -1
  bool digits = false;
  const auto refuse = [&] {
    return absl::InvalidArgumentError(absl::StrFormat(
        "'%s' is no decimal number with at most %d decimals", cli::OneLine(text), decimals));
  };
  for (const char c : text) {
    if (c == '.' && left < 0) {
      left = decimals;
      continue;
    }
    if (c < '0' || c > '9') return refuse();
    digits = true;
    if (left == 0) {
      if (c != '0') return refuse();
      continue;
    }
    if (value > (kMost - 9) / 10) return refuse();
    value = value * 10 + (c - '0');
    if (left > 0) --left;
  }
  if (!digits) return refuse();
  for (int i = left < 0 ? decimals : left; i > 0; --i) {
    if (value > kMost / 10) return refuse();
    value *= 10;
  }
  return value;
}

}  // namespace sluice::lab
