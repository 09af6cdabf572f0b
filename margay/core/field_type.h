#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace margay::core {

class OptionTable;

/// A struct with a table of its fields (options.h).
template <class T>
concept Options = requires {
  { T::fields() } -> std::same_as<const OptionTable&>;
};

/// An enum used in options needs a function `constexpr auto names(E)` beside it, which returns an array of pairs
/// {value, text}.
template <class T>
concept NamedEnum = std::is_enum_v<T> && requires(T value) {
  names(value);
};

/// Throws std::invalid_argument, which lists the known names and suggests the nearest.
[[noreturn]] void refuse_name(const std::string& text, const std::vector<std::string>& known);

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
  refuse_name(text, all_names<E>());
}

/// The type of a field, as a table knows it at run time. `value` points to a bool for kSwitch, a double for kReal, a
/// std::string for kText, a path for kPath. Each function is set for the kinds that its comment names.
struct FieldType {
  enum class Kind { kSwitch, kInteger, kReal, kText, kPath, kName, kOptional, kList, kOptions };

  Kind kind;
  void (*assign)(void* value, const void* from);

  std::int64_t (*integer)(const void* value) = nullptr;              ///< kInteger
  bool (*set_integer)(void* value, std::int64_t number) = nullptr;   ///< kInteger; false: it does not fit
  bool is_unsigned = false;                                          ///< kInteger
  std::string (*name)(const void* value) = nullptr;                  ///< kName: an enum
  void (*set_name)(void* value, const std::string& text) = nullptr;  ///< kName; throws std::invalid_argument
  std::vector<std::string> (*names)() = nullptr;                     ///< kName: all there are
  const FieldType* element = nullptr;                                ///< kOptional, kList
  std::size_t (*size)(const void* value) = nullptr;                  ///< kList; kOptional: 0 or 1
  void* (*element_at)(void* value, std::size_t i) = nullptr;         ///< kOptional, kList
  void (*clear)(void* value) = nullptr;                              ///< kOptional, kList; null: the length is fixed
  void* (*append)(void* value) = nullptr;                            ///< kOptional, kList: a new element
  const OptionTable& (*table)() = nullptr;                           ///< kOptions

  bool is_number() const { return kind == Kind::kInteger || kind == Kind::kReal; }
  /// The type inside an optional, otherwise the type itself.
  const FieldType& plain() const { return kind == Kind::kOptional ? *element : *this; }
  const void* at(const void* value, std::size_t i) const { return element_at(const_cast<void*>(value), i); }
};

namespace detail {

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;
template <class T>
inline constexpr bool kIsArray = false;
template <class T, std::size_t N>
inline constexpr bool kIsArray<std::array<T, N>> = true;

template <class T>
T& as(void* value) {
  return *static_cast<T*>(value);
}
template <class T>
const T& as(const void* value) {
  return *static_cast<const T*>(value);
}

template <class T>
FieldType describe();

}  // namespace detail

/// The description of type T.
template <class T>
const FieldType& field_type() {
  static const FieldType type = detail::describe<T>();
  return type;
}

namespace detail {

template <std::integral T>
FieldType describe_integer(FieldType type) {
  type.kind = FieldType::Kind::kInteger;
  type.integer = [](const void* value) { return static_cast<std::int64_t>(as<T>(value)); };
  type.set_integer = [](void* value, std::int64_t number) {
    if (!std::in_range<T>(number)) return false;
    as<T>(value) = static_cast<T>(number);
    return true;
  };
  type.is_unsigned = std::is_unsigned_v<T>;
  return type;
}

template <NamedEnum T>
FieldType describe_name(FieldType type) {
  type.kind = FieldType::Kind::kName;
  type.name = [](const void* value) { return to_text(as<T>(value)); };
  type.set_name = [](void* value, const std::string& text) { as<T>(value) = from_text<T>(text); };
  type.names = [] { return all_names<T>(); };
  return type;
}

template <class T>
FieldType describe_optional(FieldType type) {
  type.kind = FieldType::Kind::kOptional;
  type.element = &field_type<typename T::value_type>();
  type.size = [](const void* value) -> std::size_t { return as<T>(value).has_value() ? 1 : 0; };
  type.element_at = [](void* value, std::size_t) -> void* { return &*as<T>(value); };
  type.clear = [](void* value) { as<T>(value).reset(); };
  type.append = [](void* value) -> void* { return &as<T>(value).emplace(); };
  return type;
}

template <class T>
FieldType describe_list(FieldType type) {
  type.kind = FieldType::Kind::kList;
  type.element = &field_type<typename T::value_type>();
  type.size = [](const void* value) { return as<T>(value).size(); };
  type.element_at = [](void* value, std::size_t i) -> void* { return &as<T>(value)[i]; };
  if constexpr (kIsVector<T>) {
    type.clear = [](void* value) { as<T>(value).clear(); };
    type.append = [](void* value) -> void* { return &as<T>(value).emplace_back(); };
  }
  return type;
}

template <class T>
FieldType describe() {
  using Kind = FieldType::Kind;
  FieldType type{.kind = Kind::kReal, .assign = [](void* value, const void* from) { as<T>(value) = as<T>(from); }};
  if constexpr (kIsOptional<T>) {
    return describe_optional<T>(type);
  } else if constexpr (kIsVector<T> || kIsArray<T>) {
    return describe_list<T>(type);
  } else if constexpr (Options<T>) {
    type.kind = Kind::kOptions;
    type.table = &T::fields;
  } else if constexpr (NamedEnum<T>) {
    return describe_name<T>(type);
  } else if constexpr (std::is_same_v<T, bool>) {
    type.kind = Kind::kSwitch;
  } else if constexpr (std::is_same_v<T, std::string>) {
    type.kind = Kind::kText;
  } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
    type.kind = Kind::kPath;
  } else if constexpr (std::is_integral_v<T>) {
    return describe_integer<T>(type);
  } else {
    static_assert(std::is_same_v<T, double>, "no option has a value of this type");
  }
  return type;
}

}  // namespace detail

// The usual types, compiled once (field_type.cpp).
extern template const FieldType& field_type<bool>();
extern template const FieldType& field_type<int>();
extern template const FieldType& field_type<std::int64_t>();
extern template const FieldType& field_type<std::uint64_t>();
extern template const FieldType& field_type<double>();
extern template const FieldType& field_type<std::string>();
extern template const FieldType& field_type<std::filesystem::path>();
extern template const FieldType& field_type<std::optional<int>>();
extern template const FieldType& field_type<std::optional<std::int64_t>>();
extern template const FieldType& field_type<std::optional<double>>();
extern template const FieldType& field_type<std::optional<std::string>>();
extern template const FieldType& field_type<std::vector<double>>();
extern template const FieldType& field_type<std::vector<std::string>>();
extern template const FieldType& field_type<std::array<double, 3>>();

}  // namespace margay::core
