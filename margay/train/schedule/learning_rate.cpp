#include "margay/train/schedule/learning_rate.h"

#include <charconv>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

namespace margay::train {
namespace {

/// Ratios are equal; one group alone gets the last rate (fastai's even_mults).
std::vector<double> even_multiples(double first, double last, std::size_t groups) {
  if (groups == 1) return {last};
  const double ratio = std::pow(last / first, 1.0 / static_cast<double>(groups - 1));
  std::vector<double> rates;
  for (std::size_t i = 0; i < groups; ++i) rates.push_back(first * std::pow(ratio, static_cast<double>(i)));
  return rates;
}

std::vector<double> parse_numbers(std::string_view text, const std::string& whole) {
  std::vector<double> numbers;
  for (;;) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    while (text.starts_with(' ')) text.remove_prefix(1);
    const bool is_good = error == std::errc() && (text.empty() || text.front() == ',');
    if (!is_good) {
      throw std::invalid_argument(
          fmt::format("[learning rate] '{}' is none of 1e-3, slice(1e-3), slice(1e-6,1e-4), 1e-5,1e-4,1e-3", whole));
    }
    numbers.push_back(number);
    if (text.empty()) return numbers;
    text.remove_prefix(1);
  }
}

}  // namespace

LearningRate::LearningRate(double lr) : LearningRate(Kind::kScalar, {lr}) {}
LearningRate LearningRate::slice(double last) { return {Kind::kSliceToLast, {last}}; }
LearningRate LearningRate::slice(double first, double last) { return {Kind::kSlice, {first, last}}; }
LearningRate LearningRate::list(std::vector<double> lrs) { return {Kind::kList, std::move(lrs)}; }

LearningRate::LearningRate(Kind kind, std::vector<double> values) : kind_(kind), values_(std::move(values)) {
  if (values_.empty()) throw std::invalid_argument("[learning rate] the list is empty");
  for (const double value : values_) {
    if (!(value > 0) || !std::isfinite(value)) {
      throw std::invalid_argument(fmt::format("[learning rate] must be positive, got {}", value));
    }
  }
}

LearningRate LearningRate::parse(const std::string& text) {
  constexpr std::string_view kOpen = "slice(";
  if (!text.starts_with(kOpen) || !text.ends_with(')')) {
    std::vector<double> numbers = parse_numbers(text, text);
    return numbers.size() == 1 ? LearningRate(numbers.front()) : list(std::move(numbers));
  }
  const std::string_view inside = std::string_view(text).substr(kOpen.size(), text.size() - kOpen.size() - 1);
  const std::vector<double> ends = parse_numbers(inside, text);
  if (ends.size() > 2) throw std::invalid_argument("[learning rate] a slice has one or two ends: " + text);
  return ends.size() == 1 ? slice(ends[0]) : slice(ends[0], ends[1]);
}

std::vector<double> LearningRate::for_groups(std::size_t groups) const {
  switch (kind_) {
    case Kind::kScalar:
      return std::vector<double>(groups, values_[0]);
    case Kind::kSlice:
      return even_multiples(values_[0], values_[1], groups);
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

}  // namespace margay::train
