#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace margay::fetch {

/// What a publisher says of a file. Empty and 0: nothing.
struct FileFacts {
  std::uint64_t bytes = 0;
  std::string sha256;            ///< all 64 hexadecimal digits, or the first 8 and more
  std::string md5_of_first_mib;  ///< MD5 of the first 2^20 bytes, as fastdownload's path_stats takes it, 32 digits

  bool has_hash() const { return !sha256.empty() || !md5_of_first_mib.empty(); }
};

/// The beginning of the SHA-256 in the name of a file, as PyTorch's hub has it, in small letters:
/// "f37072fd" of "resnet18-f37072fd.pth". "" for other names.
std::string hash_in_name(const std::string& file);

/// Why a file is not what its publisher says, for a message: "has 10 bytes, not 20"; "" if it is. sha256: of the whole
/// file. Throws DataError if it cannot be read.
std::string difference(const std::filesystem::path& file, const std::string& sha256, const FileFacts& facts);

}  // namespace margay::fetch
