#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "margay/core/counted.h"
#include "margay/data/image/codec.h"

namespace margay::data {
namespace {

/// What the fourth number of a colour, or the second of a grey, is in the raster that libtiff makes.
enum class Alpha { kPremultiplied, kStraight, kNone };

/// The first page of one file in memory. libtiff's complaints go to this object alone: nothing is printed, and no
/// handler of the process is changed.
class TiffReader {
 public:
  TiffReader(std::span<const std::uint8_t> bytes, std::int64_t max_pixels);

  int orientation() const { return number(TIFFTAG_ORIENTATION); }
  ImageSize stored_size() const;
  int sample_bits() const { return number(TIFFTAG_BITSPERSAMPLE); }
  void check_layout(const ReadOptions& options) const;
  core::Image read_pixels(int deep_bits);

 private:
  struct Close {
    void operator()(TIFF* tiff) const { TIFFClose(tiff); }
    void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
  };

  static TiffReader& of(thandle_t handle) { return *static_cast<TiffReader*>(handle); }
  static tmsize_t read(thandle_t handle, void* to, tmsize_t count);
  static toff_t seek(thandle_t handle, toff_t offset, int whence);
  static int complain(TIFF*, void* reader, const char* where, const char* format, std::va_list values);
  static int warn(TIFF*, void* reader, const char* where, const char* format, std::va_list values);
  [[noreturn]] void fail() const;
  [[noreturn]] void fail_as_unknown(const char* reason) const;
  int number(std::uint32_t tag) const;
  Alpha alpha() const;
  bool is_raw() const;

  std::span<const std::uint8_t> bytes_;
  std::uint64_t at_ = 0;
  std::array<char, 300> problem_{};
  bool lacks_palette_ = false;  ///< it should stand beyond the end of the file
  std::unique_ptr<TIFF, Close> tiff_;
};

/// What a strip or tile of the largest allowed image takes at four samples of 16 bits, and some room for tables.
tmsize_t largest_allocation(std::int64_t max_pixels) {
  constexpr std::int64_t kBytesPerPixel = 8;
  constexpr std::int64_t kTables = 1 << 20;
  const std::int64_t most = (std::numeric_limits<tmsize_t>::max() - kTables) / kBytesPerPixel;
  return std::min(max_pixels, most) * kBytesPerPixel + kTables;
}

TiffReader::TiffReader(std::span<const std::uint8_t> bytes, std::int64_t max_pixels) : bytes_(bytes) {
  const std::unique_ptr<TIFFOpenOptions, Close> options(TIFFOpenOptionsAlloc());
  if (options == nullptr) throw std::bad_alloc();
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), complain, this);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), warn, this);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), largest_allocation(max_pixels));
  tiff_.reset(TIFFClientOpenExt(
      "", "rm", this, read, [](thandle_t, void*, tmsize_t) -> tmsize_t { return 0; }, seek, [](thandle_t) { return 0; },
      [](thandle_t handle) { return static_cast<toff_t>(of(handle).bytes_.size()); },
      [](thandle_t, void**, toff_t*) { return 0; }, [](thandle_t, void*, toff_t) {}, options.get()));
  if (tiff_ == nullptr) fail();
  if (lacks_palette_) throw DecodeFailure("truncated TIFF: the file ends before its palette does");
}

tmsize_t TiffReader::read(thandle_t handle, void* to, tmsize_t count) {
  TiffReader& reader = of(handle);
  if (count <= 0 || reader.at_ >= reader.bytes_.size()) return 0;
  const auto step = std::min(static_cast<std::size_t>(count), reader.bytes_.size() - reader.at_);
  std::memcpy(to, reader.bytes_.data() + reader.at_, step);
  reader.at_ += step;
  return static_cast<tmsize_t>(step);
}

toff_t TiffReader::seek(thandle_t handle, toff_t offset, int whence) {
  TiffReader& reader = of(handle);
  if (whence == SEEK_SET) reader.at_ = offset;
  if (whence == SEEK_CUR) reader.at_ += offset;
  if (whence == SEEK_END) reader.at_ = reader.bytes_.size() + offset;
  return reader.at_;
}

/// Keeps the first complaint: the later ones follow from it.
int TiffReader::complain(TIFF*, void* reader, const char*, const char* format, std::va_list values) {
  auto& problem = static_cast<TiffReader*>(reader)->problem_;
  if (problem[0] == '\0') std::vsnprintf(problem.data(), problem.size(), format, values);
  return 1;
}

/// Warnings are of no concern, but one: libtiff goes on without a palette that was cut off, and makes its indices grey.
int TiffReader::warn(TIFF*, void* reader, const char*, const char* format, std::va_list values) {
  std::array<char, 300> text{};
  std::vsnprintf(text.data(), text.size(), format, values);
  const std::string_view warning = text.data();
  if (warning.starts_with("IO error during reading") && warning.find("\"ColorMap\"") != warning.npos) {
    static_cast<TiffReader*>(reader)->lacks_palette_ = true;
  }
  return 1;
}

void TiffReader::fail_as_unknown(const char* reason) const {
  throw DecodeRefusal(fmt::format("a TIFF that libtiff cannot turn into RGB, {} of {} bits: {}; convert it to PNG",
                                  core::counted(static_cast<std::size_t>(number(TIFFTAG_SAMPLESPERPIXEL)), "sample"),
                                  number(TIFFTAG_BITSPERSAMPLE), reason));
}

void TiffReader::fail() const {
  std::string problem = problem_[0] == '\0' ? "libtiff gives no reason" : problem_.data();
  if (problem.starts_with(": ")) problem.erase(0, 2);  // the name of the file, which has none here
  while (problem.ends_with('.')) problem.pop_back();
  throw DecodeFailure(fmt::format("broken or truncated TIFF: {}", problem));
}

int TiffReader::number(std::uint32_t tag) const {
  std::uint16_t value = 0;
  return TIFFGetFieldDefaulted(tiff_.get(), tag, &value) == 1 ? value : 0;
}

ImageSize TiffReader::stored_size() const {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  TIFFGetField(tiff_.get(), TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(tiff_.get(), TIFFTAG_IMAGELENGTH, &height);
  return {height, width};
}

/// libtiff takes a fourth number that the file does not explain for premultiplied alpha; in aerial images it is
/// infrared light. As Pillow we ignore it. libtiff premultiplies straight alpha beside colours, but not beside grey.
/// Where there is none its raster holds 255.
Alpha TiffReader::alpha() const {
  const bool is_grey = number(TIFFTAG_PHOTOMETRIC) <= PHOTOMETRIC_MINISBLACK;
  std::uint16_t count = 0;
  std::uint16_t* kinds = nullptr;
  TIFFGetFieldDefaulted(tiff_.get(), TIFFTAG_EXTRASAMPLES, &count, &kinds);
  if (count == 0 || kinds[0] == EXTRASAMPLE_UNSPECIFIED) return Alpha::kNone;
  return is_grey && kinds[0] == EXTRASAMPLE_UNASSALPHA ? Alpha::kStraight : Alpha::kPremultiplied;
}

/// A tile may be larger than its image; it obeys the same limit. Signed numbers would come out with black and white
/// exchanged half way, and of grey with 16 bits libtiff drops the alpha.
void TiffReader::check_layout(const ReadOptions& options) const {
  if (is_raw()) {
    throw DecodeRefusal(
        "a camera's raw image, which Margay does not read, and its preview would be far too small; "
        "convert it to JPEG or PNG");
  }
  if (number(TIFFTAG_SAMPLEFORMAT) == SAMPLEFORMAT_INT) {
    throw DecodeFailure("a TIFF of signed numbers, which do not say what is black and white");
  }
  const bool is_deep_grey_alpha =
      number(TIFFTAG_SAMPLESPERPIXEL) == 2 && number(TIFFTAG_BITSPERSAMPLE) == 16 && alpha() != Alpha::kNone;
  if (is_deep_grey_alpha) fail_as_unknown("grey of 16 bits with transparency");
  if (sample_bits() == 16 && options.deep_bits < 16 && alpha() != Alpha::kNone) {
    fail_as_unknown(fmt::format("transparency, where `deep_bits` is {}", options.deep_bits).c_str());
  }
  if (TIFFIsTiled(tiff_.get()) == 0) return;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  TIFFGetField(tiff_.get(), TIFFTAG_TILEWIDTH, &width);
  TIFFGetField(tiff_.get(), TIFFTAG_TILELENGTH, &height);
  check_size({height, width}, options.max_pixels);
}

/// Cameras' raw files are TIFFs whose first page is a preview: NEF, ARW and others mark it as reduced, beside a
/// directory of the real image; DNG and CR2 say what they are.
bool TiffReader::is_raw() const {
  constexpr std::uint32_t kReduced = FILETYPE_REDUCEDIMAGE;
  if (ByteReader(bytes_, ByteOrder::kBig).has(8, "CR\x02")) return true;
  const void* version = nullptr;
  if (TIFFGetField(tiff_.get(), TIFFTAG_DNGVERSION, &version) == 1) return true;
  std::uint32_t kind = 0;
  std::uint16_t count = 0;
  const void* directories = nullptr;
  return TIFFGetField(tiff_.get(), TIFFTAG_SUBFILETYPE, &kind) == 1 && (kind & kReduced) != 0 &&
         TIFFGetField(tiff_.get(), TIFFTAG_SUBIFD, &count, &directories) == 1 && count > 0;
}

/// In place of libtiff's routine for grey of 16 bits, which keeps the high byte. The parameters are libtiff's; skews
/// are in pixels.
template <int kDeepBits>
void put_deep_grey(TIFFRGBAImage* rgba, std::uint32_t* raster, std::uint32_t, std::uint32_t, std::uint32_t width,
                   std::uint32_t height, std::int32_t from_skew, std::int32_t to_skew, unsigned char* bytes) {
  const auto samples = static_cast<std::ptrdiff_t>(rgba->samplesperpixel);
  const bool is_inverted = rgba->photometric == PHOTOMETRIC_MINISWHITE;
  for (; height > 0; --height) {
    for (std::uint32_t x = 0; x < width; ++x, bytes += 2 * samples) {
      std::uint16_t sample = 0;
      std::memcpy(&sample, bytes, sizeof sample);
      const std::uint32_t level = deep_level(sample, kDeepBits);
      *raster++ = 0xFF000000U | (is_inverted ? 255 - level : level) * 0x010101U;
    }
    raster += to_skew;
    bytes += 2 * samples * from_skew;
  }
}

/// rgba: of an image of 16 bits a sample.
void use_deep_bits(TIFFRGBAImage& rgba, int deep_bits) {
  constexpr std::array<tileContigRoutine, 8> kGreyRoutines = {put_deep_grey<8>,  put_deep_grey<9>,  put_deep_grey<10>,
                                                              put_deep_grey<11>, put_deep_grey<12>, put_deep_grey<13>,
                                                              put_deep_grey<14>, put_deep_grey<15>};
  const bool is_grey = rgba.photometric == PHOTOMETRIC_MINISBLACK || rgba.photometric == PHOTOMETRIC_MINISWHITE;
  if (is_grey) rgba.put.contig = kGreyRoutines[static_cast<std::size_t>(deep_bits - 8)];
  if (rgba.Bitdepth16To8 == nullptr) return;
  for (unsigned sample = 0; sample < 65536; ++sample) rgba.Bitdepth16To8[sample] = deep_level(sample, deep_bits);
}

/// rgba: uint8 [pixels,4]; out: uint8 [pixels,3].
void put_over_white(const std::uint8_t* rgba, std::size_t pixels, Alpha alpha, std::uint8_t* out) {
  switch (alpha) {
    case Alpha::kPremultiplied:
      return lay_premultiplied_over_white(rgba, pixels, out);
    case Alpha::kStraight:
      return lay_over_white(rgba, pixels, out);
    case Alpha::kNone:
      for (std::size_t i = 0; i < pixels; ++i, rgba += 4) out = std::copy_n(rgba, 3, out);
  }
}

/// libtiff turns every kind of pixel into RGBA of 8 bits, in that order on little-endian machines. Its
/// own idea of turning only mirrors, so the rows are taken as they are stored.
core::Image TiffReader::read_pixels(int deep_bits) {
  TIFFRGBAImage rgba{};
  std::array<char, 1024> reason{};
  if (TIFFRGBAImageOK(tiff_.get(), reason.data()) == 0) {
    fail_as_unknown(reason.data());
  }
  constexpr int kStopOnError = 1;
  if (TIFFRGBAImageBegin(&rgba, tiff_.get(), kStopOnError, reason.data()) == 0) fail_as_unknown(reason.data());
  const std::unique_ptr<TIFFRGBAImage, void (*)(TIFFRGBAImage*)> end(&rgba, TIFFRGBAImageEnd);
  if (rgba.bitspersample == 16 && deep_bits < 16) use_deep_bits(rgba, deep_bits);
  rgba.orientation = ORIENTATION_TOPLEFT;
  rgba.req_orientation = ORIENTATION_TOPLEFT;
  const std::size_t pixels = std::size_t{rgba.width} * rgba.height;
  // calloc, because a vector would write its zeros before it is known whether there is any data.
  const std::unique_ptr<std::uint32_t, void (*)(void*)> raster(
      static_cast<std::uint32_t*>(std::calloc(pixels, sizeof(std::uint32_t))), std::free);
  if (raster == nullptr) throw std::bad_alloc();
  problem_[0] = '\0';  // what was said of tags that are not needed
  if (TIFFRGBAImageGet(&rgba, raster.get(), rgba.width, rgba.height) == 0 || problem_[0] != '\0') fail();
  core::Image image(static_cast<int>(rgba.height), static_cast<int>(rgba.width));
  put_over_white(reinterpret_cast<const std::uint8_t*>(raster.get()), pixels, alpha(), image.pixels.data());
  return image;
}

}  // namespace

core::Image decode_tiff(std::span<const std::uint8_t> bytes, const ReadOptions& options) {
  TiffReader reader(bytes, options.max_pixels);
  check_size(reader.stored_size(), options.max_pixels);
  reader.check_layout(options);
  core::Image image = reader.read_pixels(options.deep_bits);
  return turn_upright(std::move(image), reader.orientation());
}

ImageSize tiff_size(std::span<const std::uint8_t> bytes) {
  const TiffReader reader(bytes, static_cast<std::int64_t>(bytes.size()));
  return upright(reader.stored_size(), reader.orientation());
}

int tiff_sample_bits(std::span<const std::uint8_t> bytes) {
  return TiffReader(bytes, static_cast<std::int64_t>(bytes.size())).sample_bits();
}

}  // namespace margay::data
