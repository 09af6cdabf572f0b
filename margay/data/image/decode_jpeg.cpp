#include "margay/data/image/decode_jpeg.h"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <jerror.h>
#include <jpeglib.h>

#include "margay/data/image/codec.h"

namespace margay::data {
namespace {

/// A scale is allowed where the shorter side keeps `spare` times min_side. libjpeg averages blocks of pixels, so what
/// follows is a little more blurred than without; the more pixels are left, the less. Measured as the mean difference
/// of the middle square, in 255ths, between resample() of the scaled and of the whole image:
///
///     spare            1.0   1.25  1.5   2.0   3.0
///     1/2, 238 pets    3.3   2.6   2.3   1.9   1.4   photos of 300-500 px, sharp to the pixel: the worst there is
///     1/4, the same    2.8   2.1   1.8   1.4   1.1
///     1/2, 11 pets     0.35  0.28  0.26  0.21  0.18  enlarged to 4000x3000, as soft as a camera's image or softer
///     1/4, the same    0.51  0.45  0.38  0.40  0.21
///     1/8, the same    0.91  0.66  0.57  0.39  0.24
///
/// At these spares, on the first 80 pets: on average 1.4 (1/2), 1.6 (1/4) and 1.9 (1/8), one image in ten
/// above 2.3, 2.4, 3.0.
struct Scale {
  int denominator;
  double spare;
};
constexpr std::array<Scale, 3> kScales = {{{8, 3.0}, {4, 1.5}, {2, 2.5}}};

}  // namespace

int jpeg_denominator(ImageSize size, int min_side) {
  if (min_side <= 0) return 1;
  const auto shorter = static_cast<double>(std::min(size.height, size.width));
  for (const Scale& scale : kScales) {
    if (shorter >= scale.denominator * scale.spare * min_side) return scale.denominator;
  }
  return 1;
}

int jpeg_scaled_side(std::int64_t side, int denominator) {
  return static_cast<int>(std::max<std::int64_t>((side + denominator / 2) / denominator, 1));
}

// libjpeg-turbo's classic interface, not TurboJPEG: that one reports only the first warning, so a file that was cut
// behind a harmless oddity would pass with grey areas.

namespace {

// Real progressive files have about ten scans. Each costs a pass over the image and next to no bytes, so a small file
// of many scans of a large image would be a decompression bomb of time.
constexpr int kMaxScans = 500;
constexpr int kScansOfAnyImage = 20;
constexpr std::int64_t kMaxScannedPixels = 1'000'000'000;  // of all scans: about half a second
constexpr int kRowsAtOnce = 4;
constexpr std::array<JOCTET, 2> kEndOfImage = {0xFF, JPEG_EOI};

/// One image being decoded. libjpeg reports errors by a C function that must not return, so each call
/// into it goes through run(), which turns the longjmp into a DecodeFailure.
class JpegReader {
 public:
  explicit JpegReader(std::span<const std::uint8_t> bytes);
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&jpeg_); }

  ImageSize read_header();
  int orientation() const;
  bool is_progressive() const { return jpeg_.progressive_mode != FALSE; }
  void scale_down(int denominator);
  core::Image read_pixels();

 private:
  template <class Step>
  void run(Step&& step);
  [[noreturn]] void fail() { std::longjmp(jump_, 1); }
  [[noreturn]] void fail_truncated();
  [[noreturn]] void fail_at_row(const char* what);
  void warn(int code);
  void read_rows(core::Image& image, std::vector<std::uint8_t>& spare);
  void read_cmyk_rows(core::Image& image, std::vector<std::uint8_t>& row);

  static JpegReader& of(j_common_ptr jpeg) { return *static_cast<JpegReader*>(jpeg->client_data); }
  static boolean refill(j_decompress_ptr jpeg);
  static void skip(j_decompress_ptr jpeg, long count);
  static void check_scans(j_common_ptr jpeg);
  int most_scans() const;

  jpeg_decompress_struct jpeg_{};
  jpeg_error_mgr errors_{};
  jpeg_source_mgr source_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf jump_{};
  std::array<char, JMSG_LENGTH_MAX> problem_{};
  bool ran_out_ = false;
};

JpegReader::JpegReader(std::span<const std::uint8_t> bytes) {
  jpeg_.err = jpeg_std_error(&errors_);
  errors_.error_exit = [](j_common_ptr jpeg) {
    JpegReader& reader = of(jpeg);
    reader.errors_.format_message(jpeg, reader.problem_.data());
    reader.fail();
  };
  errors_.emit_message = [](j_common_ptr jpeg, int level) {
    if (level < 0) of(jpeg).warn(jpeg->err->msg_code);
  };
  errors_.output_message = [](j_common_ptr) {};
  jpeg_.client_data = this;
  run([&] { jpeg_create_decompress(&jpeg_); });
  source_.next_input_byte = bytes.data();
  source_.bytes_in_buffer = bytes.size();
  source_.init_source = [](j_decompress_ptr) {};
  source_.fill_input_buffer = refill;
  source_.skip_input_data = skip;
  source_.resync_to_restart = jpeg_resync_to_restart;
  source_.term_source = [](j_decompress_ptr) {};
  jpeg_.src = &source_;
  progress_.progress_monitor = check_scans;
  jpeg_.progress = &progress_;
}

template <class Step>
void JpegReader::run(Step&& step) {
  if (setjmp(jump_) != 0) throw DecodeFailure(problem_.data());
  step();
}

void JpegReader::fail_at_row(const char* what) {
  *fmt::format_to_n(problem_.data(), problem_.size() - 1, "{} row {} of {}", what, jpeg_.output_scanline,
                    jpeg_.output_height)
       .out = '\0';
  fail();
}

void JpegReader::fail_truncated() { fail_at_row("truncated JPEG: the data ends at"); }

/// Most warnings (bytes between markers, a wrong restart number) leave a whole image. Data that ends within a scan
/// would leave grey from there on, whatever marker follows: that of the end where a file was cut, any other where two
/// downloads run into each other. A restart marker that comes too early spoils no more than its interval.
void JpegReader::warn(int code) {
  if (code != JWRN_HIT_MARKER) return;
  const int marker = jpeg_.unread_marker;
  if (marker == JPEG_EOI) fail_truncated();
  if (marker < JPEG_RST0 || marker > JPEG_RST0 + 7) fail_at_row("damaged JPEG: something else follows the data at");
}

/// All bytes were there from the start: being asked for more means that the file was cut.
boolean JpegReader::refill(j_decompress_ptr jpeg) {
  of(reinterpret_cast<j_common_ptr>(jpeg)).ran_out_ = true;
  jpeg->src->next_input_byte = kEndOfImage.data();
  jpeg->src->bytes_in_buffer = kEndOfImage.size();
  return TRUE;
}

void JpegReader::skip(j_decompress_ptr jpeg, long count) {
  if (count <= 0) return;
  const std::size_t step = std::min(static_cast<std::size_t>(count), jpeg->src->bytes_in_buffer);
  jpeg->src->next_input_byte += step;
  jpeg->src->bytes_in_buffer -= step;
}

int JpegReader::most_scans() const {
  const std::int64_t pixels = std::max<std::int64_t>(std::int64_t{jpeg_.image_width} * jpeg_.image_height, 1);
  return static_cast<int>(std::clamp<std::int64_t>(kMaxScannedPixels / pixels, kScansOfAnyImage, kMaxScans));
}

void JpegReader::check_scans(j_common_ptr jpeg) {
  if (jpeg->is_decompressor == FALSE) return;
  JpegReader& reader = of(jpeg);
  const int most = reader.most_scans();
  if (reader.jpeg_.input_scan_number <= most) return;
  *fmt::format_to_n(reader.problem_.data(), reader.problem_.size() - 1, "a JPEG of more than {} scans", most).out = 0;
  reader.fail();
}

ImageSize JpegReader::read_header() {
  run([&] {
    jpeg_save_markers(&jpeg_, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(&jpeg_, TRUE);
  });
  if (ran_out_) throw DecodeFailure("truncated JPEG: the data ends within its header");
  return {jpeg_.image_height, jpeg_.image_width};
}

int JpegReader::orientation() const {
  for (const auto* marker = jpeg_.marker_list; marker != nullptr; marker = marker->next) {
    constexpr std::string_view kPrefix = "Exif";
    const std::span<const std::uint8_t> data(marker->data, marker->data_length);
    const bool is_exif = data.size() > kPrefix.size() && std::equal(kPrefix.begin(), kPrefix.end(), data.begin());
    if (is_exif) return exif_orientation(data);
  }
  return 1;
}

/// The inverse DCT of fewer coefficients: a good low-pass, and quick. Interpolating the chroma finely is wasted on what
/// will be resampled.
void JpegReader::scale_down(int denominator) {
  if (denominator == 1) return;
  jpeg_.scale_num = 1;
  jpeg_.scale_denom = static_cast<unsigned>(denominator);
  jpeg_.do_fancy_upsampling = FALSE;
}

core::Image JpegReader::read_pixels() {
  const bool is_cmyk = jpeg_.num_components == 4;
  jpeg_.out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
  run([&] { jpeg_start_decompress(&jpeg_); });
  const auto scaled = [&](JDIMENSION side) { return jpeg_scaled_side(side, static_cast<int>(jpeg_.scale_denom)); };
  core::Image image(scaled(jpeg_.image_height), scaled(jpeg_.image_width));
  const bool fits =
      image.width == static_cast<int>(jpeg_.output_width) && image.height == static_cast<int>(jpeg_.output_height);
  const std::size_t spare_rows = is_cmyk ? 1 : fits ? 0 : kRowsAtOnce;
  std::vector<std::uint8_t> spare(spare_rows * (is_cmyk ? 4 : 3) * jpeg_.output_width);
  run([&] {
    // A progressive file has been read to its end by now; an arithmetic decoder does not warn.
    if (ran_out_ && (jpeg_has_multiple_scans(&jpeg_) || jpeg_.arith_code)) fail_truncated();
    is_cmyk ? read_cmyk_rows(image, spare) : read_rows(image, spare);
    if (ran_out_ && jpeg_.arith_code) fail_truncated();
  });
  return image;
}

/// spare: empty, or kRowsAtOnce rows where libjpeg's scaled image is a pixel larger. All of its rows are read all the
/// same: the end of the data must be there.
void JpegReader::read_rows(core::Image& image, std::vector<std::uint8_t>& spare) {
  const std::size_t row_bytes = spare.size() / kRowsAtOnce;
  std::array<JSAMPROW, kRowsAtOnce> rows{};
  while (jpeg_.output_scanline < jpeg_.output_height) {
    const int y = static_cast<int>(jpeg_.output_scanline);
    const int count = std::min(kRowsAtOnce, static_cast<int>(jpeg_.output_height) - y);
    for (int i = 0; i < count; ++i) {
      const auto index = static_cast<std::size_t>(i);
      rows[index] = spare.empty() ? image.row(y + i) : spare.data() + index * row_bytes;
    }
    const auto done = static_cast<int>(jpeg_read_scanlines(&jpeg_, rows.data(), static_cast<JDIMENSION>(count)));
    for (int i = 0; i < done && y + i < image.height && !spare.empty(); ++i) {
      std::copy_n(rows[static_cast<std::size_t>(i)], std::ptrdiff_t{3} * image.width, image.row(y + i));
    }
  }
}

/// Adobe's programs store CMYK inverted and everybody else follows, so 255 means no ink. The formula is
/// Pillow's: what the black ink lets through, less what the coloured ink takes of it.
void JpegReader::read_cmyk_rows(core::Image& image, std::vector<std::uint8_t>& row) {
  const auto times = [](int a, int b) {
    const int product = a * b + 128;
    return ((product >> 8) + product) >> 8;  // a * b / 255, rounded
  };
  while (jpeg_.output_scanline < jpeg_.output_height) {
    const int y = static_cast<int>(jpeg_.output_scanline);
    JSAMPROW in = row.data();
    jpeg_read_scanlines(&jpeg_, &in, 1);
    if (y >= image.height) continue;
    std::uint8_t* out = image.row(y);
    for (int x = 0; x < image.width; ++x, in += 4) {
      for (int c = 0; c < 3; ++c) *out++ = static_cast<std::uint8_t>(in[3] - times(255 - in[c], in[3]));
    }
  }
}

}  // namespace

core::Image decode_jpeg(std::span<const std::uint8_t> bytes, const ReadOptions& options) {
  JpegReader reader(bytes);
  const ImageSize size = reader.read_header();
  check_size(size, options.max_pixels);
  reader.scale_down(jpeg_denominator(size, options.min_side));
  core::Image image = reader.read_pixels();
  return turn_upright(std::move(image), reader.orientation());
}

std::uint64_t jpeg_memory(std::span<const std::uint8_t> bytes, const ReadOptions& options) {
  JpegReader reader(bytes);
  const ImageSize size = reader.read_header();
  if (size.height <= 0 || size.width <= 0 || size.width > options.max_pixels / size.height) return 0;  // not decoded
  const auto pixels = static_cast<std::uint64_t>(size.height * size.width);
  const auto denominator = static_cast<std::uint64_t>(jpeg_denominator(size, options.min_side));
  constexpr std::uint64_t kTurned = 6;        // the image, and once more while it is turned
  constexpr std::uint64_t kCoefficients = 6;  // of two bytes, for three colours
  return kTurned * pixels / (denominator * denominator) + (reader.is_progressive() ? kCoefficients * pixels : 0);
}

ImageSize jpeg_size(std::span<const std::uint8_t> bytes) {
  JpegReader reader(bytes);
  const ImageSize stored = reader.read_header();
  return upright(stored, reader.orientation());
}

}  // namespace margay::data
