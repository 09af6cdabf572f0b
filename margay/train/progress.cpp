#include "margay/train/progress.h"

#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"

namespace margay::train {
namespace {

using Json = nlohmann::ordered_json;

/// Reads the members of an object; what is missing or cannot be is a core::FormatError that names it.
class TrainingStateReader {
 public:
  TrainingStateReader(const Json& json, const std::filesystem::path& source) : json_(json), source_(source) {}

  std::int64_t count(const char* key) const {
    const Json& value = at(key);
    const bool is_count = value.is_number_unsigned() || (value.is_number_integer() && value.get<std::int64_t>() >= 0);
    constexpr std::uint64_t kMost = std::uint64_t{1} << 53U;
    if (!is_count || value.get<std::uint64_t>() > kMost) refuse(key, "a count");
    return value.get<std::int64_t>();
  }
  /// JSON has no NaN: it is null there.
  double number(const char* key) const {
    const Json& value = at(key);
    if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
    if (!value.is_number()) refuse(key, "a number");
    return value.get<double>();
  }
  double number(const char* key, double if_missing) const { return has(key) ? number(key) : if_missing; }
  bool flag(const char* key) const {
    if (!at(key).is_boolean()) refuse(key, "true or false");
    return at(key).get<bool>();
  }
  std::string text(const char* key) const {
    if (!at(key).is_string()) refuse(key, "a text");
    return at(key).get<std::string>();
  }
  std::vector<double> numbers(const char* key) const {
    std::vector<double> all;
    for (const Json& value : list(key)) {
      if (!value.is_null() && !value.is_number()) refuse(key, "a list of numbers");
      all.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>());
    }
    return all;
  }
  const Json& list(const char* key) const {
    if (!at(key).is_array()) refuse(key, "a list");
    return at(key);
  }
  TrainingStateReader part(const char* key) const {
    if (!at(key).is_object()) refuse(key, "an object");
    return {at(key), source_};
  }
  bool has(const char* key) const { return json_.is_object() && json_.contains(key); }
  /// Missing or null.
  bool is_absent(const char* key) const { return !has(key) || json_[key].is_null(); }

 private:
  const Json& at(const char* key) const {
    if (!has(key)) refuse(key, "there");
    return json_[key];
  }
  [[noreturn]] void refuse(const char* key, const char* expected) const {
    throw core::FormatError(
        source_, fmt::format("holds no valid training state: '{}' must be {}; the file is damaged", key, expected));
  }

  const Json& json_;
  const std::filesystem::path& source_;
};

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

Json to_json(const PassTimes& pass) {
  return {{"images", pass.images},        {"seconds", pass.seconds},       {"waited_s", pass.waited_s},
          {"forward_s", pass.forward_s},  {"backward_s", pass.backward_s}, {"update_s", pass.update_s},
          {"callback_s", pass.callback_s}};
}

EpochRecord epoch_record_from(const TrainingStateReader& json) {
  return {.epoch = json.count("epoch"),
          .stage = json.text("stage"),
          .train_loss = json.number("train_loss"),
          .valid_loss = json.number("valid_loss"),
          .metrics = json.numbers("metrics"),
          .seconds = json.number("seconds"),
          .steps_so_far = json.count("steps_so_far"),
          .train_images_per_s = json.number("train_images_per_s"),
          .wait_share = json.number("wait_share"),
          .forward_share = json.number("forward_share"),
          .backward_share = json.number("backward_share"),
          .update_share = json.number("update_share"),
          .callback_share = json.number("callback_share")};
}

PassTimes pass_times_from(const TrainingStateReader& json) {
  return {.images = json.count("images"),
          .seconds = json.number("seconds"),
          .waited_s = json.number("waited_s"),
          .forward_s = json.number("forward_s"),
          .backward_s = json.number("backward_s"),
          .update_s = json.number("update_s"),
          .callback_s = json.number("callback_s")};
}

TrainingState read_training_state(const TrainingStateReader& json, const std::filesystem::path& source) {
  const TrainingStateReader smooth = json.part("smooth_loss");
  TrainingState state{.recipe = json.has("recipe") ? json.text("recipe") : "",
                      .stage_index = static_cast<std::size_t>(json.count("stage_index")),
                      .stage = json.text("stage"),
                      .epochs = json.has("epochs") ? json.count("epochs") : 0,
                      .epoch = json.count("epoch"),
                      .is_in_epoch = json.flag("is_in_epoch"),
                      .is_cancelled = json.flag("is_cancelled"),
                      .step = json.count("step"),
                      .next_batch = json.count("next_batch"),
                      .fit_s = json.number("fit_s"),
                      .epoch_begin_s = json.number("epoch_begin_s", json.number("fit_s")),
                      .passes = json.count("passes"),
                      .lr_factor = json.number("lr_factor"),
                      .smooth_loss = {smooth.number("sum"), smooth.count("count")}};
  if (json.has("pass")) state.pass = pass_times_from(json.part("pass"));
  if (!json.is_absent("validation_s")) state.validation_s = json.number("validation_s");
  if (!json.is_absent("first_trained_group")) {
    state.first_trained_group = static_cast<int>(std::min<std::int64_t>(json.count("first_trained_group"), 1000));
  }
  for (const Json& record : json.list("history")) {
    state.history.push_back(epoch_record_from(TrainingStateReader(record, source)));
  }
  for (const Json& image : json.list("skipped")) {
    const TrainingStateReader skipped(image, source);
    state.skipped.push_back({static_cast<std::size_t>(skipped.count("id")), skipped.text("problem")});
  }
  return state;
}

}  // namespace

Json to_json(const TrainingState& state) {
  Json json = {{"recipe", state.recipe},
               {"stage_index", state.stage_index},
               {"stage", state.stage},
               {"epochs", state.epochs},
               {"epoch", state.epoch},
               {"is_in_epoch", state.is_in_epoch},
               {"is_cancelled", state.is_cancelled},
               {"step", state.step},
               {"next_batch", state.next_batch},
               {"fit_s", state.fit_s},
               {"epoch_begin_s", state.epoch_begin_s},
               {"pass", to_json(state.pass)},
               {"passes", state.passes},
               {"lr_factor", state.lr_factor},
               {"validation_s", or_null(state.validation_s)},
               {"first_trained_group", or_null(state.first_trained_group)},
               {"smooth_loss", {{"sum", state.smooth_loss.sum()}, {"count", state.smooth_loss.count()}}},
               {"history", Json::array()},
               {"skipped", Json::array()}};
  for (const EpochRecord& record : state.history) json["history"].push_back(to_json(record));
  for (const data::SkippedImage& image : state.skipped) {
    json["skipped"].push_back({{"id", image.id}, {"problem", image.problem}});
  }
  if (state.inputs) json["inputs"] = state.inputs->to_json();
  return json;
}

namespace {

std::optional<predict::TrainingInputs> inputs_from(const Json& json, const std::filesystem::path& source) {
  if (!json.contains("inputs")) return std::nullopt;
  try {
    return predict::TrainingInputs::from_json(json["inputs"]);
  } catch (const std::exception&) {  // of JSON or of the numbers
    throw core::FormatError(source, "holds no valid training state: 'inputs' are impossible; the file is damaged");
  }
}

}  // namespace

TrainingState training_state_from_json(const Json& json, const std::filesystem::path& source) {
  TrainingState state = read_training_state(TrainingStateReader(json, source), source);
  state.inputs = inputs_from(json, source);
  const bool is_possible = state.passes >= (state.is_in_epoch ? 1 : 0) && state.lr_factor > 0 &&
                           std::isfinite(state.lr_factor) && state.fit_s >= 0 && state.step <= state.next_batch;
  if (is_possible) return state;
  throw core::FormatError(source, "holds an impossible training state; the file is damaged");
}

PassTimes operator+(const PassTimes& a, const PassTimes& b) {
  return {.images = a.images + b.images,
          .seconds = a.seconds + b.seconds,
          .waited_s = a.waited_s + b.waited_s,
          .forward_s = a.forward_s + b.forward_s,
          .backward_s = a.backward_s + b.backward_s,
          .update_s = a.update_s + b.update_s,
          .callback_s = a.callback_s + b.callback_s};
}

}  // namespace margay::train
