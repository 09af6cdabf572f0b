#include "apps/studio/studio_page.h"

#include <array>

#include "apps/web/page_files.h"

namespace margay::studio {
namespace {

/// Only what the page is made of may run or be loaded; drawn images and downloads are blobs, thumbnails data. The
/// camera of the view Try is asked for by the page alone.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
constexpr const char* kPermissions = "camera=(self), microphone=(), geolocation=()";

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
<div id="studio"><noscript>The studio needs its script; nothing in it comes from another host.</noscript></div>
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

StudioPage::StudioPage(const Access& access) : access_(access), files_(page_files()) {}

http::Response StudioPage::enter(std::string_view token) const {
  if (!access_.accepts(token)) {
    return http::text("This token is of another start of the studio. Open the address that it printed last.\n", 403);
  }
  return {.status = 303, .headers = {{"Location", "/"}, {"Set-Cookie", access_.cookie()}}};
}

http::Response StudioPage::answer(const http::Request& request) const {
  const std::string* token = request.path == "/" ? request.query_value("token") : nullptr;
  http::Response response = token != nullptr ? enter(*token) : files_.answer(request, request.path);
  response.headers.set("Content-Security-Policy", kPolicy);
  response.headers.set("Permissions-Policy", kPermissions);
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.headers.set("Referrer-Policy", "no-referrer");
  response.headers.set("Cross-Origin-Opener-Policy", "same-origin");
  response.headers.set("Cross-Origin-Resource-Policy", "same-origin");
  if (token != nullptr) response.headers.set("Cache-Control", "no-store");
  return response;
}

}  // namespace margay::studio
