#include "margay/run/probed.h"
#include "margay/core/json_values.h"

#include <nlohmann/json.hpp>

namespace margay::run {

namespace {

using Json = nlohmann::ordered_json;

Json score_json(const train::ProbeScore& score) {
  return {{"error", to_json(score.error)}, {"loss", to_json(score.loss)}};
}

Json difference_json(const metric::Difference& difference) {
  return {{"value", core::finite_or_null(difference.value)},
          {"standard_error", core::finite_or_null(difference.standard_error)},
          {"p_value", core::finite_or_null(difference.p_value)}};
}

Json curve_json(const train::LearningCurve& curve) {
  Json points = Json::array();
  for (const train::LearningCurvePoint& point : curve.points) {
    points.push_back({{"images", point.images},
                      {"error", core::finite_or_null(point.error)},
                      {"standard_error", core::finite_or_null(point.standard_error)},
                      {"draws", point.draws}});
  }
  Json json = {{"points", points}, {"twice", nullptr}};
  if (curve.twice) {
    json["twice"] = {{"images", curve.twice->images},
                     {"error", core::finite_or_null(curve.twice->error)},
                     {"low", core::finite_or_null(curve.twice->low)},
                     {"high", core::finite_or_null(curve.twice->high)}};
  } else {
    json["why_no_forecast"] = curve.why_no_forecast;
  }
  return json;
}

Json mistakes_json(const Mistakes& mistakes) {
  Json classes = Json::array();
  for (const ClassMistakes& each : mistakes.classes) {
    classes.push_back({{"class", each.name},
                       {"images", each.images},
                       {"missed", each.missed},
                       {"false_alarms", each.alarms},
                       {"error", each.error},
                       {"standard_error", core::finite_or_null(each.standard_error)}});
  }
  Json pairs = Json::array();
  for (const ConfusedPair& each : mistakes.pairs) {
    pairs.push_back({{"label", each.label}, {"prediction", each.prediction}, {"count", each.count}});
  }
  Json hardest = Json::array();
  for (const JudgedImage& each : mistakes.hardest) {
    hardest.push_back({{"name", each.name},
                       {"label", each.label},
                       {"prediction", each.prediction},
                       {"probability", each.probability},
                       {"loss", core::finite_or_null(each.loss)}});
  }
  return {{"classes", classes}, {"confused", pairs}, {"hardest", hardest}};
}

Json valid_json(const train::ProbeValidation& valid) {
  Json json = score_json(valid.score);
  json["error_minus_left_out"] = difference_json(valid.disagreement.error);
  json["disagrees_beyond_chance"] = valid.disagreement.is_beyond_chance;
  return json;
}

Json fine_tuning_json(const train::FineTuningOutlook& outlook) {
  return {{"gain", core::to_text(outlook.gain)}, {"reason", outlook.reason}};
}

}  // namespace

Json to_json(const metric::ClusteredMean& mean) {
  return {{"mean", core::finite_or_null(mean.mean)},
          {"standard_error", core::finite_or_null(mean.standard_error)},
          {"count", mean.count},
          {"groups", mean.groups}};
}

Json to_json(const Probed& probed) {
  const train::ProbeResult& result = probed.result;
  Json json = {{"arch", probed.start.arch},
               {"weights", probed.start.weights.string()},
               {"precision", probed.start.precision},
               {"task", core::to_text(probed.task)},
               {"train_images", probed.start.train_images},
               {"valid_images", probed.start.valid_images},
               {"num_classes", probed.start.num_classes},
               {"images", result.images},
               {"groups", result.groups},
               {"largest_group", result.largest_group},
               {"grouping", probed.grouping},
               {"strength", result.strength},
               {"left_out", score_json(result.score)},
               {"training_error", result.training_error},
               {"valid", result.valid ? valid_json(*result.valid) : Json(nullptr)},
               {"learning_curve", result.curve ? curve_json(*result.curve) : Json(nullptr)},
               {"fine_tuning", fine_tuning_json(result.fine_tuning)}};
  json.update(mistakes_json(probed.mistakes));
  json["absent_classes"] = probed.absent_classes;
  json["one_group_classes"] = probed.one_group_classes;
  json["from_cache"] = probed.from_cache;
  json["images_per_s"] = probed.images_per_s;
  for (const TimedPart& part : probed.seconds) json["seconds"][part.name] = part.seconds;
  json["folder"] = probed.folder.string();
  json["model"] = probed.model.string();
  return json;
}

}  // namespace margay::run
