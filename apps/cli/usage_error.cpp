#include "apps/cli/usage_error.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include "margay/core/nearest.h"

namespace margay::cli {
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
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    commands.push_back(command->get_name());
  }
  return commands;
}

const CLI::App* chosen_command(const CLI::App& app, const std::vector<std::string>& arguments) {
  if (arguments.empty()) return nullptr;
  const auto commands = app.get_subcommands([&](const CLI::App* each) { return each->get_name() == arguments[0]; });
  return commands.empty() ? nullptr : commands.front();
}

std::string before_equals(const std::string& flag) { return flag.substr(0, flag.find('=')); }

/// Explains the first flag that the command does not have; "" if all are known.
std::string explain_unknown_flag(const CLI::App& command, const std::vector<std::string>& arguments) {
  const std::vector<std::string> known = flags_of(command);
  for (const std::string& argument : arguments) {
    const std::string flag = before_equals(argument);
    if (!flag.starts_with("--") || flag == "--") continue;
    if (std::find(known.begin(), known.end(), flag) != known.end()) continue;
    return fmt::format("{} has no flag {}{}; `margay {} --help` lists them", command.get_name(), flag,
                       core::did_you_mean(flag, known), command.get_name());
  }
  return "";
}

}  // namespace

std::string explain(const std::string& problem, const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* command = chosen_command(app, arguments);
  if (command == nullptr) {
    const std::vector<std::string> commands = commands_of(app);
    if (arguments.empty()) return fmt::format("say what to do: {}", fmt::join(commands, ", "));
    return fmt::format("no command '{}'{}; there are {}", arguments[0], core::did_you_mean(arguments[0], commands),
                       fmt::join(commands, ", "));
  }
  const std::string unknown = explain_unknown_flag(*command, arguments);
  return unknown.empty() ? fmt::format("{}; `margay {} --help` shows how", problem, command->get_name()) : unknown;
}

}  // namespace margay::cli
