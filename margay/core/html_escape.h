#pragma once

#include <string>
#include <string_view>

namespace margay::core {

/// The text as it may stand in an HTML page or in an attribute between double or single quotes: & < > " ' become
/// character references (the HTML standard, §13.3).
std::string html_escaped(std::string_view text);

}  // namespace margay::core
