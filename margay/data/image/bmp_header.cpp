#include "margay/data/image/bmp_header.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include <fmt/format.h>

#include "margay/data/image/byte_reader.h"
#include "margay/data/image/codec.h"

namespace margay::data {
namespace {

constexpr std::size_t kInfoAt = 14;  // behind the file header: "BM", sizes, the place of the pixels
constexpr std::size_t kMasksAt = kInfoAt + 40;
constexpr std::uint32_t kOs2Header = 12;
constexpr std::uint32_t kFirstHeaderWithAlpha = 56;

void read_size_and_bits(const ByteReader& bytes, std::uint32_t info_size, BmpHeader& header) {
  if (info_size == kOs2Header) {
    header.size = {bytes.u16(20), bytes.u16(18)};
    header.bits = bytes.u16(24);
    return;
  }
  const auto side = [&](std::size_t at) { return std::int64_t{static_cast<std::int32_t>(bytes.u32(at))}; };
  header.size = {std::abs(side(22)), side(18)};
  header.is_top_down = side(22) < 0;
  header.bits = bytes.u16(28);
  header.coding = static_cast<BmpCoding>(bytes.u32(30));
}

void check_kind(const BmpHeader& header, std::uint32_t info_size) {
  constexpr std::array<std::uint32_t, 7> kInfoSizes = {kOs2Header, 40, 52, 56, 64, 108, 124};
  constexpr std::array<std::uint32_t, 7> kBits = {1, 2, 4, 8, 16, 24, 32};
  const auto is_one_of = [](const auto& all, std::uint32_t value) {
    return std::find(all.begin(), all.end(), value) != all.end();
  };
  if (!is_one_of(kInfoSizes, info_size)) throw DecodeFailure(fmt::format("a BMP with a header of {} bytes", info_size));
  const std::uint32_t bits = header.bits;
  const auto coding = static_cast<std::uint32_t>(header.coding);
  const bool is_os2 = info_size == 64;  // where 3 and 4 mean something else
  bool is_known = false;
  if (header.coding == BmpCoding::kPlain) is_known = is_one_of(kBits, bits);
  if (header.coding == BmpCoding::kRle8) is_known = bits == 8;
  if (header.coding == BmpCoding::kRle4) is_known = bits == 4;
  if (header.coding == BmpCoding::kBitFields || header.coding == BmpCoding::kAlphaBitFields) {
    is_known = !is_os2 && (bits == 16 || bits == 32);
  }
  if (!is_known) throw DecodeFailure(fmt::format("a BMP of compression {} with {} bits per pixel", coding, bits));
}

/// Returns the bytes that the masks take behind a header of 40 bytes; the later headers contain them.
std::size_t read_fields(const ByteReader& bytes, std::uint32_t info_size, BmpHeader& header) {
  if (header.coding == BmpCoding::kPlain) {
    const bool is_16 = header.bits == 16;
    header.fields = {BmpField{is_16 ? 0x7C00U : 0xFF0000U}, BmpField{is_16 ? 0x3E0U : 0xFF00U},
                     BmpField{is_16 ? 0x1FU : 0xFFU}, BmpField{}};
    return 0;
  }
  const bool is_rle = header.coding == BmpCoding::kRle8 || header.coding == BmpCoding::kRle4;
  if (is_rle) return 0;
  const bool has_alpha = info_size >= kFirstHeaderWithAlpha || header.coding == BmpCoding::kAlphaBitFields;
  const std::size_t count = has_alpha ? 4 : 3;
  for (std::size_t i = 0; i < count; ++i) header.fields[i] = BmpField(bytes.u32(kMasksAt + 4 * i));
  return info_size == 40 ? 4 * count : 0;
}

/// `end`: where the pixels begin, which a lying count must not reach.
void read_colors(const ByteReader& bytes, std::size_t at, std::size_t end, std::size_t entry_bytes,
                 std::size_t declared, BmpHeader& header) {
  header.colors = {};
  if (header.bits > 8) return;
  const std::size_t most = std::size_t{1} << header.bits;
  std::size_t count = declared == 0 ? most : std::min(declared, most);
  if (end > at) count = std::min(count, (end - at) / entry_bytes);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      header.colors[i][c] = static_cast<std::uint8_t>(bytes.u8(at + i * entry_bytes + 2 - c));  // stored as BGR
    }
  }
}

}  // namespace

BmpField::BmpField(std::uint32_t bits) : mask(bits) {
  if (mask == 0) return;
  const int top = static_cast<int>(std::bit_width(mask));
  shift = static_cast<std::uint32_t>(std::max(std::countr_zero(mask), top - 8));
  mask = mask >> shift << shift;
  const std::uint32_t most = mask >> shift;
  for (std::uint32_t i = 0; i <= most; ++i) scaled[i] = static_cast<std::uint8_t>((i * 255 + most / 2) / most);
}

BmpHeader read_bmp_header(std::span<const std::uint8_t> file) {
  const ByteReader bytes(file, ByteOrder::kLittle);
  const std::uint32_t info_size = bytes.u32(kInfoAt);
  BmpHeader header;
  read_size_and_bits(bytes, info_size, header);
  check_kind(header, info_size);
  const std::size_t colors_at = kInfoAt + info_size + read_fields(bytes, info_size, header);
  header.pixels_at = bytes.u32(10);
  const std::size_t entry_bytes = info_size == kOs2Header ? 3 : 4;
  const std::uint32_t declared = info_size >= 40 ? bytes.u32(46) : 0;
  read_colors(bytes, colors_at, header.pixels_at, entry_bytes, declared, header);
  return header;
}

}  // namespace margay::data
