#pragma once

#include <optional>

#include "apps/studio/access.h"
#include "apps/web/served_page.h"
#include "margay/http/request.h"

namespace margay::studio {

/// The page itself: "/", its script and its style, from the program's own bytes; nothing in them is secret. "/" with
/// the right token in its query (or a word of Access::new_entry) gives the browser its cookie, and leads to "/" without
/// it, so that the token stays in no history. Knows nothing of runs or data, so that it can be shown before those are
/// ready.
class StudioPage {
 public:
  explicit StudioPage(Access& access);

  /// Whether that path is one of the page's.
  bool has(std::string_view path) const { return page_.has(path); }
  /// 200, 303, 304, 403 for a wrong token, 404.
  http::Response answer(const http::Request& request) const;

 private:
  std::optional<http::Response> entered(const http::Request& request) const;

  Access& access_;
  web::ServedPage page_;
};

}  // namespace margay::studio
