#include "cli/help.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/parse.h"

namespace sluice::cli {
namespace {

using Row = std::pair<std::string, std::string>;

constexpr std::string_view kUnits =
    "Values, in options, algorithm parameters and files:\n"
    "  size         64  4KB = 4000  4KiB = 4096    B KB MB GB KiB MiB GiB; bare = bytes\n"
    "  time         20us  1.5ms  3                 ps ns us ms s; bare = seconds\n"
    "  rate         100Gbps  2.5Gbps               bps Kbps Mbps Gbps Tbps; bare = bit/s\n"
    "  probability  0.01  1%  1e-5\n"
    "  on|off       on off true false yes no 1 0\n"
    "Nothing is rounded or guessed: an unknown unit, a sign or a value that does not fit is an\n"
    "error. In JSON the unit is the end of a field's name: _ns, _bytes, _gbps, _bps.\n";

constexpr std::string_view kExitCodes =
    "Exit status, the same with --json (which then holds the error):\n"
    "    0  done, and the result is valid\n"
    "    1  ran and failed: verification, a peer that was lost\n"
    "    2  wrong usage or input\n"
    "    3  a gate was not met (--expect, --fail-on)\n"
    "    4  a gate cannot be decided: too few seeds\n"
    "    5  this machine lacks what it needs; the message says what and how to mend it\n"
    "  130  interrupted\n";

// Two columns; a left side that is too long gets a line of its own.
std::string Columns(const std::vector<Row>& rows, size_t widest) {
  size_t width = 0;
  for (const Row& r : rows) {
    if (r.first.size() <= widest) width = std::max(width, r.first.size());
  }
  std::string text;
  for (const Row& r : rows) {
    if (r.second.empty()) {
      text += absl::StrFormat("  %s\n", r.first);
    } else if (r.first.size() > width) {
      text += absl::StrFormat("  %s\n  %*s  %s\n", r.first, static_cast<int>(width), "", r.second);
    } else {
      text += absl::StrFormat("  %-*s  %s\n", static_cast<int>(width), r.first, r.second);
    }
  }
  return text;
}

Row OptionRow(const Option& o) {
  std::string left = o.short_name != 0 ? absl::StrFormat("-%c, ", o.short_name) : std::string();
  left.append("--").append(o.name);
  const std::string value =
      o.placeholder.empty() ? Placeholder(o.kind, o.choices) : std::string(o.placeholder);
  if (!value.empty()) left.append(" ").append(value);
  std::string right(o.help);
  if (!o.min.empty() && !o.max.empty()) right += absl::StrFormat(", %s to %s", o.min, o.max);
  if (!o.min.empty() && o.max.empty()) right += absl::StrFormat(", from %s on", o.min);
  if (o.min.empty() && !o.max.empty()) right += absl::StrFormat(", up to %s", o.max);
  if (o.repeated) right += "; may be repeated";
  if (o.required) right += "; required";
  if (!o.default_text.empty()) right += absl::StrFormat(" [%s]", o.default_text);
  return {left, right};
}

std::string Examples(const std::vector<Example>& examples) {
  if (examples.empty()) return "";
  std::vector<Row> rows;
  rows.reserve(examples.size());
  for (const Example& e : examples) rows.emplace_back(e.line, e.what);
  return std::string("\nExamples:\n").append(Columns(rows, 50));
}

std::string Usage(const Program& program, const Command& command) {
  std::string text = absl::StrFormat("Usage: %s %s [options]", program.name, command.name);
  for (const Option& o : command.options) {
    if (o.required) {
      text += absl::StrFormat(
          " --%s %s", o.name,
          o.placeholder.empty() ? Placeholder(o.kind, o.choices) : std::string(o.placeholder));
    }
  }
  for (const Positional& p : command.positionals) {
    text += absl::StrFormat(" %s%s%s%s", p.optional ? "[" : "", p.name, p.repeated ? "..." : "",
                            p.optional ? "]" : "");
  }
  return text + "\n";
}

}  // namespace

std::string Overview(const Program& program) {
  std::string text = absl::StrFormat("%s: %s\n\n", program.name, program.summary);
  text += absl::StrFormat("Usage: %s COMMAND [options]\n", program.name);
  std::vector<Row> commands;
  std::vector<Example> examples;
  for (const Command& c : program.commands) {
    commands.emplace_back(c.name, c.summary);
    if (!c.examples.empty() && examples.size() < 3) examples.push_back(c.examples.front());
  }
  text += Examples(examples);
  text.append("\nCommands:\n").append(Columns(commands, 30));
  std::string topics;
  for (std::string_view t : TopicNames()) topics.append(" ").append(t);
  text += absl::StrFormat("\n%s help COMMAND says more; other topics:%s\n", program.name, topics);
  return text;
}

std::string CommandHelp(const Program& program, const Command& command, bool all) {
  std::string text = absl::StrFormat("%s %s: %s\n\n", program.name, command.name, command.summary);
  text += Usage(program, command);
  text += Examples(command.examples);
  std::vector<Row> words;
  for (const Positional& p : command.positionals) words.emplace_back(p.name, p.help);
  if (!words.empty()) text.append("\n").append(Columns(words, 30));

  std::vector<std::string_view> groups = {""};
  size_t hidden = 0;
  for (const Option& o : command.options) {
    if (o.group.empty()) continue;
    if (!all) ++hidden;
    if (all && std::find(groups.begin(), groups.end(), o.group) == groups.end()) {
      groups.push_back(o.group);
    }
  }
  for (std::string_view group : groups) {
    std::vector<Row> rows;
    for (const Option& o : command.options) {
      if (o.group == group) rows.push_back(OptionRow(o));
    }
    if (group.empty()) {
      if (command.json) rows.push_back(OptionRow(JsonOption()));
      rows.push_back(OptionRow(HelpOption()));
    }
    text += absl::StrFormat("\n%s:\n", group.empty() ? "Options" : group) + Columns(rows, 30);
  }
  if (hidden > 0) {
    text +=
        absl::StrFormat("\n%d more options: %s %s --help\n", hidden, program.name, command.name);
  }
  return text;
}

std::string Topic(std::string_view name) {
  if (name == "units") return std::string(kUnits);
  if (name == "exit-codes") return std::string(kExitCodes);
  return "";
}

std::vector<std::string_view> TopicNames() { return {"units", "exit-codes"}; }

}  // namespace sluice::cli
