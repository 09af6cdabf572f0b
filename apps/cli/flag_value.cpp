#include "apps/cli/flag_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "apps/cli/program_words.h"
#include "margay/core/error.h"
#include "margay/core/json_values.h"
#include "margay/core/text.h"
#include "margay/data/source/text_file.h"

namespace margay::cli {
namespace {

using FlagKind = core::FieldType::Kind;
using Json = nlohmann::ordered_json;

/// Throws Json::exception for what is no JSON, and std::invalid_argument for lists too deep in each other.
Json json_of(const std::string& text) {
  Json json = core::parsed_json(text);
  if (!json.is_discarded()) return json;
  if (Json::accept(text)) throw std::invalid_argument("its lists and objects lie too deep in each other");
  return Json::parse(text);  // says where
}

/// JSON knows no .5 and no 5., but people do.
Json number_or_json(const std::string& text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, number);
  const bool has_bare_point = text.starts_with('.') || text.starts_with("-.") || text.ends_with('.');
  if (has_bare_point && error == std::errc() && last == end) return number;
  return json_of(text);
}

/// What `read` makes of the texts between commas.
Json list_of_flag(const std::string& text, Json (*read)(const std::string&)) {
  Json list = Json::array();
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) list.push_back(read(part));
  return list;
}

Json texts_of_flag(const std::string& text) {
  return list_of_flag(text, [](const std::string& part) { return Json(part); });
}

/// Lists may lack their brackets.
Json json_of_flag(const std::string& text) {
  if (text.starts_with('[') || text.find(',') == std::string::npos) return number_or_json(text);
  return list_of_flag(text, number_or_json);
}

bool is_text(FlagKind kind) { return kind == FlagKind::kText || kind == FlagKind::kPath || kind == FlagKind::kName; }

/// Throws CLI::ValidationError naming the line that is no JSON.
Json parse_config(const std::string& path) {
  try {
    return json_of(data::read_text(path));
  } catch (const core::DataError& error) {
    throw CLI::ValidationError(error.what());
  } catch (const Json::exception& error) {
    throw CLI::ValidationError(fmt::format("{}: not JSON ({})", path, error.what()));
  } catch (const std::invalid_argument& error) {
    throw CLI::ValidationError(fmt::format("{}: {}", path, error.what()));
  }
}

/// As it is typed, every digit of a number.
std::string flag_value_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::vector<std::string> parts;
  for (const Json& each : value) parts.push_back(flag_value_text(each));
  return core::joined(parts, ",");
}

}  // namespace

std::string flag_text(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_number_float()) return fmt::format("{:g}", value.get<double>());
  if (value.is_array()) {
    std::vector<std::string> parts;
    std::transform(value.begin(), value.end(), std::back_inserter(parts),
                   [](const Json& each) { return flag_text(each); });
    return core::joined(parts, ",");
  }
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string flag_text(const core::OptionTable& table, const void* options, const void* defaults,
                      const Renamed& renamed) {
  std::string text;
  for (const core::Field& field : table) {
    if (field.type->kind == core::FieldType::Kind::kOptions) {
      text += flag_text(field.type->table(), field.of(options), field.of(defaults), renamed);
      continue;
    }
    const auto value = core::value_to_json(*field.type, field.of(options));
    const auto flag = flag_name(table.name(), field.name, renamed);
    if (!flag || value.is_null() || value == core::value_to_json(*field.type, field.of(defaults))) continue;
    if (value.is_boolean()) {
      text += " " + (value.get<bool>() ? *flag : "--no-" + flag->substr(2));
    } else {
      text += fmt::format(" {} {}", *flag, core::shell_word(flag_value_text(value)));
    }
  }
  return text;
}

void assign_flag(const std::string& flag, const std::string& text, const core::FieldType& type, void* value) {
  try {
    const bool is_list_of_texts = type.kind == FlagKind::kList && is_text(type.element->kind);
    core::value_from_json(is_list_of_texts             ? texts_of_flag(text)
                          : is_text(type.plain().kind) ? Json(text)
                                                       : json_of_flag(text),
                          type, value);
  } catch (const nlohmann::json::exception&) {
    const bool wants_number = type.plain().is_number();
    throw CLI::ValidationError(
        fmt::format("{}: '{}' is {}", flag, text, wants_number ? "not a number" : "not a valid value"));
  } catch (const std::invalid_argument& error) {
    throw CLI::ValidationError(fmt::format("{}: {}", flag, error.what()));
  }
}

std::string help_with_range(const char* text, const core::Range& range) {
  const std::string help = program_words(text);
  const bool is_bounded = std::isfinite(range.low) && std::isfinite(range.high);
  return is_bounded ? fmt::format("{} [{:g} to {:g}]", help, range.low, range.high) : help;
}

const char* flag_type(const core::FieldType& type) {
  if (type.is_number() || type.kind == FlagKind::kSwitch) return "NUMBER";
  return type.kind == FlagKind::kPath ? "PATH" : "TEXT";
}

void read_config(const std::string& path, const core::OptionTable& table, void* options) {
  const Json json = parse_config(path);
  try {
    core::from_json(json, table, options);
  } catch (const std::invalid_argument& error) {
    throw CLI::ValidationError(path + ": " + error.what());
  }
}

}  // namespace margay::cli
