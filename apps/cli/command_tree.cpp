#include "apps/cli/command_tree.h"

#include <CLI/CLI.hpp>

#include "apps/cli/help.h"

namespace margay::cli {
namespace {

std::vector<std::string> typed_names(const CLI::Option& option) {
  if (option.get_positional()) return {option.get_name(true, false)};
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

ValueKind kind_of(const CLI::Option& option, const FlagEntry& entry) {
  if (option.get_expected_max() == 0) return ValueKind::kNothing;
  if (!entry.choices.empty()) return ValueKind::kChoice;
  const bool is_path = option.get_positional() || entry.type_name == "PATH" || entry.type_name == "FILE";
  return is_path ? ValueKind::kPath : ValueKind::kFree;
}

FlagEntry entry_of(const CLI::App& command, const CLI::Option& option, const ChoicesOf& choices_of) {
  FlagEntry entry{.names = typed_names(option),
                  .help = option.get_description(),
                  .heading = option.get_group(),
                  .type_name = option.get_expected_max() == 0 ? "" : option.get_type_name(),
                  .default_text = option.get_default_str(),
                  .choices = choices_of(command, option),
                  .takes_several = option.get_expected_max() == CLI::detail::expected_max_vector_size,
                  .is_required = option.get_required()};
  entry.value = kind_of(option, entry);
  return entry;
}

std::vector<FlagEntry> entries_of(const CLI::App& command, bool is_argument, const ChoicesOf& choices_of) {
  std::vector<FlagEntry> entries;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_group().empty()) continue;  // an old name, never shown
    if (option->get_positional() == is_argument) entries.push_back(entry_of(command, *option, choices_of));
  }
  return entries;
}

}  // namespace

CommandTree command_tree(const CLI::App& app, const ChoicesOf& choices_of) {
  CommandTree tree{.description = app.get_description(), .flags = entries_of(app, false, choices_of), .commands = {}};
  for (const CLI::App* command : shown_commands(app)) {
    tree.commands.push_back({.name = command->get_name(),
                             .description = command->get_description(),
                             .footer = command->get_footer(),
                             .arguments = entries_of(*command, true, choices_of),
                             .flags = entries_of(*command, false, choices_of)});
  }
  return tree;
}

}  // namespace margay::cli
