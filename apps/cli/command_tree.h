#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace margay::cli {

/// The kind of value that a flag or an argument takes.
enum class ValueKind {
  kNothing,  ///< a switch
  kPath,
  kChoice,  ///< one of a list
  kFree     ///< a number or a text that cannot be completed
};

/// A flag, or an argument, which has no dashes.
struct FlagEntry {
  std::vector<std::string> names;  ///< as they are typed: "--ema", "--no-ema"; one for an argument
  std::string help;
  std::string heading;       ///< its heading in the help
  std::string type_name;     ///< of its value; empty for a switch
  std::string default_text;  ///< empty: none
  ValueKind value = ValueKind::kNothing;
  std::vector<std::string> choices;
  bool takes_several = false;
  bool is_required = false;
  bool is_everyday = false;  ///< among the flags that --help shows; of all, where a command names none
};

struct CommandEntry {
  std::string name;
  std::string description;
  std::string footer;
  std::vector<FlagEntry> arguments;
  std::vector<FlagEntry> flags;
};

/// All commands and flags, for shell completions and manual pages.
struct CommandTree {
  std::string description;
  std::vector<FlagEntry> flags;  ///< before any command
  std::vector<CommandEntry> commands;
};

/// The values that an option of a command takes, if there is a list of them.
using ChoicesOf = std::function<std::vector<std::string>(const CLI::App& command, const CLI::Option& option)>;

/// The commands and flags of a parser. Commands without a heading are hidden and left out.
CommandTree command_tree(const CLI::App& app, const ChoicesOf& choices_of);

}  // namespace margay::cli
