#include "margay/data/image/decode_bmp.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <utility>
#include <vector>

#include <fmt/format.h>

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

namespace {

using Bytes = std::span<const std::uint8_t>;

[[noreturn]] void fail_truncated(std::int64_t row, const ImageSize& size) {
  throw DecodeFailure(fmt::format("truncated BMP: the data ends at row {} of {}", row, size.height));
}

/// The y-th stored row's place in the image.
int image_row(const BmpHeader& header, std::int64_t y) {
  return static_cast<int>(header.is_top_down ? y : header.size.height - 1 - y);
}

/// 1, 2, 4 and 8 bits: indices into the colours, the leftmost in the highest bits.
void paint_indices(const BmpHeader& header, const std::uint8_t* in, std::uint8_t* out) {
  const std::uint32_t mask = (1U << header.bits) - 1;
  for (std::int64_t x = 0; x < header.size.width; ++x) {
    const auto bit = static_cast<std::size_t>(x) * header.bits;
    const std::uint32_t shift = 8 - header.bits - static_cast<std::uint32_t>(bit % 8);
    out = std::copy_n(header.colors[(in[bit / 8] >> shift) & mask].data(), 3, out);
  }
}

void paint_bgr(const BmpHeader& header, const std::uint8_t* in, std::uint8_t* out) {
  for (std::int64_t x = 0; x < header.size.width; ++x, in += 3) {
    for (int c = 2; c >= 0; --c) *out++ = in[c];
  }
}

/// 16 and 32 bits. out: uint8 [W,4], alpha 255 where the file has none.
void paint_fields(const BmpHeader& header, const std::uint8_t* in, std::uint8_t* out) {
  const std::size_t step = header.bits / 8;
  for (std::int64_t x = 0; x < header.size.width; ++x, in += step) {
    std::uint32_t pixel = 0;
    for (std::size_t i = 0; i < step; ++i) pixel |= static_cast<std::uint32_t>(in[i]) << (8 * i);
    for (const BmpField& field : header.fields) *out++ = field.value(pixel);
    if (header.fields[3].mask == 0) out[-1] = 255;
  }
}

/// Whether any pixel is not wholly transparent. Programs that know nothing of alpha leave it at 0 everywhere.
bool uses_alpha(const BmpHeader& header, Bytes pixels) {
  std::vector<std::uint8_t> rgba(4 * static_cast<std::size_t>(header.size.width));
  for (std::int64_t y = 0; y < header.size.height; ++y) {
    paint_fields(header, pixels.data() + static_cast<std::size_t>(y) * header.row_bytes(), rgba.data());
    for (std::size_t i = 3; i < rgba.size(); i += 4) {
      if (rgba[i] != 0) return true;
    }
  }
  return false;
}

core::Image decode_plain(BmpHeader header, Bytes pixels) {
  const std::size_t row_bytes = header.row_bytes();
  const std::size_t rows = pixels.size() / row_bytes;
  if (rows < static_cast<std::size_t>(header.size.height)) fail_truncated(static_cast<std::int64_t>(rows), header.size);
  const auto width = static_cast<std::size_t>(header.size.width);
  const bool has_fields = header.bits == 16 || header.bits == 32;
  if (has_fields && header.fields[3].mask != 0 && !uses_alpha(header, pixels)) header.fields[3] = {};
  std::vector<std::uint8_t> rgba(has_fields ? 4 * width : 0);
  core::Image image(static_cast<int>(header.size.height), static_cast<int>(header.size.width));
  for (std::int64_t y = 0; y < header.size.height; ++y) {
    const std::uint8_t* in = pixels.data() + static_cast<std::size_t>(y) * row_bytes;
    std::uint8_t* out = image.row(image_row(header, y));
    if (header.bits <= 8) paint_indices(header, in, out);
    if (header.bits == 24) paint_bgr(header, in, out);
    if (!has_fields) continue;
    paint_fields(header, in, rgba.data());
    lay_over_white(rgba.data(), width, out);
  }
  return image;
}

/// Run lengths: pairs of bytes, a count and what to repeat, or 0 and a command. Runs stop at the image's edge, and
/// what no run reaches keeps the first colour, both as in Pillow.
class RunReader {
 public:
  RunReader(const BmpHeader& header, Bytes codes)
      : header_(header),
        codes_(codes, ByteOrder::kLittle),
        image_(static_cast<int>(header.size.height), static_cast<int>(header.size.width)) {
    for (std::size_t i = 0; i < image_.pixels.size(); i += 3)
      std::copy_n(header.colors[0].data(), 3, &image_.pixels[i]);
  }

  core::Image read();

 private:
  void paint(std::uint32_t index);
  void repeat(std::uint32_t count, std::uint32_t indices);
  void copy(std::uint32_t count);

  const BmpHeader& header_;
  ByteReader codes_;
  core::Image image_;
  std::size_t at_ = 0;
  std::int64_t x_ = 0;
  std::int64_t y_ = 0;
};

void RunReader::paint(std::uint32_t index) {
  if (x_ < header_.size.width && y_ < header_.size.height) {
    std::copy_n(header_.colors[index].data(), 3, image_.row(image_row(header_, y_)) + 3 * x_);
  }
  ++x_;
}

/// Four bits take turns: the high ones first.
void RunReader::repeat(std::uint32_t count, std::uint32_t indices) {
  const bool is_half = header_.coding == BmpCoding::kRle4;
  for (std::uint32_t i = 0; i < count; ++i) {
    paint(!is_half ? indices : i % 2 == 0 ? indices >> 4U : indices & 15U);
  }
}

void RunReader::copy(std::uint32_t count) {
  const std::uint32_t each = header_.coding == BmpCoding::kRle4 ? 2 : 1;
  const std::size_t bytes = (count + each - 1) / each;
  if (at_ + bytes > codes_.size()) fail_truncated(y_, header_.size);
  for (std::size_t i = 0; i < bytes; ++i) {
    repeat(std::min(each, count - static_cast<std::uint32_t>(i) * each), codes_.u8(at_ + i));
  }
  at_ += bytes + bytes % 2;
}

core::Image RunReader::read() {
  enum : std::uint32_t { kEndOfRow, kEndOfBitmap, kMove };
  while (y_ < header_.size.height) {
    if (at_ + 2 > codes_.size()) {
      const bool is_last_row_done = y_ + 1 == header_.size.height && x_ >= header_.size.width;
      if (is_last_row_done) break;
      fail_truncated(y_, header_.size);
    }
    const std::uint32_t count = codes_.u8(at_);
    const std::uint32_t code = codes_.u8(at_ + 1);
    at_ += 2;
    if (count > 0) {
      repeat(count, code);
    } else if (code == kEndOfRow) {
      x_ = 0;
      ++y_;
    } else if (code == kEndOfBitmap) {
      break;
    } else if (code == kMove) {
      x_ += codes_.u8(at_);
      y_ += codes_.u8(at_ + 1);
      at_ += 2;
    } else {
      copy(code);
    }
  }
  return std::move(image_);
}

}  // namespace

core::Image decode_bmp(Bytes bytes, std::int64_t max_pixels) {
  const BmpHeader header = read_bmp_header(bytes);
  check_size(header.size, max_pixels);
  const Bytes pixels = bytes.subspan(std::min(header.pixels_at, bytes.size()));
  const bool is_rle = header.coding == BmpCoding::kRle8 || header.coding == BmpCoding::kRle4;
  return is_rle ? RunReader(header, pixels).read() : decode_plain(header, pixels);
}

ImageSize bmp_size(Bytes bytes) { return read_bmp_header(bytes).size; }

}  // namespace margay::data
