#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "margay/fetch/catalogue.h"
#include "margay/fetch/download.h"

namespace margay::fetch {

/// What is remembered of a file that was fetched, in NAME.fetched.json beside it. Of a file whose publisher tells no
/// hash, the one of the first fetch is what later ones must agree with, also when the file has been removed meanwhile.
struct FetchRecord {
  std::string url;
  std::uint64_t bytes = 0;
  std::string sha256;
  std::string checked_by;  ///< where what it was compared with comes from; "": it was the first of its kind
  std::string licence;
};

/// Nothing where there is no record, or one that cannot be read.
std::optional<FetchRecord> read_record(const std::filesystem::path& file);

/// A file that is there now.
struct FetchedFile {
  FetchRecord record;
  bool was_there = false;            ///< and is what it should be; nothing was fetched
  std::uint64_t received_bytes = 0;  ///< over the network
};

/// Whether a file is there, and is what its record, or else its publisher, says. Throws core::DataError for one that is
/// another file: it is the user's to remove.
std::optional<FetchedFile> file_at_hand(const Published& published, const std::filesystem::path& file);

/// The file if it is at hand, or else download(), with the facts that are published and remembered. Throws as these do.
FetchedFile fetch_file(const Published& published, const std::filesystem::path& file, const DownloadOptions& options,
                       DownloadObserver& observer);

}  // namespace margay::fetch
