#include "apps/studio/studio_page.h"

#include <string>
#include <utility>

namespace margay::studio {
namespace {

/// The head of every view stands here, too, so that it is painted before the script has been read.
constexpr const char* kBody = R"(<div id="studio">
<header class="studio-header"><span class="brand" translate="no">Margay</span></header>
<main><noscript>The studio needs its script; nothing in it comes from another host.</noscript></main>
</div>
)";

/// The view Try asks for the camera, and shows what it sees.
constexpr const char* kMedia = "media-src 'self' blob:; ";
constexpr const char* kPermissions = "camera=(self), microphone=(), geolocation=()";

}  // namespace

StudioPage::StudioPage(Access& access)
    : access_(access),
      page_(
          {.title = "Margay studio", .name = "studio", .files = web::studio_files(), .body = kBody, .policy = kMedia}) {
}

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
  http::Response response = entered ? std::move(*entered) : page_.answer(request, request.path);
  page_.protect(response);
  response.headers.set("Permissions-Policy", kPermissions);
  response.headers.set("Cross-Origin-Opener-Policy", "same-origin");
  response.headers.set("Cross-Origin-Resource-Policy", "same-origin");
  return response;
}

}  // namespace margay::studio
