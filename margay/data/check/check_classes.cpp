#include <algorithm>

#include <fmt/format.h>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/core/unicode.h"
#include "margay/data/check/check_images.h"
#include "margay/data/source/similar_classes.h"

namespace margay::data {
namespace {

class ClassCheck {
 public:
  ClassCheck(const LabelledData& data, const CheckOptions& options)
      : data_(data), options_(options), classes_(data.classes()) {}

  std::vector<Finding> run() {
    check_labels();
    check_split();
    check_each_name();
    check_names();
    check_sizes();
    return std::move(findings_);
  }

 private:
  void add(FindingKind kind, std::vector<std::string> classes, std::string text) {
    findings_.push_back({kind, {}, std::move(classes), std::move(text)});
  }

  void check_labels() {
    for (std::size_t i = 0; i < data_.size(); ++i) {
      if (data_.has_label[i]) continue;
      findings_.push_back({FindingKind::kUnlabelled, {data_.paths[i]}, {}, "no label by " + data_.labels_by});
    }
    const bool is_single = data_.items.task() == Task::kSingleLabel;
    if (classes_.empty()) add(FindingKind::kOneClass, {}, "there is no class");
    if (classes_.size() == 1 && is_single) add(FindingKind::kOneClass, {classes_[0].name}, "there is only one class");
  }

  void check_split() {
    if (!data_.split_problem.empty()) return add(FindingKind::kBadSplit, {}, data_.split_problem);
    if (data_.count(Side::kTrain) == 0) return add(FindingKind::kBadSplit, {}, "no image trains");
    const bool validates = data_.count(Side::kValid) > 0;
    if (!validates) add(FindingKind::kNoValidation, {}, "no image validates");
    for (const ClassCount& each : classes_) {
      if (each.train == 0 && each.valid > 0) {
        add(FindingKind::kNeverTrains, {each.name}, fmt::format("{} in validation, none in training", each.valid));
      }
      if (each.valid == 0 && each.train > 0 && validates) {
        add(FindingKind::kNeverValidates, {each.name}, fmt::format("{} in training, none in validation", each.train));
      }
    }
  }

  /// Training refuses a vocabulary for the same reasons.
  void check_each_name() {
    for (const ClassCount& each : classes_) {
      try {
        (void)Vocabulary({each.name});
      } catch (const core::DataError& error) {
        add(FindingKind::kBadName, {each.name}, error.problem());
      }
    }
  }

  void check_names() {
    std::vector<std::string> names;
    for (const ClassCount& each : classes_) names.push_back(each.name);
    if (data_.similar_classes != SimilarClasses::kKeep) add_similar(similar_names(names));
    add_similar(names_of_other_joints(names));
  }

  void add_similar(const std::vector<std::vector<std::string>>& groups) {
    for (const std::vector<std::string>& alike : groups) {
      std::vector<std::string> shown;
      for (const std::string& name : alike) shown.push_back(core::with_hidden_shown(name));
      add(FindingKind::kSimilarNames, alike, fmt::format("'{}'", core::joined(shown, "', '")));
    }
  }

  void check_sizes() {
    const auto least = static_cast<std::size_t>(options_.min_per_class);
    for (const ClassCount& each : classes_) {
      if (each.images >= least) continue;
      add(FindingKind::kSmallClass, {each.name},
          fmt::format("{}, fewer than {}", core::counted(each.images, "image"), least));
    }
    if (classes_.size() < 2) return;
    const auto by_size = [](const ClassCount& a, const ClassCount& b) { return a.images < b.images; };
    const auto [small, large] = std::minmax_element(classes_.begin(), classes_.end(), by_size);
    const double ratio = static_cast<double>(large->images) / static_cast<double>(small->images);
    if (ratio <= options_.max_imbalance) return;
    add(FindingKind::kImbalance, {large->name, small->name},
        fmt::format("'{}' has {} images, '{}' {}: {:.1f} to 1", large->name, large->images, small->name, small->images,
                    ratio));
  }

  const LabelledData& data_;
  const CheckOptions& options_;
  std::vector<ClassCount> classes_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> check_classes(const LabelledData& data, const CheckOptions& options) {
  return ClassCheck(data, options).run();
}

}  // namespace margay::data
