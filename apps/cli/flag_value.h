#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "apps/cli/command.h"
#include "margay/core/options.h"

namespace margay::cli {

/// The value of a flag as help shows a default: lists without brackets, texts without quotes.
std::string flag_text(const nlohmann::ordered_json& value);

std::string flag_text(const core::OptionTable& table, const void* options, const void* defaults,
                      const Renamed& renamed);

/// The flags that make `options` of `defaults`, each with a space in front, to paste into a shell: " --label-regex
/// '(.+)_\d+\.jpg$' --size 128". Fields without a flag are left out.
template <core::Options T>
std::string flag_text(const T& options, const T& defaults, const Renamed& renamed = {}) {
  return flag_text(T::fields(), &options, &defaults, renamed);
}

/// Reads the value of a flag by the same rules as a configuration file; lists may lack their brackets. Throws
/// CLI::ValidationError, naming the flag.
void assign_flag(const std::string& flag, const std::string& text, const core::FieldType& type, void* value);

/// "NUMBER", "PATH" or "TEXT".
const char* flag_type(const core::FieldType& type);

/// A field's help in the words of the program, with the range of its numbers.
std::string help_with_range(const char* text, const core::Range& range);

/// Reads options from a JSON file. Throws CLI::ValidationError, naming the file and the line that is no JSON or the
/// field.
void read_config(const std::string& path, const core::OptionTable& table, void* options);

}  // namespace margay::cli
