#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace margay::model {

/// One file within a zip file.
struct ZipEntry {
  std::string name;
  std::size_t begin = 0;  ///< offset of its first byte from the archive's start
  std::size_t end = 0;
  int method = 0;  ///< 0: stored, so these bytes are the content; 8: deflated
};

/// Reads the directory of a zip file from all its bytes (PKWARE's APPNOTE.TXT 6.3, including zip64). Every number is
/// checked; checksums are not computed. Throws core::FormatError naming `path` for anything else, including encrypted
/// or duplicate entries.
std::vector<ZipEntry> read_zip_directory(std::span<const std::byte> file, const std::filesystem::path& path);

}  // namespace margay::model
