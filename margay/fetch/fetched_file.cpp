#include "margay/fetch/fetched_file.h"

#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/checksum.h"
#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/json_values.h"
#include "margay/core/text.h"

namespace margay::fetch {
namespace {

namespace fs = std::filesystem;
using RecordJson = nlohmann::ordered_json;

constexpr const char* kServer = "the publisher's server";
constexpr const char* kFirstFetch = "the first fetch";

fs::path record_of(const fs::path& file) { return fs::path(file).concat(".fetched.json"); }

std::string text_of(const RecordJson& json, const char* key) {
  return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : "";
}

void write_record(const fs::path& file, const FetchRecord& record) {
  const RecordJson json = {{"url", record.url},
                           {"bytes", record.bytes},
                           {"sha256", record.sha256},
                           {"checked_by", record.checked_by},
                           {"licence", record.licence}};
  core::write_file_atomically(record_of(file), json.dump(2, ' ', false, RecordJson::error_handler_t::replace) + "\n");
}

/// The facts, and where they come from.
struct KnownFacts {
  FileFacts facts;
  std::string source;
};

KnownFacts facts_of(const Published& published, const std::optional<FetchRecord>& record) {
  KnownFacts known{published.facts, published.facts_source};
  if (!record || record->url != published.url) return known;
  const bool agrees = record->sha256.starts_with(known.facts.sha256);
  if (agrees) known.facts.sha256 = record->sha256;  // all digits, where the publisher tells the first
  if (!published.facts.has_hash()) known.source = kFirstFetch;
  return known;
}

/// After a mismatch with the hash of the first fetch: the publisher may have put another file there.
std::string changed_since(const std::string& problem, const fs::path& file) {
  return fmt::format("{}. The hash is that of the first fetch: if the publisher has a new version, remove {}", problem,
                     core::shown_path(record_of(file)));
}

}  // namespace

std::optional<FetchRecord> read_record(const fs::path& file) {
  std::ifstream stream(record_of(file));
  const RecordJson json = core::parsed_json(stream);
  if (!json.is_object() || text_of(json, "sha256").empty()) return std::nullopt;
  FetchRecord record{.url = text_of(json, "url"),
                     .sha256 = text_of(json, "sha256"),
                     .checked_by = text_of(json, "checked_by"),
                     .licence = text_of(json, "licence")};
  if (json.contains("bytes") && json["bytes"].is_number_unsigned()) record.bytes = json["bytes"].get<std::uint64_t>();
  return record;
}

std::optional<FetchedFile> file_at_hand(const Published& published, const fs::path& file) {
  std::error_code none;
  if (!fs::is_regular_file(file, none)) return std::nullopt;
  const std::optional<FetchRecord> record = read_record(file);
  const KnownFacts known = facts_of(published, record);
  FetchedFile there{.record = {.url = published.url,
                               .bytes = fs::file_size(file),
                               .sha256 = core::sha256_of_file(file),
                               .checked_by = known.facts.has_hash() ? known.source : "",
                               .licence = published.licence},
                    .was_there = true};
  const std::string problem = difference(file, there.record.sha256, known.facts);
  if (problem.empty()) return there;
  throw core::DataError(file,
                        fmt::format("is there, but {}, as {} says. Remove it to fetch it anew", problem, known.source));
}

FetchedFile fetch_file(const Published& published, const fs::path& file, const DownloadOptions& options,
                       DownloadObserver& observer) {
  if (std::optional<FetchedFile> there = file_at_hand(published, file)) {
    if (!read_record(file)) write_record(file, there->record);
    return *there;
  }
  const KnownFacts known = facts_of(published, read_record(file));
  try {
    const Downloaded got = download(published.url, file, known.facts, options, observer);
    FetchedFile fetched{.record = {.url = published.url,
                                   .bytes = got.bytes,
                                   .sha256 = got.sha256,
                                   .checked_by = known.facts.has_hash() ? known.source
                                                 : got.is_checked       ? kServer
                                                                        : "",
                                   .licence = published.licence},
                        .received_bytes = got.received_bytes};
    write_record(file, fetched.record);
    return fetched;
  } catch (const core::DataError& error) {
    if (known.source != kFirstFetch) throw;
    throw core::DataError(error.path(), changed_since(error.problem(), file));
  }
}

}  // namespace margay::fetch
