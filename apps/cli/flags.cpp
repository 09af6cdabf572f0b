#include "apps/cli/flags.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <sstream>
#include <vector>

#include <CLI/CLI.hpp>

namespace margay::cli {
namespace {

std::string shown(const nlohmann::ordered_json& value) {
  if (value.is_null()) return "";
  if (value.is_number_float()) return fmt::format("{:g}", value.get<double>());
  if (value.is_array()) {
    std::vector<std::string> parts;
    std::transform(value.begin(), value.end(), std::back_inserter(parts), shown);
    return fmt::format("{}", fmt::join(parts, ","));
  }
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// JSON knows no .5 and no 5., but people do.
nlohmann::ordered_json number_or_json(const std::string& text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, number);
  const bool has_bare_point = text.starts_with('.') || text.starts_with("-.") || text.ends_with('.');
  if (has_bare_point && error == std::errc() && last == end) return number;
  return nlohmann::ordered_json::parse(text);
}

/// Lists may lack their brackets.
nlohmann::ordered_json value_of(const std::string& text) {
  if (text.starts_with('[') || text.find(',') == std::string::npos) return number_or_json(text);
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) list.push_back(number_or_json(part));
  return list;
}

void assign(const Flag& flag, const std::string& text) {
  try {
    flag.assign(flag.is_text ? nlohmann::ordered_json(text) : value_of(text));
  } catch (const nlohmann::json::exception&) {
    throw CLI::ValidationError(flag.label.name + ": '" + text + "' is no such value");
  } catch (const std::invalid_argument& error) {
    throw CLI::ValidationError(error.what());
  }
}

}  // namespace

std::string flag_name(std::string field) {
  std::replace(field.begin(), field.end(), '_', '-');
  return "--" + field;
}

std::optional<std::string> flag_name(const char* options, const char* field, const Renamed& renamed) {
  const auto found = renamed.find(std::string(options) + "." + field);
  if (found == renamed.end()) return flag_name(field);
  if (found->second.empty()) return std::nullopt;
  return flag_name(found->second);
}

std::string help_text(const char* help, const core::Range& range) {
  const bool is_bounded = std::isfinite(range.low) && std::isfinite(range.high);
  return is_bounded ? fmt::format("{} [{:g} to {:g}]", help, range.low, range.high) : help;
}

void add_flag(CLI::App& app, const Flag& flag) {
  app.add_option_function<std::string>(
         flag.label.name, [flag](const std::string& text) { assign(flag, text); }, flag.label.help)
      ->type_name(flag.type_name)
      ->group(flag.label.group)
      ->default_str(shown(flag.default_value));
}

void add_switch(CLI::App& app, const FlagLabel& label, bool& value) {
  const std::string help = value ? label.help + " (on by default)" : label.help;
  app.add_flag(label.name + ",!--no-" + label.name.substr(2), value, help)->group(label.group);
}

}  // namespace margay::cli
