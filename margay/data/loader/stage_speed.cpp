#include "margay/data/loader/stage_speed.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <numeric>

#include "margay/core/error.h"
#include "margay/core/memory.h"
#include "margay/core/threads.h"
#include "margay/data/image/read_image.h"

namespace margay::data {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::array kStages = {"read", "decode", "presize", "warp"};

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

std::vector<std::uint8_t> content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Adds up the time of each stage, one picture after another, so that only one is in memory.
class StageWalk {
 public:
  explicit StageWalk(const PicturePipeline& pipeline)
      : pipeline_(pipeline), out_(static_cast<std::size_t>(pipeline.output_floats())) {}

  void walk(const std::filesystem::path& path, Phase phase, core::Random random) {
    std::array<double, kStages.size()> times{};
    auto begin = Clock::now();
    const auto lap = [&](std::size_t stage) {
      times[stage] = seconds_since(begin);
      begin = Clock::now();
    };
    const std::vector<std::uint8_t> bytes = content_of(path);
    lap(0);
    const Image decoded = decode_image(bytes, path, pipeline_.read_options());
    lap(1);
    const Image item = pipeline_.item_transform().apply(decoded, phase, random);
    lap(2);
    pipeline_.finish(item, phase, random, out_.data());
    lap(3);
    for (std::size_t i = 0; i < times.size(); ++i) seconds_[i] += times[i];
    cache_bytes_ += to_cached(decoded, pipeline_.recipe().resize).image.pixels.size();
    ++measured_;
  }

  std::size_t measured() const { return measured_; }
  /// Seconds of all stages together.
  double seconds() const { return std::accumulate(seconds_.begin(), seconds_.end(), 0.0); }
  double mean_ms(std::size_t stage) const { return 1e3 * seconds_[stage] / static_cast<double>(measured_); }
  double mean_cache_bytes() const { return static_cast<double>(cache_bytes_) / static_cast<double>(measured_); }

 private:
  const PicturePipeline& pipeline_;
  std::vector<float> out_;
  std::array<double, kStages.size()> seconds_{};
  std::uint64_t cache_bytes_ = 0;
  std::size_t measured_ = 0;
};

void measure_single(const Loader& loader, const StageSpeedOptions& options, StageSpeeds& speeds) {
  StageWalk walk(loader.pipeline());
  std::string problem;
  const auto rows = pass_order(loader.dataset().size(), {}, loader.phase(), loader.options(), 0);
  const std::size_t most = std::min(rows.size(), static_cast<std::size_t>(options.pictures));
  for (std::size_t i = 0; i < most && walk.seconds() < options.seconds * kStages.size(); ++i) {
    try {
      walk.walk(loader.dataset().path(rows[i].id), loader.phase(), core::Random{loader.options().seed, rows[i].id});
    } catch (const core::DataError& error) {
      if (speeds.unreadable++ == 0) problem = error.what();
    }
  }
  if (walk.measured() == 0) throw core::DataError("", "not one picture could be read; the first: " + problem);
  for (std::size_t i = 0; i < kStages.size(); ++i) speeds.stages.push_back({kStages[i], walk.mean_ms(i)});
  speeds.measured = walk.measured();
  speeds.cache_bytes = static_cast<std::uint64_t>(walk.mean_cache_bytes() * static_cast<double>(speeds.pictures));
}

/// Pictures a second of the first batches of epoch 0: about options.pictures, at least one batch.
double images_per_s(const Loader& loader, const StageSpeedOptions& options) {
  const auto begin = Clock::now();
  std::int64_t pictures = 0;
  LoaderPass pass = loader.pass(0);
  while (pictures < options.pictures && (pictures == 0 || seconds_since(begin) < options.seconds)) {
    const std::optional<Batch> batch = pass.next();
    if (!batch) break;
    pictures += batch->size();
  }
  return static_cast<double>(pictures) / std::max(seconds_since(begin), 1e-9);
}

}  // namespace

StageSpeeds measure_stages(const Loader& loader, const StageSpeedOptions& options) {
  core::validate(options);
  StageSpeeds speeds;
  speeds.pictures = loader.dataset().size();
  speeds.workers = loader.options().num_workers.value_or(core::available_cpus());
  speeds.free_memory_bytes = core::available_memory_bytes();
  measure_single(loader, options, speeds);
  const auto dataset = std::make_shared<Dataset>(loader.dataset());
  LoaderOptions loading = loader.options();
  loading.cache = CacheKind::kOff;
  speeds.cold_images_per_s = images_per_s(Loader(dataset, loader.pipeline(), loader.phase(), loading), options);
  loading.cache = CacheKind::kRam;
  const Loader cached(dataset, loader.pipeline(), loader.phase(), loading);
  images_per_s(cached, options);  // fills
  speeds.cached_images_per_s = images_per_s(cached, options);
  return speeds;
}

}  // namespace margay::data
