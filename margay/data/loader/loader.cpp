#include "margay/data/loader/loader.h"

#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "margay/data/source/balance.h"

namespace margay::data {

PreparedPass& PreparedPass::operator=(const PreparedPass& other) {
  if (this == &other) return *this;
  const std::lock_guard lock(mutex_);
  pass_.reset();
  return *this;
}

PreparedPass::PreparedPass(PreparedPass&& other) noexcept { *this = std::move(other); }

PreparedPass& PreparedPass::operator=(PreparedPass&& other) noexcept {
  if (this == &other) return *this;
  const std::scoped_lock lock(mutex_, other.mutex_);
  epoch_ = other.epoch_;
  pass_ = std::exchange(other.pass_, std::nullopt);
  return *this;
}

bool PreparedPass::holds(std::int64_t epoch) const {
  const std::lock_guard lock(mutex_);
  return pass_ && epoch_ == epoch;
}

void PreparedPass::put(std::int64_t epoch, LoaderPass pass) {
  const std::lock_guard lock(mutex_);
  epoch_ = epoch;
  pass_ = std::move(pass);
}

std::optional<LoaderPass> PreparedPass::take(std::int64_t epoch) {
  const std::lock_guard lock(mutex_);
  std::optional<LoaderPass> pass = std::exchange(pass_, std::nullopt);
  if (epoch_ != epoch) pass.reset();
  return pass;
}

namespace {

void check_loader(const Dataset* given, Phase phase, const LoaderOptions& options) {
  if (given == nullptr) throw std::invalid_argument("[Loader] the dataset is null");
  const Dataset& dataset = *given;
  core::validate(options);
  is_pinned(options.pin_memory);
  if (options.mix.method != MixMethod::kNone && dataset.task() == Task::kMultiLabel) {
    throw std::invalid_argument("[loader] mix needs one class for each image; this task is multi-label");
  }
  if (dataset.size() == 0) throw std::invalid_argument("[Loader] the dataset is empty");
  if (options.world < 1 || options.rank < 0 || options.rank >= options.world) {
    throw std::invalid_argument(
        fmt::format("[loader] rank must lie in [0, world - 1], got {} of {}", options.rank, options.world));
  }
  const int micro_batches = num_micro_batches(options);
  if (options.micro_batches < 1 || micro_batches % options.world != 0) {
    throw std::invalid_argument(
        fmt::format("[loader] {} processes must divide the number of `micro_batches`, which is {}", options.world,
                    options.micro_batches));
  }
  if (options.batch_size < micro_batches) {
    throw std::invalid_argument(fmt::format("[loader] a `batch_size` of {} is less than its {} micro-batches",
                                            options.batch_size, micro_batches));
  }
  if (phase == Phase::kTrain && dataset.size() < static_cast<std::size_t>(micro_batches)) {
    throw std::invalid_argument(
        fmt::format("[loader] {} training images are not enough for {} micro-batches", dataset.size(), micro_batches));
  }
}

}  // namespace

Loader::Loader(std::shared_ptr<const Dataset> dataset, const ImagePipeline& pipeline, Phase phase,
               const LoaderOptions& options, std::shared_ptr<ImageCache> cache)
    : dataset_(std::move(dataset)),
      pipeline_(pipeline),
      phase_(phase),
      pixels_(phase),
      options_(options),
      cache_(std::move(cache)) {
  check_loader(dataset_.get(), phase_, options_);
  if (!cache_)
    cache_ = make_image_cache(options_, cached_transforms(pipeline_.transforms().resize, pipeline_.read_options()));
  if (phase_ == Phase::kTrain && options_.balance == Balance::kSampler) weights_ = sample_weights(*dataset_);
}

Loader Loader::shared_out(int rank, int world, int micro_batches) const {
  Loader loader(*this);
  loader.options_.rank = rank;
  loader.options_.world = world;
  loader.options_.micro_batches = micro_batches;
  check_loader(dataset_.get(), phase_, loader.options_);
  return loader;
}

Loader Loader::augmented() const {
  Loader loader(*this);
  loader.pixels_ = Phase::kTrain;
  return loader;
}

Loader Loader::plain() const {
  Loader loader(*this);
  loader.phase_ = Phase::kValid;
  loader.pixels_ = Phase::kValid;
  loader.options_.rank = 0;
  loader.options_.world = 1;
  loader.options_.micro_batches = 1;
  loader.weights_.clear();
  return eval_size_ ? loader.with_input(*eval_size_) : loader;
}

Loader Loader::augmented(const Transforms& transforms) const {
  Loader loader = augmented();
  loader.pipeline_ = ImagePipeline(transforms, pipeline_.read_options().max_pixels, pipeline_.decoding());
  loader.cache_ = nullptr;
  return loader;
}

Loader Loader::with_input(int size) const {
  Transforms transforms = pipeline_.transforms();
  transforms.augment.size = size;
  Loader loader(*this);
  loader.pipeline_ = ImagePipeline(transforms, pipeline_.read_options().max_pixels, pipeline_.decoding());
  return loader;
}

Loader Loader::resized(int size) const {
  const bool stays = phase_ == Phase::kValid && eval_size_;
  return stays ? *this : with_input(size);
}

Loader Loader::evaluated_at(int size) const {
  Loader loader = with_input(size);  // which also checks it
  if (phase_ == Phase::kTrain) loader.pipeline_ = pipeline_;
  loader.eval_size_ = size;
  return loader;
}

std::int64_t Loader::num_batches() const { return count_own_batches(dataset_->size(), phase_, options_); }

std::int64_t Loader::total_batches() const { return count_batches(dataset_->size(), phase_, options_); }

std::optional<CacheStats> Loader::cache_stats() const { return cache_ ? std::optional(cache_->stats()) : std::nullopt; }

PassPlan Loader::plan(std::int64_t epoch, std::int64_t first_batch) const {
  if (first_batch < 0 || first_batch > num_batches()) {
    throw std::invalid_argument(
        fmt::format("[loader] first_batch must lie in [0, {}], got {}", num_batches(), first_batch));
  }
  LoaderOptions options = options_;
  options.batch_size = rows_per_batch(phase_, options_);
  return {.dataset = dataset_,
          .pipeline = pipeline_,
          .phase = pixels_,
          .options = options,
          .mix = phase_ == Phase::kTrain ? options_.mix : MixOptions{},
          .cache = cache_,
          .epoch = epoch,
          .rows = pass_order(dataset_->size(), weights_, phase_, options_, epoch),
          .first_batch = static_cast<std::size_t>(first_batch),
          .is_divided = phase_ == Phase::kTrain && num_micro_batches(options_) > 1,
          .normal_term = normal_term_,
          .ending = ending_};
}

LoaderPass Loader::part(std::int64_t epoch, std::int64_t first_batch, std::int64_t batches) const {
  PassPlan plan = this->plan(epoch, first_batch);
  const auto end = static_cast<std::size_t>((first_batch + batches) * plan.options.batch_size);
  plan.ends_early = end < plan.rows.size();
  if (plan.ends_early) plan.rows.resize(end);
  return LoaderPass(std::move(plan));
}

LoaderPass Loader::pass_of(std::span<const std::size_t> ids, std::int64_t epoch) const {
  PassPlan plan = this->plan(epoch);
  plan.rows.clear();
  plan.is_divided = false;
  for (const std::size_t id : ids) {
    if (id >= dataset_->size()) {
      throw std::invalid_argument(fmt::format("[loader] there is no image {} of {}", id, dataset_->size()));
    }
    plan.rows.push_back({.id = id});
  }
  plan.ends_early = ids.size() < dataset_->size();
  return LoaderPass(std::move(plan));
}

LoaderPass Loader::pass(std::int64_t epoch, std::int64_t first_batch) const {
  std::optional<LoaderPass> prepared = prepared_.take(epoch);
  if (prepared && first_batch == 0) return std::move(*prepared);
  prepared.reset();  // ends its threads before others start
  return LoaderPass(plan(epoch, first_batch));
}

void Loader::prepare(std::int64_t epoch) const {
  if (!prepared_.holds(epoch)) prepared_.put(epoch, LoaderPass(plan(epoch, 0)));
}

const core::OptionTable& LoaderOptions::fields() {
  static const core::OptionTable table(
      "loader",
      {core::field<&LoaderOptions::batch_size>("batch_size", "images in one step", {1, 65536}),
       core::field<&LoaderOptions::num_workers>("num_workers", "loading threads; by default as many as `threads` says",
                                                {1, 512}),
       core::field<&LoaderOptions::worker_priority>("worker_priority",
                                                    "how loading threads compete for cores: idle (they only use what "
                                                    "nobody else does), normal, or auto (idle, but "
                                                    "normal for a while when they starve beside other programs)"),
       core::field<&LoaderOptions::prefetch>("prefetch", "batches held ready or being filled at most", {1, 64}),
       core::field<&LoaderOptions::seed>("seed",
                                         "seed of order and augmentation: the same seed gives the same batches"),
       core::field<&LoaderOptions::unreadable>("unreadable", "an image that cannot be read: skip (and report) or stop"),
       core::field<&LoaderOptions::drop_last>(
           "drop_last", "leave out the last, smaller batch of a training pass, unless it is the only one"),
       core::field<&LoaderOptions::balance>(
           "balance",
           "classes of different sizes: none, sampler (rare ones are drawn more often) or weights (they weigh "
           "more in the loss)"),
       core::field<&LoaderOptions::augment_on>(
           "augment_on",
           "who makes the network's input of presized images: loader (its threads) or device (a batch at once, "
           "for a GPU beside few cores)"),
       core::field<&LoaderOptions::pin_memory>(
           "pin_memory", "page-locked batches, for copies to a GPU: auto (where there is one), on or off"),
       core::field<&LoaderOptions::cache>("cache", "presized images are kept for the next epoch: off, ram or disk"),
       core::field<&LoaderOptions::cache_limit_mb>(
           "cache_limit_mb",
           "what the cache may take, megabytes; half of the free memory (ram) or disk space unless given", {1, 1e9}),
       core::field<&LoaderOptions::cache_folder>("cache_folder", "where the cache on disk lies; disk needs it"),
       core::field<&LoaderOptions::max_pixels>(
           "max_pixels", "an image that claims more pixels counts as unreadable, before memory is taken for it",
           {1, 1e12}),
       core::field<&LoaderOptions::mix>("mix", "training images and their targets are mixed")});
  return table;
}

}  // namespace margay::data
