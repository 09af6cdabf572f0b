#pragma once

#include <string>
#include <string_view>

namespace margay::data {

/// The name as a hasty reader sees it; two classes of one folded name are probably one class. Letters become small
/// (Latin, Greek, Cyrillic), runs of blanks of any kind become one space, and so do runs of '_' and '-' between two
/// other signs; blanks at the ends and signs without width go; and a letter followed by a combining accent becomes the
/// accented letter, as Unicode's normal form C has it and file names of macOS do not. What is not UTF-8 stays as it is.
std::string folded_name(std::string_view name);

}  // namespace margay::data
