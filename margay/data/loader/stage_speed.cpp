#include "margay/data/loader/stage_speed.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>

#include <fmt/format.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/machine.h"
#include "margay/core/quantity.h"
#include "margay/core/stopwatch.h"
#include "margay/core/threads.h"
#include "margay/data/cache/image_cache.h"
#include "margay/data/image/image_source.h"
#include "margay/data/loader/batch_queue.h"
#include "margay/data/loader/loader_pass.h"

namespace margay::data {
namespace {

constexpr std::array kStages = {"read", "decode", "presize", "warp", "collate"};
constexpr std::size_t kCollate = 4;

/// Adds up the time of each stage on one thread, batch after batch, so that only one is in memory.
class StageWalk {
 public:
  StageWalk(const PassPlan& plan, double seconds) : plan_(plan), most_seconds_(seconds) {}

  bool is_over() const { return std::accumulate(seconds_.begin(), seconds_.end(), 0.0) >= most_seconds_; }

  /// Makes a batch of the rows, or of the first of them when the time is over; of one at least.
  void make_batch(std::span<const PassRow> rows) {
    PendingBatch pending;
    const std::int64_t side = plan_.pipeline.output_size();
    pending.pixels = torch::empty({static_cast<std::int64_t>(rows.size()), side, side, 3});
    while (pending.rows.size() < rows.size() && (pending.rows.empty() || !is_over()))
      add(pending, rows[pending.rows.size()]);
    pending.pixels = pending.pixels.narrow(0, 0, static_cast<std::int64_t>(pending.rows.size()));
    const core::Stopwatch watch;
    Batch batch = collate(std::move(pending), plan_);
    finish(batch, plan_);
    seconds_[kCollate] += watch.seconds();
  }

  std::size_t measured() const { return measured_; }
  /// What was wrong with the images that cannot be read.
  const std::vector<std::string>& problems() const { return problems_; }
  double mean_ms(std::size_t stage) const { return 1e3 * seconds_[stage] / static_cast<double>(measured_); }
  double mean_cache_bytes() const { return static_cast<double>(cache_bytes_) / static_cast<double>(measured_); }

 private:
  void add(PendingBatch& pending, const PassRow& row) {
    float* out = pending.pixels.data_ptr<float>() +
                 static_cast<std::int64_t>(pending.rows.size()) * plan_.pipeline.output_floats();
    pending.rows.push_back(row);
    pending.problems.emplace_back();
    try {
      walk(plan_.dataset->image(row.id), core::Random{plan_.options.seed, row.id}, out);
    } catch (const core::DataError& error) {
      pending.problems.back() = error.what();
      problems_.push_back(error.what());
    }
  }

  void walk(const ImageSource& image, core::Random random, float* out) {
    std::array<double, kStages.size()> times{};
    core::Stopwatch watch;
    const auto lap = [&](std::size_t stage) {
      times[stage] = watch.seconds();
      watch = core::Stopwatch();
    };
    const ImageSource::Bytes bytes = image.read();
    lap(0);
    const core::Image decoded = decode_image(*bytes, image.name(), plan_.pipeline.read_options());
    lap(1);
    const core::Image item = plan_.pipeline.item_transform().apply(decoded, plan_.phase, random);
    lap(2);
    plan_.pipeline.finish(item, plan_.phase, random, out);
    lap(3);
    for (std::size_t i = 0; i < times.size(); ++i) seconds_[i] += times[i];
    cache_bytes_ += to_cached(decoded, plan_.pipeline.transforms().resize).image.pixels.size();
    ++measured_;
  }

  const PassPlan& plan_;
  const double most_seconds_;
  std::array<double, kStages.size()> seconds_{};
  std::uint64_t cache_bytes_ = 0;
  std::size_t measured_ = 0;
  std::vector<std::string> problems_;
};

void measure_single(const PassPlan& plan, const StageSpeedOptions& options, StageSpeeds& speeds) {
  StageWalk walk(plan, options.seconds * kStages.size());
  const auto batch_size = static_cast<std::size_t>(plan.options.batch_size);
  std::span<const PassRow> rows = plan.rows;
  while (!rows.empty() && !walk.is_over()) {
    const std::size_t count = std::min(batch_size, rows.size());
    walk.make_batch(rows.first(count));
    rows = rows.subspan(count);
  }
  speeds.measured = walk.measured();
  speeds.unreadable = walk.problems().size();
  if (walk.measured() == 0) {
    throw core::DataError("", "not one image could be read; the first: " + walk.problems().front());
  }
  for (std::size_t i = 0; i < kStages.size(); ++i) speeds.stages.push_back({kStages[i], walk.mean_ms(i)});
  speeds.cache_bytes = static_cast<std::uint64_t>(walk.mean_cache_bytes() * static_cast<double>(speeds.cached_images));
}

}  // namespace

StageSpeeds measure_stages(const Loaders& data, const StageSpeedOptions& options) {
  core::validate(options);
  StageSpeeds speeds;
  speeds.images = data.train.dataset().size();
  speeds.cached_images = speeds.images + (data.valid ? data.valid->dataset().size() : 0);
  speeds.workers = data.train.options().num_workers.value_or(core::default_threads());
  speeds.free_memory_bytes = core::available_memory_bytes();
  PassPlan plan = data.train.plan();
  plan.rows.resize(std::min(plan.rows.size(), static_cast<std::size_t>(options.images)));
  plan.cache = nullptr;
  measure_single(plan, options, speeds);
  speeds.cold_images_per_s = measure_loader(plan, options).images_per_s;
  plan.cache = std::make_shared<RamCache>(speeds.free_memory_bytes / 2);
  plan.rows = measure_loader(plan, options).rows;  // fills the cache, as far as the time goes
  speeds.cached_images_per_s = measure_loader(plan, options).images_per_s;
  return speeds;
}

const core::OptionTable& StageSpeedOptions::fields() {
  static const core::OptionTable table(
      "stage_speed",
      {core::field<&StageSpeedOptions::images>("images", "images to measure at most", {1, 1e6}).formerly("pictures"),
       core::field<&StageSpeedOptions::seconds>("seconds", "time for each measurement at most", {0.001, 3600})});
  return table;
}

LoaderSpeed measure_loader(const PassPlan& plan, const StageSpeedOptions& options) {
  const core::Stopwatch watch;
  LoaderSpeed speed;
  std::size_t images = 0;
  const auto is_over = [&] {
    return images >= static_cast<std::size_t>(options.images) || watch.seconds() >= options.seconds;
  };
  for (bool is_first = true; is_first || !is_over(); is_first = false) {
    LoaderPass pass(plan);
    while (const std::optional<Batch> batch = pass.next()) {
      images += batch->ids.size();
      if (is_first) {
        for (const std::size_t id : batch->ids) speed.rows.push_back({id, speed.rows.size()});
      }
      if (is_over()) break;
    }
  }
  speed.images_per_s = static_cast<double>(images) / std::max(watch.seconds(), 1e-9);
  return speed;
}

namespace {

constexpr std::size_t kRead = 0;
constexpr std::size_t kWarp = 3;
constexpr std::size_t kCollateStage = 4;

}  // namespace

double StageSpeeds::total_ms() const {
  double total = 0;
  for (const StageTime& each : stages) total += each.ms;
  return total;
}

double StageSpeeds::share(std::size_t i) const { return stages[i].ms / std::max(total_ms(), 1e-9); }

std::size_t StageSpeeds::slowest() const {
  const auto is_faster = [](const StageTime& a, const StageTime& b) { return a.ms < b.ms; };
  return static_cast<std::size_t>(std::max_element(stages.begin(), stages.end(), is_faster) - stages.begin());
}

std::string StageSpeeds::suggestion() const {
  const std::size_t limit = slowest();
  const std::string what = fmt::format("{} takes {:.0f} %", stages[limit].stage, 100 * share(limit));
  if (limit == kWarp) {
    return what + ", which a cache does not save: more cores help, or a smaller `size`";
  }
  if (limit == kCollateStage) {
    return what + ", which is mixing, or batches copied around unreadable images: try `mix` none, and `check_data`";
  }
  const bool fits = cache_bytes <= free_memory_bytes / 2;  // the default limit of a cache in memory
  const std::string need =
      fmt::format("{} {}", core::counted(cached_images, "image needs", "images need"), core::size_text(cache_bytes));
  const std::string cache =
      fits ? fmt::format("`cache` ram: {}", need)
           : fmt::format("`cache` disk: {}, and {} of memory are free", need, core::size_text(free_memory_bytes));
  if (limit == kRead) return fmt::format("{}: the disk is slow; read each image once with {}", what, cache);
  return fmt::format("{}: do it once for all epochs with {}", what, cache);
}

nlohmann::ordered_json StageSpeeds::json() const {
  nlohmann::ordered_json json;
  json["images"] = images;
  json["measured"] = measured;
  json["unreadable"] = unreadable;
  json["stages"] = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < stages.size(); ++i) {
    json["stages"].push_back({{"stage", stages[i].stage},
                              {"ms", stages[i].ms},
                              {"images_per_s", 1e3 / std::max(stages[i].ms, 1e-9)},
                              {"share", share(i)}});
  }
  json["workers"] = workers;
  json["cold_images_per_s"] = cold_images_per_s;
  json["cached_images_per_s"] = cached_images_per_s;
  json["cached_images"] = cached_images;
  json["cache_bytes"] = cache_bytes;
  json["free_memory_bytes"] = free_memory_bytes;
  json["limited_by"] = stages[slowest()].stage;
  json["suggestion"] = suggestion();
  return json;
}

}  // namespace margay::data
