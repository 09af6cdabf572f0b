#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "apps/cli/command.h"
#include "apps/cli/output.h"
#include "apps/cli/runs_text.h"
#include "apps/cli/terminal.h"
#include "margay/core/counted.h"
#include "margay/run/compared_runs.h"
#include "margay/run/run_folder.h"
#include "margay/run/run_listing.h"
#include "margay/run/training_charts.h"

namespace margay::cli {

/// What `margay runs` does.
enum class RunsAction { kList, kShow, kCompare, kDiff };

constexpr auto names(RunsAction /*tag*/) {
  return std::array{std::pair{RunsAction::kList, "list"}, std::pair{RunsAction::kShow, "show"},
                    std::pair{RunsAction::kCompare, "compare"}, std::pair{RunsAction::kDiff, "diff"}};
}

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using run::RunRecord;

struct RunsOptions {
  std::string action = "list";
  std::vector<std::string> which;
  fs::path runs = "runs";
  std::int64_t limit = 20;
  std::optional<std::string> metric;
  fs::path out;
  bool json = false;

  static const core::OptionTable& fields() {
    static const core::OptionTable table(
        "runs", {core::field<&RunsOptions::runs>("runs", "folder where runs are kept"),
                 core::field<&RunsOptions::limit>("limit", "list: the number of newest runs", {1, 1e9}),
                 core::field<&RunsOptions::metric>(
                     "metric", "compare: by this metric or loss instead of the first metric of the first run"),
                 core::field<&RunsOptions::out>(
                     "out", "show, compare: the curves as an image, .png or .svg, instead of in the terminal"),
                 core::field<&RunsOptions::json>("json", "one JSON document")});
    return table;
  }
};

[[noreturn]] void refuse_choice(const std::string& problem) { throw std::invalid_argument("[runs] " + problem); }

std::vector<run::ChosenRuns> choose_all(const RunsOptions& options) {
  run::RunChooser chooser(options.runs, warn);
  std::vector<run::ChosenRuns> chosen;
  for (const std::string& text : options.which) chosen.push_back(chooser(text));
  return chosen;
}

core::ExitCode list_runs(const RunsOptions& options) {
  if (!options.which.empty()) refuse_choice("list takes no run as argument; `margay runs show RUN` shows one");
  std::vector<run::RunRecord> records = run::RunRegistry(options.runs, warn).all();
  std::reverse(records.begin(), records.end());
  const std::size_t total = records.size();
  records.resize(std::min(total, static_cast<std::size_t>(options.limit)));
  if (options.json) {
    Json json = Json::array();
    for (const run::RunRecord& run : records) json.push_back(run_summary_json(run));
    print_json(json);
  } else if (records.empty()) {
    print_out("{}: no run yet\n", shown_path(options.runs));
  } else {
    print_text(run_list_text(records));
    if (records.size() < total)
      print_out("{} not shown; see --limit\n", core::counted(total - records.size(), "older run is", "older runs are"));
  }
  return core::ExitCode::kDone;
}

Json settings_json(const std::vector<run::SettingDifference>& settings, const char* a, const char* b) {
  Json json = Json::array();
  for (const auto& each : settings) {
    json.push_back({{"setting", each.key}, {a, each.a.value_or(nullptr)}, {b, each.b.value_or(nullptr)}});
  }
  return json;
}

/// In the terminal, or as an image where one was asked for.
void draw_runs(const chart::LineChart& chart, const RunsOptions& options) {
  if (options.out.empty()) {
    print_drawing("\n" + terminal_chart({chart}));
  } else {
    save_chart({chart}, options.out);
    print_out("\nThe curves: {}\n", shown_path(options.out));
  }
}

core::ExitCode show_runs(const RunsOptions& options) {
  if (options.which.size() != 1) refuse_choice("show takes one run; `margay runs` lists them");
  const run::RunRecord run = choose_all(options).front().runs.back();
  if (options.json) {
    Json json = run::to_json(run);
    json["changed_settings"] = settings_json(run::changed_settings(run), "default", "value");
    print_json(json);
    return core::ExitCode::kDone;
  }
  print_out("{}\n{}", run_heading_text(run), run_settings_text(run));
  if (run.epochs.empty()) return core::ExitCode::kDone;
  print_out("\n{}", run_epochs_text(run));
  draw_runs(run::run_chart(run), options);
  return core::ExitCode::kDone;
}

core::ExitCode compare(const RunsOptions& options) {
  if (options.which.size() < 2) refuse_choice("compare takes two runs or more; the others are compared with the first");
  const std::vector<run::ChosenRuns> chosen = choose_all(options);
  const run::ComparedRuns compared = run::compare_chosen(chosen, options.metric);
  if (options.json) {
    print_json(run::to_json(compared));
    return core::ExitCode::kDone;
  }
  print_out("{}", compared_text(compared));
  draw_runs(run::overlaid_chart(chosen, options.metric), options);
  return core::ExitCode::kDone;
}

core::ExitCode diff_runs(const RunsOptions& options) {
  if (options.which.size() != 2) refuse_choice("diff takes two runs");
  const std::vector<run::ChosenRuns> chosen = choose_all(options);
  const run::RunRecord& a = chosen[0].runs.back();
  const run::RunRecord& b = chosen[1].runs.back();
  const auto differences = run::config_difference(a.config, b.config);
  if (options.json) {
    const Json json = {{"a", a.folder}, {"b", b.folder}, {"differences", settings_json(differences, "a", "b")}};
    print_json(json);
  } else {
    print_out("{}", difference_text(differences, chosen[0].text, chosen[1].text));
  }
  return core::ExitCode::kDone;
}

core::ExitCode run_runs_command(const RunsOptions& options) {
  core::validate(options);
  const auto action = core::from_text<RunsAction>(options.action);
  if (options.metric && action != RunsAction::kCompare) refuse_choice("--metric is for compare");
  const bool has_curves = action == RunsAction::kShow || action == RunsAction::kCompare;
  if (!options.out.empty() && (!has_curves || options.json))
    refuse_choice("--out is for show and compare, without --json");
  switch (action) {
    case RunsAction::kList:
      return list_runs(options);
    case RunsAction::kShow:
      return show_runs(options);
    case RunsAction::kCompare:
      return compare(options);
    case RunsAction::kDiff:
      return diff_runs(options);
  }
  throw core::InternalError("an action outside its enum");
}

}  // namespace

void add_runs(CommandLine& line) {
  Command& command = line.add("runs", "List, show and compare training runs");
  const auto options = std::make_shared<RunsOptions>();
  command.argument("action", options->action, "list, show RUN, compare RUN RUN…, or diff RUN RUN");
  command.choices("action", core::all_names<RunsAction>());
  command.argument("run", options->which,
                   "an id, a folder, a name (the newest of it; compare takes all its repeats), how one of them begins, "
                   "or a path");
  command.footer(
      "margay runs --limit 5\n"
      "margay runs show pets\n"
      "margay runs compare pets pets-mixup\n"
      "margay runs diff 3 4");
  command.flags(*options);
  command.does([options] { return run_runs_command(*options); });
}

}  // namespace margay::cli
