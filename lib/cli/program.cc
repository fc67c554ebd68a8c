#include <gflags/gflags.h>
#include <glog/logging.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <utility>

#include "cli/command.h"
#include "cli/exit.h"
#include "cli/parse.h"

namespace sluice::cli {
namespace {

absl::Status Wrong(const std::string& text) { return absl::InternalError(text); }

absl::Status CheckOption(const Option& o, const std::string& where) {
  const auto parse = [&](std::string_view text) { return ParseValue(o.kind, text, o.choices); };
  for (std::string_view text : {o.default_text, o.min, o.max}) {
    if (!text.empty() && !parse(text).ok())
      return Wrong(where + ": default or bound does not parse");
  }
  if (!o.default_text.empty()) {
    const Value value = parse(o.default_text).value();
    const bool low = !o.min.empty() && Less(value, parse(o.min).value());
    const bool high = !o.max.empty() && Less(parse(o.max).value(), value);
    if (low || high) return Wrong(where + ": default out of bounds");
  }
  if (o.name.empty() || o.help.empty()) return Wrong(where + ": no name or help");
  if ((o.kind == Kind::kChoice) == o.choices.empty()) return Wrong(where + ": choices");
  if (o.repeated && (!o.default_text.empty() || o.kind == Kind::kSwitch)) {
    return Wrong(where + ": a repeated option takes values and has no default");
  }
  return absl::OkStatus();
}

// The values that libraries read through gflags. False with the reason in *error.
bool SetLibraryFlags(const Command& command, const Arguments& arguments, std::string* error) {
  for (const Option& o : command.options) {
    if (o.gflag.empty() || !arguments.Given(o.name)) continue;
    const Value& value = arguments.All(o.name).front();
    std::string text;
    if (const auto* s = std::get_if<std::string>(&value)) text = *s;
    if (const auto* b = std::get_if<bool>(&value)) text = *b ? "true" : "false";
    if (const auto* i = std::get_if<int64_t>(&value)) text = std::to_string(*i);
    if (const auto* u = std::get_if<uint64_t>(&value)) text = std::to_string(*u);
    if (const auto* d = std::get_if<double>(&value)) text = NumberText(*d);
    if (gflags::SetCommandLineOption(std::string(o.gflag).c_str(), text.c_str()).empty()) {
      *error = "--" + std::string(o.name) + "=" + OneLine(text) +
               ": the library behind it does not take this value";
      return false;
    }
  }
  return true;
}

// Whether JSON can be written there, asked before the work and not after it.
bool CanWrite(const std::string& path, std::string* error) {
  if (path.empty() || path == "-") return true;
  errno = 0;
  if (std::ofstream(path, std::ios::binary | std::ios::app).good()) return true;
  *error = "--json=" + OneLine(path) + ": " + (errno != 0 ? std::strerror(errno) : "not writable") +
           "; name a file that can be written, or '-'";
  return false;
}

int Execute(const Program& program, const Invocation& call, std::ostream& out, std::ostream& err) {
  std::string error;
  if (!CanWrite(call.json_path, &error)) {
    err << program.name << ": " << error << "\n";
    return kExitUsage;
  }
  Report report(call.json_path, out, err);
  if (!SetLibraryFlags(*call.command, call.arguments, &error)) {
    return report.Finish(program.name, report.Fail(kExitUsage, error));
  }
  return report.Finish(program.name, call.command->run(call.arguments, report));
}

}  // namespace

absl::Status CheckTable(const Program& program) {
  std::map<std::pair<std::string_view, char>, bool> takes_value;  // by name or short name
  for (const Command& c : program.commands) {
    const std::string where = std::string(program.name) + " " + std::string(c.name);
    if (c.name.empty() || c.name == "help" || c.summary.empty() || !c.run) {
      return Wrong(where + ": a command needs a name other than help, a summary and a runner");
    }
    std::vector<const Option*> all = {&HelpOption()};
    if (c.json) all.push_back(&JsonOption());
    for (const Option& o : c.options) all.push_back(&o);
    for (size_t i = 0; i < all.size(); ++i) {
      const Option& o = *all[i];
      const std::string option = where + " --" + std::string(o.name);
      for (size_t j = 0; j < i; ++j) {
        if (o.name == all[j]->name || (o.short_name != 0 && o.short_name == all[j]->short_name)) {
          return Wrong(option + ": name twice");
        }
      }
      const bool takes = o.kind != Kind::kSwitch;
      if (takes_value.try_emplace({o.name, 0}, takes).first->second != takes ||
          (o.short_name != 0 &&
           takes_value.try_emplace({"", o.short_name}, takes).first->second != takes)) {
        return Wrong(option + ": takes a value in one command and none in another");
      }
      const absl::Status status = CheckOption(o, option);
      if (!status.ok()) return status;
    }
    for (size_t i = 0; i + 1 < c.positionals.size(); ++i) {
      if (c.positionals[i].repeated ||
          (c.positionals[i].optional && !c.positionals[i + 1].optional))
        return Wrong(where + ": only the last positionals may repeat or be missing");
    }
  }
  return absl::OkStatus();
}

int RunProgram(const Program& program, const std::vector<std::string_view>& words,
               std::ostream& out, std::ostream& err) {
  const absl::Status table = CheckTable(program);
  CHECK(table.ok()) << table.message();
  const Invocation call = Parse(program, words);
  switch (call.what) {
    case Invocation::What::kRun:
      return Execute(program, call, out, err);
    case Invocation::What::kPrint: {
      out << call.text;
      Report report("", out, err);
      return report.Finish(program.name, kExitOk);
    }
    case Invocation::What::kRefused:
      break;
  }
  Report report(call.json_path, out, err);
  report.text() << call.text;
  return report.Finish(program.name, report.Fail(kExitUsage, call.error));
}

int RunProgram(const Program& program, int argc, char** argv) {
  std::vector<std::string_view> words;
  for (int i = 1; i < argc; ++i) words.emplace_back(argv[i]);
  return RunProgram(program, words, std::cout, std::cerr);
}

}  // namespace sluice::cli
