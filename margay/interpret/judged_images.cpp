#include "margay/interpret/judged_images.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "margay/metric/metric.h"
#include "margay/predict/calibration.h"

namespace margay::interpret {
namespace {

constexpr std::int64_t kNumbersOfPart = 4'000'000;  // 16 MB of logits, and as much of probabilities

/// The two largest of a row, the first of equal ones.
struct TwoBest {
  std::int32_t best = 0;
  std::int32_t second = -1;
};

TwoBest two_best(const float* row, std::int64_t classes) {
  TwoBest two;
  for (std::int32_t k = 1; k < classes; ++k) {
    if (row[k] > row[two.best]) {
      two = {k, two.best};
    } else if (two.second < 0 || row[k] > row[two.second]) {
      two.second = k;
    }
  }
  return two;
}

std::int32_t rank_of(const float* row, std::int64_t classes, std::int32_t label) {
  std::int32_t rank = 0;
  for (std::int32_t k = 0; k < classes; ++k) rank += row[k] > row[label] || (row[k] == row[label] && k < label) ? 1 : 0;
  return rank;
}

/// Some rows of the predictions, on the CPU.
struct RowsPart {
  std::int64_t first = 0;
  std::int64_t count = 0;
  torch::Tensor logits;         ///< float [count,K]
  torch::Tensor probabilities;  ///< the same, calibrated
  torch::Tensor decisions;      ///< bool [count,K] of several labels, else undefined
  torch::Tensor targets;        ///< int64 [count] or float [count,K]; undefined without labels

  const float* logits_of(std::int64_t i) const { return logits.data_ptr<float>() + i * logits.size(1); }
  const float* probabilities_of(std::int64_t i) const {
    return probabilities.data_ptr<float>() + i * probabilities.size(1);
  }
};

/// Fills the columns part by part.
class ImageJudge {
 public:
  ImageJudge(const predict::KeptPredictions& kept, double threshold)
      : kept_(kept), threshold_(threshold), calibration_{.temperature = kept.rows.temperature} {
    judged_.has_labels = kept.has_labels();
    judged_.is_multi_label = kept.task == data::Task::kMultiLabel;
    judged_.threshold = calibration_.moved_threshold(threshold);
    make_columns();
  }

  JudgedImages judge() {
    const std::int64_t rows = std::max<std::int64_t>(1, kNumbersOfPart / kept_.num_classes());
    for (std::int64_t first = 0; first < kept_.size(); first += rows) {
      judge_part(part(first, std::min(rows, kept_.size() - first)));
    }
    return std::move(judged_);
  }

 private:
  void make_columns() {
    const auto n = static_cast<std::size_t>(kept_.size());
    judged_.best.resize(n);
    judged_.second.resize(n, -1);
    judged_.probability.resize(n);
    judged_.margin.resize(n);
    judged_.border_class.resize(n, -1);
    if (kept_.refused.defined()) judged_.is_refused.resize(n);
    if (!judged_.has_labels) return;
    judged_.label_probability.resize(n);
    judged_.loss.resize(n);
    judged_.is_right.resize(n);
    if (judged_.is_multi_label) return;
    judged_.label.resize(n);
    judged_.label_rank.resize(n);
  }

  RowsPart part(std::int64_t first, std::int64_t count) {
    RowsPart rows{.first = first, .count = count};
    rows.logits = kept_.rows.logits.narrow(0, first, count).to(torch::kCPU, torch::kFloat).contiguous();
    const torch::Tensor scaled = calibration_.scaled(rows.logits);
    rows.probabilities = metric::probabilities(scaled, kept_.activation()).contiguous();
    if (judged_.is_multi_label) rows.decisions = predict::label_decisions(rows.logits, threshold_).contiguous();
    if (!judged_.has_labels) return rows;
    rows.targets = kept_.rows.targets.narrow(0, first, count).cpu();
    if (judged_.is_multi_label) rows.targets = rows.targets.to(torch::kFloat);
    rows.targets = rows.targets.contiguous();
    const torch::Tensor losses = metric::image_losses(scaled, rows.targets, kept_.activation()).to(torch::kFloat);
    std::copy_n(losses.contiguous().data_ptr<float>(), count, judged_.loss.data() + first);
    return rows;
  }

  void judge_part(const RowsPart& rows) {
    at::parallel_for(0, rows.count, 64, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) judge_row(rows, i);
    });
    // One thread, since bits of neighbours share bytes and lists grow.
    for (std::int64_t i = 0; i < rows.count; ++i) {
      if (judged_.is_multi_label) add_lists(rows, i);
      note_flags(rows, i);
    }
  }

  void judge_row(const RowsPart& rows, std::int64_t i) {
    const auto image = static_cast<std::size_t>(rows.first + i);
    const float* probabilities = rows.probabilities_of(i);
    const TwoBest two = two_best(rows.logits_of(i), kept_.num_classes());
    judged_.best[image] = two.best;
    judged_.second[image] = two.second;
    judged_.probability[image] = probabilities[two.best];
    if (judged_.is_multi_label) return judge_border(rows, i);
    judged_.margin[image] = two.second < 0 ? 1 : probabilities[two.best] - probabilities[two.second];
    judged_.border_class[image] = two.second;
    if (!judged_.has_labels) return;
    const auto label = static_cast<std::int32_t>(rows.targets.data_ptr<std::int64_t>()[i]);
    judged_.label[image] = label;
    judged_.label_probability[image] = probabilities[label];
    judged_.label_rank[image] = rank_of(rows.logits_of(i), kept_.num_classes(), label);
  }

  /// Of several labels.
  void judge_border(const RowsPart& rows, std::int64_t i) {
    const auto image = static_cast<std::size_t>(rows.first + i);
    const float* probabilities = rows.probabilities_of(i);
    double nearest = 2;
    double all_as_they_are = 1;
    for (std::int32_t k = 0; k < kept_.num_classes(); ++k) {
      const double distance = std::abs(probabilities[k] - judged_.threshold);
      if (distance < nearest) {
        nearest = distance;
        judged_.border_class[image] = k;
      }
      if (!judged_.has_labels) continue;
      const bool is_there = rows.targets.data_ptr<float>()[i * kept_.num_classes() + k] > 0.5F;
      all_as_they_are *= is_there ? probabilities[k] : 1 - probabilities[k];
    }
    judged_.margin[image] = static_cast<float>(nearest);
    if (judged_.has_labels) judged_.label_probability[image] = static_cast<float>(all_as_they_are);
  }

  void add_lists(const RowsPart& rows, std::int64_t i) {
    const bool is_refused = kept_.refused.defined() && kept_.refused.data_ptr<bool>()[rows.first + i];
    std::vector<std::int32_t> predicted;
    std::vector<std::int32_t> labels;
    for (std::int32_t k = 0; k < kept_.num_classes(); ++k) {
      if (!is_refused && rows.decisions.data_ptr<bool>()[i * kept_.num_classes() + k]) predicted.push_back(k);
      if (judged_.has_labels && rows.targets.data_ptr<float>()[i * kept_.num_classes() + k] > 0.5F) labels.push_back(k);
    }
    judged_.predicted_classes.add(predicted);
    if (judged_.has_labels) judged_.label_classes.add(labels);
  }

  void note_flags(const RowsPart& rows, std::int64_t i) {
    const std::int64_t row = rows.first + i;
    const auto image = static_cast<std::size_t>(row);
    const bool is_refused = kept_.refused.defined() && kept_.refused.data_ptr<bool>()[row];
    if (kept_.refused.defined()) judged_.is_refused[image] = is_refused;
    if (!judged_.has_labels) return;
    const auto is_equal = [&] {
      return std::ranges::equal(judged_.predicted_classes[row], judged_.label_classes[row]);
    };
    const bool is_right = judged_.is_multi_label ? is_equal() : judged_.label_rank[image] == 0;
    judged_.is_right[image] = is_right && !is_refused;
  }

  const predict::KeptPredictions& kept_;
  double threshold_;
  predict::Calibration calibration_;
  JudgedImages judged_;
};

}  // namespace

void ClassLists::add(std::span<const std::int32_t> list) {
  classes.insert(classes.end(), list.begin(), list.end());
  first.push_back(static_cast<std::int64_t>(classes.size()));
}

JudgedImages judge_images(const predict::KeptPredictions& predictions, double threshold) {
  if (!(threshold >= 0 && threshold <= 1)) {
    throw std::invalid_argument(fmt::format("[interpretation] threshold must lie in 0 … 1, got {}", threshold));
  }
  predictions.check();
  return ImageJudge(predictions, threshold).judge();
}

}  // namespace margay::interpret
