#include "margay/data/source/text_file.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/core/unicode.h"
#include "margay/data/source/image_files.h"

namespace margay::data {
namespace {

constexpr std::string_view kMark8 = "\xEF\xBB\xBF";
constexpr std::string_view kMark16Little = "\xFF\xFE";
constexpr std::string_view kMark16Big = "\xFE\xFF";
constexpr std::string_view kMark32Little = std::string_view("\xFF\xFE\0\0", 4);
constexpr std::string_view kMark32Big = std::string_view("\0\0\xFE\xFF", 4);

/// 0 for a pipe, which has none to ask for. The file stands at its begin again.
std::streamoff size_of(std::ifstream& file) {
  file.seekg(0, std::ios::end);
  const std::streamoff size = std::max<std::streamoff>(file.tellg(), 0);
  file.clear();
  if (size > 0) file.seekg(0);
  return size;
}

std::string all_bytes(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    throw core::DataError(path, "there is no such file" + how_far_it_exists(path));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(status)) {
    throw core::DataError(path, "no text can be read here; expected a file that may be read");
  }
  std::string text(static_cast<std::size_t>(size_of(file)), '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  if (file.peek() != std::ifstream::traits_type::eof()) {
    text.append(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return text;
}

/// LF, CRLF and CR each end a line.
std::size_t line_at(std::string_view text, std::size_t position) {
  std::size_t line = 1;
  for (std::size_t i = 0; i < position; ++i) {
    const bool is_half = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
    if (text[i] == '\n' || (text[i] == '\r' && !is_half)) ++line;
  }
  return line;
}

void append_code_point(std::uint32_t point, std::string& text) {
  const auto byte = [&](std::uint32_t value) { text += static_cast<char>(static_cast<std::uint8_t>(value)); };
  if (point < 0x80) return byte(point);
  const std::uint32_t tails = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  constexpr std::array<std::uint32_t, 3> kLeads = {0xC0, 0xE0, 0xF0};
  byte(kLeads[tails - 1] | (point >> (6 * tails)));
  for (std::uint32_t k = tails; k-- > 0;) byte(0x80U | ((point >> (6 * k)) & 0x3FU));
}

enum class Utf16Order { kLittle, kBig };

/// UTF-16 after its mark (RFC 2781), as UTF-8.
std::string from_utf16(std::string_view bytes, Utf16Order order, const std::filesystem::path& path) {
  const auto unit = [&](std::size_t i) {
    const auto first = static_cast<std::uint8_t>(bytes[2 * i]);
    const auto second = static_cast<std::uint8_t>(bytes[2 * i + 1]);
    return static_cast<std::uint32_t>(order == Utf16Order::kLittle ? first | second << 8 : first << 8 | second);
  };
  const auto is_in = [](std::uint32_t value, std::uint32_t first) { return value >= first && value < first + 0x400; };
  std::string text;
  text.reserve(bytes.size());
  const std::size_t units = bytes.size() / 2;
  bool is_whole = true;
  for (std::size_t i = 0; i < units && is_whole; ++i) {
    std::uint32_t point = unit(i);
    if (is_in(point, 0xD800)) {
      is_whole = i + 1 < units && is_in(unit(i + 1), 0xDC00);
      if (is_whole) point = 0x10000 + ((point - 0xD800) << 10) + (unit(++i) - 0xDC00);
    } else if (is_in(point, 0xDC00)) {
      is_whole = false;
    }
    if (is_whole) append_code_point(point, text);
  }
  if (is_whole && bytes.size() % 2 == 0) return text;
  throw core::FormatError(
      path, fmt::format("line {}: the UTF-16 breaks off; write the file again, as UTF-8", line_at(text, text.size())));
}

/// What a file is that is often taken for a text, or "".
const char* what_else_it_is(std::string_view bytes) {
  if (bytes.starts_with(kMark32Little) || bytes.starts_with(kMark32Big)) {
    return "the text is UTF-32; save it as UTF-8 (iconv -f UTF-32 -t UTF-8)";
  }
  if (bytes.starts_with("PK\x03\x04")) {
    return "a spreadsheet (.xlsx, .ods) or an archive, no text; save it as 'CSV UTF-8', or unpack it";
  }
  if (bytes.starts_with("\xD0\xCF\x11\xE0")) return "a spreadsheet (.xls), no text; save it as 'CSV UTF-8'";
  if (bytes.starts_with("\x1F\x8B")) return "compressed by gzip; unpack it with gunzip";
  if (bytes.starts_with("PAR1")) return "a Parquet file, no text; save it as CSV (pandas: to_csv)";
  return "";
}

void check_is_text(std::string_view text, const std::filesystem::path& path) {
  const std::size_t zero = text.find('\0');
  if (zero == std::string_view::npos) return;
  const bool is_utf16 = zero < 2 && text.size() % 2 == 0;
  throw core::FormatError(
      path, fmt::format("line {}: a byte 0, which no text holds; {}", line_at(text, zero),
                        is_utf16 ? fmt::format("it seems to be UTF-16 without a byte order mark, so convert it with "
                                               "iconv -f UTF-16{} -t UTF-8",
                                               zero == 1 ? "LE" : "BE")
                                 : "write the file again, as UTF-8"));
}

}  // namespace

std::string encoding_problem(std::string_view text, const std::filesystem::path& path) {
  const auto at = core::first_non_utf8(text);
  if (!at) return "";
  const auto byte = static_cast<std::uint8_t>(text[*at]);
  std::string letter;
  if (byte >= 0xA1) append_code_point(byte, letter);
  return fmt::format(
      "the byte {:02X}{} is not UTF-8; save the file as UTF-8 ('CSV UTF-8' in a spreadsheet), or convert it "
      "with iconv -f WINDOWS-1252 -t UTF-8 {}",
      byte, letter.empty() ? "" : fmt::format(" ('{}' in Windows-1252)", letter), core::shown_path(path.filename()));
}

std::string decode_text(std::string bytes, const std::filesystem::path& path, OtherBytes other) {
  if (const char* what = what_else_it_is(bytes); *what != '\0') throw core::FormatError(path, what);
  if (bytes.starts_with(kMark16Little)) bytes = from_utf16(bytes.substr(2), Utf16Order::kLittle, path);
  if (bytes.starts_with(kMark16Big)) bytes = from_utf16(bytes.substr(2), Utf16Order::kBig, path);
  if (bytes.starts_with(kMark8)) bytes.erase(0, kMark8.size());
  check_is_text(bytes, path);
  if (other == OtherBytes::kKeep) return bytes;
  const auto at = core::first_non_utf8(bytes);
  if (!at) return bytes;
  throw core::FormatError(path, fmt::format("line {}: {}", line_at(bytes, *at), encoding_problem(bytes, path)));
}

std::string read_text(const std::filesystem::path& path, OtherBytes other) {
  return decode_text(all_bytes(path), path, other);
}

void for_each_line(std::string_view text, const TakeLine& take) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    take(number, text.substr(0, end));
    const bool is_pair = text.substr(end).starts_with("\r\n");
    text.remove_prefix(std::min(end + (is_pair ? 2 : 1), text.size()));
  }
}

}  // namespace margay::data
