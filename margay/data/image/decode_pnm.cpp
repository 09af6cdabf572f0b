#include <algorithm>
#include <cctype>
#include <cstddef>
#include <optional>

#include <fmt/format.h>

#include "margay/data/image/codec.h"

namespace margay::data {
namespace {

constexpr std::int64_t kMaxSample = 65535;

/// P1 … P3 hold decimal numbers, P4 … P6 bytes; 1 and 4 black on white, 2 and 5 grey, 3 and 6 RGB.
class PnmReader {
 public:
  explicit PnmReader(std::span<const std::uint8_t> file);

  ImageSize size() const { return size_; }
  int sample_bits() const { return most_ > 255 ? 16 : 8; }
  /// Of more than 8 bits no more than `deep_bits` hold data, whatever the header claims.
  void limit_samples(int deep_bits) {
    if (most_ > 255) white_ = std::min<std::int64_t>(most_, (std::int64_t{1} << deep_bits) - 1);
  }
  core::Image read_pixels();

 private:
  bool is_bitmap() const { return kind_ == 1 || kind_ == 4; }
  bool is_text() const { return kind_ <= 3; }
  std::size_t channels() const { return kind_ == 3 || kind_ == 6 ? 3 : 1; }
  std::size_t samples_per_row() const { return static_cast<std::size_t>(size_.width) * channels(); }
  std::size_t bytes_per_row() const;
  void skip_space();
  std::optional<std::int64_t> number(int max_digits);
  std::int64_t header_number(const char* what);
  std::int64_t sample(std::size_t row_at, std::size_t index);
  std::uint8_t level(std::int64_t sample) const;
  [[noreturn]] void fail_truncated(std::int64_t row) const;

  ByteReader bytes_;
  std::size_t at_ = 2;
  std::uint32_t kind_;
  ImageSize size_;
  std::int64_t most_ = 1;   ///< as the header says
  std::int64_t white_ = 1;  ///< the sample that is white
};

PnmReader::PnmReader(std::span<const std::uint8_t> file) : bytes_(file, ByteOrder::kBig), kind_(bytes_.u8(1) - '0') {
  size_.width = header_number("width");
  size_.height = header_number("height");
  if (!is_bitmap()) most_ = header_number("largest sample");
  if (most_ < 1 || most_ > kMaxSample) {
    throw DecodeFailure(fmt::format("a PNM whose largest sample is {}, not 1 … {}", most_, kMaxSample));
  }
  white_ = most_;
  if (!is_text()) ++at_;  // one white space, and then anything may be a pixel
}

/// A comment reaches to the end of its line.
void PnmReader::skip_space() {
  for (; at_ < bytes_.size(); ++at_) {
    if (bytes_.u8(at_) == '#') {
      while (at_ < bytes_.size() && bytes_.u8(at_) != '\n') ++at_;
    } else if (std::isspace(static_cast<int>(bytes_.u8(at_))) == 0) {
      return;
    }
  }
}

std::optional<std::int64_t> PnmReader::number(int max_digits) {
  skip_space();
  std::int64_t value = 0;
  int digits = 0;
  for (; digits < max_digits && std::isdigit(static_cast<int>(bytes_.u8(at_))) != 0; ++at_, ++digits) {
    value = value * 10 + (bytes_.u8(at_) - '0');
  }
  if (digits == 0) return std::nullopt;
  return value;
}

std::int64_t PnmReader::header_number(const char* what) {
  constexpr int kMaxDigits = 10;
  const auto value = number(kMaxDigits);
  if (!value) throw DecodeFailure(fmt::format("a PNM whose header gives no {}", what));
  return *value;
}

/// The least a row can take: of numbers in text, a digit each and, except in bitmaps, a space between.
std::size_t PnmReader::bytes_per_row() const {
  const std::size_t samples = samples_per_row();
  if (kind_ == 1) return samples;
  if (kind_ == 4) return (samples + 7) / 8;
  return is_text() || most_ > 255 ? 2 * samples : samples;
}

std::int64_t PnmReader::sample(std::size_t row_at, std::size_t index) {
  if (kind_ == 4) return 1 - (bytes_.u8(row_at + index / 8) >> (7 - index % 8) & 1U);
  if (!is_text()) return most_ > 255 ? bytes_.u16(row_at + 2 * index) : bytes_.u8(row_at + index);
  const auto value = number(kind_ == 1 ? 1 : 5);  // the digits of a bitmap may stand side by side
  if (!value && at_ >= bytes_.size()) return -1;
  if (!value) throw DecodeFailure("a broken PNM: something else stands where a number should");
  return kind_ == 1 ? 1 - std::min<std::int64_t>(*value, 1) : *value;
}

/// Scaled to 0 … 255 and rounded, as Pillow does; what exceeds the declared largest is white.
std::uint8_t PnmReader::level(std::int64_t sample) const {
  return static_cast<std::uint8_t>((std::min(sample, white_) * 255 + white_ / 2) / white_);
}

void PnmReader::fail_truncated(std::int64_t row) const {
  throw DecodeFailure(fmt::format("truncated PNM: the data ends at row {} of {}", row, size_.height));
}

core::Image PnmReader::read_pixels() {
  const std::size_t left = bytes_.size() - std::min(at_, bytes_.size());
  const auto rows = static_cast<std::int64_t>((left + (is_text() ? 1 : 0)) / bytes_per_row());
  if (rows < size_.height) fail_truncated(rows);
  core::Image image(static_cast<int>(size_.height), static_cast<int>(size_.width));
  for (int y = 0; y < image.height; ++y) {
    const std::size_t row_at = at_ + static_cast<std::size_t>(y) * bytes_per_row();
    std::uint8_t* out = image.row(y);
    for (std::size_t i = 0; i < samples_per_row(); ++i) {
      const std::int64_t value = sample(row_at, i);
      if (value < 0) fail_truncated(y);
      out = std::fill_n(out, 3 / channels(), level(value));
    }
  }
  return image;
}

}  // namespace

core::Image decode_pnm(std::span<const std::uint8_t> bytes, const ReadOptions& options) {
  PnmReader reader(bytes);
  check_size(reader.size(), options.max_pixels);
  reader.limit_samples(options.deep_bits);
  return reader.read_pixels();
}

ImageSize pnm_size(std::span<const std::uint8_t> bytes) { return PnmReader(bytes).size(); }

int pnm_sample_bits(std::span<const std::uint8_t> bytes) { return PnmReader(bytes).sample_bits(); }

}  // namespace margay::data
