#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/command.h"
#include "apps/cli/label_check_text.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/program_words.h"
#include "apps/cli/progress_line.h"
#include "apps/cli/terminal.h"
#include "apps/cli/train_flags.h"
#include "apps/cli/weights_choice.h"
#include "margay/core/file.h"
#include "margay/data/check/check_data.h"
#include "margay/data/check/report.h"
#include "margay/run/data_options.h"
#include "margay/run/label_check.h"
#include "margay/run/probe_run.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

struct CheckCommandOptions {
  fs::path folder;
  run::DataOptions data;
  data::CheckOptions check;
  bool json = false;
  bool all = false;
  fs::path contact_sheet;
  fs::path list;
  bool labels = false;
  run::LabelCheckOptions label;
  fs::path report;
  bool overwrite = false;

  static const core::OptionTable& fields() {
    static const core::OptionTable table(
        "check_command",
        {core::field<&CheckCommandOptions::data>("data", "labels and split"),
         core::field<&CheckCommandOptions::check>("check", "where lines are drawn"),
         core::field<&CheckCommandOptions::json>("json", "one JSON document with every finding"),
         core::field<&CheckCommandOptions::all>("all", "show every finding, file and class"),
         core::field<&CheckCommandOptions::contact_sheet>("contact_sheet", "draw the worst images into this PNG"),
         core::field<&CheckCommandOptions::list>("list",
                                                 "write the files that harm training to this file, one per line"),
         core::field<&CheckCommandOptions::labels>(
             "labels", "also find labels that are probably wrong, cropped copies, outliers and doubtful classes"),
         core::field<&CheckCommandOptions::label>("label", "how labels are judged"),
         core::field<&CheckCommandOptions::report>(
             "report", "with `labels`: write label_issues.csv, label_check.json and label_issues.png into this folder",
             {core::needs({"labels"})}),
         core::field<&CheckCommandOptions::overwrite>("overwrite", "replace such files of an earlier check",
                                                      {core::needs({"report"})})});
    return table;
  }
};

data::DataReport report_with_progress(const CheckCommandOptions& options) {
  const data::DataBlock block = run::make_block(options.folder, options.data, data::Gaps::kKeep);
  ProgressLine line;
  line.begin("check");
  return data::check_data(block, options.folder, options.check, [&](std::size_t done, std::size_t total) {
    line.show(static_cast<std::int64_t>(done), static_cast<std::int64_t>(total), "images");
  });
}

/// A name with a line break would be read as two, and other files might be deleted by the list.
bool fits_on_a_line(const fs::path& path) {
  if (path.string().find('\n') == std::string::npos) return true;
  warn(fmt::format("{}: not in the list, because its name has a line break; rename it", shown_path(path)));
  return false;
}

/// Every file once, in the order of the findings.
std::string harmful_files(const data::DataReport& report) {
  std::set<fs::path> listed;
  std::string lines;
  for (const data::Finding& finding : report.findings) {
    if (finding.severity() != data::Severity::kHarm) continue;
    for (const fs::path& path : finding.paths) {
      if (listed.insert(path).second && fits_on_a_line(path)) lines += path.string() + "\n";
    }
  }
  return lines;
}

/// Shows how far it is; with --json nothing goes to standard output.
class LabelObserver : public TerminalObserver {
 public:
  explicit LabelObserver(bool is_silent) : is_silent_(is_silent) {}

  std::vector<std::shared_ptr<train::Callback>> callbacks() override {
    return is_silent_ ? std::vector<std::shared_ptr<train::Callback>>() : TerminalObserver::callbacks();
  }
  void repeated(std::int64_t i, std::int64_t n, std::uint64_t /*seed*/) override {
    if (!is_silent_) print_out("\nTraining {} of {}\n", i, n);
  }
  void trains_from_scratch(const run::FromScratch& what) override {
    if (!is_silent_) TerminalObserver::trains_from_scratch(what);
  }

 private:
  bool is_silent_;
};

/// What the check of labels found, or why there is none.
struct LabelResult {
  std::optional<run::LabelCheck> check;
  std::string problem;
};

LabelResult judge_labels(CheckCommandOptions options) {
  run::LabelCheckOptions& label = options.label;
  label.folder = options.folder;
  label.data = options.data;
  label.deep_bits = options.check.deep_bits;
  label.max_pixels = options.check.max_pixels;
  const auto say = [&](const std::string& text) {
    if (!options.json) print_out("{}\n", text);
  };
  const bool needs_weights = label.model.empty() && label.probabilities.empty();
  if (needs_weights) choose_weights(label.network.weights, label.network.weights_sha256, label.arch, say);
  LabelObserver observer(options.json);
  try {
    return {.check = run::check_labels(label, user_cache_folder(), observer), .problem = ""};
  } catch (const run::NoWeightsError& error) {
    throw UsageError(
        fmt::format("--labels needs the features of a pretrained network: {}; or --folds, --model or "
                    "--probabilities",
                    way_to_weights(error.what_to_fetch())));
  } catch (const core::DataError& error) {  // the report tells of the data's faults
    return {.check = std::nullopt, .problem = program_words(error.what())};
  }
}

void refuse_earlier_files(const fs::path& folder) {
  for (const char* name : {run::kLabelIssuesFile, run::kLabelCheckFile, run::kLabelSheetFile}) {
    if (!fs::exists(folder / name)) continue;
    throw core::DataError(folder / name, "there is an earlier check; name another folder, or add --overwrite");
  }
}

/// Adds the findings about labels to those about files.
void merge_findings(const run::LabelCheck& check, bool has_table, data::DataReport& report) {
  for (const data::Finding& finding : check.findings) {
    if (!has_table || finding.kind != data::FindingKind::kWrongLabel) report.findings.push_back(finding);
  }
  std::stable_sort(report.findings.begin(), report.findings.end(),
                   [](const data::Finding& a, const data::Finding& b) { return a.kind < b.kind; });
}

void print_report(const data::DataReport& report, const CheckCommandOptions& options, const LabelResult& labels) {
  const auto extent = options.all ? data::ReportExtent::kAll : data::ReportExtent::kShort;
  if (!options.json) {
    print_text(program_words(data::report_text(report, extent)));
    if (labels.check) {
      const auto label_extent = options.all ? LabelExtent::kAll : LabelExtent::kShort;
      print_text("\n" + label_check_text(*labels.check, label_extent));
    }
    return;
  }
  if (!options.labels) return print_json(program_words(data::report_json(report)));
  auto json = nlohmann::ordered_json::parse(program_words(data::report_json(report)));
  json["labels"] = nullptr;
  if (labels.check) {
    json["labels"] = run::to_json(*labels.check);
    json["labels"].erase("findings");  // they are among the others
  } else {
    json["labels_problem"] = labels.problem;
  }
  print_json(json);
}

void write_files(const data::DataReport& report, const CheckCommandOptions& options, const LabelResult& labels,
                 FileOutputs& files) {
  if (!options.contact_sheet.empty()) {
    files.write([&] {
      const data::ContactSheetOptions sheet{.max_pixels = options.check.max_pixels,
                                            .deep_bits = options.check.deep_bits};
      save_drawing(data::contact_sheet_drawing(report, sheet), options.contact_sheet);
    });
  }
  if (!options.list.empty()) files.write([&] { core::write_file_atomically(options.list, harmful_files(report)); });
  if (options.report.empty() || !labels.check) return;
  files.write([&] {
    const data::ReadOptions reading{.max_pixels = options.check.max_pixels, .deep_bits = options.check.deep_bits};
    for (const std::string& warning : run::write_label_check(*labels.check, options.report, reading)) warn(warning);
    if (!options.json) print_out("Written: {}\n", shown_path(options.report / run::kLabelIssuesFile));
  });
}

core::ExitCode check_images(const CheckCommandOptions& options) {
  for (const fs::path& file : {options.contact_sheet, options.list}) {
    if (!file.empty()) core::check_writable(file);  // before every image is read
  }
  if (!options.report.empty() && !options.overwrite) refuse_earlier_files(options.report);
  if (options.labels) {
    listen_for_stop();
    run::check_label_options(options.label);
  }
  data::DataReport report = report_with_progress(options);
  LabelResult labels;
  if (options.labels) labels = judge_labels(options);
  data::DataReport shown = report;
  if (labels.check) {
    merge_findings(*labels.check, /*has_table=*/!options.json, shown);
    merge_findings(*labels.check, /*has_table=*/false, report);
    for (const std::string& warning : labels.check->warnings) warn(warning);
  }
  print_report(shown, options, labels);
  FileOutputs files;
  write_files(report, options, labels, files);
  if (!labels.problem.empty()) complain("labels were not judged: " + labels.problem);
  const bool is_bad = report.count(data::Severity::kHarm) > 0 || !labels.problem.empty();
  return is_bad ? core::ExitCode::kBadData : files.code();
}

/// With --labels a number of folds without a fold is that of trainings.
void take_folds(CheckCommandOptions& options) {
  if (!options.labels || !options.data.folds || options.data.fold) return;
  options.label.folds = *options.data.folds;
  options.data.folds.reset();
}

constexpr std::array kLabelFlags = {"--model",          "--probabilities", "--arch",          "--weights",
                                    "--weights-sha256", "--arithmetic",    "--precision",     "--device",
                                    "--size",           "--batch-size",    "--keep-features", "--epochs",
                                    "--recipe",         "--filter",        "--rank-by",       "--label-fraction",
                                    "--least-of-class", "--copies",        "--outliers",      "--class-groups",
                                    "--grouping",       "--seed"};

}  // namespace

void add_check(CommandLine& line) {
  Command& command = line.add("check", "Find bad data before it trains");
  const auto options = std::make_shared<CheckCommandOptions>();
  command.argument("folder", options->folder, "the images", Presence::kRequired);
  command.flags(*options, {{"check.threads", ""}, {"label_check.folds", ""}, {"label_check.recipe", ""}});
  command.flag("--recipe", "FILE", "with --folds: a file with the stages of each training, as for train",
               [options](const std::string& path) { options->label.recipe = read_recipe(path); });
  command.footer(
      "margay check pets/images --label-regex '(.+)_\\d+\\.jpg$' --labels --arch resnet34 --report issues\n"
      "Exit codes: 0 if nothing harms training, 3 if something does. Labels that are probably wrong are suspicions:\n"
      "they change nothing.");
  takes_compute_threads(command);
  command.everyday({"--json",
                    "--all",
                    "--contact-sheet",
                    "--list",
                    "--near-duplicates",
                    "--label-regex",
                    "--labels-csv",
                    "--label-delimiter",
                    "--valid-csv",
                    "--valid-fraction",
                    "--group-regex",
                    "--labels",
                    "--arch",
                    "--weights",
                    "--model",
                    "--folds",
                    "--probabilities",
                    "--filter",
                    "--rank-by",
                    "--report",
                    "--device"});
  command.check([options, &command] {
    take_folds(*options);
    if (options->labels) return;
    for (const char* flag : kLabelFlags) {
      if (command.is_given(flag)) throw UsageError(fmt::format("{} is for --labels; give both, or neither", flag));
    }
  });
  command.does([options, &command] {
    CheckCommandOptions chosen = *options;
    if (chosen.labels) {
      chosen.check.near_duplicates = true;
      default_weights(command, chosen.label.network.weights, chosen.label.arch);
    }
    return check_images(chosen);
  });
}

}  // namespace margay::cli
