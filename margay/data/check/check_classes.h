#pragma once

#include <string>
#include <string_view>

namespace margay::data {

/// The name without differences that readers overlook; two classes with the same folded name are probably one class.
/// Letters become lower case (Latin, Greek, Cyrillic). Runs of white space, and runs of '_' and '-' between two other
/// characters, become one space. White space at the ends and characters without width are removed. A letter followed by
/// a combining accent becomes the accented letter (Unicode's normal form C, which macOS does not use for file names).
/// Invalid UTF-8 is left unchanged.
std::string folded_name(std::string_view name);

}  // namespace margay::data
