#include "margay/core/options.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/text.h"

namespace margay::core {
namespace {

using Json = nlohmann::ordered_json;
using Kind = FieldType::Kind;

Json list_to_json(const FieldType& type, const void* list) {
  Json json = Json::array();
  for (std::size_t i = 0; i < type.size(list); ++i) json.push_back(value_to_json(*type.element, type.at(list, i)));
  return json;
}

Json integer_to_json(const FieldType& type, const void* value) {
  const std::int64_t number = type.integer(value);
  return type.is_unsigned ? Json(static_cast<std::uint64_t>(number)) : Json(number);
}

[[noreturn]] void expect(const std::string& what) { throw std::invalid_argument("expected " + what); }

std::string text_of(const Json& json) {
  if (!json.is_string()) expect("a text");
  return json.get<std::string>();
}

void integer_from_json(const Json& json, const FieldType& type, void* value) {
  if (!json.is_number_integer()) expect("a whole number");
  if (!type.set_integer(value, json.get<std::int64_t>())) throw std::invalid_argument("the number is too large");
}

void optional_from_json(const Json& json, const FieldType& type, void* value) {
  if (json.is_null()) {
    type.clear(value);
  } else {
    value_from_json(json, *type.element, type.append(value));
  }
}

void array_from_json(const Json& json, const FieldType& type, void* array) {
  const std::size_t size = type.size(array);
  if (!json.is_array() || json.size() != size) expect(fmt::format("a list of {} values", size));
  for (std::size_t i = 0; i < size; ++i) value_from_json(json[i], *type.element, type.element_at(array, i));
}

void list_from_json(const Json& json, const FieldType& type, void* list) {
  const bool is_one = type.element->is_number() && json.is_number();
  if (!json.is_array() && !is_one) expect("a list");
  type.clear(list);
  if (is_one) return value_from_json(json, *type.element, type.append(list));
  for (const Json& each : json) value_from_json(each, *type.element, type.append(list));
}

bool is_old_name(const OptionTable& table, const std::string& key) {
  return std::any_of(table.begin(), table.end(),
                     [&](const Field& field) { return field.old_name != nullptr && key == field.old_name; });
}

/// The value of a field under its name or, in files of earlier versions, under its old one.
Json::const_iterator find_value(const Json& json, const Field& field, const OptionTable& table) {
  const auto found = json.find(field.name);
  const auto old = field.old_name == nullptr ? json.end() : json.find(field.old_name);
  if (found == json.end()) return old;
  if (old == json.end()) return found;
  throw std::invalid_argument(
      fmt::format("[{}] '{}' is the old name of '{}'; give one of the two", table.name(), field.old_name, field.name));
}

/// Calls visit(number) for a number, and for each of an optional or a list of variable length.
template <class Visit>
void for_each_number(const FieldType& type, const void* value, const Visit& visit) {
  if (type.kind == Kind::kReal) return visit(*static_cast<const double*>(value));
  if (type.kind == Kind::kInteger) {
    const std::int64_t number = type.integer(value);
    return visit(type.is_unsigned ? static_cast<double>(static_cast<std::uint64_t>(number))
                                  : static_cast<double>(number));
  }
  if (type.element == nullptr || !type.element->is_number()) return;
  for (std::size_t i = 0; i < type.size(value); ++i) for_each_number(*type.element, type.at(value, i), visit);
}

}  // namespace

Json value_to_json(const FieldType& type, const void* value) {
  switch (type.kind) {
    case Kind::kSwitch:
      return *static_cast<const bool*>(value);
    case Kind::kInteger:
      return integer_to_json(type, value);
    case Kind::kReal:
      return *static_cast<const double*>(value);
    case Kind::kText:
      return *static_cast<const std::string*>(value);
    case Kind::kPath:
      return static_cast<const std::filesystem::path*>(value)->string();
    case Kind::kName:
      return type.name(value);
    case Kind::kOptional:
      return type.size(value) == 0 ? Json(nullptr) : value_to_json(*type.element, type.at(value, 0));
    case Kind::kList:
      return list_to_json(type, value);
    case Kind::kOptions:
      return to_json(type.table(), value);
  }
  return nullptr;
}

void value_from_json(const Json& json, const FieldType& type, void* value) {
  switch (type.kind) {
    case Kind::kSwitch:
      if (!json.is_boolean()) expect("true or false");
      *static_cast<bool*>(value) = json.get<bool>();
      return;
    case Kind::kInteger:
      return integer_from_json(json, type, value);
    case Kind::kReal:
      if (!json.is_number()) expect("a number");
      *static_cast<double*>(value) = json.get<double>();
      return;
    case Kind::kText:
      *static_cast<std::string*>(value) = text_of(json);
      return;
    case Kind::kPath:
      *static_cast<std::filesystem::path*>(value) = text_of(json);
      return;
    case Kind::kName:
      return type.set_name(value, text_of(json));
    case Kind::kOptional:
      return optional_from_json(json, type, value);
    case Kind::kList:
      return type.clear == nullptr ? array_from_json(json, type, value) : list_from_json(json, type, value);
    case Kind::kOptions:
      return from_json(json, type.table(), value);
  }
}

Json to_json(const OptionTable& table, const void* options) {
  Json json = Json::object();
  for (const Field& field : table) json[field.name] = value_to_json(*field.type, field.of(options));
  return json;
}

Field Field::formerly(const char* name_before) && {
  old_name = name_before;
  return std::move(*this);
}

void from_json(const Json& json, const OptionTable& table, void* options) {
  if (!json.is_object()) throw std::invalid_argument(fmt::format("[{}] expected a JSON object", table.name()));
  std::vector<std::string> known;
  for (const Field& field : table) {
    known.emplace_back(field.name);
    const auto found = find_value(json, field, table);
    if (found == json.end()) continue;
    try {
      value_from_json(*found, *field.type, field.of(options));
    } catch (const std::exception& error) {
      throw std::invalid_argument(fmt::format("[{}] {}: {}", table.name(), field.name, error.what()));
    }
  }
  for (const auto& [key, value] : json.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end() || is_old_name(table, key)) continue;
    throw std::invalid_argument(fmt::format("[{}] no option '{}'{}", table.name(), key, did_you_mean(key, known)));
  }
}

void validate(const OptionTable& table, const void* options) {
  for (const Field& field : table) {
    const void* value = field.of(options);
    if (field.type->kind == Kind::kOptions) {
      validate(field.type->table(), value);
      continue;
    }
    for_each_number(*field.type, value, [&](double number) {
      const auto& [low, high] = field.range;
      if (number >= low && number <= high) return;
      throw std::invalid_argument(
          fmt::format("[{}] {} must lie in [{}, {}], got {}", table.name(), field.name, low, high, number));
    });
  }
}

}  // namespace margay::core
