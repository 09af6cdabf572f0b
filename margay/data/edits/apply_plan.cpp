#include <algorithm>
#include <set>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/data/edits/apply_edits.h"
#include "margay/data/edits/apply_log.h"
#include "margay/data/edits/edited_table.h"
#include "margay/data/edits/move_file.h"
#include "margay/data/source/names.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;

/// The folder for what an application deletes, relative to that of the data.
std::string trash_of(std::size_t number) { return fmt::format(".margay/trash/{:04}", number); }

/// Chooses the places of all files, so that no two go to one.
class Planner {
 public:
  Planner(const fs::path& folder, const LabelEdits& edits, const Items& items, const ApplyOptions& options)
      : edits_(edits), items_(items), options_(options) {
    const std::vector<std::size_t> numbers = application_numbers(folder);
    plan_ = {.folder = folder, .number = numbers.empty() ? 1 : numbers.back() + 1};
    plan_.journal_sha256 = edits.journal_hash();
    std::error_code ignored;
    canonical_ = fs::weakly_canonical(folder, ignored);
  }

  ApplyPlan run() {
    bool relabels = false;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      const LabelEdit* const edit = edits_.edit(items_.paths().text(i));
      if (edit == nullptr || !edit->changes) continue;
      if (edit->kind == DecisionKind::kDelete) {
        add_deleted(*edit, items_.image(i));
      } else if (options_.move_files) {
        add_moved(*edit, items_.image(i));
      } else {
        relabels = true;
      }
    }
    const bool needs_table = options_.place == LabelPlace::kTable ? relabels || !plan_.deleted.empty() : relabels;
    if (needs_table) add_table();
    return std::move(plan_);
  }

 private:
  /// Why a file stays where it is; "" if it may be moved.
  std::string why_it_stays(const ImageSource& image) const {
    if (!image.is_file()) return "it is no file";
    std::error_code failure;
    const fs::path place = fs::weakly_canonical(image.name().parent_path(), failure);
    const auto [differs, ignored] = std::mismatch(canonical_.begin(), canonical_.end(), place.begin(), place.end());
    if (failure || differs != canonical_.end()) return "it lies outside the folder of the data, or behind a link";
    return "";
  }

  bool may_move(const LabelEdit& edit, const ImageSource& image) {
    const std::string why = why_it_stays(image);
    if (!why.empty()) plan_.impossible.push_back(fmt::format("{}: {}", edit.image, why));
    return why.empty();
  }

  void add_deleted(const LabelEdit& edit, const ImageSource& image) {
    if (!may_move(edit, image)) return;
    plan_.deleted.push_back({edit.image, trash_of(plan_.number) + "/" + edit.image, edit.decision});
  }

  void add_moved(const LabelEdit& edit, const ImageSource& image) {
    if (!may_move(edit, image)) return;
    const std::string& label = edit.labels.front();
    std::vector<fs::path> parts;
    for (const fs::path& part : fs::path(edit.image)) parts.push_back(part);
    const auto levels = static_cast<std::size_t>(options_.label_levels);
    if (edit.labels.size() != 1 || parts.size() <= levels || label.find('/') != std::string::npos) {
      plan_.impossible.push_back(fmt::format("{}: no folder of it can be called '{}'", edit.image, label));
      return;
    }
    parts[parts.size() - 1 - levels] = label;
    fs::path target;
    for (const fs::path& part : parts) target /= part;
    plan_.moved.push_back({edit.image, free_target(target), edit.decision});
  }

  /// Beside a file of the same name it gets a number.
  std::string free_target(const fs::path& wanted) {
    fs::path target = wanted;
    for (int n = 2; is_taken(plan_.folder / target) || !targets_.insert(target.native()).second; ++n) {
      target = numbered_name(wanted, n);
    }
    return target.native();
  }

  void add_table() {
    const bool is_table = options_.place == LabelPlace::kTable;
    EditedTable table = is_table ? edited_table(options_.table, plan_.folder, options_.columns, items_, edits_)
                                 : table_of_all(plan_.folder, items_, edits_, options_.validates);
    plan_.new_table = table_name();
    plan_.table_text = std::move(table.text);
    plan_.relabelled = table.changed;
    plan_.impossible.insert(plan_.impossible.end(), table.impossible.begin(), table.impossible.end());
  }

  /// Whether a file can be made there is known before the first one is moved.
  static void check_holder(const fs::path& file) {
    const fs::path holder = fs::absolute(file).lexically_normal().parent_path();
    std::error_code ignored;
    if (!fs::is_directory(holder, ignored)) {
      throw core::DataError(file, "the new table cannot be written: there is no such folder; make it, or name another");
    }
    if (::access(holder.c_str(), W_OK | X_OK) == 0) return;
    throw core::DataError(file,
                          "the new table cannot be written: nothing may be written into its folder; name another");
  }

  fs::path table_name() const {
    if (!options_.new_table.empty()) {
      if (is_taken(options_.new_table)) {
        throw core::DataError(options_.new_table,
                              "there is such a file already, and nothing is overwritten; name another");
      }
      check_holder(options_.new_table);
      return options_.new_table;
    }
    fs::path wanted = plan_.folder / "labels.csv";
    if (options_.place == LabelPlace::kTable) {
      const std::string stem = options_.table.stem().native();
      const std::string first = stem.substr(0, stem.rfind(".cleaned"));  // cleaned once more
      wanted = options_.table.parent_path() / (first + ".cleaned" + options_.table.extension().native());
    }
    check_holder(wanted);
    fs::path name = wanted;
    for (int n = 2; is_taken(name); ++n) name = numbered_name(wanted, n);
    return name;
  }

  const LabelEdits& edits_;
  const Items& items_;
  const ApplyOptions& options_;
  fs::path canonical_;
  std::set<std::string> targets_;
  ApplyPlan plan_;
};

}  // namespace

std::vector<std::string> ApplyPlan::sentences() const {
  std::vector<std::string> sentences;
  if (!deleted.empty()) {
    sentences.push_back(fmt::format("{} into the trash {}",
                                    core::counted(deleted.size(), "deleted image goes", "deleted images go"),
                                    core::shown_path(folder / trash_of(number))));
  }
  if (!moved.empty()) {
    sentences.push_back(
        fmt::format("{} into the folder of another class", core::counted(moved.size(), "image goes", "images go")));
  }
  if (!new_table.empty()) {
    sentences.push_back(fmt::format("the new table {} gives {} another label; give it as `labels_csv` from then on",
                                    core::shown_path(new_table), core::counted(relabelled, "image")));
  }
  if (!impossible.empty()) {
    NameList names;
    for (const std::string& each : impossible) names.add(each);
    sentences.push_back(fmt::format("{} as they are: {}",
                                    core::counted(impossible.size(), "image stays", "images stay"), names.text()));
  }
  if (sentences.empty()) sentences.emplace_back("nothing is to be done: the data says all that was decided");
  return sentences;
}

ApplyPlan plan_edits(const fs::path& folder, const LabelEdits& edits, const Items& items, const ApplyOptions& options) {
  check_nothing_unfinished(folder);
  if (options.move_files && options.place != LabelPlace::kFolders) {
    throw std::invalid_argument(
        "[apply_edits] `move_files` is for labels that are names of folders; without it a new table says the labels");
  }
  if (!options.validates.empty() && options.validates.size() != items.size()) {
    throw std::invalid_argument(fmt::format("[apply_edits] {} images, but {} are said to validate or not", items.size(),
                                            options.validates.size()));
  }
  return Planner(folder, edits, items, options).run();
}

}  // namespace margay::data
