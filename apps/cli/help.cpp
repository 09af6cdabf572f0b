#include "apps/cli/help.h"

#include <algorithm>
#include <iterator>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "margay/core/text.h"

namespace margay::cli {
namespace {

constexpr std::size_t kNameColumns = 30;
constexpr std::size_t kHelpColumns = 80;

}  // namespace

std::vector<std::string> wrapped(const std::string& text, std::size_t columns) {
  std::vector<std::string> lines = {""};
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    std::string& line = lines.back();
    if (line.empty()) {
      line = word;
    } else if (core::text_width(line) + 1 + core::text_width(word) <= columns) {
      line += " " + word;
    } else {
      lines.push_back(word);
    }
  }
  return lines;
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
  std::string help = CLI::Formatter::make_help(app, std::move(name), mode);
  for (std::size_t at = 0; (at = help.find("\n\n\n", at)) != std::string::npos;) help.erase(at, 1);
  while (help.ends_with("\n\n")) help.pop_back();
  return help;
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  std::string text = "  " + make_option_name(option, is_positional) + make_option_opts(option);
  const std::size_t width = core::text_width(text);
  bool is_first = width + 2 <= kNameColumns;
  for (const std::string& line : wrapped(make_option_desc(option), kHelpColumns)) {
    text += is_first ? std::string(kNameColumns - width, ' ') : "\n" + std::string(kNameColumns, ' ');
    text += line;
    is_first = false;
  }
  return text + "\n";
}

std::string HelpFormatter::make_option_name(const CLI::Option* option, bool is_positional) const {
  if (is_positional) return option->get_name(true, false);
  std::vector<std::string> names;
  for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return core::joined(names, ", ");
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  if (option->get_type_size() == 0) return "";
  std::string text;
  if (!option->get_type_name().empty()) text += " " + get_label(option->get_type_name());
  if (!option->get_default_str().empty()) text += "=" + option->get_default_str();
  if (option->get_expected_max() == CLI::detail::expected_max_vector_size) text += " ...";
  if (option->get_required()) text += " " + get_label("REQUIRED");
  return text;
}

namespace {

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  return flags;
}

std::vector<std::string> commands_of(const CLI::App& app) {
  std::vector<std::string> commands;
  for (const CLI::App* command : shown_commands(app)) commands.push_back(command->get_name());
  return commands;
}

const CLI::App* chosen_command(const CLI::App& app, const std::vector<std::string>& arguments) {
  if (arguments.empty()) return nullptr;
  const auto commands = app.get_subcommands([&](const CLI::App* each) { return each->get_name() == arguments[0]; });
  return commands.empty() ? nullptr : commands.front();
}

std::string before_equals(const std::string& flag) { return flag.substr(0, flag.find('=')); }

/// "; did you mean '--arch'?" for the beginning of one flag or two, else for a slip.
std::string guess_at(const std::string& flag, const std::vector<std::string>& known) {
  constexpr std::size_t kShortest = 4;  // "--ep"
  std::vector<std::string> longer;
  std::copy_if(known.begin(), known.end(), std::back_inserter(longer),
               [&](const std::string& each) { return flag.size() >= kShortest && each.starts_with(flag); });
  if (longer.empty() || longer.size() > 2) return core::did_you_mean(flag, known);
  std::sort(longer.begin(), longer.end());
  return fmt::format("; did you mean '{}'?", core::joined(longer, "' or '"));
}

/// Explains the first flag that the command does not have; "" if all are known.
std::string explain_unknown_flag(const CLI::App& command, const std::vector<std::string>& arguments) {
  const std::vector<std::string> known = flags_of(command);
  for (const std::string& argument : arguments) {
    const std::string flag = before_equals(argument);
    if (!flag.starts_with("--") || flag == "--") continue;
    if (std::find(known.begin(), known.end(), flag) != known.end()) continue;
    return core::followed_by(fmt::format("{} has no flag {}{}", command.get_name(), flag, guess_at(flag, known)),
                             fmt::format("`margay {} --help` lists them", command.get_name()));
  }
  return "";
}

/// "--json or --no-json" of a switch.
std::string names_of_switch(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return core::joined(names, " or ");
}

/// What the parser says of a flag's values, in words of use: it counts them.
std::string in_plain_words(const std::string& problem) {
  const std::size_t colon = problem.find(": ");
  if (colon == std::string::npos || !problem.starts_with("--")) return problem;
  const std::string flag = problem.substr(0, colon);
  const std::string counted = problem.substr(colon + 2);
  if (counted.starts_with("At Most 1 required")) return flag + " is given more than once; give it once";
  if (counted.starts_with("1 required ") && counted.ends_with(" missing")) return flag + " needs a value";
  return problem;
}

}  // namespace

std::vector<const CLI::App*> shown_commands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); });
}

std::string explain_needless_value(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* command = chosen_command(app, arguments);
  for (const std::string& argument : arguments) {
    if (argument == "--") return "";
    const std::string flag = argument.starts_with("-h") && argument.size() > 2 ? "-h" : before_equals(argument);
    if (!flag.starts_with("-") || flag.size() == argument.size()) continue;
    const CLI::Option* option = (command == nullptr ? app : *command).get_option_no_throw(flag);
    if (option == nullptr || option->get_expected_max() != 0) continue;
    const std::string value = argument.substr(std::min(argument.size(), flag.size() + (flag == "-h" ? 0 : 1)));
    if (flag != "-h" && (value == "true" || value == "false")) continue;
    return fmt::format("{} takes no value, but '{}' is given; write {}", flag, core::spelled_out(value),
                       flag == "-h" ? flag : names_of_switch(*option));
  }
  return "";
}

std::string explain(const std::string& problem, const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* command = chosen_command(app, arguments);
  if (command == nullptr) {
    const std::vector<std::string> commands = commands_of(app);
    if (arguments.empty()) return fmt::format("say what to do: {}", core::joined(commands, ", "));
    return core::followed_by(fmt::format("no command '{}'{}", arguments[0], core::did_you_mean(arguments[0], commands)),
                             fmt::format("there are {}", core::joined(commands, ", ")));
  }
  const std::string unknown = explain_unknown_flag(*command, arguments);
  return unknown.empty() ? core::followed_by(in_plain_words(problem),
                                             fmt::format("`margay {} --help` shows its usage", command->get_name()))
                         : unknown;
}

}  // namespace margay::cli
