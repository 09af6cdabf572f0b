// `margay-decode-heif`: decodes HEIC and AVIF for Margay's readers, in a process of its own, since files from anywhere
// may break the decoders (margay/data/image/heif_decoder.h). It reads requests from the socket that is its standard
// input and writes the replies there, until that closes. libheif is used here alone.
#include <libheif/heif.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <fstream>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "margay/data/image/codec.h"
#include "margay/data/image/heif_decoder.h"

namespace {

using namespace margay;
using data::HeifReply;
using data::HeifRequest;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kHasShadowMemory = true;  // terabytes of addresses, which are no memory
#else
constexpr bool kHasShadowMemory = false;
#endif

struct Free {
  void operator()(heif_context* context) const { heif_context_free(context); }
  void operator()(heif_image_handle* handle) const { heif_image_handle_release(handle); }
  void operator()(heif_image* image) const { heif_image_release(image); }
  void operator()(heif_decoding_options* options) const { heif_decoding_options_free(options); }
};
template <class Type>
using Owned = std::unique_ptr<Type, Free>;

/// Throws what libheif lacks where it has no decoder for a file.
[[noreturn]] void fail_without_decoder() {
  std::string missing;
  if (heif_have_decoder_for_format(heif_compression_HEVC) == 0)
    missing = "HEIC (on Debian 13: libheif-plugin-libde265)";
  if (heif_have_decoder_for_format(heif_compression_AV1) == 0) {
    missing += missing.empty() ? "" : " nor for ";
    missing += "AVIF (on Debian 13: libheif-plugin-dav1d)";
  }
  if (!missing.empty()) {
    throw data::NoDecoder(fmt::format("this machine's libheif has no decoder for {}; install it", missing));
  }
  throw data::DecodeFailure("a HEIF whose pixels are compressed in a way that libheif cannot decode; convert it");
}

void check(const heif_error& error) {
  if (error.code == heif_error_Ok) return;
  if (error.subcode == heif_suberror_Unsupported_codec) fail_without_decoder();
  throw data::DecodeFailure(fmt::format("broken or truncated HEIC or AVIF: {}", error.message));
}

/// The bytes of addresses that this process holds now.
std::uint64_t address_space() {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

/// For an image of so many pixels: 24 bytes each, which is several of its frames at 16 bits, and three copies of the
/// file; and time that a slow machine needs. What goes beyond is a fault of the file.
void limit_resources(std::int64_t pixels, std::uint64_t file_bytes) {
  constexpr std::uint64_t kBytesPerPixel = 24;
  constexpr std::uint64_t kBytes = std::uint64_t{512} << 20U;
  constexpr std::int64_t kPixelsPerSecond = 500'000;
  constexpr std::int64_t kSeconds = 20;
  static const std::uint64_t before = address_space();
  rlimit memory{};
  getrlimit(RLIMIT_AS, &memory);
  const std::uint64_t allowed = kBytes + 3 * file_bytes + kBytesPerPixel * static_cast<std::uint64_t>(pixels);
  memory.rlim_cur = std::min<rlim_t>(before + allowed, memory.rlim_max);
  if (!kHasShadowMemory) setrlimit(RLIMIT_AS, &memory);
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  rlimit time{};
  getrlimit(RLIMIT_CPU, &time);
  const std::int64_t seconds = used.ru_utime.tv_sec + used.ru_stime.tv_sec + 2 + kSeconds + pixels / kPixelsPerSecond;
  time.rlim_cur = std::min<rlim_t>(static_cast<rlim_t>(seconds), time.rlim_max);
  setrlimit(RLIMIT_CPU, &time);
}

/// A decoder that fails leaves no core file and writes nowhere, and where memory ends the system ends it before others.
void prepare() {
  std::ofstream("/proc/self/oom_score_adj") << 900;
  const rlimit none{};
  setrlimit(RLIMIT_CORE, &none);
  setrlimit(RLIMIT_FSIZE, &none);
  mallopt(M_ARENA_MAX, 2);              // more would take addresses only
  mallopt(M_MMAP_THRESHOLD, 1 << 20U);  // so that an image's memory goes back to the system at once
  heif_init(nullptr);
  limit_resources(0, 0);
}

/// The file's main image, turned and cut as the container says. EXIF's orientation repeats what the container says, and
/// counts in no reader.
class HeifFile {
 public:
  explicit HeifFile(std::span<const std::uint8_t> bytes) : context_(heif_context_alloc()) {
    if (context_ == nullptr) throw std::bad_alloc();
    heif_context_set_max_decoding_threads(context_.get(), 0);  // the tiles of an image one after the other
    check(heif_context_read_from_memory_without_copy(context_.get(), bytes.data(), bytes.size(), nullptr));
    heif_image_handle* handle = nullptr;
    check(heif_context_get_primary_image_handle(context_.get(), &handle));
    handle_.reset(handle);
  }

  data::ImageSize size() const {
    return {heif_image_handle_get_height(handle_.get()), heif_image_handle_get_width(handle_.get())};
  }
  /// Before the container's turns and cuts.
  data::ImageSize stored_size() const {
    return {heif_image_handle_get_ispe_height(handle_.get()), heif_image_handle_get_ispe_width(handle_.get())};
  }

  /// In its own memory, the first bytes of which become uint8 [H,W,3], transparency over white. size: that of the
  /// decoded image, which the header may get wrong.
  Owned<heif_image> decode(std::int64_t max_pixels, data::ImageSize& size) const;

 private:
  Owned<heif_context> context_;
  Owned<heif_image_handle> handle_;
};

/// Row by row to the front: a row of libheif has four numbers a pixel where there is alpha, and may be longer than its
/// pixels.
void close_ranks(std::uint8_t* pixels, std::size_t stride, data::ImageSize size, int channels, bool is_premultiplied) {
  const auto width = static_cast<std::size_t>(size.width);
  for (std::size_t y = 0; y < static_cast<std::size_t>(size.height); ++y) {
    const std::uint8_t* row = pixels + y * stride;
    std::uint8_t* out = pixels + y * 3 * width;
    if (channels == 3 && out != row) {
      std::copy_n(row, 3 * width, out);
    } else if (channels == 4 && is_premultiplied) {
      data::lay_premultiplied_over_white(row, width, out);
    } else if (channels == 4) {
      data::lay_over_white(row, width, out);
    }
  }
}

Owned<heif_image> HeifFile::decode(std::int64_t max_pixels, data::ImageSize& size) const {
  const bool has_alpha = heif_image_handle_has_alpha_channel(handle_.get()) != 0;
  const Owned<heif_decoding_options> options(heif_decoding_options_alloc());
  if (options == nullptr) throw std::bad_alloc();
  options->convert_hdr_to_8bit = 1;
  if (options->version >= 3) options->strict_decoding = 1;
  heif_image* decoded = nullptr;
  check(heif_decode_image(handle_.get(), &decoded, heif_colorspace_RGB,
                          has_alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB, options.get()));
  Owned<heif_image> image(decoded);
  size = {heif_image_get_height(decoded, heif_channel_interleaved),
          heif_image_get_width(decoded, heif_channel_interleaved)};
  data::check_size(size, max_pixels);
  int stride = 0;
  std::uint8_t* pixels = heif_image_get_plane(decoded, heif_channel_interleaved, &stride);
  if (pixels == nullptr) throw data::DecodeFailure("broken HEIC or AVIF: it has no pixels");
  const bool is_premultiplied = heif_image_handle_is_premultiplied_alpha(handle_.get()) != 0;
  close_ranks(pixels, static_cast<std::size_t>(stride), size, has_alpha ? 4 : 3, is_premultiplied);
  return image;
}

struct Answer {
  HeifReply reply;
  std::string problem;
  Owned<heif_image> image;

  /// What follows the reply.
  std::span<const std::uint8_t> payload() const {
    if (!image) return {reinterpret_cast<const std::uint8_t*>(problem.data()), problem.size()};
    int stride = 0;
    return {heif_image_get_plane_readonly(image.get(), heif_channel_interleaved, &stride),
            static_cast<std::size_t>(3 * reply.height * reply.width)};
  }
};

Answer decode(std::span<const std::uint8_t> bytes, std::int64_t max_pixels) {
  const HeifFile file(bytes);
  data::ImageSize size = file.size();
  data::check_size(size, std::numeric_limits<std::int64_t>::max());
  Answer answer;
  if (max_pixels > 0) {
    const data::ImageSize stored = file.stored_size();
    data::check_size(size, max_pixels);
    data::check_size(stored, max_pixels);
    limit_resources(std::max(size.height * size.width, stored.height * stored.width), bytes.size());
    answer.image = file.decode(max_pixels, size);
  }
  answer.reply.height = size.height;
  answer.reply.width = size.width;
  return answer;
}

Answer reply_to(std::span<const std::uint8_t> bytes, std::int64_t max_pixels) {
  Answer failed;
  try {
    return decode(bytes, max_pixels);
  } catch (const data::NoDecoder& failure) {
    failed.problem = failure.what();
    failed.reply.lacks_decoder = 1;
  } catch (const data::DecodeFailure& failure) {
    failed.problem = failure.what();
  } catch (const std::bad_alloc&) {
    failed.problem = "a HEIC or AVIF that takes more memory than its size explains";
  }
  return failed;
}

bool receive(void* to, std::size_t count) {
  for (auto* bytes = static_cast<char*>(to); count > 0;) {
    const ssize_t got = recv(STDIN_FILENO, bytes, count, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes += got;
    count -= static_cast<std::size_t>(got);
  }
  return true;
}

bool send(const void* from, std::size_t count) {
  for (const auto* bytes = static_cast<const char*>(from); count > 0;) {
    const ssize_t sent = ::send(STDIN_FILENO, bytes, count, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes += sent;
    count -= static_cast<std::size_t>(sent);
  }
  return true;
}

/// Whether there may be another request.
bool serve_one() {
  HeifRequest request;
  if (!receive(&request, sizeof request) || request.magic != HeifRequest::kMagic) return false;
  limit_resources(0, request.bytes);
  std::vector<std::uint8_t> bytes(request.bytes);
  if (!receive(bytes.data(), bytes.size())) return false;
  Answer answer = reply_to(bytes, request.max_pixels);
  const std::span<const std::uint8_t> payload = answer.payload();
  answer.reply.bytes = payload.size();
  return send(&answer.reply, sizeof answer.reply) && send(payload.data(), payload.size());
}

}  // namespace

int main() {
  prepare();
  while (serve_one()) {
  }
  return 0;
}
