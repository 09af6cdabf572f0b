#include "apps/cli/command.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "apps/cli/flag_value.h"
#include "apps/cli/help.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/program_words.h"
#include "margay/core/error.h"

namespace margay::cli {

std::string flag_name(std::string field) {
  std::replace(field.begin(), field.end(), '_', '-');
  return "--" + field;
}

std::optional<std::string> flag_name(const std::string& options, const std::string& field, const Renamed& renamed) {
  const auto found = renamed.find(options + "." + field);
  if (found == renamed.end()) return flag_name(field);
  if (found->second.empty()) return std::nullopt;
  return flag_name(found->second);
}

namespace {

using FlagKind = core::FieldType::Kind;

/// The heading under which the flags of an option struct stand; outer: that of the struct around it.
std::string flag_heading(const std::string& options, const std::string& outer) {
  static const std::map<std::string, std::string> headings = {
      {"auto_batch", "For --auto-batch-size"},
      {"data", "Labels and split"},
      {"transforms", "Sizes, crops and augmentation"},
      {"batch", "Sizes, crops and augmentation"},
      {"loader", "Batches"},
      {"mix", "Batches"},
      {"vision_learner", "Network"},
      {"probed_network", "Network"},
      {"probe", "The probe"},
      {"optimizer", "Optimizer"},
      {"loss", "Loss"},
      {"learner", "Device, precision and memory"},
      {"threads", "Device, precision and memory"},
      {"launch", "Several processes"},
      {"server", "Where it listens and what it takes"},
      {"fine_tune", "Fine-tuning, the default recipe"},
      {"distillation", "A teacher"},
      {"listeners", "Clipping, averages, the best epoch, stopping early"},
      {"log", "Logs and checkpoints"},
      {"checkpoints", "Logs and checkpoints"},
  };
  const auto found = headings.find(options);
  return found == headings.end() ? outer : found->second;
}

}  // namespace

struct Command::Parser {
  /// What one call of flags() declared, for the rules between them.
  struct FlagSet {
    const core::OptionTable* table;
    void* options;
    std::shared_ptr<const void> defaults;
    std::map<std::string, std::string> flags;      ///< by "struct.field"
    std::map<std::string, std::string> old_flags;  ///< by the flag that took the old one's place
  };

  CLI::App* app;
  std::vector<FlagSet> sets;
  std::vector<std::string> everyday;
  std::map<std::string, std::vector<std::string>> choices;  ///< by flag or argument
  std::vector<std::function<void()>> checks;
  std::vector<std::function<void()>> preparations;
  std::function<core::ExitCode()> action;

  /// Everything that a table declares, under `heading` where its structs have none of their own.
  void declare(const core::OptionTable& table, void* options, const Renamed& renamed, const std::string& heading,
               FlagSet& set) {
    const std::string own = flag_heading(table.name(), heading);
    for (const core::Field& field : table) {
      if (field.type->kind == FlagKind::kOptions) {
        declare(field.type->table(), field.of(options), renamed, own, set);
      } else if (const auto name = flag_name(table.name(), field.name, renamed)) {
        set.flags.emplace(fmt::format("{}.{}", table.name(), field.name), *name);
        declare(field, field.of(options), *name)->group(own);
        if (field.old_name == nullptr) continue;
        const std::string old_name = flag_name(field.old_name);
        set.old_flags.emplace(*name, old_name);
        declare(field, field.of(options), old_name)->group("")->excludes(app->get_option(*name));
      }
    }
  }

  CLI::Option* declare(const core::Field& field, void* value, const std::string& name) {
    const std::string help = help_with_range(field.help, field.range);
    if (field.type->kind == FlagKind::kSwitch) {
      bool& is_on = *static_cast<bool*>(value);
      return app->add_flag(name + ",!--no-" + name.substr(2), is_on, is_on ? help + " (on by default)" : help);
    }
    const core::FieldType& type = *field.type;
    const core::FieldType& single = type.kind == FlagKind::kList ? *type.element : type.plain();
    if (single.kind == FlagKind::kName) choices[name] = single.names();
    const auto assign = [name, value, &type](const std::string& text) { assign_flag(name, text, type, value); };
    return app->add_option_function<std::string>(name, assign, help)
        ->type_name(flag_type(type.plain()))
        ->default_str(flag_text(core::value_to_json(type, value)));
  }

  /// Whether a flag was given, by its present or its old name.
  bool is_on_command_line(const std::string& flag, const FlagSet& set) const {
    const auto old = set.old_flags.find(flag);
    return app->count(flag) > 0 || (old != set.old_flags.end() && app->count(old->second) > 0);
  }

  /// The flag that a rule's message means by a name; some have names of their own (`safety`: --memory-share).
  static std::optional<std::string> flag_of(const std::string& name, const FlagSet& set) {
    for (const auto& [key, flag] : set.flags) {
      const std::string field = key.substr(key.find('.') + 1);
      if (name == key || name == field) return flag;
      if (name == "no_" + field) return "--no-" + flag.substr(2);
    }
    return std::nullopt;
  }

  /// Throws UsageError for flags that break a rule.
  void check_what_was_given() const {
    check_arguments();
    for (const auto& check : checks) check();
    for (const FlagSet& set : sets) {
      const auto is_given = [&](const std::string& field) {
        const auto flag = set.flags.find(field);
        return flag != set.flags.end() && is_on_command_line(flag->second, set);
      };
      try {
        core::check_rules(*set.table, set.options, set.defaults.get(), is_given);
      } catch (const std::invalid_argument& error) {
        const std::string message = error.what();  // "[train] …", but the command is known here
        const auto flag_for = [&](const std::string& name, const std::string&) { return flag_of(name, set); };
        throw UsageError(replace_quoted(message.substr(message.find("] ") + 2), flag_for));
      }
    }
  }

  /// Standard input is read by no command, and an empty name, as of a script's variable that was not set, means
  /// nothing.
  void check_arguments() const {
    for (const CLI::Option* option : app->get_options([](const CLI::Option* each) { return each->get_positional(); })) {
      const std::string name = option->get_name(true, false);
      for (const std::string& given : option->results()) {
        if (given.empty())
          throw UsageError(fmt::format("{}: '' names nothing; expected {}", name, option->get_description()));
        if (given != "-") continue;
        throw UsageError(
            fmt::format("{}: '-' does not stand for standard input here; expected {} (a file that is called "
                        "so is ./-)",
                        name, option->get_description()));
      }
    }
  }

  /// Leaves the everyday flags in the help, if some are.
  void hide_the_rest() const {
    if (everyday.empty()) return;
    std::size_t hidden = 0;
    for (CLI::Option* option : app->get_options()) {
      const std::vector<std::string>& names = option->get_lnames();
      const auto is_everyday = [&](const std::string& name) {
        return std::find(everyday.begin(), everyday.end(), "--" + name) != everyday.end();
      };
      if (option->get_positional() || names.front().starts_with("help")) continue;
      if (option->get_group().empty()) continue;  // an old name, never shown
      if (std::any_of(names.begin(), names.end(), is_everyday)) continue;
      option->group("");
      ++hidden;
    }
    const std::string more = fmt::format("{} more flags: margay {} --help-all", hidden, app->get_name());
    app->footer(app->get_footer().empty() ? more : app->get_footer() + "\n\n" + more);
  }
};

namespace {

template <class T>
void add_argument(CLI::App& app, const std::string& name, T& value, const std::string& help, Presence presence) {
  CLI::Option* option = app.add_option(name, value, help);
  if (presence == Presence::kRequired) option->required();
  if constexpr (std::is_same_v<T, std::string>) {
    if (presence == Presence::kOptional) option->default_str(value);
  }
}

}  // namespace

Command::Command(std::unique_ptr<Parser> parser) : parser_(std::move(parser)) {}
Command::~Command() = default;

void Command::argument(const std::string& name, std::string& value, const std::string& help, Presence presence) {
  add_argument(*parser_->app, name, value, help, presence);
}

void Command::argument(const std::string& name, std::filesystem::path& value, const std::string& help,
                       Presence presence) {
  add_argument(*parser_->app, name, value, help, presence);
}

void Command::argument(const std::string& name, std::vector<std::string>& values, const std::string& help,
                       Presence presence) {
  add_argument(*parser_->app, name, values, help, presence);
}

void Command::argument(const std::string& name, std::vector<std::filesystem::path>& values, const std::string& help,
                       Presence presence) {
  add_argument(*parser_->app, name, values, help, presence);
}

void Command::flag(const std::string& name, const std::string& type, const std::string& help,
                   std::function<void(const std::string&)> read) {
  const auto take = [read = std::move(read)](const std::string& value) {
    try {
      read(value);
    } catch (const UsageError& error) {
      throw CLI::ValidationError(error.what());
    }
  };
  parser_->app->add_option_function<std::string>(name, take, help)->type_name(type);
}

void Command::repeated_flag(const std::string& name, const std::string& type, const std::string& help,
                            std::vector<std::string>& values) {
  const auto add = [name, &values](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      if (text.find_first_not_of(" \t\n") == std::string::npos) throw CLI::ValidationError(name + ": it is empty");
      values.push_back(text);
    }
  };
  parser_->app->add_option_function<std::vector<std::string>>(name, add, help)
      ->type_name(type)
      ->allow_extra_args(false);
}

void Command::add_flags(const core::OptionTable& table, void* options, std::shared_ptr<const void> defaults,
                        const Renamed& renamed) {
  Parser::FlagSet set{.table = &table, .options = options, .defaults = std::move(defaults)};
  parser_->declare(table, options, renamed, "Options", set);
  parser_->sets.push_back(std::move(set));
}

/// The file is read while the command line is, before the flags are assigned.
void Command::add_config_flag(const core::OptionTable& table, void* options) {
  const auto read = [&table, options](const std::string& path) { read_config(path, table, options); };
  parser_->app->add_option_function<std::string>("--config", read, "settings of an earlier run: its config.json")
      ->type_name("FILE")
      ->trigger_on_parse();
}

void Command::everyday(std::vector<std::string> flags) {
  for (const std::string& flag : flags) {
    MARGAY_CHECK(parser_->app->get_option_no_throw(flag) != nullptr, "there is no flag " + flag);
  }
  parser_->everyday = std::move(flags);
}

void Command::choices(const std::string& argument, std::vector<std::string> values) {
  parser_->choices[argument] = std::move(values);
}

void Command::hide() { parser_->app->group(""); }

void Command::footer(const std::string& text) { parser_->app->footer(text); }

std::string Command::name() const { return parser_->app->get_name(); }

bool Command::is_given(const std::string& flag) const {
  const CLI::Option* option = parser_->app->get_option_no_throw(flag);
  return option != nullptr && option->count() > 0;
}

std::optional<std::string> Command::given_besides(const std::vector<std::string>& allowed) const {
  for (const CLI::Option* option : parser_->app->get_options()) {
    const std::string name = option->get_name();
    if (option->count() > 0 && std::find(allowed.begin(), allowed.end(), name) == allowed.end()) return name;
  }
  return std::nullopt;
}

void Command::check(std::function<void()> check) { parser_->checks.push_back(std::move(check)); }

void Command::prepares(std::function<void()> preparation) { parser_->preparations.push_back(std::move(preparation)); }

void Command::does(std::function<core::ExitCode()> action) { parser_->action = std::move(action); }

struct CommandLine::Parser {
  CLI::App app;
  std::map<const CLI::App*, Command::Parser*> parsers;
  std::vector<std::unique_ptr<Command>> commands;

  Parser(const std::string& description, const std::string& name) : app(description, name) {}

  /// Null where a command's help was not asked for.
  Command::Parser* chosen() const {
    const std::vector<CLI::App*> given = app.get_subcommands();
    return given.empty() ? nullptr : parsers.at(given.front());
  }
};

CommandLine::CommandLine(const std::string& name, const std::string& description, const std::string& version)
    : parser_(std::make_unique<Parser>(description, name)) {
  parser_->app.formatter(std::make_shared<HelpFormatter>());
  parser_->app.set_help_all_flag("--help-all", "Print all flags and exit");
  parser_->app.set_version_flag("--version", name + " " + version);
  parser_->app.require_subcommand(1);
}

CommandLine::~CommandLine() = default;

Command& CommandLine::add(const std::string& name, const std::string& description) {
  auto parser = std::make_unique<Command::Parser>();
  parser->app = parser_->app.add_subcommand(name, description);
  parser_->parsers.emplace(parser->app, parser.get());
  parser_->commands.push_back(std::make_unique<Command>(std::move(parser)));
  return *parser_->commands.back();
}

CommandTree CommandLine::tree() const {
  CommandTree tree = command_tree(parser_->app, [this](const CLI::App& command, const CLI::Option& option) {
    const auto parser = parser_->parsers.find(&command);
    if (parser == parser_->parsers.end()) return std::vector<std::string>();
    const auto& choices = parser->second->choices;
    const auto found = choices.find(option.get_name());
    return found == choices.end() ? std::vector<std::string>() : found->second;
  });
  for (CommandEntry& command : tree.commands) {
    const auto parser = parser_->parsers.find(parser_->app.get_subcommand(command.name));
    const std::vector<std::string>& everyday = parser->second->everyday;
    for (FlagEntry& flag : command.flags) {
      flag.is_everyday = everyday.empty() || std::any_of(flag.names.begin(), flag.names.end(), [&](const auto& name) {
                           return std::find(everyday.begin(), everyday.end(), name) != everyday.end();
                         });
    }
  }
  return tree;
}

std::function<core::ExitCode()> CommandLine::parse(const std::vector<std::string>& arguments) {
  CLI::App& app = parser_->app;
  if (const std::string problem = explain_needless_value(app, arguments); !problem.empty()) throw UsageError(problem);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::Success& help) {
    const bool is_short = dynamic_cast<const CLI::CallForHelp*>(&help) != nullptr;
    if (is_short && parser_->chosen() != nullptr) parser_->chosen()->hide_the_rest();
    std::ostringstream text;
    app.exit(help, text, text);
    print_text(text.str());
    return {};
  } catch (const CLI::ParseError& error) {
    throw UsageError(explain(error.what(), app, arguments));
  }
  try {
    parser_->chosen()->check_what_was_given();
  } catch (const UsageError& error) {
    throw UsageError(explain(error.what(), app, arguments));
  }
  return [chosen = parser_->chosen()] {
    for (const auto& prepare : chosen->preparations) prepare();
    return chosen->action();
  };
}

void CommandLine::check_ranges() const {
  for (const Command::Parser::FlagSet& set : parser_->chosen()->sets) core::validate(*set.table, set.options);
}

namespace {

constexpr const char* kDescription =
    "Margay trains, checks, explains and uses image classifiers.\n\n"
    "  margay sample images && margay train images      a first model, without any download\n"
    "  margay train pets/images --label-regex '(.+)_\\d+\\.jpg$' --arch resnet18 --weights resnet18.safetensors\n"
    "  margay predict runs/…/model.margay cat.jpg\n\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 bad data (the path is named), 130 interrupted, "
    "141 the reader of the output has ended (| head).";

int as_status(core::ExitCode code) { return static_cast<int>(code); }

int report(const std::exception& error) {
  constexpr const char* kRemedy =
      "fewer images at once (--batch-size), smaller ones (--size) or another network need less";
  if (core::says_out_of_memory(error)) return report(core::out_of_memory(error, kRemedy));
  complain(program_words(error.what()));
  return as_status(code_after_output(core::exit_code(error)));
}

using Action = std::function<core::ExitCode()>;

int run_action(const Action& action) {
  forget_stop();
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit is then an error like a full disk, not the end
  try {
    return as_status(code_after_output(action()));
  } catch (const std::exception& error) {
    return report(error);
  }
}

}  // namespace

int run(int argc, const char* const* argv) {
  std::signal(SIGPIPE, SIG_IGN);  // whether a command can go on without its reader is for the command to say
  standard_output().reset();
  standard_error().reset();
  set_speaker("");
  CommandLine line("margay", kDescription, MARGAY_VERSION);
  for (const auto add :
       {add_train,   add_probe,   add_lr_find,     add_evaluate,   add_compare, add_calibrate,  add_predict,
        add_explain, add_export,  add_verify,      add_serve,      add_studio,  add_runs,       add_models,
        add_model,   add_weights, add_check,       add_clean,      add_summary, add_show_batch, add_bench_data,
        add_sample,  add_fetch,   add_distributed, add_shell_files}) {
    add(line);
  }
  try {
    const Action action = line.parse({argv + std::min(argc, 1), argv + argc});
    return action ? run_action(action) : as_status(code_after_output(core::ExitCode::kDone));
  } catch (const std::exception& error) {
    return report(error);
  }
}

}  // namespace margay::cli
