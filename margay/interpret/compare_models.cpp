#include "margay/interpret/compare_models.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <stdexcept>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/json_values.h"
#include "margay/core/text.h"
#include "margay/interpret/top_losses.h"

namespace margay::interpret {
namespace {

constexpr std::size_t kOnlyNamesListed = 20;

using RowOfName = std::unordered_map<std::string_view, std::int64_t>;

RowOfName rows_by_name(const predict::KeptPredictions& predictions) {
  RowOfName rows;
  for (std::int64_t row = 0; row < predictions.size(); ++row) {
    const std::string_view name = predictions.names.text(static_cast<std::size_t>(row));
    if (rows.emplace(name, row).second) continue;
    throw core::DataError(predictions.root / name, "comes twice among the predictions, so that it cannot be matched");
  }
  return rows;
}

void check_comparable(const predict::KeptPredictions& first, const predict::KeptPredictions& second) {
  if (!first.has_labels() || !second.has_labels()) {
    throw std::invalid_argument("[compare_models] needs labels, which these images do not have");
  }
  if (first.task != second.task) {
    throw std::invalid_argument("[compare_models] one model predicts one label an image, the other several");
  }
}

/// Rows of an image that both models judge.
struct SharedImage {
  std::int64_t first = 0;
  std::int64_t second = 0;
};

/// One model's predictions, judged, in the names of its classes.
class JudgedModel {
 public:
  JudgedModel(const predict::KeptPredictions& kept, double threshold)
      : kept_(kept), judged_(judge_images(kept, threshold)) {}

  const predict::KeptPredictions& kept() const { return kept_; }
  bool is_right(std::int64_t row) const { return judged_.is_right[static_cast<std::size_t>(row)]; }
  double loss(std::int64_t row) const { return judged_.loss[static_cast<std::size_t>(row)]; }

  /// Names in one order, whatever that of the vocabulary.
  std::vector<std::string> labels(std::int64_t row) const {
    if (judged_.is_multi_label) return names_of(judged_.label_classes[row]);
    return names_of({&judged_.label[static_cast<std::size_t>(row)], 1});
  }

  std::vector<std::string> prediction(std::int64_t row) const {
    if (judged_.refused(row)) return {kNoneOfThese};
    if (judged_.is_multi_label) return names_of(judged_.predicted_classes[row]);
    return names_of({&judged_.best[static_cast<std::size_t>(row)], 1});
  }

  ModelAnswer answer(std::int64_t row) const {
    return {.prediction = core::joined(prediction(row), ";"),
            .probability = judged_.probability[static_cast<std::size_t>(row)],
            .loss = loss(row),
            .is_right = is_right(row)};
  }

  bool says_as(std::int64_t row, const JudgedModel& other, std::int64_t row_of_other) const {
    return judged_.refused(row) == other.judged_.refused(row_of_other) &&
           prediction(row) == other.prediction(row_of_other);
  }

 private:
  std::vector<std::string> names_of(std::span<const std::int32_t> classes) const {
    std::vector<std::string> names;
    for (const std::int32_t k : classes) names.push_back(kept_.vocabulary.name(k));
    std::sort(names.begin(), names.end());
    return names;
  }

  const predict::KeptPredictions& kept_;
  JudgedImages judged_;
};

/// Compares row by row.
class ModelComparer {
 public:
  ModelComparer(const predict::KeptPredictions& first, const predict::KeptPredictions& second, double threshold)
      : first_(first, threshold), second_(second, threshold), groups_of_first_(first.groups) {}

  ModelComparison compare(double confidence) {
    match();
    check_shared();
    for (const SharedImage& image : shared_) add(image);
    result_.images = static_cast<std::int64_t>(shared_.size());
    result_.first_accuracy = metric::share_estimate(right_first_, groups_, confidence);
    result_.second_accuracy = metric::share_estimate(right_second_, groups_, confidence);
    result_.mcnemar = metric::mcnemar(only_first_errs_, only_second_errs_);
    result_.groups = metric::clustered_mean(right_first_, groups_).groups;
    // The second's errors less the first's are the first's right ones less the second's.
    result_.error_difference = metric::paired_difference(right_second_, right_first_, groups_);
    result_.loss_difference = metric::paired_difference(loss_first_, loss_second_, groups_);
    sort_differing();
    return std::move(result_);
  }

 private:
  void match() {
    const data::PathList& names_of_first = first_.kept().names;
    const data::PathList& names_of_second = second_.kept().names;
    const RowOfName rows_of_first = rows_by_name(first_.kept());
    const RowOfName rows_of_second = rows_by_name(second_.kept());
    for (std::size_t row = 0; row < names_of_first.size(); ++row) {
      const auto found = rows_of_second.find(names_of_first.text(row));
      found == rows_of_second.end()
          ? note_only(names_of_first.text(row), result_.only_in_first, result_.only_in_first_count)
          : shared_.push_back({static_cast<std::int64_t>(row), found->second});
    }
    for (std::size_t row = 0; row < names_of_second.size(); ++row) {
      const std::string_view name = names_of_second.text(row);
      if (!rows_of_first.contains(name)) note_only(name, result_.only_in_second, result_.only_in_second_count);
    }
  }

  static void note_only(std::string_view name, std::vector<std::string>& names, std::int64_t& count) {
    if (names.size() < kOnlyNamesListed) names.emplace_back(name);
    ++count;
  }

  void check_shared() const {
    if (shared_.empty()) {
      const auto example = [](const std::vector<std::string>& names) {
        return names.empty() ? std::string("none") : "'" + core::spelled_out(names.front()) + "'";
      };
      throw std::invalid_argument(
          fmt::format("[compare_models] the two models judge no image in common, by name: the first {}, the second {}; "
                      "predict the same folder with both",
                      example(result_.only_in_first), example(result_.only_in_second)));
    }
    if (shared_.size() < 2) throw std::invalid_argument("[compare_models] needs two images in common at least");
  }

  void add(const SharedImage& image) {
    check_labels(image);
    const bool is_first_right = first_.is_right(image.first);
    const bool is_second_right = second_.is_right(image.second);
    right_first_.push_back(is_first_right ? 1 : 0);
    right_second_.push_back(is_second_right ? 1 : 0);
    loss_first_.push_back(first_.loss(image.first));
    loss_second_.push_back(second_.loss(image.second));
    if (groups_of_first_.defined()) groups_.push_back(groups_of_first_[image.first].item<std::int64_t>());
    result_.both_right += is_first_right && is_second_right ? 1 : 0;
    result_.both_wrong += !is_first_right && !is_second_right ? 1 : 0;
    only_first_errs_ += !is_first_right && is_second_right ? 1 : 0;
    only_second_errs_ += is_first_right && !is_second_right ? 1 : 0;
    if (!first_.says_as(image.first, second_, image.second)) result_.differing.push_back(describe(image));
  }

  void check_labels(const SharedImage& image) const {
    const std::vector<std::string> first = first_.labels(image.first);
    const std::vector<std::string> second = second_.labels(image.second);
    if (first == second) return;
    throw std::invalid_argument(fmt::format(
        "[compare_models] '{}' is labelled '{}' in the first predictions and '{}' in the second; predict again "
        "with both models",
        core::spelled_out(name_of(image)), core::joined(first, ";"), core::joined(second, ";")));
  }

  std::string_view name_of(const SharedImage& image) const {
    return first_.kept().names.text(static_cast<std::size_t>(image.first));
  }

  DifferingImage describe(const SharedImage& image) const {
    return {.name = std::string(name_of(image)),
            .label = core::joined(first_.labels(image.first), ";"),
            .first = first_.answer(image.first),
            .second = second_.answer(image.second)};
  }

  void sort_differing() {
    const auto kind = [](const DifferingImage& image) {
      if (image.first.is_right != image.second.is_right) return image.first.is_right ? 0 : 1;
      return 2;
    };
    const auto gap = [](const DifferingImage& image) { return std::abs(image.first.loss - image.second.loss); };
    std::ranges::stable_sort(result_.differing, [&](const DifferingImage& a, const DifferingImage& b) {
      return kind(a) != kind(b) ? kind(a) < kind(b) : gap(a) > gap(b);
    });
  }

  JudgedModel first_;
  JudgedModel second_;
  torch::Tensor groups_of_first_;
  std::vector<SharedImage> shared_;
  std::vector<double> right_first_;
  std::vector<double> right_second_;
  std::vector<double> loss_first_;
  std::vector<double> loss_second_;
  std::vector<std::int64_t> groups_;
  std::int64_t only_first_errs_ = 0;
  std::int64_t only_second_errs_ = 0;
  ModelComparison result_;
};

nlohmann::ordered_json difference_json(const metric::Difference& difference) {
  return {{"value", core::finite_or_null(difference.value)},
          {"standard_error", core::finite_or_null(difference.standard_error)},
          {"noise", core::finite_or_null(difference.noise)},
          {"p_value", core::finite_or_null(difference.p_value)},
          {"is_beyond_noise", difference.is_beyond_noise()}};
}

nlohmann::ordered_json answer_json(const ModelAnswer& answer) {
  return {{"prediction", answer.prediction},
          {"probability", core::finite_or_null(answer.probability)},
          {"loss", core::finite_or_null(answer.loss)},
          {"is_right", answer.is_right}};
}

nlohmann::ordered_json differing_json(const std::vector<DifferingImage>& images) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const DifferingImage& image : images) {
    list.push_back({{"name", core::valid_utf8(image.name)},
                    {"label", image.label},
                    {"first", answer_json(image.first)},
                    {"second", answer_json(image.second)}});
  }
  return list;
}

nlohmann::ordered_json names_json(const std::vector<std::string>& names) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const std::string& name : names) list.push_back(core::valid_utf8(name));
  return list;
}

}  // namespace

nlohmann::ordered_json ModelComparison::json() const {
  return {{"format_version", 1},
          {"images", images},
          {"groups", groups},
          {"first_accuracy", to_json(first_accuracy)},
          {"second_accuracy", to_json(second_accuracy)},
          {"both_right", both_right},
          {"both_wrong", both_wrong},
          {"only_first_errs", mcnemar.only_first_errs},
          {"only_second_errs", mcnemar.only_second_errs},
          {"mcnemar_exact_p", mcnemar.exact_p},
          {"mcnemar_mid_p", mcnemar.mid_p},
          {"error_difference", difference_json(error_difference)},
          {"loss_difference", difference_json(loss_difference)},
          {"differing", differing_json(differing)},
          {"only_in_first", names_json(only_in_first)},
          {"only_in_first_count", only_in_first_count},
          {"only_in_second", names_json(only_in_second)},
          {"only_in_second_count", only_in_second_count}};
}

ModelComparison compare_models(const predict::KeptPredictions& first, const predict::KeptPredictions& second,
                               double threshold, double confidence) {
  check_comparable(first, second);
  return ModelComparer(first, second, threshold).compare(confidence);
}

}  // namespace margay::interpret
