#include "margay/run/evaluation_set.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/data/edits/label_edits.h"
#include "margay/data/source/image_files.h"
#include "margay/data/source/names.h"
#include "margay/run/moved_files.h"
#include "margay/run/provenance.h"
#include "margay/run/training_folder.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;
using data::TrainingPart;
using Json = nlohmann::ordered_json;
using Rows = std::vector<std::size_t>;

constexpr std::array kLabelSources = {"label_regex", "label_path_regex", "label_folder", "labels_csv"};
constexpr std::array kLabelColumns = {"name_column", "label_column", "label_delimiter", "label_columns"};
constexpr std::array kSplitFields = {"valid_csv",    "valid_column",   "valid_list", "train_folder",
                                     "valid_folder", "valid_fraction", "split",      "group_regex",
                                     "group_column", "fold",           "folds",      "split_seed"};

/// Options of labels and split as JSON, and which of them are set.
class SetOptions {
 public:
  explicit SetOptions(const DataOptions& options) : json_(core::to_json(options)) {}

  bool has(const char* field) const {
    static const Json defaults = core::to_json(DataOptions());
    return json_.at(field) != defaults.at(field);
  }
  template <std::size_t N>
  bool has_any(const std::array<const char*, N>& fields) const {
    return std::any_of(fields.begin(), fields.end(), [this](const char* field) { return has(field); });
  }
  template <std::size_t N>
  void take(const std::array<const char*, N>& fields, const SetOptions& other) {
    for (const char* field : fields) {
      if (!has(field)) json_[field] = other.json_.at(field);
    }
  }
  DataOptions options() const {
    DataOptions options;
    core::from_json(json_, options);
    return options;
  }

 private:
  Json json_;
};

/// The options for labels and for the split are replaced apart; a table in a new place keeps its columns.
DataOptions with_remembered(const DataOptions& given, const DataOptions& remembered) {
  SetOptions options(given);
  const SetOptions then(remembered);
  const bool draws_anew = options.has_any(kSplitFields);
  if (!options.has_any(kLabelSources) || (options.has("labels_csv") && then.has("labels_csv"))) {
    const bool says_form = options.has("label_delimiter") || options.has("label_columns");
    options.take(kLabelSources, then);
    options.take(std::array{"name_column", "label_column"}, then);
    if (!says_form) options.take(std::array{"label_delimiter", "label_columns"}, then);
  }
  if (!draws_anew) options.take(kSplitFields, then);
  options.take(std::array{"similar_classes"}, then);
  if (options.has("valid_csv") && then.has("valid_csv")) options.take(std::array{"valid_column"}, then);
  return options.options();
}

/// Who remembers the training's images.
std::string by_whom(const TrainingMemory& memory) {
  return memory.split_file().empty() ? "as the model remembers them"
                                     : fmt::format("as {} lists them", core::shown_path(memory.split_file()));
}

/// Labels that are no classes, and their numbers of images.
class UnknownLabels {
 public:
  UnknownLabels(const data::Items& items, const data::Vocabulary& vocabulary) : items_(items), vocabulary_(vocabulary) {
    const std::vector<std::string>& known = vocabulary.names();
    for (const std::string& label : items.label_names()) {
      is_known_.push_back(std::find(known.begin(), known.end(), label) != known.end());
    }
  }

  /// Takes the rows with such labels out.
  Rows known_of(const Rows& rows) {
    Rows known;
    for (const std::size_t row : rows) {
      bool is_known = true;
      for (const std::uint32_t id : items_.label_ids(row)) {
        if (is_known_[id]) continue;
        is_known = false;
        ++images_of_[items_.label_names()[id]];
      }
      if (is_known) known.push_back(row);
    }
    return known;
  }

  bool empty() const { return images_of_.empty(); }
  /// "'lion' (1 image), 'zebra' (2 images)", the first of many; of a single one also what may be meant.
  std::string text() const {
    constexpr std::size_t kShown = 10;
    std::vector<std::string> texts;
    for (const auto& [label, images] : images_of_) {
      if (texts.size() == kShown) break;
      texts.push_back(fmt::format("'{}' ({})", core::one_line(label), core::counted(images, "image")));
    }
    const std::string more = images_of_.size() > kShown
                                 ? " and " + core::counted(images_of_.size() - kShown, "more class", "more classes")
                                 : "";
    const std::string hint =
        images_of_.size() == 1 ? core::did_you_mean(images_of_.begin()->first, vocabulary_.names()) : "";
    return fmt::format("{}{}{}", core::joined(texts, ", "), more, hint);
  }

 private:
  const data::Items& items_;
  const data::Vocabulary& vocabulary_;
  std::vector<bool> is_known_;  ///< by label id
  std::map<std::string, std::size_t> images_of_;
};

}  // namespace

/// Decides which images are judged; what it finds on the way goes into the set.
class EvaluationSet::Choice {
 public:
  Choice(EvaluationSet& set, const EvaluationOptions& options, const bundle::Bundle& bundle, const fs::path& model)
      : set_(set),
        options_(options),
        bundle_(bundle),
        data_(with_remembered(options.data, remembered_options(bundle.provenance, model))),
        has_own_split_(SetOptions(options.data).has_any(kSplitFields)) {
    find_moved_tables_of(model);
  }

  data::Datasets run() {
    data::DataBlock block = labelled_images();
    here_ = find_training_images(block.paths(), options_.folder, set_.memory_);
    if (is_split()) {
      for (std::size_t i = 0; i < block.paths().size(); ++i) names_here_.add(block.paths().text(i));
      block = make_block(options_.folder, data_);
    }
    const data::Splitter splitter = block.splitter();
    const std::shared_ptr<const data::LabelEdits> edits = block.edits();
    block.vocabulary(bundle_.vocabulary).split([&](const data::Items& items) {
      check_task(items);
      Rows wanted = chosen(items, splitter);
      if (edits != nullptr) wanted = edits->without_deleted(items, {.train = std::move(wanted), .valid = {}}).train;
      Rows rows = known_classes(edits == nullptr ? items : edits->apply(items), wanted);
      set_.reason_ = reason(rows.size(), items.size());
      return data::Split{.train = std::move(rows), .valid = {}};
    });
    set_.warnings_ = block.left_out().sentences();
    set_.warnings_.insert(set_.warnings_.end(), block.warnings().begin(), block.warnings().end());
    return block.datasets();
  }

 private:
  data::DataBlock labelled_images() const {
    try {
      return make_unsplit_block(options_.folder, data_);
    } catch (const core::DataError& error) {
      if (data_.labels_csv.empty() || error.path() != data_.labels_csv || !options_.data.labels_csv.empty()) throw;
      throw core::DataError(error.path(),
                            fmt::format("{}; it is the table of the model's training: `labels_csv` names that of {}",
                                        error.problem(), core::shown_path(options_.folder)));
    }
  }

  /// Only what will be read need be there.
  void find_moved_tables_of(const fs::path& model) {
    const bool reads_split = has_own_split_ || (set_.memory_.empty() && options_.part != JudgedPart::kAll);
    if (!reads_split) data_ = without_split(data_);
    find_moved_tables(data_, model, options_.folder);
  }

  JudgedPart part() const {
    if (options_.part) return *options_.part;
    const bool judges_part = has_own_split_ || here_.is_trainings || set_.memory_.empty();
    return judges_part ? JudgedPart::kValid : JudgedPart::kAll;
  }

  /// Whether a split of the folder decides, and not the memory.
  bool is_split() const {
    if (part() == JudgedPart::kAll || part() == JudgedPart::kNew) return false;
    return has_own_split_ || !here_.is_trainings;
  }

  void check_task(const data::Items& items) const {
    if (items.task() == bundle_.task) return;
    throw core::DataError(options_.folder,
                          fmt::format("the model's task is {}, the labels' {}; give the labels as for its training",
                                      core::to_text(bundle_.task), core::to_text(items.task())));
  }

  Rows chosen(const data::Items& items, const data::Splitter& splitter) {
    set_.part_ = part();
    set_.is_judged_whatever_ =
        options_.part == JudgedPart::kAll || part() == JudgedPart::kTrain || set_.memory_.empty();
    Rows rows;
    if (is_split()) {
      rows = rows_of_split(items, splitter);
    } else {
      for (std::size_t i = 0; i < items.size(); ++i) {
        if (is_wanted(i)) rows.push_back(i);
      }
    }
    if (rows.empty()) throw core::DataError(options_.folder, nothing_to_judge(items.size()));
    return rows;
  }

  /// Of the side of the split that is asked for; images that the model was trained on validate nothing.
  Rows rows_of_split(const data::Items& items, const data::Splitter& splitter) {
    const data::Split split = splitter(items);
    if (part() == JudgedPart::kTrain) return split.train;
    Rows rows;
    for (const std::size_t row : split.valid) {
      if (part_of(items.paths().text(row)) == TrainingPart::kTrain) {
        ++trained_of_split_;
      } else {
        rows.push_back(row);
      }
    }
    return rows;
  }

  /// A draw may have left images out, as those of a test set, so only paths say which image is which.
  TrainingPart part_of(std::string_view path) const {
    const auto found = names_here_.find(path);
    return found ? here_.parts[*found] : TrainingPart::kNone;
  }

  bool is_wanted(std::size_t i) const {
    if (part() == JudgedPart::kAll) return true;
    if (!here_.is_trainings) return part() == JudgedPart::kNew;
    const TrainingPart wanted = part() == JudgedPart::kValid   ? TrainingPart::kValid
                                : part() == JudgedPart::kTrain ? TrainingPart::kTrain
                                                               : TrainingPart::kNone;
    return here_.parts[i] == wanted;
  }

  std::string counts_text() const {
    return fmt::format("{} trained, {} validated, {} the training did not have", here_.count(TrainingPart::kTrain),
                       here_.count(TrainingPart::kValid), here_.count(TrainingPart::kNone));
  }

  std::string nothing_to_judge(std::size_t all) const {
    if (is_split()) {
      return trained_of_split_ > 0
                 ? fmt::format(
                       "all {} of the validation set of this split were trained on, so they validate nothing; "
                       "`part` all or train judges images of the training",
                       core::counted(trained_of_split_, "image"))
                 : "no image is in this part; `part` all judges every image";
    }
    return fmt::format("none of the {} is in this part of the training ({}); `part` is valid, train, new or all",
                       core::counted(all, "image"), counts_text());
  }

  std::string reason(std::size_t judged, std::size_t all) const {
    const std::string some =
        fmt::format("{} of the {} of {}", judged, core::counted(all, "image"), core::shown_path(options_.folder));
    const std::string every =
        judged < all ? some
                     : fmt::format("{} of {}", all == 1 ? "the only image" : "all " + core::counted(all, "image"),
                                   core::shown_path(options_.folder));
    if (set_.memory_.empty()) return reason_without_memory(every);
    if (is_split()) return reason_of_split(some);
    if (!here_.is_trainings) return reason_elsewhere(every);
    switch (part()) {
      case JudgedPart::kValid:
        return fmt::format("{}: the validation set of the training, {} ({})", some, by_whom(set_.memory_),
                           counts_text());
      case JudgedPart::kTrain:
        return fmt::format("{}: those that the model was trained on, {}; on other images it is worse", some,
                           by_whom(set_.memory_));
      case JudgedPart::kNew:
        return fmt::format("{}: those that the training did not have, {}", some, by_whom(set_.memory_));
      case JudgedPart::kAll:
        return fmt::format("{}: {}; on images that it was not trained on the model is worse", every, counts_text());
    }
    return some;
  }

  std::string reason_without_memory(const std::string& images) const {
    constexpr const char* kWhy =
        "a model of an earlier version of Margay, which does not remember the images that it was trained on";
    if (part() == JudgedPart::kAll) return fmt::format("{}: `part` all; this is {}", images, kWhy);
    return fmt::format(
        "{}: the {} set of a split {}; this is {}, so they may be among them; `part` all judges a folder of other "
        "images whole",
        images, part() == JudgedPart::kTrain ? "training" : "validation",
        has_own_split_ ? "as the options say" : "as for its training", kWhy);
  }

  std::string reason_of_split(const std::string& images) const {
    std::string text =
        fmt::format("{}: the {} set of a split {}", images, part() == JudgedPart::kTrain ? "training" : "validation",
                    has_own_split_ ? "as the options say" : "as for the training, in another folder");
    if (trained_of_split_ > 0) {
      text += fmt::format(", without {} that the model was trained on", core::counted(trained_of_split_, "image"));
    }
    return text;
  }

  std::string reason_elsewhere(const std::string& images) const {
    std::string text = images + ": this is not the folder that the model was trained on";
    if (here_.same_names > 0) {
      text += fmt::format(" ({} bear the names of its images, but their contents are others)", here_.same_names);
    }
    return text;
  }

  Rows known_classes(const data::Items& items, const Rows& rows) {
    UnknownLabels unknown(items, bundle_.vocabulary);
    Rows known = unknown.known_of(rows);
    if (unknown.empty()) return known;
    if (known.empty()) {
      throw core::DataError(options_.folder, fmt::format("not one of the {} has a class of the model; theirs are {}; "
                                                         "`unlabelled` judges images without labels",
                                                         core::counted(rows.size(), "image"), unknown.text()));
    }
    const std::size_t left_out = rows.size() - known.size();
    if (options_.unknown_classes == UnknownClasses::kRefuse) {
      throw core::DataError(
          options_.folder,
          fmt::format(
              "{} of the {} to judge have classes that the model does not know: {}; `unknown_classes` leave_out "
              "judges the others",
              left_out, core::counted(rows.size(), "image"), unknown.text()));
    }
    set_.warnings_.push_back(fmt::format("{} of the {} are left out, as the model does not know their classes: {}",
                                         left_out, core::counted(rows.size(), "image"), unknown.text()));
    return known;
  }

  EvaluationSet& set_;
  const EvaluationOptions& options_;
  const bundle::Bundle& bundle_;
  DataOptions data_;
  bool has_own_split_;
  TrainingFolder here_;
  data::NameIndex names_here_;  ///< of the images that here_ tells of, where a split decides
  std::size_t trained_of_split_ = 0;
};

EvaluationSet::EvaluationSet(const EvaluationOptions& options, const bundle::Bundle& bundle, const fs::path& model)
    : memory_(bundle.known_images, model) {
  core::validate(options);
  if (options.unlabelled) {
    take_unlabelled(options.folder);
  } else {
    images_ = Choice(*this, options, bundle, model).run().train;
  }
}

void EvaluationSet::take_unlabelled(const fs::path& folder) {
  const data::ImageSearch search = data::search_images(folder);
  data::check_all_open(search);
  if (search.images.empty()) throw core::DataError(folder, "there is no image in this folder");
  images_ = std::make_shared<data::Dataset>(data::Dataset::unlabelled(search.images));
  is_judged_whatever_ = true;
  reason_ = fmt::format("all {} of {}, without labels", core::counted(search.images.size(), "image"),
                        core::shown_path(folder));
  warnings_ = search.left_out.sentences();
}

bool EvaluationSet::counts(std::size_t i) const {
  if (is_judged_whatever_) return true;
  const auto checksum = images_->contents().of(i);
  const TrainingPart was = checksum ? memory_.part_of_contents(*checksum) : TrainingPart::kNone;
  return part_ == JudgedPart::kNew ? was == TrainingPart::kNone : was != TrainingPart::kTrain;
}

bool EvaluationSet::has_trained(std::size_t i) const {
  if (part_ == JudgedPart::kTrain) return true;
  const auto checksum = images_->contents().of(i);
  return checksum && memory_.part_of_contents(*checksum) == TrainingPart::kTrain;
}

const core::OptionTable& EvaluationOptions::fields() {
  static const core::OptionTable table(
      "evaluation",
      {core::field<&EvaluationOptions::part>(
           "part",
           "which images: valid (the validation set of the training), train, new (what the training did not have) or "
           "all; by default valid in the folder of the training, all elsewhere"),
       core::field<&EvaluationOptions::unknown_classes>(
           "unknown_classes", "images whose label is no class of the model: refuse, or leave_out to judge the others"),
       core::field<&EvaluationOptions::unlabelled>(
           "unlabelled", "the images have no labels: how sure the predictions are, without errors",
           {core::excludes(
               {"part", "unknown_classes", "labels_csv", "label_regex", "label_path_regex", "label_folder"})}),
       core::field<&EvaluationOptions::data>("data", "labels and split")});
  return table;
}

}  // namespace margay::run
