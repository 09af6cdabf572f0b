#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <type_traits>

#include "apps/cli/flag_groups.h"
#include "margay/core/options.h"

namespace CLI {
class App;
}

namespace margay::cli {

/// Flag names that differ from the field's, where two nested structs have a field of one name, by "struct.field". An
/// empty name: the field has no flag.
using Renamed = std::map<std::string, std::string>;

/// Field `min_scale` becomes the flag --min-scale.
std::string flag_name(std::string field);

/// The flag of a field, unless it has none.
std::optional<std::string> flag_name(const char* options, const char* field, const Renamed& renamed);

/// How a flag stands in the help.
struct FlagLabel {
  std::string name;  ///< with its dashes
  std::string help;
  std::string group;  ///< its heading
};

/// One flag, whatever the type of the field behind it.
struct Flag {
  FlagLabel label;
  std::string type_name;                                      ///< of its value, as the help shows it
  bool is_text;                                               ///< its value is taken as it is, not read as JSON
  nlohmann::ordered_json default_value;                       ///< as the help shows it; null: none
  std::function<void(const nlohmann::ordered_json&)> assign;  ///< throws as core::from_json does
};

/// A flag with a value, which is read by the same rules as a configuration file.
void add_flag(CLI::App& app, const Flag& flag);

/// --name and --no-name, without a value.
void add_switch(CLI::App& app, const FlagLabel& label, bool& value);

/// The help of a field with its bounds.
std::string help_text(const char* help, const core::Range& range);

namespace detail {

template <class T>
Flag flag_of(const FlagLabel& label, T& value) {
  using Plain = typename std::conditional_t<core::detail::IsOptional<T>::value, T, std::optional<T>>::value_type;
  constexpr bool kIsPath = std::is_same_v<Plain, std::filesystem::path>;
  return {.label = label,
          .type_name = std::is_arithmetic_v<Plain> ? "NUMBER"
                       : kIsPath                   ? "PATH"
                                                   : "TEXT",
          .is_text = std::is_enum_v<Plain> || std::is_same_v<Plain, std::string> || kIsPath,
          .default_value = core::detail::value_to_json(value),
          .assign = [&value](const nlohmann::ordered_json& json) { core::detail::value_from_json(json, value); }};
}

}  // namespace detail

/// Gives `app` a flag for every field of the struct, nested ones included, with its help, range and default, under the
/// headings of flag_groups.h.
template <core::Options T>
void add_flags(CLI::App& app, T& options, const Renamed& renamed = {}, const std::string& outer_group = "Options") {
  const std::string group = flag_group(T::kName, outer_group);
  core::for_each_field<T>([&](const auto& field) {
    auto& value = options.*(field.member);
    using Value = std::decay_t<decltype(value)>;
    if constexpr (core::Options<Value>) {
      add_flags(app, value, renamed, group);
    } else {
      const std::optional<std::string> name = flag_name(T::kName, field.name, renamed);
      if (!name) return;  // set by another flag
      const FlagLabel label{.name = *name, .help = help_text(field.help, field.range), .group = group};
      if constexpr (std::is_same_v<Value, bool>) {
        add_switch(app, label, value);
      } else {
        add_flag(app, detail::flag_of(label, value));
      }
    }
  });
}

}  // namespace margay::cli
