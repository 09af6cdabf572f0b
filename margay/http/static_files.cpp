#include "margay/http/static_files.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include "margay/core/checksum.h"

namespace margay::http {
namespace {

std::string etag_of(std::string_view bytes) {
  constexpr std::size_t kDigits = 32;
  return '"' + core::sha256_of(bytes).substr(0, kDigits) + '"';
}

/// If-None-Match compares weakly: W/"x" is "x" (RFC 9110, section 13.1.2).
bool names_tag(std::string_view list, std::string_view etag) {
  return has_word(list, etag) || has_word(list, "W/" + std::string(etag)) || trimmed(list) == "*";
}

bool comes_before(std::string_view a, std::string_view b) { return a < b; }

}  // namespace

StaticFiles::StaticFiles(std::span<const EmbeddedFile> files) {
  for (const EmbeddedFile& file : files) entries_.push_back({file, etag_of(file.bytes)});
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return comes_before(a.file.path, b.file.path); });
  const auto twice = std::adjacent_find(entries_.begin(), entries_.end(),
                                        [](const Entry& a, const Entry& b) { return a.file.path == b.file.path; });
  if (twice == entries_.end()) return;
  throw std::invalid_argument("[static_files] two files have the path " + std::string(twice->file.path));
}

Response StaticFiles::answer(const Request& request, std::string_view path) const {
  const Entry* entry = find(path);
  if (!entry) return error(404, "there is nothing at this address");
  Response response{.headers = {{"ETag", entry->etag}, {"Cache-Control", "no-cache"}}};
  if (names_tag(request.headers.get("If-None-Match"), entry->etag)) {
    response.status = 304;
    return response;
  }
  response.content_type = entry->file.content_type;
  response.body = entry->file.bytes;
  response.headers.set("X-Content-Type-Options", "nosniff");
  return response;
}

const StaticFiles::Entry* StaticFiles::find(std::string_view path) const {
  const auto place =
      std::lower_bound(entries_.begin(), entries_.end(), path,
                       [](const Entry& entry, std::string_view p) { return comes_before(entry.file.path, p); });
  return place != entries_.end() && place->file.path == path ? &*place : nullptr;
}

}  // namespace margay::http
