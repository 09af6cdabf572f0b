#include "apps/studio/studio_page.h"

#include <array>
#include <string>
#include <utility>

#include "apps/web/page_files.h"

namespace margay::studio {
namespace {

/// Only what the page is made of may run or be loaded; drawn images and downloads are blobs, thumbnails data. The
/// camera of the view Try is asked for by the page alone.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
constexpr const char* kPermissions = "camera=(self), microphone=(), geolocation=()";

/// The head of every view stands here, too, so that it is painted before the script has been read.
constexpr std::string_view kStart = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Margay studio</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/studio.css">
<script src="/studio.js" defer></script>
</head>
<body>
<div id="studio">
<header class="studio-header"><span class="brand" translate="no">Margay</span></header>
<main><noscript>The studio needs its script; nothing in it comes from another host.</noscript></main>
</div>
</body>
</html>
)";

std::array<http::EmbeddedFile, 3> page_files() {
  const web::PageFiles built = web::studio_files();
  return {{{"/", "text/html; charset=utf-8", kStart},
           {"/studio.js", "text/javascript; charset=utf-8", built.script},
           {"/studio.css", "text/css; charset=utf-8", built.style}}};
}

}  // namespace

StudioPage::StudioPage(Access& access) : access_(access), files_(page_files()) {}

/// Nothing where the request brings no token.
std::optional<http::Response> StudioPage::entered(const http::Request& request) const {
  const std::string* token = request.query_value("token");
  const std::string* entry = request.query_value("enter");
  if (request.path != "/" || (token == nullptr && entry == nullptr)) return std::nullopt;
  const bool is_known = token != nullptr ? access_.accepts(*token) : access_.take_entry(*entry);
  http::Response response = {.status = 303, .headers = {{"Location", "/"}, {"Set-Cookie", access_.cookie()}}};
  if (!is_known) {
    constexpr const char* kWhy = "This address is of another start of the studio, or was used before. ";
    response = http::text(std::string(kWhy) + "Open the address that the studio printed last.\n", 403);
  }
  response.headers.set("Cache-Control", "no-store");
  return response;
}

http::Response StudioPage::answer(const http::Request& request) const {
  std::optional<http::Response> entered = this->entered(request);
  http::Response response = entered ? std::move(*entered) : files_.answer(request, request.path);
  response.headers.set("Content-Security-Policy", kPolicy);
  response.headers.set("Permissions-Policy", kPermissions);
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("Referrer-Policy", "no-referrer");
  response.headers.set("Cross-Origin-Opener-Policy", "same-origin");
  response.headers.set("Cross-Origin-Resource-Policy", "same-origin");
  return response;
}

}  // namespace margay::studio
