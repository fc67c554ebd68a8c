#include "interop/agent_channel.h"

#include <sys/socket.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace sluice::interop {

bool AgentChannel::Say(std::string_view word, std::string_view rest) const {
  std::string line(word);
  absl::StrAppend(&line, " id=", id_, " ", std::string(rest), "\n");
  return send(descriptor_, line.data(), line.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(line.size());
}

std::optional<std::string> AgentChannel::Line() {
  for (;;) {
    const size_t end = buffer_.find('\n');
    if (end != buffer_.npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      if (NumberOf(line, "id") != id_) continue;
      return line;
    }
    char read[4096];
    const ssize_t n = recv(descriptor_, read, sizeof(read), MSG_DONTWAIT);
    if (n <= 0) return std::nullopt;
    buffer_.append(read, static_cast<size_t>(n));
  }
}

std::string ValueOf(std::string_view line, std::string_view key) {
  const std::string wanted = absl::StrCat(" ", std::string(key), "=");
  const size_t at = line.find(wanted);
  if (at == line.npos) return "";
  const std::string_view rest = line.substr(at + wanted.size());
  return std::string(key == "text" ? rest : rest.substr(0, rest.find(' ')));
}

uint64_t NumberOf(std::string_view line, std::string_view key) {
  return std::strtoull(ValueOf(line, key).c_str(), nullptr, 10);
}

std::vector<uint32_t> NumbersOf(std::string_view line, std::string_view key) {
  std::vector<uint32_t> numbers;
  for (absl::string_view word : absl::StrSplit(ValueOf(line, key), ',')) {
    numbers.push_back(static_cast<uint32_t>(std::strtoul(std::string(word).c_str(), nullptr, 10)));
  }
  return numbers;
}

}  // namespace sluice::interop
