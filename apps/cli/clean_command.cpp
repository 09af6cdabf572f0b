#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/clean_findings.h"
#include "apps/cli/command.h"
#include "apps/cli/output.h"
#include "apps/cli/process.h"
#include "apps/cli/program_words.h"
#include "apps/cli/progress_line.h"
#include "apps/cli/review_terminal.h"
#include "apps/cli/review_text.h"
#include "apps/cli/terminal_session.h"
#include "apps/cli/weights_choice.h"
#include "margay/core/counted.h"
#include "margay/core/text.h"
#include "margay/data/edits/apply_edits.h"
#include "margay/data/edits/journal.h"
#include "margay/run/data_options.h"
#include "margay/run/decision_table.h"
#include "margay/run/finding_file.h"
#include "margay/run/label_check_options.h"
#include "margay/run/review.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

struct CleanOptions {
  std::vector<std::string> what;  ///< an action, or none, and the folder of the data
  run::DataOptions data;
  run::ReviewOptions review;
  run::LabelCheckOptions label;  ///< how to search where there are no findings
  fs::path findings;
  ImageStyle image_style = ImageStyle::kAuto;
  int deep_bits = data::ReadOptions().deep_bits;
  bool list = false;
  bool csv = false;
  bool json = false;
  int limit = 20;
  fs::path apply_file;
  fs::path new_table;
  bool move_files = false;
  bool plan = false;
  bool undo = false;
  bool accept_edited = false;
  bool new_classes = false;

  static const core::OptionTable& fields() {
    static const core::OptionTable table(
        "clean_command",
        {core::field<&CleanOptions::data>("data", "labels and split"),
         core::field<&CleanOptions::review>("review", "the review"),
         core::field<&CleanOptions::label>("label", "the search for wrong labels, without `findings`"),
         core::field<&CleanOptions::findings>("findings",
                                              "what was found: a folder of `check_data` with `report`, its "
                                              "label_issues.csv, or JSON; by default it is searched for now",
                                              {core::excludes({"model", "probabilities"}, "what was found")}),
         core::field<&CleanOptions::image_style>(
             "image_style",
             "how images are shown; auto asks the terminal for kitty's pixels or sixels, else takes blocks "
             "in the colours of COLORTERM and TERM"),
         core::field<&CleanOptions::deep_bits>("deep_bits", "bits of 16-bit images that hold data", {8, 16}),
         core::field<&CleanOptions::list>("list", "print what is left to review, in order, and ask nothing"),
         core::field<&CleanOptions::csv>("csv", "list as CSV, all of it", {core::needs({"list"})}),
         core::field<&CleanOptions::json>("json", "list, status as JSON"),
         core::field<&CleanOptions::limit>("limit", "lines of a list or of the history that are shown", {1, 1e9}),
         core::field<&CleanOptions::apply_file>(
             "apply_file",
             "decide as this table says: columns image, action (keep, relabel, delete, not_duplicate, skip), "
             "label, other; each line is checked before any counts",
             {core::excludes({"list"}, "what is done")}),
         core::field<&CleanOptions::new_classes>(
             "new_classes",
             "labels in `apply_file` that are no classes yet become new ones; without it they are refused",
             {core::needs({"apply_file"})}),
         core::field<&CleanOptions::new_table>("new_table", "apply: where the new table of labels goes"),
         core::field<&CleanOptions::move_files>(
             "move_files", "apply: move relabelled images into the folders of their classes, and write no table"),
         core::field<&CleanOptions::plan>("plan", "apply: say what would happen, and change nothing"),
         core::field<&CleanOptions::undo>("undo", "apply: bring everything back that the last one changed",
                                          {core::excludes({"plan", "move_files", "new_table"})}),
         core::field<&CleanOptions::accept_edited>(
             "accept_edited", "take a journal that was edited by hand for what it says now; a copy is kept")});
    return table;
  }
};

constexpr std::array<std::string_view, 3> kCleanActions = {"apply", "status", "history"};

/// Splits what was given into the action, "" for a review, and the folder.
std::pair<std::string, fs::path> action_and_folder(const CleanOptions& options) {
  const auto is_action = [](const std::string& word) {
    return std::find(kCleanActions.begin(), kCleanActions.end(), word) != kCleanActions.end();
  };
  const auto& what = options.what;
  if (what.size() == 2 && is_action(what[0])) return {what[0], what[1]};
  if (what.size() == 1 && is_action(what[0])) {
    throw UsageError(
        fmt::format("clean {0} needs the folder of the images: margay clean {0} DATA (./{0} is a folder of "
                    "that name)",
                    what[0]));
  }
  if (what.size() == 1) return {"", what[0]};
  throw UsageError("clean takes one folder, or apply, status or history and the folder");
}

void check_flags_of(const std::string& action, const Command& command) {
  if (action == "apply") return;
  for (const char* flag : {"--plan", "--undo", "--move-files", "--new-table"}) {
    if (command.is_given(flag)) throw UsageError(fmt::format("{0} is for margay clean apply DATA {0}", flag));
  }
}

std::string user_name() {
  for (const char* name : {"USER", "LOGNAME"}) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing sets it meanwhile
    if (value != nullptr && *value != '\0') return core::valid_utf8(value);
  }
  return "";
}

/// The data, its journal, and what was found.
struct CleanWork {
  fs::path folder;
  fs::path journal_file;
  run::ReviewedData data;
  std::optional<data::Journal> journal;
  std::vector<data::Finding> findings;
};

/// Whether decisions are about to be made, so that it must be known now whether they can be written.
enum class JournalUse { kLook, kDecide };

data::Journal open_journal(const CleanWork& work, JournalUse use) {
  const data::DataMarks marks = data::DataMarks::of(work.data.images);
  return use == JournalUse::kLook ? data::Journal::at(work.journal_file, marks)
                                  : data::Journal::open(work.journal_file, marks);
}

/// The one that is named, else the one beside the images; for a folder that is read-only one in the folder of runs.
run::JournalPlace journal_place_of(const CleanOptions& options, const fs::path& folder) {
  if (!options.data.journal.empty()) return {.file = options.data.journal};
  return run::journal_place(folder, fs::path("runs") / "decisions");
}

CleanWork begin_work(const CleanOptions& options, const fs::path& folder, JournalUse use) {
  const run::JournalPlace place = journal_place_of(options, folder);
  if (!place.is_beside) {
    complain(
        fmt::format("{} is read-only, so decisions are kept in {}; train, evaluate, check and probe read them with "
                    "--journal {}",
                    shown_path(folder), shown_path(place.file), core::shell_word(place.file.string())));
  }
  CleanWork work{.folder = folder, .journal_file = place.file};
  if (options.accept_edited) {
    const fs::path copy = data::Journal::accept_edited(work.journal_file);
    complain(fmt::format("{} is taken as it is now; as it was edited it lies in {}", shown_path(work.journal_file),
                         shown_path(copy)));
  }
  run::DataOptions without_decisions = options.data;
  without_decisions.journal.clear();
  without_decisions.edits = false;
  work.data = run::reviewed_data(folder, without_decisions, work.journal_file);
  work.journal.emplace(open_journal(work, use));
  for (const std::string& warning : work.journal->warnings()) warn(warning);
  return work;
}

void read_given_findings(const CleanOptions& options, CleanWork& work) {
  if (options.findings.empty()) return;
  run::FoundInFile found = run::read_findings(options.findings, work.folder, work.data);
  for (const std::string& warning : found.warnings) warn(fmt::format("{}: {}", shown_path(options.findings), warning));
  work.findings = std::move(found.findings);
  work.data.predicted = std::move(found.predicted);
}

/// By the labels of the data itself, as the review compares with them.
void search_findings(const CleanOptions& options, CleanWork& work) {
  run::LabelCheckOptions label = options.label;
  label.folder = work.folder;
  label.data = options.data;
  label.data.edits = false;
  label.data.journal.clear();
  label.deep_bits = options.deep_bits;
  work.findings = find_labels(label, work.data);
}

run::Review begin_review(const CleanOptions& options, CleanWork& work) {
  run::ReviewOptions review = options.review;
  if (review.who.empty()) review.who = user_name();
  return run::Review(std::move(work.data), work.findings, *work.journal, review);
}

core::ExitCode list_queue(const run::Review& review, const CleanOptions& options) {
  if (options.json) {
    print_json(queue_json(review));
  } else if (options.csv) {
    print_records(queue_csv(review));
  } else {
    print_text(queue_text(review, static_cast<std::size_t>(options.limit)));
  }
  return core::ExitCode::kDone;
}

core::ExitCode apply_table(run::Review& review, const CleanOptions& options) {
  const std::vector<run::TableDecision> decisions = run::read_decisions(
      options.apply_file, review, options.new_classes ? run::NewClasses::kMake : run::NewClasses::kRefuse);
  const std::size_t made = run::apply_decisions(decisions, review);
  print_out("{} of {} decisions are new; the others held already\n", made, decisions.size());
  print_text(review_summary(review));
  return core::ExitCode::kDone;
}

core::ExitCode review_images(const CleanOptions& options, const fs::path& folder) {
  const bool asks = !options.list && options.apply_file.empty();
  if (asks && fs::exists(folder) && !has_screen()) {  // a wrong path is told of as such below
    throw UsageError(
        "a review needs a terminal for keys and images (standard input and output, TERM not empty or dumb); without "
        "one --list shows what is to be decided and --apply-file decisions.csv decides");
  }
  CleanWork work = begin_work(options, folder, options.list ? JournalUse::kLook : JournalUse::kDecide);
  read_given_findings(options, work);
  if (options.findings.empty() && options.apply_file.empty()) search_findings(options, work);
  run::Review review = begin_review(options, work);
  if (options.list) return list_queue(review, options);
  if (!asks) return apply_table(review, options);
  const core::ExitCode code = review_in_terminal(review, options.image_style, options.deep_bits);
  print_text(review_summary(review));
  return code;
}

core::ExitCode show_status(const CleanOptions& options, const fs::path& folder) {
  CleanWork work = begin_work(options, folder, JournalUse::kLook);
  read_given_findings(options, work);
  const run::Review review = begin_review(options, work);
  options.json ? print_json(status_json(review)) : print_text(review_summary(review));
  return core::ExitCode::kDone;
}

core::ExitCode show_history(const CleanOptions& options, const fs::path& folder) {
  const fs::path file = journal_place_of(options, folder).file;
  const data::Journal journal = data::Journal::read(file);
  for (const std::string& warning : journal.warnings()) warn(warning);
  print_text(history_text(journal, static_cast<std::size_t>(options.limit)));
  return core::ExitCode::kDone;
}

/// validates: of each image, so that a new table of all images keeps the split.
data::ApplyOptions apply_options(const CleanOptions& options, const std::vector<bool>& validates) {
  const run::DataOptions& data = options.data;
  data::ApplyOptions apply{.label_levels = data.label_folder.value_or(1),
                           .table = data.labels_csv,
                           .new_table = options.new_table,
                           .validates = validates,
                           .move_files = options.move_files};
  if (!data.labels_csv.empty()) {
    apply.place = data::LabelPlace::kTable;
    apply.columns = run::label_columns(data);
  } else if (!data.label_regex.empty() || !data.label_path_regex.empty()) {
    apply.place = data::LabelPlace::kNames;
  }
  return apply;
}

core::ExitCode tell_applied(const data::AppliedEdits& done) {
  const char* const what = done.is_undone ? "undone: application" : "application";
  print_out("{}{} {}: {} moved{}\n", done.is_complete ? "" : "not completed: ", what, done.number,
            core::counted(done.moved, "file"),
            done.new_table.empty() ? "" : fmt::format(", labels in {}", shown_path(done.new_table)));
  for (const std::string& problem : done.problems) complain(program_words(problem));
  if (!done.is_complete) {
    complain(done.is_undone
                 ? "what stays in the trash goes back with the next --undo, once nothing is in its way"
                 : "mend that and apply again, which goes on from there, or take the application back by --undo");
  }
  return done.problems.empty() ? core::ExitCode::kDone : core::ExitCode::kFailed;
}

core::ExitCode apply_journal(const CleanOptions& options, const fs::path& folder) {
  const fs::path file = journal_place_of(options, folder).file;
  const fs::path root = data::root_of_journal(file, folder);
  if (options.undo) return tell_applied(data::undo_apply(root));
  if (const auto unfinished = data::unfinished_apply(root); unfinished && !options.plan) {
    complain(fmt::format("application {} was interrupted; it is completed", *unfinished));
    return tell_applied(data::finish_apply(root));
  }
  data::Journal::read(file);  // without a journal there is nothing to apply, and none is made
  CleanWork work = begin_work(options, folder, JournalUse::kDecide);
  const data::LabelEdits edits(*work.journal, folder, work.data.images, work.data.labeller);
  for (const std::string& sentence : edits.sentences()) print_text(program_words(sentence) + "\n");
  data::Items items(work.data.labeller.task);
  for (std::size_t i = 0; i < work.data.size(); ++i) items.add(work.data.images, i, work.data.labels[i]);
  const data::ApplyPlan plan =
      data::plan_edits(edits.root(), edits, items, apply_options(options, work.data.validates));
  for (const std::string& sentence : plan.sentences()) print_text(program_words(sentence) + "\n");
  if (options.plan || plan.empty()) return core::ExitCode::kDone;
  const core::ExitCode code = tell_applied(data::apply_edits(plan, *work.journal));
  print_out("margay clean apply {} --undo brings everything back\n", core::shell_word(folder.string()));
  return code;
}

core::ExitCode clean(const CleanOptions& options, const Command& command) {
  core::validate(options);
  const auto [action, folder] = action_and_folder(options);
  check_flags_of(action, command);
  if (action == "apply") return apply_journal(options, folder);
  if (action == "status") return show_status(options, folder);
  if (action == "history") return show_history(options, folder);
  return review_images(options, folder);
}

}  // namespace

void add_clean(CommandLine& line) {
  Command& command = line.add("clean", "Review what was found: relabel, delete, keep; journalled, undoable");
  const auto options = std::make_shared<CleanOptions>();
  command.argument("data", options->what, "the folder of the images; before it apply, status or history",
                   Presence::kRequired);
  command.flags(
      *options,
      {{"data.edits", ""}, {"label_check.folds", ""}, {"label_check.recipe", ""}, {"label_check.epochs", ""}});
  command.footer(
      "margay check pets --labels --report issues\n"
      "margay clean pets --findings issues\n"
      "margay clean pets --findings issues --list --csv > queue.csv\n"
      "margay clean pets --apply-file decisions.csv\n"
      "margay clean apply pets --plan\n"
      "margay clean apply pets --undo");
  takes_compute_threads(command);
  command.everyday({"--findings",
                    "--model",
                    "--probabilities",
                    "--arch",
                    "--weights",
                    "--device",
                    "--list",
                    "--csv",
                    "--json",
                    "--limit",
                    "--apply-file",
                    "--image-style",
                    "--journal",
                    "--allowed-wrong",
                    "--sample-first",
                    "--who",
                    "--plan",
                    "--undo",
                    "--move-files",
                    "--new-table",
                    "--label-regex",
                    "--labels-csv",
                    "--label-delimiter",
                    "--valid-csv"});
  command.does([options, &command] {
    default_weights(command, options->label.network.weights, options->label.arch);
    return clean(*options, command);
  });
}

}  // namespace margay::cli
