#include "margay/train/schedule/learning_rate.h"

#include <charconv>
#include <cmath>
#include <stdexcept>
#include <system_error>

#include <fmt/format.h>

#include "margay/core/text.h"

namespace margay::train {
namespace {

void skip_blanks(std::string_view& text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
}

}  // namespace

std::optional<std::vector<double>> read_numbers(std::string_view text) {
  std::vector<double> numbers;
  for (;;) {
    skip_blanks(text);
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || !std::isfinite(number)) return std::nullopt;
    numbers.push_back(number);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    skip_blanks(text);
    if (text.empty()) return numbers;
    if (text.front() != ',') return std::nullopt;
    text.remove_prefix(1);
  }
}

namespace {

constexpr std::string_view kSliceName = "slice";
constexpr std::string_view kDecayName = "decay";

/// Ratios are equal; one group alone gets the last rate (fastai's even_mults).
std::vector<double> even_multiples(double first, double last, std::size_t groups) {
  if (groups == 1) return {last};
  const double ratio = std::pow(last / first, 1.0 / static_cast<double>(groups - 1));
  std::vector<double> rates;
  for (std::size_t i = 0; i < groups; ++i) rates.push_back(first * std::pow(ratio, static_cast<double>(i)));
  return rates;
}

std::vector<double> decayed(double last, double factor, std::size_t groups) {
  std::vector<double> rates;
  for (std::size_t i = 0; i < groups; ++i)
    rates.push_back(last * std::pow(factor, static_cast<double>(groups - 1 - i)));
  return rates;
}

std::vector<double> numbers_in(std::string_view text, const std::string& whole) {
  std::optional<std::vector<double>> numbers = read_numbers(text);
  if (numbers) return *std::move(numbers);
  throw std::invalid_argument(fmt::format(
      "[learning rate] '{}' is none of 1e-3, slice(1e-3), slice(1e-6,1e-4), decay(1e-3,0.5), 1e-5,1e-4,1e-3", whole));
}

/// What stands between the brackets of NAME(…).
std::optional<std::string_view> arguments_of(std::string_view name, std::string_view text) {
  const bool is_call = text.starts_with(name) && text.substr(name.size()).starts_with('(') && text.ends_with(')');
  if (!is_call) return std::nullopt;
  return text.substr(name.size() + 1, text.size() - name.size() - 2);
}

}  // namespace

LearningRate::LearningRate(double lr) : LearningRate(Kind::kScalar, {lr}) {}
LearningRate LearningRate::slice(double last) { return {Kind::kSliceToLast, {last}}; }
LearningRate LearningRate::slice(double first, double last) { return {Kind::kSlice, {first, last}}; }
LearningRate LearningRate::list(std::vector<double> lrs) {
  return {lrs.size() == 1 ? Kind::kScalar : Kind::kList, std::move(lrs)};
}

LearningRate LearningRate::decay(double last, double factor) {
  if (factor <= 1) return {Kind::kDecay, {last, factor}};
  throw std::invalid_argument(fmt::format("[learning rate] a decay's factor must lie in (0, 1], got {}", factor));
}

LearningRate::LearningRate(Kind kind, std::vector<double> values) : kind_(kind), values_(std::move(values)) {
  if (values_.empty()) throw std::invalid_argument("[learning rate] the list is empty");
  for (const double value : values_) {
    if (!(value > 0) || !std::isfinite(value)) {
      throw std::invalid_argument(fmt::format("[learning rate] must be positive, got {}", value));
    }
  }
}

LearningRate LearningRate::parse(const std::string& text) {
  if (const auto inside = arguments_of(kDecayName, text)) {
    const std::vector<double> numbers = numbers_in(*inside, text);
    if (numbers.size() == 2) return decay(numbers[0], numbers[1]);
    throw std::invalid_argument("[learning rate] a decay has a rate and a factor: " + text);
  }
  if (const auto inside = arguments_of(kSliceName, text)) {
    const std::vector<double> ends = numbers_in(*inside, text);
    if (ends.size() > 2) throw std::invalid_argument("[learning rate] a slice has one or two ends: " + text);
    return ends.size() == 1 ? slice(ends[0]) : slice(ends[0], ends[1]);
  }
  return list(numbers_in(text, text));
}

std::vector<double> LearningRate::for_groups(std::size_t groups) const {
  switch (kind_) {
    case Kind::kScalar:
      return std::vector<double>(groups, values_[0]);
    case Kind::kSlice:
      return even_multiples(values_[0], values_[1], groups);
    case Kind::kDecay:
      return decayed(values_[0], values_[1], groups);
    case Kind::kSliceToLast: {
      std::vector<double> rates(groups, values_[0] / 10);
      rates.back() = values_[0];
      return rates;
    }
    case Kind::kList:
      break;
  }
  if (values_.size() == groups) return values_;
  throw std::invalid_argument(fmt::format("[learning rate] {} rates for {} parameter groups", values_.size(), groups));
}

std::string LearningRate::text() const {
  const std::string numbers = core::joined(values_, ",");
  switch (kind_) {
    case Kind::kSliceToLast:
    case Kind::kSlice:
      return fmt::format("{}({})", kSliceName, numbers);
    case Kind::kDecay:
      return fmt::format("{}({})", kDecayName, numbers);
    case Kind::kScalar:
    case Kind::kList:
      break;
  }
  return numbers;
}

}  // namespace margay::train
