#pragma once

#include <string>

namespace margay::cli {

/// Translates a message of the library into the words of the program. The library knows no command line and puts its
/// own names between backquotes: functions and options' fields, with the struct before the field if two structs have
/// one of that name. Fields become flags (`min_scale`: --min-scale, `resize.size`: --resize), functions commands. Other
/// text between backquotes is kept.
std::string program_words(const std::string& text);

}  // namespace margay::cli
