#include "margay/run/label_check.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/core/stopwatch.h"
#include "margay/core/text.h"
#include "margay/core/threads.h"
#include "margay/data/edits/label_edits.h"
#include "margay/data/source/folder_walk.h"
#include "margay/interpret/class_groups.h"
#include "margay/interpret/cropped_copies.h"
#include "margay/interpret/outliers.h"
#include "margay/interpret/wrong_label_share.h"
#include "margay/run/out_of_sample.h"

namespace margay::run {
namespace {

using Row = std::int64_t;
using Classes = std::vector<std::int32_t>;

std::vector<Classes> classes_of_rows(const torch::Tensor& targets) {
  std::vector<Classes> classes;
  if (targets.dim() == 1) {
    const torch::Tensor each = targets.contiguous();
    for (Row row = 0; row < each.size(0); ++row) {
      classes.push_back({static_cast<std::int32_t>(each.data_ptr<std::int64_t>()[row])});
    }
    return classes;
  }
  const torch::Tensor members = targets.gt(0.5).contiguous();
  for (Row row = 0; row < members.size(0); ++row) {
    const bool* const begin = members.data_ptr<bool>() + row * members.size(1);
    Classes& own = classes.emplace_back();
    for (std::int32_t k = 0; k < members.size(1); ++k) {
      if (begin[k]) own.push_back(k);
    }
  }
  return classes;
}

template <class T>
std::vector<T> values_of(const torch::Tensor& tensor) {
  const torch::Tensor values = tensor.contiguous();
  return {values.data_ptr<T>(), values.data_ptr<T>() + values.numel()};
}

/// Fills a LabelCheck from probabilities and features.
class LabelChecking {
 public:
  LabelChecking(OutOfSample images, const LabelJudgeOptions& options)
      : images_(std::move(images)), options_(options), dataset_(*images_.dataset) {
    take_images();
  }

  LabelCheck run() {
    timed("labels", [&] { judge_labels(); });
    if (options_.copies) timed("copies", [&] { find_copies(); });
    if (options_.outliers) timed("outliers", [&] { find_outlying(); });
    if (options_.class_groups) timed("classes", [&] { find_doubtful_classes(); });
    if (!images_.features.defined() && (options_.copies || options_.outliers)) {
      check_.warnings.emplace_back(
          "cropped copies, outliers and classes of two kinds were not looked for: there are no features of the images");
    }
    return std::move(check_);
  }

 private:
  template <class Work>
  void timed(const char* name, Work&& work) {
    const core::Stopwatch watch;
    work();
    check_.seconds.push_back({name, watch.seconds()});
  }

  void take_images() {
    check_.folder = images_.root;
    check_.task = dataset_.task();
    check_.classes = images_.vocabulary.names();
    check_.source = images_.source;
    check_.warnings = images_.warnings;
    check_.seconds = images_.seconds;
    for (const std::size_t id : images_.ids) {
      check_.images.add(dataset_.image(id));
      check_.validates.push_back(images_.validates[id]);
    }
    check_.given = classes_of_rows(images_.targets);
    check_.groups.resize(images_.ids.size());
    for (std::size_t i = 0; i < check_.groups.size(); ++i) check_.groups[i] = static_cast<Row>(i);
    if (images_.groups.defined()) check_.groups = values_of<std::int64_t>(images_.groups);
  }

  bool is_single() const { return check_.task == data::Task::kSingleLabel; }
  std::filesystem::path path(Row row) const { return dataset_.path(images_.ids[static_cast<std::size_t>(row)]); }
  const std::string& class_name(std::int64_t k) const { return check_.classes[static_cast<std::size_t>(k)]; }
  std::string label_text(const data::Labels& labels) const {
    return labels.empty() ? "(none)" : fmt::format("'{}'", core::joined(labels, ";"));
  }

  // --- Labels.

  void judge_labels() {
    check_.by_class.resize(check_.classes.size());
    for (std::size_t k = 0; k < check_.classes.size(); ++k) check_.by_class[k].name = check_.classes[k];
    count_images();
    check_.predicted = check_.given;
    check_.quality.assign(check_.size(), 1);
    if (!images_.probabilities.defined() || (is_single() && check_.classes.size() < 2)) return leave_unjudged();
    const torch::Tensor& probabilities = images_.probabilities;
    check_.probabilities = values_of<float>(probabilities.to(torch::kFloat));
    check_.predicted = classes_of_rows(is_single() ? probabilities.argmax(1) : probabilities);
    const interpret::LabelIssueOptions how{.filter = options_.filter,
                                           .rank_by = options_.rank_by,
                                           .fraction = options_.label_fraction,
                                           .least_of_class = options_.least_of_class};
    const torch::Tensor given = is_single() ? images_.targets : images_.targets.to(torch::kLong);
    const interpret::LabelIssues issues = is_single() ? interpret::find_label_issues(given, probabilities, how)
                                                      : interpret::find_multi_label_issues(given, probabilities, how);
    check_.ranked = issues.ranked;
    check_.quality = values_of<double>(issues.quality.to(torch::kDouble));
    estimate_shares(given);
    for (const Row row : check_.ranked) add_wrong_label(row);
    count_flagged();
  }

  /// Labels of one class, whose probabilities say nothing.
  void leave_unjudged() {
    check_.probabilities.assign(check_.size() * check_.classes.size(), 0);
    for (std::size_t row = 0; row < check_.size(); ++row) {
      for (const std::int32_t k : check_.given[row]) {
        check_.probabilities[row * check_.classes.size() + static_cast<std::size_t>(k)] = 1;
      }
    }
    if (images_.probabilities.defined()) {
      check_.warnings.emplace_back("all labels are of one class, so no label can be judged");
    }
  }

  void count_images() {
    check_.all.images = static_cast<Row>(check_.size());
    for (const Classes& own : check_.given) {
      for (const std::int32_t k : own) ++check_.by_class[static_cast<std::size_t>(k)].images;
    }
  }

  void count_flagged() {
    check_.all.flagged = std::ssize(check_.ranked);
    for (const Row row : check_.ranked) {
      for (const std::int32_t k : check_.given[static_cast<std::size_t>(row)]) {
        ++check_.by_class[static_cast<std::size_t>(k)].flagged;
      }
    }
  }

  void estimate_shares(const torch::Tensor& given) {
    metric::BootstrapOptions bootstrap{.replicates = 256, .seed = options_.seed};
    const interpret::WrongLabelShares shares =
        is_single() ? interpret::wrong_label_shares(given, images_.probabilities, check_.groups, bootstrap)
                    : interpret::wrong_multi_label_shares(given, images_.probabilities, check_.groups, bootstrap);
    check_.all.wrong = shares.all;
    for (std::size_t k = 0; k < shares.by_class.size(); ++k) check_.by_class[k].wrong = shares.by_class[k];
  }

  void add_wrong_label(Row row) {
    const auto at = static_cast<std::size_t>(row);
    data::Finding finding{.kind = data::FindingKind::kWrongLabel,
                          .paths = {path(row)},
                          .classes = check_.given_labels(at),
                          .evidence = {{"label_quality", check_.quality[at]}}};
    const data::Labels predicted = check_.predicted_labels(at);
    if (predicted != finding.classes) finding.suggestion = predicted;
    finding.text = fmt::format("labelled {}, probably {}", label_text(finding.classes), label_text(predicted));
    if (is_single()) {
      const double of_given = check_.probability(at, check_.given[at][0]);
      const double of_predicted = check_.probability(at, check_.predicted[at][0]);
      finding.evidence.push_back({"given_probability", of_given});
      finding.evidence.push_back({"predicted_probability", of_predicted});
      finding.text += fmt::format(" ({:.3f}, the label {:.3f})", of_predicted, of_given);
    } else {
      finding.text += fmt::format(" (quality {:.3f})", check_.quality[at]);
    }
    check_.findings.push_back(std::move(finding));
  }

  // --- Copies.

  void find_copies() {
    if (!images_.features.defined()) return;
    const data::ReadOptions reading{
        .max_pixels = images_.reading.max_pixels, .min_side = 64, .deep_bits = images_.reading.deep_bits};
    const auto thumbnail = [&](std::int64_t row) -> std::optional<core::Image> {
      try {
        return data::read_image(dataset_.image(images_.ids[static_cast<std::size_t>(row)]), reading);
      } catch (const core::DataError&) {
        return std::nullopt;  // it was there when its features were computed; a check of files tells of it
      }
    };
    const auto found =
        interpret::find_cropped_copies(images_.features, {}, thumbnail, {.threads = core::default_threads()});
    constexpr double kWhole = 0.95;  // of the area; copies of whole images are what a check of files finds
    for (const interpret::CroppedCopy& copy : found) {
      if (copy.share < kWhole && !are_decided_distinct(copy)) add_copy(copy);
    }
  }

  bool are_decided_distinct(const interpret::CroppedCopy& copy) const {
    return images_.edits != nullptr && images_.edits->are_distinct(path(copy.whole).native(), path(copy.part).native());
  }

  void add_copy(const interpret::CroppedCopy& copy) {
    const auto whole = static_cast<std::size_t>(copy.whole);
    const auto part = static_cast<std::size_t>(copy.part);
    const bool has_two_labels = check_.given[whole] != check_.given[part];
    const bool leaks = check_.validates[whole] != check_.validates[part];
    data::Finding finding{
        .kind = data::FindingKind::kNearDuplicate,
        .paths = {path(copy.whole), path(copy.part)},
        .text = fmt::format("the second shows {:.0f} % of the first{}", 100 * copy.share,
                            copy.is_mirrored ? ", mirrored" : ""),
        .evidence = {
            {"correlation", copy.correlation}, {"share", copy.share}, {"is_mirrored", copy.is_mirrored ? 1. : 0.}}};
    if (has_two_labels) {
      finding.kind = data::FindingKind::kNearTwoLabels;
      std::set<std::string> classes;
      for (const std::size_t row : {whole, part}) {
        for (const std::string& label : check_.given_labels(row)) classes.insert(label);
      }
      finding.classes = {classes.begin(), classes.end()};
      finding.text +=
          fmt::format("; labels {}, {}", label_text(check_.given_labels(whole)), label_text(check_.given_labels(part)));
      check_.findings.push_back(finding);
    }
    if (leaks) {
      finding.kind = data::FindingKind::kNearLeak;
      finding.text += fmt::format("; the {} is in validation", check_.validates[whole] ? "first" : "second");
      check_.findings.push_back(finding);
    }
    if (!has_two_labels && !leaks) check_.findings.push_back(finding);
  }

  // --- Outliers and classes.

  /// One image of each group.
  std::vector<Row> first_of_groups() const {
    std::set<std::int64_t> seen;
    std::vector<Row> rows;
    for (std::size_t row = 0; row < check_.size(); ++row) {
      if (seen.insert(check_.groups[row]).second) rows.push_back(static_cast<Row>(row));
    }
    return rows;
  }

  std::vector<Row> all_rows() const {
    std::vector<Row> rows(check_.size());
    for (std::size_t row = 0; row < rows.size(); ++row) rows[row] = static_cast<Row>(row);
    return rows;
  }

  void find_outlying() {
    if (!images_.features.defined()) return;
    const std::vector<Row> rows = images_.are_groups_copies ? first_of_groups() : all_rows();
    const interpret::Outliers outliers =
        interpret::find_outliers(images_.features.index_select(0, torch::tensor(rows, torch::kLong)));
    if (!outliers.why_none.empty()) check_.warnings.push_back("outliers: " + outliers.why_none);
    for (const interpret::Outlier& each : outliers.found) {
      const Row row = rows[static_cast<std::size_t>(each.row)];
      check_.findings.push_back(
          {.kind = data::FindingKind::kOutlier,
           .paths = {path(row)},
           .classes = check_.given_labels(static_cast<std::size_t>(row)),
           .text = fmt::format("{:.2f} times as far from its nearest images as they are from theirs", each.distance),
           .evidence = {{"distance", each.distance}, {"p_value", each.p_value}}});
    }
  }

  /// int64 [N]: the class of each image that tests of classes use, else −1. Copies would make groups of their own, and
  /// so would images whose labels are probably wrong.
  torch::Tensor tested_labels() const {
    torch::Tensor labels = torch::full({static_cast<Row>(check_.size())}, -1, torch::kLong);
    const std::vector<bool> is_flagged = check_.flagged();
    for (const Row row : first_of_groups()) {
      const auto at = static_cast<std::size_t>(row);
      if (!is_flagged[at]) labels.data_ptr<std::int64_t>()[row] = check_.given[at][0];
    }
    return labels;
  }

  void find_doubtful_classes() {
    if (!is_single()) return;
    const torch::Tensor labels = tested_labels();
    const interpret::ClassGroupOptions how{.seed = options_.seed};
    if (images_.features.defined()) {
      for (const auto& each : interpret::find_split_classes(images_.features, labels, how)) add_split(each);
    }
    if (!images_.probabilities.defined()) return;
    // Labels that are probably wrong stay in: of two classes that are one they are the half that is guessed otherwise.
    torch::Tensor whole = torch::full_like(labels, -1);
    for (const Row row : first_of_groups()) {
      whole.data_ptr<std::int64_t>()[row] = check_.given[static_cast<std::size_t>(row)][0];
    }
    for (const auto& each : interpret::find_same_classes(whole, images_.probabilities, how)) add_same(each);
  }

  void add_split(const interpret::SplitClass& split) {
    constexpr std::size_t kShown = 3;  // of each kind
    data::Finding finding{
        .kind = data::FindingKind::kSplitClass,
        .classes = {class_name(split.label)},
        .text = fmt::format("'{}': {} images of one kind, {} of another, and few between them (p {:.2g})",
                            class_name(split.label), split.first.size(), split.second.size(), split.p_value),
        .evidence = {{"images_of_first", static_cast<double>(split.first.size())},
                     {"images_of_second", static_cast<double>(split.second.size())},
                     {"p_value", split.p_value}}};
    for (const std::vector<Row>* kind : {&split.first, &split.second}) {
      for (std::size_t i = 0; i < std::min(kShown, kind->size()); ++i) finding.paths.push_back(path((*kind)[i]));
    }
    check_.findings.push_back(std::move(finding));
  }

  void add_same(const interpret::SameClasses& same) {
    check_.findings.push_back(
        {.kind = data::FindingKind::kSameClasses,
         .classes = {class_name(same.a), class_name(same.b)},
         .text = fmt::format("'{}' and '{}': of an image of each the right one is told in {:.0f} % of all cases, at "
                             "most {:.0f} %",
                             class_name(same.a), class_name(same.b), 100 * same.auc, 100 * same.auc_high),
         .evidence = {{"auc", same.auc}, {"auc_high", same.auc_high}}});
  }

  OutOfSample images_;
  const LabelJudgeOptions& options_;
  const data::Dataset& dataset_;
  LabelCheck check_;
};

data::Labels names_of_classes(const Classes& classes, const std::vector<std::string>& names) {
  data::Labels labels;
  for (const std::int32_t k : classes) labels.push_back(names[static_cast<std::size_t>(k)]);
  return labels;
}

}  // namespace

data::Labels LabelCheck::given_labels(std::size_t row) const { return names_of_classes(given[row], classes); }
data::Labels LabelCheck::predicted_labels(std::size_t row) const { return names_of_classes(predicted[row], classes); }

std::string LabelCheck::name(std::size_t row) const {
  const std::string path(images.names().text(row));
  return folder.empty() ? path : data::Root(folder).relative(path);
}

std::vector<bool> LabelCheck::flagged() const {
  std::vector<bool> is_flagged(size());
  for (const std::int64_t row : ranked) is_flagged[static_cast<std::size_t>(row)] = true;
  return is_flagged;
}

LabelCheck check_labels(const LabelCheckOptions& options, const std::filesystem::path& cache_folder,
                        Observer& observer) {
  check_label_options(options);
  return LabelChecking(out_of_sample(options, cache_folder, observer), options.judge).run();
}

LabelCheck find_label_issues(const data::DataBlock& block, model::Classifier& classifier,
                             const LabelJudgeOptions& options) {
  core::validate(options);
  return LabelChecking(left_out_of_probe(block, classifier, options), options).run();
}

}  // namespace margay::run
