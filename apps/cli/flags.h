#pragma once

#include <map>
#include <string>
#include <type_traits>

#include <CLI/CLI.hpp>

#include "margay/core/options.h"

namespace margay::cli {

/// Field `min_scale` becomes the flag --min-scale.
inline std::string flag_name(std::string name) {
  for (char& c : name) c = c == '_' ? '-' : c;
  return "--" + name;
}

/// Flag names that differ from the field's, where two nested structs have a field of one name.
using Renamed = std::map<std::string, std::string>;

namespace detail {

inline std::string range_text(const core::Range& range) {
  const bool has_low = range.low > -1e300;
  const bool has_high = range.high < 1e300;
  if (has_low && has_high) return fmt::format(" [{:g} to {:g}]", range.low, range.high);
  return "";
}

template <class T>
std::string shown(const T& value) {
  const nlohmann::ordered_json json = core::detail::value_to_json(value);
  if (json.is_null()) return "";
  return json.is_string() ? json.get<std::string>() : json.dump();
}

/// Reads a flag's text into a field, through the same JSON rules as configuration files.
template <class T>
bool assign(const std::string& text, T& value) {
  using Plain = typename std::conditional_t<core::detail::IsOptional<T>::value, T, std::optional<T>>::value_type;
  const bool is_text =
      std::is_enum_v<Plain> || std::is_same_v<Plain, std::string> || std::is_same_v<Plain, std::filesystem::path>;
  try {
    core::detail::value_from_json(is_text ? nlohmann::ordered_json(text) : nlohmann::ordered_json::parse(text), value);
  } catch (const nlohmann::json::exception&) {
    return false;
  } catch (const std::invalid_argument& error) {
    throw CLI::ValidationError(error.what());
  }
  return true;
}

}  // namespace detail

/// Gives `app` a flag for every field of the struct, nested ones included, with its help, range and default.
template <core::Options T>
void add_flags(CLI::App& app, T& options, const Renamed& renamed = {}) {
  core::for_each_field<T>([&](const auto& field) {
    auto& value = options.*(field.member);
    using Value = std::decay_t<decltype(value)>;
    if constexpr (core::Options<Value>) {
      add_flags(app, value, renamed);
    } else {
      const std::string qualified = std::string(T::kName) + "." + field.name;
      const auto found = renamed.find(qualified);
      if (found != renamed.end() && found->second.empty()) return;  // set by another flag
      const std::string flag = flag_name(found == renamed.end() ? field.name : found->second);
      const std::string help = field.help + detail::range_text(field.range);
      CLI::Option* option = nullptr;
      if constexpr (std::is_same_v<Value, bool>) {
        option = app.add_flag(flag + ",!--no-" + flag.substr(2), value, help);
      } else {
        option = app.add_option_function<std::string>(
            flag,
            [&value, flag](const std::string& text) {
              if (!detail::assign(text, value)) throw CLI::ValidationError(flag + ": '" + text + "' is no such value");
            },
            help);
        option->type_name(std::is_arithmetic_v<Value> || std::is_same_v<Value, std::optional<int>> ||
                                  std::is_same_v<Value, std::optional<double>>
                              ? "NUMBER"
                              : (std::is_same_v<Value, std::filesystem::path> ? "FILE" : "TEXT"));
      }
      option->default_str(detail::shown(value));
    }
  });
}

}  // namespace margay::cli
