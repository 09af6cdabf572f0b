#include "margay/data/image/heif_decoder.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "margay/data/image/codec.h"
#include "margay/data/image/heif_process.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using Bytes = std::span<const std::uint8_t>;

constexpr const char* kHeifProgram = "margay-decode-heif";

fs::path heif_program(const HeifDecoderOptions& options) {
  if (!options.program.empty()) return options.program;
  const std::vector<fs::path> places = heif_decoder_places();
  std::error_code ignored;
  for (const fs::path& place : places) {
    if (fs::exists(place, ignored)) return place;
  }
  std::string folders;
  for (const fs::path& place : places) folders += (folders.empty() ? "" : ", ") + place.parent_path().string();
  throw NoDecoder(
      fmt::format("HEIC and AVIF are decoded by the program {}, which is in none of {}; install Margay again",
                  kHeifProgram, folders));
}

/// The processes of this process that wait for an image. One that fails an image is never kept.
class HeifProcesses {
 public:
  static HeifProcesses& all() {
    static auto* processes = new HeifProcesses;  // threads may still read images while the program ends
    return *processes;
  }

  void use(const HeifDecoderOptions& options) {
    const std::lock_guard lock(mutex_);
    options_ = options;
    ++version_;
    waiting_.clear();
  }

  /// What `talk` returns, which gets a process that nobody else uses meanwhile.
  template <class Talk>
  auto with_one(Talk&& talk) {
    auto [process, version] = take();
    auto result = talk(*process);
    give_back(std::move(process), version);
    return result;
  }

 private:
  std::pair<std::unique_ptr<HeifProcess>, int> take();
  void give_back(std::unique_ptr<HeifProcess> process, int version);
  void leave_those_of_the_parent();

  std::mutex mutex_;
  HeifDecoderOptions options_;
  int version_ = 0;  ///< of the options
  pid_t owner_ = getpid();
  std::vector<std::unique_ptr<HeifProcess>> waiting_;
};

/// After fork() without exec(): the decoders belong to the process that started them.
void HeifProcesses::leave_those_of_the_parent() {
  if (owner_ == getpid()) return;
  owner_ = getpid();
  for (const auto& process : waiting_) process->abandon();
  waiting_.clear();
}

std::pair<std::unique_ptr<HeifProcess>, int> HeifProcesses::take() {
  const Placement here = placement_of_this_thread();
  HeifDecoderOptions options;
  int version = 0;
  {
    const std::lock_guard lock(mutex_);
    leave_those_of_the_parent();
    std::erase_if(waiting_, [](const auto& process) { return !process->is_ready(); });
    const auto found =
        std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& process) { return process->runs_as(here); });
    if (found != waiting_.end()) {
      std::unique_ptr<HeifProcess> process = std::move(*found);
      waiting_.erase(found);
      return {std::move(process), version_};
    }
    options = options_;
    version = version_;
  }
  return {std::make_unique<HeifProcess>(heif_program(options), options.idle_limit), version};
}

void HeifProcesses::give_back(std::unique_ptr<HeifProcess> process, int version) {
  const std::lock_guard lock(mutex_);
  if (version == version_) waiting_.push_back(std::move(process));
}

/// What a process replied. A problem that it told leaves it as good as before.
struct HeifImage {
  std::string problem;
  bool lacks_decoder = false;
  ImageSize size;
  core::Image image;
};

/// max_pixels: 0 for the size alone.
HeifImage ask_for(HeifProcess& process, Bytes file, std::int64_t max_pixels) {
  constexpr std::uint64_t kLongestText = 4096;
  const HeifReply reply = process.ask({.max_pixels = max_pixels, .bytes = file.size()}, file);
  HeifImage result{.lacks_decoder = reply.lacks_decoder != 0, .size = {reply.height, reply.width}};
  if (reply.height <= 0) {
    result.problem.resize(std::min(reply.bytes, kLongestText));
    process.read(reinterpret_cast<std::uint8_t*>(result.problem.data()), result.problem.size());
  } else if (max_pixels > 0) {
    check_size(result.size, max_pixels);
    result.image = core::Image(static_cast<int>(reply.height), static_cast<int>(reply.width));
    process.read(result.image.pixels.data(), result.image.pixels.size());
  }
  return result;
}

HeifImage heif_image(Bytes file, std::int64_t max_pixels) {
  HeifImage result =
      HeifProcesses::all().with_one([&](HeifProcess& process) { return ask_for(process, file, max_pixels); });
  if (result.lacks_decoder) throw NoDecoder(result.problem);
  if (result.size.height <= 0) throw DecodeFailure(result.problem);
  return result;
}

}  // namespace

void use_heif_decoder(const HeifDecoderOptions& options) {
  if (options.idle_limit.count() < 1) {
    throw std::invalid_argument(
        fmt::format("[use_heif_decoder] idle_limit must be at least 1 ms, got {}", options.idle_limit.count()));
  }
  HeifProcesses::all().use(options);
}

core::Image decode_heif(Bytes bytes, std::int64_t max_pixels) { return heif_image(bytes, max_pixels).image; }

ImageSize heif_size(Bytes bytes) { return heif_image(bytes, 0).size; }

std::vector<fs::path> heif_decoder_places() {
  std::error_code error;
  const fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
  std::vector<fs::path> places;
  if (!error) places = {here / kHeifProgram, here.parent_path() / "libexec" / "margay" / kHeifProgram};
  places.push_back(fs::path(MARGAY_LIBEXEC) / kHeifProgram);
  return places;
}

}  // namespace margay::data
