#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace CLI {
class App;
}

namespace margay::cli {

/// The help of a command, wrapped to readable lines.
class HelpFormatter : public CLI::Formatter {
 public:
  /// One empty line between groups and none at the end; CLI11's versions differ in this.
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  /// Long names as typed, "--ema, --no-ema"; CLI11 adds "{false}".
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override;
  /// " NUMBER=3", " FILE ... REQUIRED": type, default value, whether several are taken and whether it must be there.
  std::string make_option_opts(const CLI::Option* option) const override;
};

/// Wraps a text to lines of at most `columns`, unless a single word is longer.
std::vector<std::string> wrapped(const std::string& text, std::size_t columns);

/// The commands of a parser that its help shows: a hidden one has no heading.
std::vector<const CLI::App*> shown_commands(const CLI::App& app);

/// One line saying what is wrong with the command line and what to do: for an unknown flag or command the nearest
/// there is.
std::string explain(const std::string& problem, const CLI::App& app, const std::vector<std::string>& arguments);

/// One line about the first value that is given to a flag that takes none, such as --json=5; "" where there is none.
/// A switch may be --json=true or --json=false.
std::string explain_needless_value(const CLI::App& app, const std::vector<std::string>& arguments);

}  // namespace margay::cli
