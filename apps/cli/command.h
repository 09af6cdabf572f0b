#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/cli/command_tree.h"
#include "margay/core/error.h"
#include "margay/core/options.h"

namespace margay::cli {

/// An invalid command line: exit code 2, and a hint at the command's help.
class UsageError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// Flag names that differ from the field's, where two nested structs have a field of one name, by "struct.field". An
/// empty name: the field has no flag.
using Renamed = std::map<std::string, std::string>;

/// Field `min_scale` becomes the flag --min-scale.
std::string flag_name(std::string field);

/// The flag of a field of a struct (its table's name), unless it has none.
std::optional<std::string> flag_name(const std::string& options, const std::string& field, const Renamed& renamed);

enum class Presence { kOptional, kRequired };

/// One command of the program: what it takes and does. What belongs to the library that reads command lines, CLI11,
/// stays behind it (command.cpp).
class Command {
 public:
  struct Parser;

  explicit Command(std::unique_ptr<Parser> parser);
  ~Command();

  /// A value without a flag; in lists all that follow. Values stay where they are until the command has run.
  void argument(const std::string& name, std::string& value, const std::string& help, Presence = Presence::kOptional);
  void argument(const std::string& name, std::filesystem::path& value, const std::string& help,
                Presence = Presence::kOptional);
  void argument(const std::string& name, std::vector<std::string>& values, const std::string& help,
                Presence = Presence::kOptional);
  void argument(const std::string& name, std::vector<std::filesystem::path>& values, const std::string& help,
                Presence = Presence::kOptional);

  /// A flag for every field of the struct, nested ones included, with its help, range and default, under the headings
  /// of help. Flags that break a rule of the table are refused.
  template <core::Options T>
  void flags(T& options, const Renamed& renamed = {}) {
    add_flags(T::fields(), &options, std::make_shared<const T>(options), renamed);
  }

  /// A flag whose value `read` takes, which throws UsageError.
  void flag(const std::string& name, const std::string& type, const std::string& help,
            std::function<void(const std::string&)> read);

  /// A flag that may be given several times, each time with one text, which may hold commas but not be empty.
  void repeated_flag(const std::string& name, const std::string& type, const std::string& help,
                     std::vector<std::string>& values);

  /// --config FILE: settings from a run's config.json; other flags win over it wherever they stand.
  template <core::Options T>
  void config_flag(T& options) {
    add_config_flag(T::fields(), &options);
  }

  /// The only flags that --help shows; --help-all shows the others, too. Flags that are declared already.
  void everyday(std::vector<std::string> flags);

  /// The values that an argument takes, for completions and manual pages; they are not checked. The values of a table's
  /// enums are known without it.
  void choices(const std::string& argument, std::vector<std::string> values);

  /// Hides the command from the help, because it is for other programs.
  void hide();

  /// Stands below the flags in the help.
  void footer(const std::string& text);

  /// "train".
  std::string name() const;

  /// False for a flag that the command does not have.
  bool is_given(const std::string& flag) const;

  /// The first of the given flags that is not among `allowed`.
  std::optional<std::string> given_besides(const std::vector<std::string>& allowed) const;

  /// Looks at what was given, before the rules of the tables are; throws UsageError.
  void check(std::function<void()> check);

  /// Runs before the command does what it does, when all flags have been checked.
  void prepares(std::function<void()> preparation);

  /// What the command does. It gets what flags and arguments say through the values that were handed over.
  void does(std::function<core::ExitCode()> action);

 private:
  void add_flags(const core::OptionTable& table, void* options, std::shared_ptr<const void> defaults,
                 const Renamed& renamed);
  void add_config_flag(const core::OptionTable& table, void* options);

  std::unique_ptr<Parser> parser_;
};

/// All commands of a program.
class CommandLine {
 public:
  CommandLine(const std::string& name, const std::string& description, const std::string& version);
  ~CommandLine();

  Command& add(const std::string& name, const std::string& description);

  /// The commands that are not hidden, with all of their flags.
  CommandTree tree() const;

  /// Reads the arguments that stand behind the program's name, and gives what the command chosen does; nothing where
  /// help or the version was asked for, and printed. Throws UsageError.
  std::function<core::ExitCode()> parse(const std::vector<std::string>& arguments);

  /// Throws std::invalid_argument for a number out of its range among what was parsed, as most commands do before they
  /// begin: to judge a command line without running it.
  void check_ranges() const;

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

// Each declares one command.
void add_train(CommandLine& line);
void add_probe(CommandLine& line);
void add_lr_find(CommandLine& line);
void add_evaluate(CommandLine& line);
void add_calibrate(CommandLine& line);
void add_compare(CommandLine& line);
void add_predict(CommandLine& line);
void add_explain(CommandLine& line);
void add_export(CommandLine& line);
void add_verify(CommandLine& line);
void add_serve(CommandLine& line);
void add_studio(CommandLine& line);
void add_summary(CommandLine& line);
void add_show_batch(CommandLine& line);
void add_check(CommandLine& line);
void add_clean(CommandLine& line);
void add_models(CommandLine& line);
void add_model(CommandLine& line);
void add_weights(CommandLine& line);
void add_runs(CommandLine& line);
void add_sample(CommandLine& line);
void add_fetch(CommandLine& line);
void add_bench_data(CommandLine& line);
void add_distributed(CommandLine& line);
void add_shell_files(CommandLine& line);

/// Parses and runs. Errors go to stderr in one line; the result is the program's exit code.
int run(int argc, const char* const* argv);

}  // namespace margay::cli
