#include "apps/cli/completion.h"

#include <string_view>

#include <fmt/format.h>

#include "margay/core/text.h"

namespace margay::cli {
namespace {

/// The text with `before` in front of each of the characters.
std::string escaped(std::string_view text, std::string_view characters, std::string_view before) {
  std::string result;
  for (const char c : text) {
    if (characters.find(c) != std::string_view::npos) result += before;
    result += c == '\n' ? ' ' : c;
  }
  return result;
}

std::string joined_names(const std::vector<FlagEntry>& flags) {
  std::vector<std::string> names;
  for (const FlagEntry& flag : flags) names.insert(names.end(), flag.names.begin(), flag.names.end());
  return core::joined(names, " ");
}

std::string command_names(const CommandTree& tree) {
  std::vector<std::string> names;
  for (const CommandEntry& command : tree.commands) names.push_back(command.name);
  return core::joined(names, " ");
}

/// The names of all flags of one kind as a pattern of bash's case; empty if there are none.
std::string bash_pattern(const std::vector<FlagEntry>& flags, ValueKind kind) {
  std::vector<std::string> names;
  for (const FlagEntry& flag : flags) {
    if (flag.value == kind) names.insert(names.end(), flag.names.begin(), flag.names.end());
  }
  return core::joined(names, " | ");
}

std::string bash_command(const CommandEntry& command) {
  std::string text = fmt::format("    {})\n      flags=\"{}\"\n", command.name, joined_names(command.flags));
  if (!command.arguments.empty() && command.arguments[0].value == ValueKind::kChoice) {
    text += fmt::format("      [ \"$COMP_CWORD\" -ne 2 ] || values=\"{}\"\n",
                        core::joined(command.arguments[0].choices, " "));
  }
  text += "      case \"$previous\" in\n";
  for (const FlagEntry& flag : command.flags) {
    if (flag.value != ValueKind::kChoice) continue;
    text +=
        fmt::format("        {}) values=\"{}\" ;;\n", core::joined(flag.names, " | "), core::joined(flag.choices, " "));
  }
  if (const std::string paths = bash_pattern(command.flags, ValueKind::kPath); !paths.empty()) {
    text += fmt::format("        {}) flags=\"\" ;;\n", paths);
  }
  if (const std::string free = bash_pattern(command.flags, ValueKind::kFree); !free.empty()) {
    text += fmt::format("        {}) return ;;\n", free);
  }
  return text + "        *) ;;\n      esac ;;\n";
}

constexpr const char* kBashBegin = R"(# How bash completes margay; written by the program.
_margay() {
  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" flags="" values=""
  COMPREPLY=()
  # bash takes --flag=value apart at the equals sign
  if [ "$current" = "=" ]; then current=""; elif [ "$previous" = "=" ]; then previous="${COMP_WORDS[COMP_CWORD-2]}"; fi
)";

constexpr const char* kBashEnd = R"(  if [ -n "$values" ] && [[ "$current" != -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current")
  elif [ -n "$flags" ] && [[ "$current" == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$current")
  else
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  fi
}
complete -F _margay margay
)";

/// For within single quotes of a POSIX shell.
std::string in_quotes(const std::string& text) {
  std::string result;
  for (const char c : text) result += c == '\'' ? "'\\''" : std::string(1, c);
  return result;
}

std::string zsh_text(std::string_view text) { return in_quotes(escaped(text, "[]:\\", "\\")); }

/// What zsh offers as a value.
std::string zsh_values(const FlagEntry& entry) {
  if (entry.value == ValueKind::kPath) return "_files";
  if (entry.value == ValueKind::kChoice) return fmt::format("({})", core::joined(entry.choices, " "));
  return "";
}

std::string zsh_flag(const FlagEntry& flag) {
  std::string text;
  for (const std::string& name : flag.names) {
    const bool is_switch = flag.value == ValueKind::kNothing;
    const std::string value = is_switch ? "" : fmt::format(":{}:{}", zsh_text(flag.type_name), zsh_values(flag));
    text += fmt::format("        '{}{}[{}]{}' \\\n", name, is_switch || !name.starts_with("--") ? "" : "=",
                        zsh_text(flag.help), value);
  }
  return text;
}

std::string zsh_command(const CommandEntry& command) {
  std::string text = fmt::format("    {})\n      _arguments -S \\\n", command.name);
  for (const FlagEntry& flag : command.flags) text += zsh_flag(flag);
  for (std::size_t i = 0; i < command.arguments.size(); ++i) {
    const FlagEntry& argument = command.arguments[i];
    const std::string place = argument.takes_several ? "*" : fmt::format("{}", i + 1);
    text += fmt::format("        '{}:{}:{}' \\\n", place, zsh_text(argument.names[0]), zsh_values(argument));
  }
  return text + "        ;;\n";
}

std::string fish_text(std::string_view text) { return escaped(text, "'\\", "\\"); }

/// -l for a long name, -s for a letter.
std::string fish_name(const std::string& name) {
  return name.starts_with("--") ? "-l " + name.substr(2) : "-s " + name.substr(1);
}

std::string fish_flag(const std::string& condition, const FlagEntry& flag) {
  std::string value;
  if (flag.value == ValueKind::kPath) value = " -r -F";
  if (flag.value == ValueKind::kFree) value = " -x";
  if (flag.value == ValueKind::kChoice) value = fmt::format(" -x -a '{}'", core::joined(flag.choices, " "));
  std::string text;
  for (const std::string& name : flag.names) {
    text += fmt::format("complete -c margay -n '{}' {}{} -d '{}'\n", condition, fish_name(name), value,
                        fish_text(flag.help));
  }
  return text;
}

std::string fish_command(const CommandEntry& command) {
  const std::string condition = "__fish_seen_subcommand_from " + command.name;
  std::string text = fmt::format("complete -c margay -n __fish_use_subcommand -a {} -d '{}'\n", command.name,
                                 fish_text(command.description));
  for (const FlagEntry& flag : command.flags) text += fish_flag(condition, flag);
  for (const FlagEntry& argument : command.arguments) {
    const std::string offered =
        argument.value == ValueKind::kPath ? "-F" : fmt::format("-a '{}'", core::joined(argument.choices, " "));
    text += fmt::format("complete -c margay -n '{}' {}\n", condition, offered);
  }
  return text;
}

}  // namespace

std::string bash_completion(const CommandTree& tree) {
  std::string text = kBashBegin;
  text += fmt::format(
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    mapfile -t COMPREPLY < <(compgen -W \"{} {}\" -- \"$current\")\n"
      "    return\n  fi\n  case \"${{COMP_WORDS[1]}}\" in\n",
      command_names(tree), joined_names(tree.flags));
  for (const CommandEntry& command : tree.commands) text += bash_command(command);
  return text + "    *) return ;;\n  esac\n" + kBashEnd;
}

std::string zsh_completion(const CommandTree& tree) {
  std::string text = "#compdef margay\n# How zsh completes margay; written by the program.\n_margay() {\n";
  text += "  local state\n  local -a commands=(\n";
  for (const CommandEntry& command : tree.commands) {
    text += fmt::format("    '{}:{}'\n", command.name, zsh_text(command.description));
  }
  text += "  )\n  _arguments -C \\\n";
  for (const FlagEntry& flag : tree.flags) text += zsh_flag(flag);
  text += "        '1:command:->command' '*::argument:->argument'\n";
  text += "  [ \"$state\" != command ] || { _describe command commands; return; }\n  case \"${words[1]}\" in\n";
  for (const CommandEntry& command : tree.commands) text += zsh_command(command);
  return text + "  esac\n}\n_margay \"$@\"\n";
}

std::string fish_completion(const CommandTree& tree) {
  std::string text = "# How fish completes margay; written by the program.\ncomplete -c margay -f\n";
  for (const FlagEntry& flag : tree.flags) text += fish_flag("__fish_use_subcommand", flag);
  for (const CommandEntry& command : tree.commands) text += fish_command(command);
  return text;
}

}  // namespace margay::cli
