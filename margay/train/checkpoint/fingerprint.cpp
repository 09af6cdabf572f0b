#include "margay/train/checkpoint/fingerprint.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/data/edits/label_edits.h"

namespace margay::train {
namespace {

using Json = nlohmann::ordered_json;

/// A field that two fingerprints do not share; null where one of them lacks it.
struct FingerprintDifference {
  std::string field;
  Json found;
  Json own;
};

/// Statistics that are measured again may differ in their last digits.
bool is_same_value(const Json& a, const Json& b) {
  if (!a.is_number_float() || !b.is_number()) return a == b;
  const auto x = a.get<double>();
  const auto y = b.get<double>();
  return std::abs(x - y) <= 1e-6 * std::max(std::abs(x), std::abs(y));
}

std::optional<FingerprintDifference> first_difference(const std::string& field, const Json& found, const Json& own) {
  if (is_same_value(found, own)) return std::nullopt;
  if (own.is_object() && found.is_object()) {
    for (const auto& [key, value] : own.items()) {
      const std::string name = field.empty() ? key : field + "." + key;
      const auto other = found.find(key);
      const auto difference = first_difference(name, other == found.end() ? Json() : *other, value);
      if (difference) return difference;
    }
    return std::nullopt;  // it says more than this program asks
  }
  if (own.is_array() && found.is_array() && own.size() == found.size()) {
    for (std::size_t i = 0; i < own.size(); ++i) {
      const auto difference = first_difference(fmt::format("{}[{}]", field, i), found[i], own[i]);
      if (difference) return difference;
    }
    return std::nullopt;
  }
  return FingerprintDifference{field, found, own};
}

/// A value for a message; a list, which may be long, by its length.
std::string value_text(const Json& value) {
  if (value.is_array()) return fmt::format("{} entries", value.size());
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// 0 where they decide no bits that a training on other threads would not change as well.
int exact_threads(const MicroBatchOptions& micro_batch) {
  const bool is_exact = *micro_batch.micro_batches > 1 && micro_batch.reduce == Reduce::kExact;
  return is_exact ? *micro_batch.micro_batch_threads : 0;
}

}  // namespace

Json fingerprint(const Learner& learner) {
  const data::Loaders& loaders = learner.given_loaders();
  const data::LoaderOptions& batches = loaders.train.options();
  const Json fields = {{"architecture", learner.architecture()},
                       {"task", core::to_text(loaders.task())},
                       {"seed", batches.seed},
                       {"batch_size", batches.batch_size},
                       {"accumulate", learner.accumulate()},
                       {"micro_batches", *learner.micro_batch().micro_batches},
                       {"sync_batch_norm", learner.micro_batch().sync_batch_norm},
                       {"micro_batch_threads", exact_threads(learner.micro_batch())},
                       {"drop_last", batches.drop_last},
                       {"balance", core::to_text(batches.balance)},
                       {"mix", core::to_json(batches.mix)},
                       {"training_images", loaders.train.dataset().size()},
                       {"validation_images", loaders.valid ? loaders.valid->dataset().size() : 0},
                       {"vocabulary", loaders.vocabulary.names()},
                       {"edits", loaders.edits == nullptr ? "" : loaders.edits->hash()},
                       {"transforms", core::to_json(loaders.transforms())},
                       {"eval_size", loaders.eval_transforms().augment.size}};
  // As a file gives it back: a class's name need not be UTF-8.
  return Json::parse(fields.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void check_fingerprint(const Json& found, const Learner& learner, const std::filesystem::path& source) {
  if (!found.is_object()) throw core::FormatError(source, "its fingerprint is no object; the file is damaged");
  Json then = found;
  // A checkpoint of an earlier version lacks some.
  if (!then.contains("edits")) then["edits"] = "";
  if (!then.contains("micro_batches")) then["micro_batches"] = 1;
  if (!then.contains("sync_batch_norm")) then["sync_batch_norm"] = false;
  if (!then.contains("micro_batch_threads")) then["micro_batch_threads"] = 0;
  if (!then.contains("eval_size")) then["eval_size"] = learner.given_loaders().transforms().augment.size;
  const auto difference = first_difference("", then, fingerprint(learner));
  if (!difference) return;
  throw core::FormatError(source,
                          fmt::format("is of another training: its {} is {}, here it is {}; continue with the settings "
                                      "and images that it began with, or start a new training",
                                      difference->field, value_text(difference->found), value_text(difference->own)));
}

}  // namespace margay::train
