#include "margay/train/callback/callback.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/train/learner.h"

namespace margay::train {

using Json = nlohmann::ordered_json;

namespace {

const Json& checked(const Json& state, const char* key, bool (*is_right)(const Json&),
                    const std::filesystem::path& source) {
  const auto found = state.find(key);  // none in what is no object
  if (found != state.end() && is_right(*found)) return *found;
  throw core::FormatError(source, fmt::format("the state of a callback has no usable '{}'; the file is damaged or of "
                                              "another version",
                                              key));
}

}  // namespace

std::int64_t count_at(const Json& state, const char* key, const std::filesystem::path& source) {
  const auto is_count = [](const Json& value) { return value.is_number_integer() && value.get<std::int64_t>() >= 0; };
  return checked(state, key, is_count, source).get<std::int64_t>();
}

double number_at(const Json& state, const char* key, const std::filesystem::path& source) {
  return checked(
             state, key, [](const Json& value) { return value.is_number(); }, source)
      .get<double>();
}

bool flag_at(const Json& state, const char* key, const std::filesystem::path& source) {
  return checked(
             state, key, [](const Json& value) { return value.is_boolean(); }, source)
      .get<bool>();
}

const Json& part_at(const Json& state, const char* key, const std::filesystem::path& source) {
  return checked(
      state, key, [](const Json& value) { return value.is_object(); }, source);
}

StopWhen::StopWhen(std::function<bool()> is_stop_wanted) : is_stop_wanted_(std::move(is_stop_wanted)) {
  if (!is_stop_wanted_) throw std::invalid_argument("[StopWhen] is_stop_wanted is empty");
}

/// Each process computes features at its own pace, so there is no moment to agree on.
void StopWhen::during_probe(Learner& /*learner*/, std::int64_t images, std::int64_t total) {
  if (!is_stop_wanted_()) return;
  throw core::Interrupted(fmt::format("stopped in the probe, after {} of {} images", images, total));
}

void StopWhen::after_batch(Learner& learner, const Progress& at) {
  if (!learner.has_pending_gradients() && learner.is_wanted(Wish::kStop, is_stop_wanted_())) stop(at);
  was_gathering_ = at.is_training && learner.has_pending_gradients();
}

void StopWhen::after_train(Learner& learner, const Progress& at) {
  if (was_gathering_ && learner.agree(is_stop_wanted_())) stop(at);  // else the last batch has asked
  was_gathering_ = false;
}

void StopWhen::stop(const Progress& at) {
  const std::string epochs = at.epochs == 0 ? "" : fmt::format(" of {}", at.epochs);
  throw core::Interrupted(fmt::format("stopped in epoch {}{} ({}), after batch {} of {}", at.epoch + 1, epochs,
                                      at.stage, at.step + 1, at.steps));
}

}  // namespace margay::train
