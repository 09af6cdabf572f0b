#include "apps/cli/flag_text.h"

#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "margay/core/text.h"

namespace margay::cli {
namespace {

std::string flag_value_text(const nlohmann::ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::vector<std::string> parts;
  for (const auto& each : value) parts.push_back(flag_value_text(each));
  return fmt::format("{}", fmt::join(parts, ","));
}

}  // namespace

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

}  // namespace margay::cli
