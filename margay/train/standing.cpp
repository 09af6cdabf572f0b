#include "margay/train/standing.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"

namespace margay::train {
namespace {

using Json = nlohmann::ordered_json;

/// JSON has no NaN: it is null there.
double number(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json to_json(const EpochRecord& record) {
  return {{"epoch", record.epoch},
          {"stage", record.stage},
          {"train_loss", record.train_loss},
          {"valid_loss", record.valid_loss},
          {"metrics", record.metrics},
          {"seconds", record.seconds},
          {"steps_so_far", record.steps_so_far},
          {"train_images_per_s", record.train_images_per_s},
          {"wait_share", record.wait_share},
          {"forward_share", record.forward_share},
          {"backward_share", record.backward_share},
          {"update_share", record.update_share},
          {"callback_share", record.callback_share}};
}

EpochRecord record_from(const Json& json) {
  EpochRecord record{.epoch = json.at("epoch"),
                     .stage = json.at("stage"),
                     .train_loss = number(json.at("train_loss")),
                     .valid_loss = number(json.at("valid_loss")),
                     .seconds = json.at("seconds"),
                     .steps_so_far = json.at("steps_so_far"),
                     .train_images_per_s = json.at("train_images_per_s"),
                     .wait_share = json.at("wait_share"),
                     .forward_share = json.at("forward_share"),
                     .backward_share = json.at("backward_share"),
                     .update_share = json.at("update_share"),
                     .callback_share = json.at("callback_share")};
  for (const Json& metric : json.at("metrics")) record.metrics.push_back(number(metric));
  return record;
}

Standing parse(const Json& json) {
  Standing standing{.stage_index = json.at("stage_index"),
                    .stage = json.at("stage"),
                    .epoch = json.at("epoch"),
                    .is_in_epoch = json.at("is_in_epoch"),
                    .is_cancelled = json.at("is_cancelled"),
                    .step = json.at("step"),
                    .next_batch = json.at("next_batch"),
                    .fit_s = json.at("fit_s"),
                    .passes = json.at("passes"),
                    .lr_factor = json.at("lr_factor"),
                    .smooth_loss = {json.at("smooth_loss").at("sum").get<double>(),
                                    json.at("smooth_loss").at("count").get<std::int64_t>()}};
  if (!json.at("validation_s").is_null()) standing.validation_s = json.at("validation_s").get<double>();
  if (!json.at("first_trained_group").is_null())
    standing.first_trained_group = json.at("first_trained_group").get<int>();
  for (const Json& record : json.at("history")) standing.history.push_back(record_from(record));
  for (const Json& picture : json.at("skipped")) {
    standing.skipped.push_back({picture.at("id").get<std::size_t>(), picture.at("problem").get<std::string>()});
  }
  return standing;
}

}  // namespace

Json to_json(const Standing& standing) {
  Json json = {{"stage_index", standing.stage_index},
               {"stage", standing.stage},
               {"epoch", standing.epoch},
               {"is_in_epoch", standing.is_in_epoch},
               {"is_cancelled", standing.is_cancelled},
               {"step", standing.step},
               {"next_batch", standing.next_batch},
               {"fit_s", standing.fit_s},
               {"passes", standing.passes},
               {"lr_factor", standing.lr_factor},
               {"validation_s", or_null(standing.validation_s)},
               {"first_trained_group", or_null(standing.first_trained_group)},
               {"smooth_loss", {{"sum", standing.smooth_loss.sum()}, {"count", standing.smooth_loss.count()}}},
               {"history", Json::array()},
               {"skipped", Json::array()}};
  for (const EpochRecord& record : standing.history) json["history"].push_back(to_json(record));
  for (const data::SkippedPicture& picture : standing.skipped) {
    json["skipped"].push_back({{"id", picture.id}, {"problem", picture.problem}});
  }
  return json;
}

Standing standing_from_json(const Json& json, const std::filesystem::path& source) {
  try {
    Standing standing = parse(json);
    const bool is_possible = standing.epoch >= 0 && standing.step >= 0 && standing.next_batch >= 0 &&
                             standing.passes >= (standing.is_in_epoch ? 1 : 0) && standing.lr_factor > 0;
    if (is_possible) return standing;
  } catch (const Json::exception& error) {
    throw core::FormatError(source, fmt::format("does not say where training stood: {}", error.what()));
  }
  throw core::FormatError(source, "says of where training stood what cannot be");
}

}  // namespace margay::train
