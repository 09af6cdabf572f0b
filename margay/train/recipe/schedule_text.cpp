#include "margay/train/recipe/schedule_text.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "margay/core/nearest.h"
#include "margay/train/schedule/number_list.h"

namespace margay::train {
namespace {

[[noreturn]] void refuse_schedule(const std::string& value, const char* expected) {
  throw std::invalid_argument(fmt::format("expected {}, got '{}'", expected, value));
}

double read_number(const std::string& text) {
  const auto numbers = read_numbers(text);
  if (!numbers || numbers->size() != 1) refuse_schedule(text, "a number");
  return numbers->front();
}

std::int64_t read_integer(const std::string& text) {
  const double number = read_number(text);
  if (number != std::floor(number) || std::abs(number) > 1e9) refuse_schedule(text, "a whole number");
  return static_cast<std::int64_t>(number);
}

Momentums read_momentums(const std::string& text) {
  Momentums momentums;
  const auto numbers = read_numbers(text);
  if (!numbers || numbers->size() != momentums.size()) refuse_schedule(text, "three numbers, as .95,.85,.95");
  std::copy(numbers->begin(), numbers->end(), momentums.begin());
  return momentums;
}

void read_value(const std::string& text, const core::FieldType& type, void* value) {
  switch (type.kind) {
    case core::FieldType::Kind::kName:
      return type.set_name(value, text);
    case core::FieldType::Kind::kInteger:
      type.set_integer(value, read_integer(text));
      return;
    case core::FieldType::Kind::kList:
      *static_cast<Momentums*>(value) = read_momentums(text);
      return;
    default:
      *static_cast<double*>(value) = read_number(text);
  }
}

std::string value_text(const core::FieldType& type, const void* value) {
  switch (type.kind) {
    case core::FieldType::Kind::kName:
      return type.name(value);
    case core::FieldType::Kind::kInteger:
      return fmt::format("{}", type.integer(value));
    case core::FieldType::Kind::kList:
      return fmt::format("{}", fmt::join(*static_cast<const Momentums*>(value), ","));
    default:
      return fmt::format("{}", *static_cast<const double*>(value));
  }
}

/// An option of the schedule, all of which but the kind may be absent.
bool is_option(const core::Field& field) { return field.type->kind == core::FieldType::Kind::kOptional; }

}  // namespace

void set_option(ScheduleOptions& options, const std::string& name, const std::string& value) {
  for (const core::Field& field : ScheduleOptions::fields()) {
    if (!is_option(field) || name != field.name) continue;
    if (field.type->size(field.of(&options)) > 0) throw std::invalid_argument(fmt::format("{} is given twice", name));
    try {
      return read_value(value, *field.type->element, field.type->append(field.of(&options)));
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(fmt::format("{}: {}", name, error.what()));
    }
  }
  const std::vector<std::string> known = options_of(options.kind);
  throw std::invalid_argument(fmt::format("{} has no option '{}' but {}{}", core::to_text(options.kind), name,
                                          fmt::join(known, ", "), core::did_you_mean(name, known)));
}

std::string schedule_text(const ScheduleOptions& options) {
  std::vector<std::string> words;
  if (options.kind != ScheduleOptions{}.kind) words.push_back(core::to_text(options.kind));
  for (const core::Field& field : ScheduleOptions::fields()) {
    const void* option = field.of(&options);
    if (!is_option(field) || field.type->size(option) == 0) continue;
    words.push_back(fmt::format("{}={}", field.name, value_text(*field.type->element, field.type->at(option, 0))));
  }
  return fmt::format("{}", fmt::join(words, " "));
}

}  // namespace margay::train
