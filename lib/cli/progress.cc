#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_format.h"

namespace sluice::cli {
namespace {

constexpr Duration kSilence = Duration::Seconds(2);
constexpr Duration kInterval = Duration::Milliseconds(500);

bool IsSet(const char* name) {
  const char* v = std::getenv(name);
  return v != nullptr && v[0] != '\0';
}

}  // namespace

Terminal Terminal::Of(int fd) {
  Terminal t;
  const char* term = std::getenv("TERM");
  t.interactive = isatty(fd) == 1 && term != nullptr && std::string_view(term) != "dumb";
  t.colour = IsSet("FORCE_COLOR") || (t.interactive && !IsSet("NO_COLOR"));
  winsize size = {};
  if (t.interactive && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    t.columns = size.ws_col;
  }
  return t;
}

MonotonicClock SteadyClock() {
  return [] {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    // Microseconds: nanoseconds times 1000 would still fit, but this leaves room for any uptime.
    const int64_t us = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    return Duration::Microseconds(us);
  };
}

std::string SpanText(Duration span) {
  const int64_t s = (std::max<int64_t>(span.ps(), 0) + 500'000'000'000) / 1'000'000'000'000;
  if (s < 60) return absl::StrFormat("%ds", s);
  if (s < 3600) return absl::StrFormat("%dm%02ds", s / 60, s % 60);
  return absl::StrFormat("%dh%02dm", s / 3600, s / 60 % 60);
}

Progress::Progress(std::string_view what, std::ostream& err, Terminal terminal,
                   MonotonicClock clock)
    : what_(what),
      err_(err),
      terminal_(terminal),
      clock_(std::move(clock)),
      began_(clock_()),
      shown_at_(began_ + kSilence - kInterval) {}

Progress::~Progress() { Clear(); }

void Progress::Update(double fraction, std::string_view detail) {
  if (!terminal_.interactive) return;
  const Duration now = clock_();
  if (now - shown_at_ < kInterval) return;
  shown_at_ = now;

  const double done = fraction > 0 ? std::min(fraction, 1.0) : 0;  // NaN counts as nothing done
  std::string line = absl::StrFormat("%s %3.0f%%", what_, done * 100);
  if (!detail.empty()) line.append("  ").append(detail);
  // Below a thousandth the mean speed says nothing yet.
  if (done >= 0.001) {
    const double left = (now - began_).seconds() * (1 - done) / done;
    const int64_t ms = static_cast<int64_t>(std::min(left, 3.0e6) * 1000);
    line.append("  left ").append(SpanText(Duration::Milliseconds(ms)));
  }
  const size_t width = static_cast<size_t>(std::max(terminal_.columns - 1, 20));
  if (line.size() > width) line.resize(width);
  const size_t used = line.size();
  if (shown_width_ > used) line.append(shown_width_ - used, ' ');
  err_ << '\r' << line << std::flush;
  shown_width_ = used;
}

void Progress::Clear() {
  if (shown_width_ == 0) return;
  err_ << '\r' << std::string(shown_width_, ' ') << '\r' << std::flush;
  shown_width_ = 0;
}

}  // namespace sluice::cli
