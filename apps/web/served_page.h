#pragma once

#include <array>
#include <string>
#include <string_view>

#include "apps/web/page_files.h"
#include "margay/http/static_files.h"

namespace margay::web {

/// What one page of a server differs in from another.
struct ServedPageOptions {
  std::string title;
  std::string name;         ///< of its script and style: "page" for /page.js and /page.css
  PageFiles files;          ///< their contents
  std::string body;         ///< HTML
  std::string policy = "";  ///< further directives of its Content-Security-Policy, such as "media-src 'self'; "
};

/// A page at "/" with a script and a style beside it. Only these may run or be loaded, and nothing of another host; its
/// own images are blobs.
class ServedPage {
 public:
  explicit ServedPage(ServedPageOptions options);
  ServedPage(const ServedPage&) = delete;
  ServedPage& operator=(const ServedPage&) = delete;

  /// The page, its script, its style.
  const std::array<http::EmbeddedFile, 3>& files() const { return files_; }
  bool has(std::string_view path) const { return answers_.contains(path); }
  /// As http::StaticFiles, protected.
  http::Response answer(const http::Request& request, std::string_view path) const;
  /// Adds the headers that keep the page to itself.
  void protect(http::Response& response) const;

 private:
  std::string policy_;
  std::string html_;
  std::string script_path_;
  std::string style_path_;
  std::array<http::EmbeddedFile, 3> files_;  ///< refers to what stands above
  http::StaticFiles answers_;
};

}  // namespace margay::web
