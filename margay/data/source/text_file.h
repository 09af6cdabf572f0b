#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace margay::data {

/// What to do with bytes that are not UTF-8. kKeep is for lists of files, whose names Linux allows to be any bytes.
enum class OtherBytes { kRefuse, kKeep };

/// The door for every text file that a user may hand over: tables, lists, recipes, targets, settings.
/// The text of a file, or of a pipe up to its end, as UTF-8 without a byte order mark. UTF-16 with a mark is converted.
/// Throws core::DataError if the file is missing (the message says how far its path exists) or may not be read, and as
/// decode_text.
std::string read_text(const std::filesystem::path& path, OtherBytes other = OtherBytes::kRefuse);

/// The same for the bytes of a file; `path` only names it in errors. Throws core::FormatError, with the line where
/// there is one and the remedy, for other encodings, a byte 0, spreadsheets and archives.
std::string decode_text(std::string bytes, const std::filesystem::path& path, OtherBytes other = OtherBytes::kRefuse);

/// "the byte E9 ('é' in Windows-1252) is not UTF-8; …", with the remedy for the file; "" for UTF-8.
std::string encoding_problem(std::string_view text, const std::filesystem::path& path);

/// Takes a line without its end, and its number from 1.
using TakeLine = std::function<void(std::size_t number, std::string_view line)>;

/// Passes on the lines one by one; each ends in LF, CRLF or CR, the last one perhaps in nothing.
void for_each_line(std::string_view text, const TakeLine& take);

}  // namespace margay::data
