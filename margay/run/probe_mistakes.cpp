#include "margay/run/probe_mistakes.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "margay/chart/image_grid.h"
#include "margay/data/source/csv.h"
#include "margay/data/source/image_files.h"
#include "margay/interpret/interpretation_charts.h"
#include "margay/metric/standard_error.h"

namespace margay::run {
namespace {

/// bool [N,K]: what each image is, and what it was predicted to be.
struct Decisions {
  torch::Tensor is;
  torch::Tensor predicted;
};

torch::Tensor membership(const torch::Tensor& classes, std::int64_t num_classes) {
  return torch::zeros({classes.size(0), num_classes}, torch::kBool).scatter_(1, classes.unsqueeze(1), true);
}

Decisions decisions_of(const predict::Predictions& predictions) {
  const std::int64_t classes = predictions.logits.size(1);
  if (predictions.targets.dim() == 2) return {predictions.targets > 0.5, predictions.logits > 0};
  return {membership(predictions.targets, classes), membership(predictions.logits.argmax(1), classes)};
}

double error_by_groups(const torch::Tensor& missed, const torch::Tensor& groups) {
  const torch::Tensor values = missed.to(torch::kDouble).contiguous();
  const torch::Tensor keys = groups.contiguous();
  const auto count = static_cast<std::size_t>(values.size(0));
  return metric::clustered_mean({values.data_ptr<double>(), count}, {keys.data_ptr<std::int64_t>(), count})
      .standard_error;
}

double independent_error(const ClassMistakes& each) {
  const auto n = static_cast<double>(each.images) + 1;
  const double p = (static_cast<double>(each.missed) + 0.5) / n;
  return std::sqrt(p * (1 - p) / n);
}

std::vector<ClassMistakes> mistakes_of_classes(const Decisions& decisions, const data::Vocabulary& vocabulary,
                                               const torch::Tensor& groups) {
  std::vector<ClassMistakes> classes;
  for (std::int64_t k = 0; k < vocabulary.size(); ++k) {
    const torch::Tensor rows = decisions.is.select(1, k).nonzero().flatten();
    if (rows.size(0) == 0) continue;
    const torch::Tensor predicted = decisions.predicted.select(1, k);
    const torch::Tensor missed = predicted.index_select(0, rows).logical_not();
    ClassMistakes each{.name = vocabulary.name(k), .images = rows.size(0), .missed = missed.sum().item<std::int64_t>()};
    each.alarms = predicted.sum().item<std::int64_t>() - (each.images - each.missed);
    each.error = static_cast<double>(each.missed) / static_cast<double>(each.images);
    each.standard_error = independent_error(each);
    if (groups.defined()) each.standard_error = error_by_groups(missed, groups.index_select(0, rows));
    classes.push_back(std::move(each));
  }
  std::stable_sort(classes.begin(), classes.end(), [](const ClassMistakes& a, const ClassMistakes& b) {
    return a.error != b.error ? a.error > b.error : a.images > b.images;
  });
  return classes;
}

std::vector<ConfusedPair> confused_pairs(const predict::Predictions& predictions, const data::Vocabulary& vocabulary) {
  if (predictions.targets.dim() != 1) return {};
  const std::int64_t classes = vocabulary.size();
  const torch::Tensor targets = predictions.targets;
  const torch::Tensor cells = targets * classes + predictions.logits.argmax(1);
  const torch::Tensor counts = torch::bincount(cells, {}, classes * classes).reshape({classes, classes});
  std::vector<ConfusedPair> pairs;
  const torch::Tensor places = counts.nonzero().contiguous();
  for (std::int64_t i = 0; i < places.size(0); ++i) {
    const std::int64_t label = places[i][0].item<std::int64_t>();
    const std::int64_t prediction = places[i][1].item<std::int64_t>();
    if (label == prediction) continue;
    pairs.push_back({vocabulary.name(label), vocabulary.name(prediction),
                     counts[label][prediction].item<std::int64_t>(), counts[label].sum().item<std::int64_t>()});
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const ConfusedPair& a, const ConfusedPair& b) { return a.count > b.count; });
  return pairs;
}

std::string joined_with(const char* delimiter, const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : delimiter) + part;
  return text;
}

std::string probability_text(double probability) { return fmt::format("{:.4f}", probability); }

/// Writes down one row after another.
class Judge {
 public:
  Judge(const predict::Predictions& predictions, const data::Dataset& dataset, const data::Vocabulary& vocabulary,
        const std::filesystem::path& root)
      : dataset_(dataset),
        vocabulary_(vocabulary),
        root_(root),
        ids_(predictions.ids),
        probabilities_(predictions.probabilities.to(torch::kFloat).contiguous()),
        losses_(predictions.losses.to(torch::kDouble).contiguous()) {}

  JudgedImage operator()(std::int64_t row) const {
    JudgedImage judged{.id = ids_[static_cast<std::size_t>(row)], .loss = losses_.data_ptr<double>()[row]};
    judged.name = root_.relative(dataset_.path(judged.id).string());
    judged.label = dataset_.label(judged.id);
    const float* begin = probabilities_.data_ptr<float>() + row * probabilities_.size(1);
    const float* end = begin + probabilities_.size(1);
    if (dataset_.task() == data::Task::kSingleLabel) {
      const float* best = std::max_element(begin, end);
      judged.prediction = vocabulary_.name(best - begin);
      judged.probability = probability_text(*best);
      return judged;
    }
    std::vector<std::string> names;
    std::vector<std::string> probabilities;
    for (const float* each = begin; each != end; ++each) {
      if (*each <= 0.5F) continue;
      names.push_back(vocabulary_.name(each - begin));
      probabilities.push_back(probability_text(*each));
    }
    judged.prediction = joined_with(";", names);
    judged.probability = joined_with(";", probabilities);
    return judged;
  }

 private:
  const data::Dataset& dataset_;
  const data::Vocabulary& vocabulary_;
  const data::Root root_;
  const std::vector<std::size_t>& ids_;
  torch::Tensor probabilities_;
  torch::Tensor losses_;
};

std::vector<JudgedImage> hardest_images(const predict::Predictions& predictions, const Judge& judge, std::size_t most) {
  std::vector<JudgedImage> hardest;
  const auto count = std::min<std::int64_t>(predictions.size(), static_cast<std::int64_t>(most));
  const torch::Tensor rows = std::get<1>(predictions.losses.to(torch::kDouble).sort(/*stable=*/true, 0, true));
  for (std::int64_t i = 0; i < count; ++i) hardest.push_back(judge(rows[i].item<std::int64_t>()));
  return hardest;
}

std::string or_none(const std::string& labels) { return labels.empty() ? "(none)" : labels; }

}  // namespace

Mistakes find_mistakes(const predict::Predictions& predictions, const data::Dataset& dataset,
                       const data::Vocabulary& vocabulary, const MistakeOptions& options) {
  return {
      .classes = mistakes_of_classes(decisions_of(predictions), vocabulary, options.groups),
      .pairs = confused_pairs(predictions, vocabulary),
      .hardest = hardest_images(predictions, Judge(predictions, dataset, vocabulary, options.root), options.hardest)};
}

std::string predictions_csv(const predict::Predictions& predictions, const data::Dataset& dataset,
                            const data::Vocabulary& vocabulary, const std::filesystem::path& root) {
  const Judge judge(predictions, dataset, vocabulary, root);
  std::string lines = "name,label,prediction,probability,loss\n";
  for (std::int64_t row = 0; row < predictions.size(); ++row) {
    const JudgedImage judged = judge(row);
    lines += fmt::format("{},{},{},{},{:.6f}\n", data::csv_cell(judged.name), data::csv_cell(judged.label),
                         data::csv_cell(judged.prediction), judged.probability, judged.loss);
  }
  return lines;
}

chart::Drawing mistakes_sheet(const std::vector<JudgedImage>& images, const data::Dataset& dataset,
                              const data::ImagePipeline& pipeline) {
  std::vector<chart::Tile> tiles;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const JudgedImage& each = images[i];
    tiles.push_back({interpret::contact_tile(dataset.image(each.id), pipeline.read_options()),
                     fmt::format("{}: {}, predicted {} {}", i + 1, or_none(each.label), or_none(each.prediction),
                                 each.probability)});
  }
  return chart::image_grid(tiles);
}

}  // namespace margay::run
