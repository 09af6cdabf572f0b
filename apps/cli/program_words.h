#pragma once

#include <string>

namespace margay::cli {

/// The library's text in the words of the program. The library puts names of its own between backquotes, since it knows
/// no command line: an option's field, where two structs have one of that name with the struct before it, and
/// functions. Fields become flags (`min_scale`: --min-scale, `resize.size`: --resize), functions commands. What else
/// stands between backquotes stays.
std::string program_words(const std::string& text);

}  // namespace margay::cli
