#pragma once

#include <cstddef>
#include <filesystem>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/nearest.h"

/// Option structs are plain aggregates with one table that names each field once:
///
///     struct ResizeOptions {
///       int size = 460;
///       static constexpr const char* kName = "resize";
///       static constexpr auto fields() {
///         return std::tuple{core::field("size", &ResizeOptions::size, "side of the square, pixels", {8, 8192})};
///       }
///     };
///
/// From the table come JSON (to_json, from_json), validation (validate) and, in the program, the flags
/// and their help. One name serves all: field `min_scale`, key "min_scale", flag --min-scale.
namespace margay::core {

/// Bounds that are themselves allowed.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

template <class Struct, class Value>
struct Field {
  const char* name;
  Value Struct::*member;
  const char* help;
  Range range;
};

template <class Struct, class Value>
constexpr Field<Struct, Value> field(const char* name, Value Struct::*member, const char* help, Range range = {}) {
  return {name, member, help, range};
}

template <class T>
concept Options = requires {
  T::fields();
  T::kName;
};

/// An enum that takes part in options has, beside it, `constexpr auto names(E)` returning an array of
/// pairs {value, text}.
template <class T>
concept NamedEnum = std::is_enum_v<T> && requires(T value) {
  names(value);
};

template <NamedEnum E>
std::string to_text(E value) {
  for (const auto& [candidate, text] : names(value)) {
    if (candidate == value) return text;
  }
  throw std::invalid_argument("[to_text] a value outside its enum");
}

template <NamedEnum E>
std::vector<std::string> all_names() {
  std::vector<std::string> texts;
  for (const auto& [value, text] : names(E{})) texts.emplace_back(text);
  return texts;
}

template <NamedEnum E>
E from_text(const std::string& text) {
  for (const auto& [value, name] : names(E{})) {
    if (text == name) return value;
  }
  const std::vector<std::string> known = all_names<E>();
  throw std::invalid_argument(
      fmt::format("'{}' is none of {}{}", text, fmt::join(known, ", "), did_you_mean(text, known)));
}

/// Calls `visit(field)` for each field of the struct.
template <Options T, class Visit>
void for_each_field(Visit&& visit) {
  std::apply([&](const auto&... each) { (visit(each), ...); }, T::fields());
}

namespace detail {

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T, class A>
struct IsVector<std::vector<T, A>> : std::true_type {};

template <class T>
nlohmann::ordered_json value_to_json(const T& value);
template <class T>
void value_from_json(const nlohmann::ordered_json& json, T& value);

}  // namespace detail

/// All fields, in the order of the table.
template <Options T>
nlohmann::ordered_json to_json(const T& options) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for_each_field<T>([&](const auto& f) { json[f.name] = detail::value_to_json(options.*(f.member)); });
  return json;
}

/// Sets the fields that `json` names and leaves the others at what they are. A number is a list of one, too.
/// Throws std::invalid_argument for a key that no field has, and for a value of another type.
template <Options T>
void from_json(const nlohmann::ordered_json& json, T& options) {
  if (!json.is_object()) throw std::invalid_argument(fmt::format("[{}] expected a JSON object", T::kName));
  std::vector<std::string> known;
  for_each_field<T>([&](const auto& f) {
    known.emplace_back(f.name);
    const auto found = json.find(f.name);
    if (found == json.end()) return;
    try {
      detail::value_from_json(*found, options.*(f.member));
    } catch (const std::exception& error) {
      throw std::invalid_argument(fmt::format("[{}] {}: {}", T::kName, f.name, error.what()));
    }
  });
  for (const auto& [key, value] : json.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    throw std::invalid_argument(fmt::format("[{}] no option '{}'{}", T::kName, key, did_you_mean(key, known)));
  }
}

/// Throws std::invalid_argument naming the first number that lies outside its range.
template <Options T>
void validate(const T& options) {
  for_each_field<T>([&](const auto& f) {
    const auto check = [&](double number) {
      if (number >= f.range.low && number <= f.range.high) return;
      throw std::invalid_argument(
          fmt::format("[{}] {} must lie in [{}, {}], got {}", T::kName, f.name, f.range.low, f.range.high, number));
    };
    const auto& value = options.*(f.member);
    using Value = std::decay_t<decltype(value)>;
    if constexpr (std::is_arithmetic_v<Value>) {
      check(static_cast<double>(value));
    } else if constexpr (detail::IsOptional<Value>::value) {
      if constexpr (std::is_arithmetic_v<typename Value::value_type>) {
        if (value) check(static_cast<double>(*value));
      }
    } else if constexpr (detail::IsVector<Value>::value) {
      if constexpr (std::is_arithmetic_v<typename Value::value_type>) {
        for (const auto each : value) check(static_cast<double>(each));
      }
    } else if constexpr (Options<Value>) {
      validate(value);
    }
  });
}

namespace detail {

template <class T>
nlohmann::ordered_json value_to_json(const T& value) {
  if constexpr (IsOptional<T>::value) {
    return value ? value_to_json(*value) : nlohmann::ordered_json(nullptr);
  } else if constexpr (IsVector<T>::value) {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const auto& each : value) json.push_back(value_to_json(each));
    return json;
  } else if constexpr (Options<T>) {
    return to_json(value);
  } else if constexpr (std::is_enum_v<T>) {
    return to_text(value);
  } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
    return value.string();
  } else {
    return value;
  }
}

template <class T>
void value_from_json(const nlohmann::ordered_json& json, T& value) {
  if constexpr (IsOptional<T>::value) {
    if (json.is_null()) {
      value.reset();
    } else {
      value_from_json(json, value.emplace());
    }
  } else if constexpr (IsVector<T>::value) {
    const bool is_number = std::is_arithmetic_v<typename T::value_type> && json.is_number();
    if (!json.is_array() && !is_number) throw std::invalid_argument("expected a list");
    value.clear();
    if (is_number) value_from_json(json, value.emplace_back());
    for (const auto& each : is_number ? nlohmann::ordered_json::array() : json) {
      value_from_json(each, value.emplace_back());
    }
  } else if constexpr (Options<T>) {
    from_json(json, value);
  } else if constexpr (std::is_enum_v<T>) {
    value = from_text<T>(json.get<std::string>());
  } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
    value = json.get<std::string>();
  } else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    if (!json.is_number_integer()) throw std::invalid_argument("expected a whole number");
    const auto number = json.get<std::int64_t>();
    if (!std::in_range<T>(number)) throw std::invalid_argument("the number is too large");
    value = static_cast<T>(number);
  } else {
    value = json.get<T>();
  }
}

}  // namespace detail
}  // namespace margay::core
