#include "apps/cli/unknown_text.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "apps/cli/program_words.h"
#include "margay/core/counted.h"
#include "margay/core/text.h"

namespace margay::cli {
namespace {

using interpret::ClassRefusals;
using interpret::ScoreTrial;
using interpret::UnknownFit;
using predict::RefusalGuarantee;

std::string score_line(const UnknownFit& fit) {
  const std::string score = core::to_text(fit.detector.scorer().score);
  if (fit.trials.empty()) return fmt::format("score       {}\n", score);
  std::vector<std::string> others;
  for (const ScoreTrial& trial : fit.trials) {
    others.push_back(fmt::format("{} {:.3f}", core::to_text(trial.score), trial.detection.auroc));
  }
  return fmt::format("score       {}; AUROC with {} left out in turn: {}\n", score,
                     core::counted(fit.trials.front().classes, "class", "classes"), core::joined(others, ", "));
}

std::string guarantee_line(const UnknownFit& fit) {
  const double percent = 100 * fit.detector.alpha();
  const auto images = core::counted(fit.detector.calibration_images(), "image");
  switch (fit.detector.guarantee()) {
    case RefusalGuarantee::kPerClass:
      return fmt::format("guarantee   at most {:g} % of the images of each class are refused ({} set the thresholds)\n",
                         percent, images);
    case RefusalGuarantee::kLeftOut:
      return fmt::format(
          "guarantee   at most {:g} % of images of the classes are refused (jackknife+, twice alpha; usually about "
          "{:g} %; {}, each judged without itself)\n",
          2 * percent, percent, images);
    default:
      return fmt::format(
          "guarantee   at most {:g} % of images of the classes are refused ({} set the threshold and served nothing "
          "else)\n",
          percent, images);
  }
}

std::string band_line(const UnknownFit& fit) {
  if (!fit.band) return "";
  return fmt::format("            this threshold: between {:.1f} and {:.1f} %, in 95 of 100 draws of its images\n",
                     100 * fit.band->low, 100 * fit.band->high);
}

/// The classes that lose most.
std::string class_lines(const UnknownFit& fit, const data::Vocabulary& vocabulary) {
  constexpr std::size_t kShown = 5;
  std::vector<std::size_t> order(fit.classes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto share = [&](std::size_t c) {
    const ClassRefusals& refusals = fit.classes[c];
    return refusals.images == 0 ? 0.0 : static_cast<double>(refusals.refused) / static_cast<double>(refusals.images);
  };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return share(a) > share(b); });
  std::string lines;
  for (std::size_t i = 0; i < std::min(order.size(), kShown) && share(order[i]) > 0; ++i) {
    const ClassRefusals& refusals = fit.classes[order[i]];
    lines += fmt::format("{}{} of {} of {}\n", lines.empty() ? "refused     " : "            ", refusals.refused,
                         refusals.images, core::spelled_out(vocabulary.name(static_cast<std::int64_t>(order[i]))));
  }
  return lines;
}

nlohmann::ordered_json trials_json(const UnknownFit& fit) {
  auto trials = nlohmann::ordered_json::array();
  for (const ScoreTrial& trial : fit.trials) {
    trials.push_back({{"score", core::to_text(trial.score)},
                      {"auroc", trial.detection.auroc},
                      {"aupr", trial.detection.aupr},
                      {"fpr_at_95_tpr", trial.detection.fpr_at_95},
                      {"left_out_classes", trial.classes}});
  }
  return trials;
}

}  // namespace

std::string detector_line(const predict::UnknownDetector& detector) {
  const std::string images = core::counted(detector.calibration_images(), "image");
  if (!detector.can_refuse()) {
    return fmt::format("none of these: never, {} are too few for an alpha of {:g}\n", images, detector.alpha());
  }
  return fmt::format("none of these: where p is at most {:g}, by the score {}; {} set the threshold (guarantee: {})\n",
                     detector.alpha(), core::to_text(detector.scorer().score), images,
                     core::to_text(detector.guarantee()));
}

std::string unknown_text(const UnknownFit& fit, const data::Vocabulary& vocabulary, std::int64_t bundle_bytes) {
  std::string text = "None of these\n" + score_line(fit);
  if (fit.detector.can_refuse()) text += guarantee_line(fit) + band_line(fit) + class_lines(fit, vocabulary);
  const auto bytes = static_cast<double>(fit.detector.bytes());
  text += fmt::format("size        {:.0f} kB, {:.1f} % of the weights\n", bytes / 1000,
                      100 * bytes / static_cast<double>(std::max<std::int64_t>(bundle_bytes, 1)));
  for (const std::string& note : fit.notes) text += fmt::format("NOTE: {}\n", program_words(note));
  return text;
}

nlohmann::ordered_json unknown_json(const UnknownFit& fit, const data::Vocabulary& vocabulary) {
  nlohmann::ordered_json json = fit.detector.header();
  json["can_refuse"] = fit.detector.can_refuse();
  if (fit.band) json["band"] = {fit.band->low, fit.band->high};
  json["bytes"] = fit.detector.bytes();
  json["trials"] = trials_json(fit);
  auto classes = nlohmann::ordered_json::array();
  for (std::size_t c = 0; c < fit.classes.size(); ++c) {
    classes.push_back({{"label", vocabulary.name(static_cast<std::int64_t>(c))},
                       {"images", fit.classes[c].images},
                       {"refused", fit.classes[c].refused}});
  }
  json["classes"] = classes;
  json["notes"] = nlohmann::ordered_json::array();
  for (const std::string& note : fit.notes) json["notes"].push_back(program_words(note));
  return json;
}

}  // namespace margay::cli
