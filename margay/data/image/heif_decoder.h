#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "margay/core/image.h"
#include "margay/data/image/image_format.h"

namespace margay::data {

/// HEIC and AVIF are decoded by libheif and the video decoders below it: a million lines that get bytes from anywhere.
/// So this happens in processes of another program, `margay-decode-heif`, which is installed beside the library. A
/// crash, an endless loop or a file that takes all memory then costs one image, not the run. The processes are started
/// when the first such image is read, one for each thread that reads at the same time; they stay for the next image,
/// and end with this process. They run where and as urgently as the thread that asks (CPUs, scheduling policy). An
/// image may take 24 bytes of memory a pixel and 512 MiB, and 20 s of processor time and 2 s a megapixel.
struct HeifDecoderOptions {
  /// The program. Empty: the first of heif_decoder_places() that exists.
  std::filesystem::path program;
  /// A decoder that neither replies nor uses any processor time for so long is ended, and the image is unreadable.
  std::chrono::milliseconds idle_limit = std::chrono::seconds(60);
};

/// Sets the options of all images that are read from now on, in all threads: processes that decode are the process's,
/// as its threads are. Processes of other options end when the images that they decode are done. Throws
/// std::invalid_argument for a limit below 1 ms.
void use_heif_decoder(const HeifDecoderOptions& options);

/// Where the decoder is searched for: beside the executable of this process, in ../libexec/margay from there, and where
/// `cmake --install` puts it.
std::vector<std::filesystem::path> heif_decoder_places();

/// The messages between this process and one that decodes, over a socket. Both are of one machine and one build, so
/// numbers are in its byte order.
struct HeifRequest {
  static constexpr std::uint64_t kMagic = 0x3166696568'67726dU;  // "mrgheif1"
  std::uint64_t magic = kMagic;
  std::int64_t max_pixels = 0;  ///< 0: only the size is asked for
  std::uint64_t bytes = 0;      ///< of the file, which follow
};

struct HeifReply {
  std::uint64_t magic = HeifRequest::kMagic;
  std::int64_t height = 0;  ///< of the upright image; 0 with a problem
  std::int64_t width = 0;
  std::int64_t lacks_decoder = 0;  ///< 1 where the problem is the machine's, not the file's
  std::uint64_t bytes = 0;         ///< of what follows: the pixels as uint8 [height,width,3], or the text of a problem
};

}  // namespace margay::data
