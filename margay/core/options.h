#pragma once

#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "margay/core/field_type.h"

/// Option structs are plain aggregates with one table that names each field once:
///
///     struct ResizeOptions {
///       int size = 460;
///       static const core::OptionTable& fields();
///     };
///
///     const core::OptionTable& ResizeOptions::fields() {  // in the .cpp
///       static const core::OptionTable table(
///           "resize", {core::field<&ResizeOptions::size>("size", "side of the square, pixels", {8, 8192})});
///       return table;
///     }
///
/// The table gives JSON (to_json, from_json), validation (validate), the rules between options (check_rules) and, in
/// the program, the flags and their help. A field has one name everywhere: field `min_scale`, key "min_scale", flag
/// --min-scale. A table knows the types of its fields only at run time, so users of an option struct need not compile
/// any of this.
///
/// Messages name a field between backquotes: `min_scale`, or `resize.size` if two structs have a field of that name.
namespace margay::core {

/// The allowed range, both bounds included.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

/// A condition of a field on other fields, anywhere in the checked options. Other fields are named "ema", or
/// "optimizer.kind" if two structs have a field of that name; "split=grouped" counts as set only with this value.
struct OptionRule {
  enum class Kind { kNeeds, kExcludes };
  Kind kind;
  std::vector<std::string> others;  ///< needs: one of them is set; excludes: none is
  std::string what = "";            ///< excludes: what both set, such as "the split"; "": this one has no effect
  std::string when = "";            ///< only where the field has this value; "": always
  std::string inner = "";           ///< of a struct: for this field in it only; "": for all
};

/// The field is refused if none of the others is set. when: only if it has this value.
OptionRule needs(std::vector<std::string> others, std::string when = "");

/// The field is refused together with any of the others. what: what both set; "": the field has no effect together with
/// the other.
OptionRule excludes(std::vector<std::string> others, std::string what = "");

/// The same rule for one field of a nested struct, whose own table cannot name fields outside.
OptionRule of_inner(std::string field, OptionRule rule);

/// One field of an option struct.
struct Field {
  const char* name;
  const char* help;
  Range range;
  const FieldType* type;
  void* (*address)(void* options);
  std::vector<OptionRule> rules;
  const char* old_name = nullptr;  ///< of earlier versions, still read; null: none

  /// Adds the name that the field had in earlier versions: from_json also reads that key, and the program that flag.
  Field formerly(const char* name_before) &&;
  void* of(void* options) const { return address(options); }
  const void* of(const void* options) const { return address(const_cast<void*>(options)); }
};

namespace detail {

template <class Struct, class Value>
Struct struct_of(Value Struct::*member);
template <class Struct, class Value>
Value value_of(Value Struct::*member);

}  // namespace detail

template <auto Member>
Field field(const char* name, const char* help, Range range = {}, std::vector<OptionRule> rules = {}) {
  using Struct = decltype(detail::struct_of(Member));
  using Value = decltype(detail::value_of(Member));
  return {name,
          help,
          range,
          &field_type<Value>(),
          [](void* options) -> void* { return &(static_cast<Struct*>(options)->*Member); },
          std::move(rules)};
}

template <auto Member>
Field field(const char* name, const char* help, std::vector<OptionRule> rules) {
  return field<Member>(name, help, Range{}, std::move(rules));
}

/// The fields of an option struct, in order, under the name that begins its messages: "[resize] …".
class OptionTable {
 public:
  OptionTable(const char* name, std::vector<Field> fields) : name_(name), fields_(std::move(fields)) {}
  const char* name() const { return name_; }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  const char* name_;
  std::vector<Field> fields_;
};

// The same for a struct given by its table.
nlohmann::ordered_json to_json(const OptionTable& table, const void* options);
void from_json(const nlohmann::ordered_json& json, const OptionTable& table, void* options);
void validate(const OptionTable& table, const void* options);

/// Converts one value to or from JSON. Throws std::invalid_argument for a value of another type.
nlohmann::ordered_json value_to_json(const FieldType& type, const void* value);
void value_from_json(const nlohmann::ordered_json& json, const FieldType& type, void* value);

/// All fields, in the order of the table.
template <Options T>
auto to_json(const T& options) {
  return to_json(T::fields(), static_cast<const void*>(&options));
}

/// Sets the fields that `json` names and leaves the others unchanged. A single number is accepted for a list of one.
/// A key may be the name that a field had before (Field::formerly). Throws std::invalid_argument for a key that no
/// field has, for both names of one field, and for a value of another type.
template <Options T>
void from_json(const nlohmann::ordered_json& json, T& options) {
  from_json(json, T::fields(), static_cast<void*>(&options));
}

/// Throws std::invalid_argument naming the first number that lies outside its range.
template <Options T>
void validate(const T& options) {
  validate(T::fields(), static_cast<const void*>(&options));
}

/// Whether the user set the field called "struct.field".
using IsGiven = std::function<bool(const std::string& field)>;

void check_rules(const OptionTable& table, const void* options, const void* defaults, const IsGiven& is_given);

/// Throws std::invalid_argument, naming both fields, for the first field that breaks one of its rules. Rules apply to
/// fields that were given; without is_given, to those that differ from their defaults. Switches that are off, absent
/// values and empty texts and lists count as not set.
template <Options T>
void check_rules(const T& options, const IsGiven& is_given = {}) {
  const T defaults;
  check_rules(T::fields(), static_cast<const void*>(&options), static_cast<const void*>(&defaults), is_given);
}

}  // namespace margay::core
