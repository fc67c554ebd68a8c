// Progress with time left, on standard error.
#ifndef SLUICE_CLI_PROGRESS_H_
#define SLUICE_CLI_PROGRESS_H_

#include <functional>
#include <ostream>
#include <string>
#include <string_view>

#include "base/time.h"

namespace sluice::cli {

// What a stream can show, decided for each stream by itself.
struct Terminal {
  bool interactive = false;  // a terminal that can rewrite a line: not a pipe, TERM is not dumb
  bool colour = false;       // interactive and NO_COLOR unset or empty, or FORCE_COLOR non-empty
  int columns = 80;

  // Of a file descriptor; reads TERM, NO_COLOR and FORCE_COLOR.
  static Terminal Of(int fd);
};

// Time since any fixed moment; must not run backwards.
using MonotonicClock = std::function<Duration()>;
MonotonicClock SteadyClock();

// One line that is rewritten in place: "replay 31%  12/40 runs  left 1m12s". It appears once the
// work has taken 2 s, changes at most twice a second, and is erased at the end. On anything but an
// interactive terminal it writes nothing. It uses no escape sequences. One thread.
class Progress {
 public:
  // `err` outlives it. `what` names the work.
  Progress(std::string_view what, std::ostream& err, Terminal terminal, MonotonicClock clock);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `fraction` of the work's cost is done, 0 to 1 (others are clamped); `detail` is free text. The
  // time left assumes that the rest goes at the mean speed so far, so a caller with unequal parts
  // weighs them. Cheap when nothing is due: one reading of the clock.
  void Update(double fraction, std::string_view detail);

  // Erases the line; Update may show it again.
  void Clear();

 private:
  std::string what_;
  std::ostream& err_;
  Terminal terminal_;
  MonotonicClock clock_;
  Duration began_;
  Duration shown_at_;
  size_t shown_width_ = 0;
};

// A span for people: "8s", "1m12s", "2h05m". Rounded to seconds; negative counts as zero.
std::string SpanText(Duration span);

}  // namespace sluice::cli

#endif  // SLUICE_CLI_PROGRESS_H_
