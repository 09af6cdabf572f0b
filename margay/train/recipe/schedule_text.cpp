#include "margay/train/recipe/schedule_text.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <type_traits>

#include <fmt/format.h>

#include "margay/core/nearest.h"
#include "margay/train/schedule/number_list.h"

namespace margay::train {
namespace {

[[noreturn]] void refuse_schedule(const std::string& value, const char* expected) {
  throw std::invalid_argument(fmt::format("expected {}, got '{}'", expected, value));
}

void read_value(const std::string& text, double& value) {
  const auto numbers = read_numbers(text);
  if (!numbers || numbers->size() != 1) refuse_schedule(text, "a number");
  value = numbers->front();
}

void read_value(const std::string& text, std::int64_t& value) {
  double number = 0;
  read_value(text, number);
  if (number != std::floor(number) || std::abs(number) > 1e9) refuse_schedule(text, "a whole number");
  value = static_cast<std::int64_t>(number);
}

void read_value(const std::string& text, Momentums& value) {
  const auto numbers = read_numbers(text);
  if (!numbers || numbers->size() != value.size()) refuse_schedule(text, "three numbers, as .95,.85,.95");
  std::copy(numbers->begin(), numbers->end(), value.begin());
}

template <core::NamedEnum E>
void read_value(const std::string& text, E& value) {
  value = core::from_text<E>(text);
}

std::string value_text(double value) { return fmt::format("{}", value); }
std::string value_text(std::int64_t value) { return fmt::format("{}", value); }
std::string value_text(const Momentums& value) { return fmt::format("{}", fmt::join(value, ",")); }
template <core::NamedEnum E>
std::string value_text(E value) {
  return core::to_text(value);
}

/// Calls visit(name, option) for each option but the kind.
template <class Options, class Visit>
void for_each_option(Options& options, Visit&& visit) {
  core::for_each_field<ScheduleOptions>([&](const auto& f) {
    auto& option = options.*(f.member);
    if constexpr (!std::is_same_v<std::decay_t<decltype(option)>, ScheduleKind>) visit(f.name, option);
  });
}

}  // namespace

void set_option(ScheduleOptions& options, const std::string& name, const std::string& value) {
  bool is_known = false;
  for_each_option(options, [&](const char* candidate, auto& option) {
    if (name != candidate) return;
    is_known = true;
    if (option) throw std::invalid_argument(fmt::format("{} is given twice", name));
    try {
      read_value(value, option.emplace());
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(fmt::format("{}: {}", name, error.what()));
    }
  });
  if (is_known) return;
  const std::vector<std::string> known = options_of(options.kind);
  throw std::invalid_argument(fmt::format("{} has no option '{}' but {}{}", core::to_text(options.kind), name,
                                          fmt::join(known, ", "), core::did_you_mean(name, known)));
}

std::string schedule_text(const ScheduleOptions& options) {
  std::vector<std::string> words;
  if (options.kind != ScheduleOptions{}.kind) words.push_back(core::to_text(options.kind));
  for_each_option(options, [&](const char* name, const auto& option) {
    if (option) words.push_back(fmt::format("{}={}", name, value_text(*option)));
  });
  return fmt::format("{}", fmt::join(words, " "));
}

}  // namespace margay::train
