#include "apps/web/single_page.h"

#include <array>
#include <cstddef>
#include <cstdint>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/web/thumbnail.h"
#include "margay/core/checksum.h"
#include "margay/core/html_escape.h"
#include "margay/core/text.h"

namespace margay::web {
namespace {

/// Of a script or style, as a Content-Security-Policy names it (CSP Level 3, 2.3.1).
std::string policy_hash(std::string_view text) { return "'" + integrity_hash(core::sha256_of(text)) + "'"; }

}  // namespace

std::string integrity_hash(const std::string& sha256) {
  std::array<std::uint8_t, 32> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(std::stoi(sha256.substr(2 * i, 2), nullptr, 16));
  }
  return "sha256-" + base64(bytes);
}

std::string page_begin(const SinglePage& page) {
  return fmt::format(
      R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:{}; script-src {}{}; style-src {}; {}base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{}</title>
<link rel="icon" href="data:,">
<style>{}</style>
</head>
<body>
<div id="{}"><noscript>{}</noscript></div>
)",
      page.policy.images, policy_hash(page.files.script), page.policy.scripts, policy_hash(page.files.style),
      page.policy.others, core::html_escaped(core::valid_utf8(page.title)), page.files.style, page.root,
      core::html_escaped(page.noscript));
}

std::string page_data(std::string_view data) {
  return fmt::format("<script type=\"application/json\" id=\"page-data\">{}</script>\n", data);
}

std::string page_end(const SinglePage& page) {
  return fmt::format("<script>{}</script>\n</body>\n</html>\n", page.files.script);
}

std::string script_json(const nlohmann::ordered_json& json) {
  const std::string text = json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

}  // namespace margay::web
