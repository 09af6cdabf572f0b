#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "apps/web/page_files.h"

namespace margay::web {

/// What a page may do besides what every one may; nothing by default.
struct PagePolicy {
  std::string_view images = "";   ///< sources of images besides data:, a space before each, such as " blob:"
  std::string_view scripts = "";  ///< sources of scripts besides its own, likewise
  std::string_view others = "";   ///< further directives, each with a semicolon and a space behind it
};

/// A page that is one file of HTML: script, style and data are in it, and it asks nothing of any network. Its
/// Content-Security-Policy forbids that, and every script but its own, named by its SHA-256.
///
///     page_begin(page) + page_data(script_json(data)) + page_end(page)
struct SinglePage {
  std::string title;     ///< any bytes; what is not UTF-8 is shown as U+FFFD
  std::string root;      ///< id of the element that the script draws into
  std::string noscript;  ///< what stands there without scripts; plain text
  PageFiles files;
  PagePolicy policy = {};
};

std::string page_begin(const SinglePage& page);
/// The script, and the end.
std::string page_end(const SinglePage& page);

/// The element `page-data` that the script reads. data: as script_json gives it.
std::string page_data(std::string_view data);

/// JSON as it may stand in a <script> element: "<" as \u003c, so that neither "</script" nor "<!--" is in it (the HTML
/// standard, 4.12.1.3). Bytes that are not UTF-8 become U+FFFD.
std::string script_json(const nlohmann::ordered_json& json);

/// "sha256-…", as policies and fetch name what they want (Subresource Integrity, 3.1). sha256: 64 hexadecimal digits.
std::string integrity_hash(const std::string& sha256);

}  // namespace margay::web
