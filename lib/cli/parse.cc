#include "cli/parse.h"

#include <algorithm>
#include <utility>

#include "base/near.h"
#include "cli/help.h"

namespace sluice::cli {
namespace {

// An option as it stands in a word: "--name", "--name=value", "-x", "-x=value".
struct OptionWord {
  std::string_view spelled;  // with the dashes, without the value
  std::string_view name;
  std::string_view value;
  bool is_short = false;
  bool has_value = false;
};

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// "-" is a word, and so is a negative number.
bool LooksLikeOption(std::string_view word) {
  return word.size() >= 2 && word[0] == '-' && (word[1] == '-' || IsLetter(word[1]));
}

OptionWord Split(std::string_view word) {
  OptionWord o;
  const size_t equals = word.find('=');
  o.spelled = word.substr(0, equals);
  o.has_value = equals != std::string_view::npos;
  if (o.has_value) o.value = word.substr(equals + 1);
  o.is_short = o.spelled.size() < 2 || o.spelled[1] != '-';
  o.name = o.spelled.substr(o.is_short ? 1 : 2);
  return o;
}

bool Matches(const Option& option, const OptionWord& word) {
  if (word.is_short) return word.name.size() == 1 && word.name[0] == option.short_name;
  return word.name == option.name;
}

const Option* Find(const Command& command, const OptionWord& word) {
  for (const Option& o : command.options) {
    if (Matches(o, word)) return &o;
  }
  if (command.json && Matches(JsonOption(), word)) return &JsonOption();
  return Matches(HelpOption(), word) ? &HelpOption() : nullptr;
}

class Parser {
 public:
  Parser(const Program& program, const std::vector<std::string_view>& words)
      : program_(program), words_(words) {}

  Invocation Run();

 private:
  bool Refuse(std::string error) {
    if (result_.error.empty()) result_.error = std::move(error);
    return false;
  }
  std::string See() const {
    std::string s = " (see ";
    s.append(program_.name);
    if (command_ != nullptr) s.append(" ").append(command_->name);
    return s.append(" --help)");
  }
  // Whether the option takes the next word as its value, whichever command it belongs to.
  bool TakesNext(const OptionWord& word) const;
  bool FindCommand();
  bool Help();
  bool ReadWords();
  bool ReadOption(size_t* i);
  bool UnknownOption(const OptionWord& word);
  bool Store(const Option& option, std::string_view spelled, std::string_view text);
  bool ReadPositionals();
  bool Defaults();
  void FindJsonPath();
  Invocation Print(std::string text) {
    result_.what = Invocation::What::kPrint;
    result_.text = std::move(text);
    return std::move(result_);
  }

  const Program& program_;
  const std::vector<std::string_view>& words_;
  const Command* command_ = nullptr;
  size_t command_at_ = 0;
  Invocation result_;
};

bool Parser::TakesNext(const OptionWord& word) const {
  if (word.has_value) return false;
  for (const Command& c : program_.commands) {
    const Option* o = Find(c, word);
    if (o != nullptr) return o->kind != Kind::kSwitch;
  }
  return false;
}

// The command is the first word that is neither an option nor an option's value.
bool Parser::FindCommand() {
  std::vector<std::string_view> names;
  for (const Command& c : program_.commands) names.push_back(c.name);
  const std::string see = See();
  for (size_t i = 0; i < words_.size(); ++i) {
    if (LooksLikeOption(words_[i])) {
      const OptionWord option = Split(words_[i]);
      if (option.name.empty()) break;  // "--": what follows is no command
      if (TakesNext(option) && i + 1 < words_.size() && !LooksLikeOption(words_[i + 1])) ++i;
      continue;
    }
    for (const Command& c : program_.commands) {
      if (c.name == words_[i]) {
        command_ = &c;
        command_at_ = i;
        return true;
      }
    }
    names.push_back("help");
    return Refuse("unknown command '" + OneLine(words_[i]) + "'" + DidYouMean(words_[i], names) +
                  see);
  }
  for (std::string_view word : words_) {
    if (!LooksLikeOption(word)) continue;
    const OptionWord option = Split(word);
    if (option.name.empty()) break;
    if (std::none_of(program_.commands.begin(), program_.commands.end(),
                     [&](const Command& c) { return Find(c, option) != nullptr; })) {
      return UnknownOption(option);
    }
  }
  std::string list;
  for (std::string_view n : names) list.append(list.empty() ? "" : ", ").append(n);
  result_.text = Overview(program_);
  return Refuse("no command; say one of " + list + see);
}

// `help`, `help COMMAND`, `help TOPIC`. True when the first word is help and all is said.
bool Parser::Help() {
  if (words_.empty() || words_[0] != "help") return false;
  std::vector<std::string_view> names = TopicNames();
  if (words_.size() == 1) result_.text = Overview(program_);
  for (const Command& c : program_.commands) {
    names.push_back(c.name);
    if (words_.size() == 2 && c.name == words_[1]) {
      result_.text = CommandHelp(program_, c, false);
    }
  }
  if (words_.size() == 2 && result_.text.empty()) result_.text = Topic(words_[1]);
  if (words_.size() > 2) {
    Refuse("unexpected word '" + OneLine(words_[2]) + "' after 'help'" + See());
  } else if (result_.text.empty()) {
    Refuse("no help on '" + OneLine(words_[1]) + "'" + DidYouMean(words_[1], names) + See());
  } else {
    result_.what = Invocation::What::kPrint;
  }
  return true;
}

bool Parser::UnknownOption(const OptionWord& word) {
  const std::string where =
      command_ == nullptr ? std::string() : " of '" + std::string(command_->name) + "'";
  const std::string what = "unknown option '" + OneLine(word.spelled) + "'" + where;
  for (const ForeignWord& f : program_.foreign_words) {
    if (f.word == word.spelled) return Refuse(what + "; say " + std::string(f.here) + See());
  }
  for (const Command& c : program_.commands) {
    if (&c != command_ && Find(c, word) != nullptr) {
      return Refuse(what + "; it belongs to '" + std::string(c.name) + "'" + See());
    }
  }
  std::vector<std::string_view> names = {HelpOption().name};
  if (command_ == nullptr) names.push_back("version");
  for (const Command& c : program_.commands) {
    if (command_ != nullptr && &c != command_) continue;
    if (c.json) names.push_back(JsonOption().name);
    for (const Option& o : c.options) names.push_back(o.name);
  }
  const std::string_view near = NearestName(word.name, names);
  return Refuse(what + (near.empty() ? "" : "; did you mean '--" + std::string(near) + "'?") +
                See());
}

bool Parser::Store(const Option& option, std::string_view spelled, std::string_view text) {
  const std::string where = OneLine(spelled) + "=" + OneLine(text) + ": ";
  const absl::StatusOr<Value> value = ParseValue(option.kind, text, option.choices);
  if (!value.ok()) {
    const absl::string_view why = value.status().message();
    return Refuse(where + std::string(why.data(), why.size()));
  }
  const bool low = !option.min.empty() &&
                   Less(*value, ParseValue(option.kind, option.min, option.choices).value());
  const bool high = !option.max.empty() &&
                    Less(ParseValue(option.kind, option.max, option.choices).value(), *value);
  if (low || high) {
    std::string bound = low ? ": too small, at least " : ": too large, at most ";
    bound.append(low ? option.min : option.max);
    return Refuse(where.substr(0, where.size() - 2) + bound);
  }
  result_.arguments.Add(option.name, *value, true);
  return true;
}

bool Parser::ReadOption(size_t* i) {
  const OptionWord word = Split(words_[*i]);
  const Option* option = Find(*command_, word);
  if (option == nullptr) return UnknownOption(word);
  const std::string spelled = OneLine(word.spelled);
  if (result_.arguments.Given(option->name) && !option->repeated) {
    return Refuse("option '--" + std::string(option->name) + "' given twice; give it once" + See());
  }
  if (option->kind == Kind::kSwitch) {
    if (word.has_value) {
      return Refuse("option '" + spelled + "' takes no value; say " + spelled + " alone");
    }
    result_.arguments.Add(option->name, Value(true), true);
    return true;
  }
  if (word.has_value) return Store(*option, word.spelled, word.value);
  if (*i + 1 == words_.size() || LooksLikeOption(words_[*i + 1])) {
    const std::string placeholder = option->placeholder.empty()
                                        ? Placeholder(option->kind, option->choices)
                                        : std::string(option->placeholder);
    return Refuse("option '" + spelled + "' has no value; say " + spelled + "=" + placeholder +
                  See());
  }
  ++*i;
  return Store(*option, word.spelled, words_[*i]);
}

bool Parser::ReadWords() {
  bool options_end = false;
  for (size_t i = 0; i < words_.size(); ++i) {
    if (i == command_at_) continue;
    if (!options_end && words_[i] == "--") {
      options_end = true;
    } else if (!options_end && LooksLikeOption(words_[i])) {
      if (!ReadOption(&i)) return false;
    } else {
      result_.arguments.AddPositional(words_[i]);
    }
  }
  return ReadPositionals() && Defaults();
}

bool Parser::ReadPositionals() {
  const std::vector<std::string>& given = result_.arguments.positionals();
  const std::vector<Positional>& table = command_->positionals;
  for (const std::string& word : given) {
    if (word.empty())
      return Refuse("empty word among those of '" + std::string(command_->name) + "'" + See());
  }
  for (size_t i = given.size(); i < table.size(); ++i) {
    if (!table[i].optional) {
      return Refuse("no " + std::string(table[i].name) + " given to '" +
                    std::string(command_->name) + "'" + See());
    }
  }
  const bool open = !table.empty() && table.back().repeated;
  if (given.size() > table.size() && !open) {
    return Refuse("unexpected word '" + OneLine(given[table.size()]) + "' after '" +
                  std::string(command_->name) + "'" + See());
  }
  return true;
}

bool Parser::Defaults() {
  for (const Option& o : command_->options) {
    if (result_.arguments.Given(o.name)) continue;
    if (o.kind == Kind::kSwitch) {
      result_.arguments.Add(o.name, Value(false), false);
    } else if (!o.default_text.empty()) {
      // CheckTable has seen that it parses.
      result_.arguments.Add(o.name, ParseValue(o.kind, o.default_text, o.choices).value(), false);
    } else if (o.required) {
      return Refuse("option '--" + std::string(o.name) + "' is required by '" +
                    std::string(command_->name) + "'" + See());
    }
  }
  return true;
}

// Also when another word is wrong: a script that asked for JSON reads the error there.
void Parser::FindJsonPath() {
  for (size_t i = 0; i < words_.size() && words_[i] != "--"; ++i) {
    if (!LooksLikeOption(words_[i])) continue;
    const OptionWord word = Split(words_[i]);
    if (word.is_short || word.name != JsonOption().name) continue;
    if (word.has_value) {
      result_.json_path = word.value;
    } else if (i + 1 < words_.size() && !LooksLikeOption(words_[i + 1])) {
      result_.json_path = words_[i + 1];
    }
    return;
  }
}

Invocation Parser::Run() {
  if (Help()) return std::move(result_);
  for (std::string_view word : words_) {
    if (word == "--") break;
    if (word == "--version") {
      std::string text(program_.name);
      return Print(text.append(" ").append(program_.version).append("\n"));
    }
  }
  const bool found = FindCommand();
  for (std::string_view word : words_) {
    if (word == "--") break;
    if (word != "-h" && word != "--help") continue;
    if (found) return Print(CommandHelp(program_, *command_, word == "--help"));
    if (!result_.text.empty()) return Print(Overview(program_));
  }
  FindJsonPath();
  if (found && ReadWords()) {
    result_.what = Invocation::What::kRun;
    result_.command = command_;
  }
  return std::move(result_);
}

}  // namespace

const Option& HelpOption() {
  static const Option* const kHelp = new Option{
      .name = "help", .short_name = 'h', .kind = Kind::kSwitch, .help = "this; -h is shorter"};
  return *kHelp;
}

const Option& JsonOption() {
  static const Option* const kJson =
      new Option{.name = "json",
                 .help = "the result as JSON; '-' is standard output, without the text",
                 .placeholder = "PATH"};
  return *kJson;
}

Invocation Parse(const Program& program, const std::vector<std::string_view>& words) {
  return Parser(program, words).Run();
}

}  // namespace sluice::cli
