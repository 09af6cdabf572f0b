#include "margay/interpret/calibration_quality.h"

#include <algorithm>
#include <span>

#include <ATen/Parallel.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <nlohmann/json.hpp>

#include "margay/core/json_values.h"
#include "margay/core/random.h"
#include "margay/interpret/binned_error.h"
#include "margay/interpret/calibrated_rows.h"
#include "margay/metric/folds.h"
#include "margay/metric/standard_error.h"

namespace margay::interpret {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kMostDraws = 100'000'000;       // simulated labels
constexpr std::int64_t kMostCellNumbers = 20'000'000;  // cells times replicates, or simulations
constexpr std::int64_t kFewestSimulations = 20;
constexpr std::int64_t kFewestClassReplicates = 2 * metric::Resamples::kLanes;
constexpr std::uint64_t kSimulationStream = 0x0CA11B;  // apart from the draws of the bootstrap

std::span<const double> span_of(const torch::Tensor& doubles) {
  return {doubles.data_ptr<double>(), static_cast<std::size_t>(doubles.numel())};
}

std::span<const std::int64_t> group_span(const torch::Tensor& groups) {
  if (!groups.defined()) return {};
  return {groups.data_ptr<std::int64_t>(), static_cast<std::size_t>(groups.numel())};
}

/// What one pass over the images gives. A case is an image; of several labels each image and label.
struct JudgedCases {
  torch::Tensor losses;       // float64 [N]
  torch::Tensor briers;       // float64 [N]
  torch::Tensor best;         // int64 [N], the prediction; undefined for several labels
  torch::Tensor confidences;  // float64 [M]
  torch::Tensor hits;         // float64 [M]
  std::int64_t per_image = 1;

  torch::Tensor of_images(const torch::Tensor& values, std::int64_t first, std::int64_t images) const {
    return values.slice(0, first * per_image, (first + images) * per_image).view({images, per_image});
  }
};

JudgedCases judge_cases(const CalibratedRows& rows) {
  JudgedCases cases{.per_image = rows.is_single_label() ? 1 : rows.classes()};
  const auto options = torch::dtype(torch::kDouble);
  cases.losses = torch::empty({rows.images()}, options);
  cases.briers = torch::empty({rows.images()}, options);
  cases.confidences = torch::empty({rows.images() * cases.per_image}, options);
  cases.hits = torch::empty({rows.images() * cases.per_image}, options);
  if (rows.is_single_label()) cases.best = torch::empty({rows.images()}, torch::kLong);
  rows.for_each_part([&](const CalibratedPart& part) {
    const auto put = [&](const torch::Tensor& all, const torch::Tensor& values, std::int64_t each = 1) {
      all.slice(0, part.first * each, (part.first + part.size()) * each).copy_(values.reshape({-1}));
    };
    put(cases.losses, metric::image_losses(part.logits, part.targets, rows.activation()));
    const torch::Tensor squares = (part.probabilities - part.hits).square();
    put(cases.briers, rows.is_single_label() ? squares.sum(1) : squares.mean(1));
    if (!rows.is_single_label()) {
      put(cases.confidences, part.probabilities, cases.per_image);
      return put(cases.hits, part.hits, cases.per_image);
    }
    const torch::Tensor best = part.logits.argmax(1, true);
    put(cases.best, best);
    put(cases.confidences, part.probabilities.gather(1, best));
    put(cases.hits, part.hits.gather(1, best));
  });
  return cases;
}

/// One class by its cumulated probabilities, or each label by its own.
template <class Visit>
void draw_labels(std::span<const double> chances, bool is_single, core::Random& random, const Visit& visit) {
  const auto last = static_cast<std::int64_t>(chances.size()) - 1;
  if (is_single) {
    const auto above = std::upper_bound(chances.begin(), chances.end(), random.uniform());
    return visit(std::min<std::int64_t>(above - chances.begin(), last));
  }
  for (std::int64_t k = 0; k <= last; ++k) {
    if (random.uniform() < chances[static_cast<std::size_t>(k)]) visit(k);
  }
}

/// Everything that calibration_quality computes, pass by pass.
class QualityOf {
 public:
  QualityOf(const CalibratedRows& rows, const torch::Tensor& groups, const CalibrationMeasure& measure)
      : rows_(rows),
        measure_(measure),
        groups_(groups.defined() ? groups.contiguous() : groups),
        group_numbers_(metric::numbered_groups(groups, rows.images())),
        resamples_(rows.images(), group_span(groups_), measure.bootstrap),
        cases_(judge_cases(rows)),
        replicates_(resamples_.blocks() * metric::Resamples::kLanes) {
    const std::int64_t draws = rows.images() * cases_.per_image;
    const std::int64_t cells = rows.classes() * measure.bins;
    const std::int64_t affordable = std::min(kMostDraws / draws, kMostCellNumbers / cells);
    simulations_ = std::min<std::int64_t>(measure.simulations, std::max(kFewestSimulations, affordable));
    const std::int64_t lanes = metric::Resamples::kLanes;
    class_replicates_ =
        std::min(replicates_, std::max(kFewestClassReplicates, kMostCellNumbers / cells / lanes * lanes));
    for (std::int64_t block = 0; block < resamples_.blocks(); ++block) counts_.push_back(resamples_.counts(block));
  }

  CalibrationQuality run() {
    CalibrationQuality quality{.confidence = resamples_.confidence()};
    quality.nll = metric::bootstrap_mean(resamples_, span_of(cases_.losses));
    quality.brier = metric::bootstrap_mean(resamples_, span_of(cases_.briers));
    gather_errors(quality);
    quality.bins = reliability_bins();
    quality.risk_coverage = risk_and_coverage();
    return quality;
  }

 private:
  void gather_errors(CalibrationQuality& quality) {
    BinnedError width(measure_.bins, 1, replicates_, simulations_);
    BinnedError mass(measure_.bins, 1, replicates_, simulations_);
    BinnedError classes(measure_.bins, rows_.classes(), class_replicates_, simulations_);
    width_bins_ = equal_width_bins(cases_.confidences, measure_.bins);
    const torch::Tensor mass_bins = equal_mass_bins(cases_.confidences, measure_.bins);
    rows_.for_each_part([&](const CalibratedPart& part) {
      const auto own = [&](const torch::Tensor& values) { return cases_.of_images(values, part.first, part.size()); };
      const torch::Tensor counts = counts_of(part.first, part.size());
      const torch::Tensor class_bins = equal_width_bins(part.probabilities, measure_.bins);
      width.add(own(cases_.confidences), own(cases_.hits), own(width_bins_), counts);
      mass.add(own(cases_.confidences), own(cases_.hits), own(mass_bins), counts);
      classes.add(part.probabilities, part.hits, class_bins, counts.slice(1, 0, class_replicates_));
      simulate(part, {own(width_bins_).contiguous(), own(mass_bins).contiguous(), class_bins.contiguous()}, width, mass,
               classes);
    });
    quality.ece = error_of(width);
    quality.ece_mass = error_of(mass);
    quality.ece_class = error_of(classes);
  }

  /// float [n,R]
  torch::Tensor counts_of(std::int64_t first, std::int64_t images) const {
    std::vector<torch::Tensor> blocks;
    for (const std::vector<std::uint8_t>& block : counts_) {
      const std::uint8_t* from = block.data() + first * metric::Resamples::kLanes;
      blocks.push_back(
          torch::from_blob(const_cast<std::uint8_t*>(from), {images, metric::Resamples::kLanes}, torch::kByte)
              .to(torch::kFloat));
    }
    return torch::cat(blocks, 1);
  }

  /// int64, of the images of a part.
  struct PartBins {
    torch::Tensor width;  // [n] or [n,K]
    torch::Tensor mass;
    torch::Tensor classes;  // [n,K]
  };

  /// Calls visit(simulation, image of the part, class) for every class that an image has in a simulation.
  template <class Visit>
  void for_each_drawn_label(const CalibratedPart& part, const Visit& visit) const {
    const bool is_single = rows_.is_single_label();
    const torch::Tensor chances = (is_single ? part.probabilities.cumsum(1) : part.probabilities).contiguous();
    const auto* const chance = chances.data_ptr<double>();
    const auto* const group = group_numbers_.data_ptr<std::int64_t>() + part.first;
    at::parallel_for(0, simulations_, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = 0; i < part.size(); ++i) {  // outside, so that the row stays in the cache
        const std::span<const double> row(chance + i * rows_.classes(), static_cast<std::size_t>(rows_.classes()));
        for (std::int64_t simulation = begin; simulation < end; ++simulation) {
          core::Random random{measure_.bootstrap.seed, kSimulationStream, static_cast<std::uint64_t>(group[i]),
                              static_cast<std::uint64_t>(simulation)};
          draw_labels(row, is_single, random, [&](std::int64_t k) { visit(simulation, i, k); });
        }
      }
    });
  }

  void simulate(const CalibratedPart& part, const PartBins& bins, BinnedError& width, BinnedError& mass,
                BinnedError& classes) const {
    const auto* const width_bin = bins.width.data_ptr<std::int64_t>();
    const auto* const mass_bin = bins.mass.data_ptr<std::int64_t>();
    const auto* const class_bin = bins.classes.data_ptr<std::int64_t>();
    const std::int64_t all = rows_.classes();
    const std::int64_t* best = rows_.is_single_label() ? cases_.best.data_ptr<std::int64_t>() + part.first : nullptr;
    for_each_drawn_label(part, [&](std::int64_t simulation, std::int64_t i, std::int64_t k) {
      classes.add_simulated_hit(simulation, class_bin[i * all + k], k);
      if (best != nullptr && best[i] != k) return;
      const std::int64_t hit = best != nullptr ? i : i * all + k;
      width.add_simulated_hit(simulation, width_bin[hit], 0);
      mass.add_simulated_hit(simulation, mass_bin[hit], 0);
    });
  }

  CalibrationError error_of(const BinnedError& binned) const {
    CalibrationError result{.error = {.value = binned.error()}};
    std::vector<double> replicated = binned.replicated();
    replicated.resize(std::min(replicated.size(), static_cast<std::size_t>(resamples_.replicates())));
    if (resamples_.groups() > 1) {
      const double reach =
          metric::normal_quantile_two_sided(resamples_.confidence()) * metric::repeated_mean(replicated).deviation;
      result.error.interval = {.low = std::max(0.0, binned.error() - reach), .high = binned.error() + reach};
    }
    const torch::Tensor simulated = torch::tensor(binned.simulated(), torch::kDouble);
    const double tail = (1 - resamples_.confidence()) / 2;
    const torch::Tensor ends = torch::quantile(simulated, torch::tensor({tail, 1 - tail}, torch::kDouble));
    result.perfect = simulated.mean().item<double>();
    result.perfect_range = {.low = ends[0].item<double>(), .high = ends[1].item<double>()};
    return result;
  }

  std::vector<ReliabilityBin> reliability_bins() const {
    std::vector<ReliabilityBin> bins;
    const torch::Tensor images = torch::arange(rows_.images()).repeat_interleave(cases_.per_image);
    for (std::int64_t b = 0; b < measure_.bins; ++b) {
      const torch::Tensor own = (width_bins_ == b).nonzero().squeeze(1);
      const torch::Tensor hits = cases_.hits.index_select(0, own).contiguous();
      const torch::Tensor groups = group_numbers_.index_select(0, images.index_select(0, own)).contiguous();
      const metric::Estimate share = metric::share_estimate(span_of(hits), group_span(groups), resamples_.confidence());
      bins.push_back({.low = static_cast<double>(b) / static_cast<double>(measure_.bins),
                      .high = static_cast<double>(b + 1) / static_cast<double>(measure_.bins),
                      .count = own.size(0),
                      .confidence = cases_.confidences.index_select(0, own).mean().item<double>(),
                      .accuracy = share.value,
                      .interval = share.interval});
    }
    return bins;
  }

  RiskCoverage risk_and_coverage() const {
    const torch::Tensor& p = cases_.confidences;
    if (rows_.is_single_label()) return interpret::risk_coverage(p, 1 - cases_.hits, &resamples_);
    const torch::Tensor is_predicted = (p > 0.5).to(torch::kDouble);  // the threshold ½ stays ½ at any temperature
    return interpret::risk_coverage(torch::maximum(p, 1 - p), (is_predicted - cases_.hits).abs(), &resamples_);
  }

  const CalibratedRows& rows_;
  const CalibrationMeasure& measure_;
  torch::Tensor groups_;         // as given
  torch::Tensor group_numbers_;  // int64 [N]
  metric::Resamples resamples_;
  JudgedCases cases_;
  std::int64_t replicates_;  // of whole blocks
  std::int64_t class_replicates_ = 0;
  std::int64_t simulations_ = 0;
  std::vector<std::vector<std::uint8_t>> counts_;  // of each block of the resamples
  torch::Tensor width_bins_;                       // int64 [M]
};

}  // namespace

CalibrationQuality calibration_quality_at(const torch::Tensor& temperatures, const predict::Predictions& predictions,
                                          data::Task task, const torch::Tensor& groups,
                                          const CalibrationMeasure& measure) {
  core::validate(measure);
  const torch::NoGradGuard no_grad;
  const CalibratedRows rows(predictions, task, temperatures);
  return QualityOf(rows, groups, measure).run();
}

CalibrationQuality calibration_quality(const predict::Predictions& predictions, data::Task task,
                                       const torch::Tensor& groups, const CalibrationMeasure& measure) {
  return calibration_quality_at(torch::tensor({predictions.temperature}, torch::kDouble), predictions, task, groups,
                                measure);
}

const core::OptionTable& CalibrationMeasure::fields() {
  using O = CalibrationMeasure;
  static const core::OptionTable table(
      "calibration_measure",
      {core::field<&O::bins>("bins", "of the calibration errors and the reliability diagram", {1, 1000}),
       core::field<&O::simulations>("simulations", "of labels as perfectly calibrated probabilities would have them",
                                    {20, 100'000}),
       core::field<&O::bootstrap>("bootstrap", "of the intervals")});
  return table;
}

namespace {

Json error_json(const CalibrationError& error) {
  Json json = to_json(error.error);
  json["perfect"] = core::finite_or_null(error.perfect);
  json["perfect_low"] = core::finite_or_null(error.perfect_range.low);
  json["perfect_high"] = core::finite_or_null(error.perfect_range.high);
  json["excess"] = core::finite_or_null(error.excess());
  json["beyond_chance"] = error.is_beyond_chance();
  return json;
}

Json bin_json(const ReliabilityBin& bin) {
  return {{"low", bin.low},
          {"high", bin.high},
          {"count", bin.count},
          {"confidence", core::finite_or_null(bin.confidence)},
          {"accuracy", core::finite_or_null(bin.accuracy)},
          {"accuracy_low", core::finite_or_null(bin.interval.low)},
          {"accuracy_high", core::finite_or_null(bin.interval.high)}};
}

}  // namespace

Json to_json(const CalibrationQuality& quality) {
  Json bins = Json::array();
  for (const ReliabilityBin& bin : quality.bins) bins.push_back(bin_json(bin));
  const RiskCoverage& risk = quality.risk_coverage;
  return {{"confidence", quality.confidence},
          {"nll", to_json(quality.nll)},
          {"brier", to_json(quality.brier)},
          {"ece", error_json(quality.ece)},
          {"ece_mass", error_json(quality.ece_mass)},
          {"ece_class", error_json(quality.ece_class)},
          {"bins", bins},
          {"risk_coverage",
           {{"coverage", risk.coverage},
            {"risk", risk.risk},
            {"aurc", to_json(risk.aurc)},
            {"best_aurc", core::finite_or_null(risk.best_aurc)}}}};
}

}  // namespace margay::interpret
