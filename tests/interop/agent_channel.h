// AgentChannel: lines to and from the agent in the guest (guest/agent.h).
#ifndef SLUICE_TESTS_INTEROP_AGENT_CHANNEL_H_
#define SLUICE_TESTS_INTEROP_AGENT_CHANNEL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::interop {

class AgentChannel {
 public:
  // `descriptor` is borrowed. Lines of another case than `id` are skipped.
  AgentChannel(int descriptor, uint64_t id) : descriptor_(descriptor), id_(id) {}

  // "WORD id=N REST"; false when the guest is gone.
  bool Say(std::string_view word, std::string_view rest) const;
  // A whole line, if one is there; never waits.
  std::optional<std::string> Line();
  int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
  const uint64_t id_;
  std::string buffer_;
};

// The value of ` key=` in a line: up to the next blank, or (key "text") to the end of the line.
std::string ValueOf(std::string_view line, std::string_view key);
uint64_t NumberOf(std::string_view line, std::string_view key);
std::vector<uint32_t> NumbersOf(std::string_view line, std::string_view key);

}  // namespace sluice::interop

#endif  // SLUICE_TESTS_INTEROP_AGENT_CHANNEL_H_
