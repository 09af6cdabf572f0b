#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "margay/http/request.h"
#include "margay/http/response.h"

namespace margay::http {

/// One file that the program holds in itself.
struct EmbeddedFile {
  std::string_view path;          ///< "/index.html"
  std::string_view content_type;  ///< "text/html; charset=utf-8"
  std::string_view bytes;
};

/// Serves embedded files; nothing is ever read from the disk. Responses carry an ETag, which is the SHA-256 of the
/// bytes, and "Cache-Control: no-cache": browsers keep them, but ask whether they changed and get 304.
class StaticFiles {
 public:
  /// The bytes must outlive this. Throws std::invalid_argument for two files of one path.
  explicit StaticFiles(std::span<const EmbeddedFile> files);

  bool contains(std::string_view path) const { return find(path) != nullptr; }
  /// 200, 304 where the client has the same bytes (If-None-Match), 404.
  Response answer(const Request& request) const { return answer(request, request.path); }
  /// The same of another path than the request's.
  Response answer(const Request& request, std::string_view path) const;

 private:
  struct Entry {
    EmbeddedFile file;
    std::string etag;
  };
  const Entry* find(std::string_view path) const;

  std::vector<Entry> entries_;  // by path
};

}  // namespace margay::http
