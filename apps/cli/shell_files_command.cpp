// A hidden command that the installation runs: what shells and man(1) want to know of the program.
#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "apps/cli/command.h"
#include "apps/cli/command_tree.h"
#include "apps/cli/completion.h"
#include "apps/cli/man_page.h"
#include "margay/core/file.h"
#include "margay/model/architecture/architectures.h"

namespace margay::cli {
namespace {

/// Networks are a table that grows, not an enum.
void offer_networks(std::vector<FlagEntry>& entries) {
  for (FlagEntry& entry : entries) {
    if (entry.names[0] != "--arch" && entry.names[0] != "network") continue;
    const auto& known = model::architectures();
    std::transform(known.begin(), known.end(), std::back_inserter(entry.choices),
                   [](const auto& each) { return each.name; });
    entry.value = ValueKind::kChoice;
  }
}

void write_shell_files(CommandTree tree, const std::filesystem::path& folder) {
  for (CommandEntry& command : tree.commands) {
    offer_networks(command.arguments);
    offer_networks(command.flags);
  }
  const auto write = [&](const std::string& name, const std::string& text) {
    core::write_file_atomically(folder / name, text);
  };
  std::filesystem::create_directories(folder);
  write("margay.bash", bash_completion(tree));
  write("_margay", zsh_completion(tree));
  write("margay.fish", fish_completion(tree));
  write("margay.1", man_page(tree, MARGAY_VERSION));
  for (const CommandEntry& command : tree.commands) {
    write(fmt::format("margay-{}.1", command.name), man_page(command, MARGAY_VERSION));
  }
}

}  // namespace

void add_shell_files(CommandLine& line) {
  Command& command = line.add("shell-files", "Write completions of shells and manual pages");
  const auto folder = std::make_shared<std::filesystem::path>();
  command.argument("folder", *folder, "where they are written to", Presence::kRequired);
  command.hide();
  command.does([&line, folder] {
    write_shell_files(line.tree(), *folder);
    return core::ExitCode::kDone;
  });
}

}  // namespace margay::cli
