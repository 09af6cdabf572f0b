#include "margay/data/loader/loader_pass.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <new>
#include <stop_token>
#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/core/threads.h"
#include "margay/data/common_folder.h"
#include "margay/data/loader/ending_passes.h"
#include "margay/data/loader/worker_team.h"

namespace margay::data {
namespace {

using LoaderClock = std::chrono::steady_clock;

double seconds_between(LoaderClock::time_point begin, LoaderClock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

/// A handful of images is loaded by the consumer before threads would have begun.
int count_workers(const LoaderOptions& options, std::size_t rows) {
  constexpr std::size_t kHandful = 4;
  const auto workers = static_cast<std::size_t>(options.num_workers.value_or(core::default_threads()));
  return rows <= kHandful ? 0 : static_cast<int>(std::min(workers, rows));
}

WorkerTeam::Pace first_pace(WorkerPriority priority, const NormalTerm& term) {
  const bool is_idle = priority == WorkerPriority::kIdle || (priority == WorkerPriority::kAuto && !term.is_running());
  return is_idle ? WorkerTeam::Pace::kIdle : WorkerTeam::Pace::kNormal;
}

}  // namespace

core::DataError nothing_readable(const Dataset& dataset, std::size_t images, const std::string& first) {
  if (images == 1) return {"", first};
  return {common_folder(dataset), fmt::format("not one of {} images could be read; the first: {}", images, first)};
}

/// Workers claim rows in order and fill them; the consumer takes the batches in order.
class LoaderPass::State {
 public:
  explicit State(PassPlan plan)
      : plan_(std::move(plan)),
        filler_(plan_.dataset, plan_.pipeline, plan_.phase, plan_.options, plan_.epoch, plan_.cache),
        queue_(std::move(plan_.rows), plan_.options, plan_.row_shape(), plan_.first_batch),
        normal_term_(plan_.normal_term ? plan_.normal_term : std::make_shared<NormalTerm>()),
        workers_(count_workers(plan_.options, queue_.size()), first_pace(plan_.options.worker_priority, *normal_term_),
                 [this](const std::stop_token& stop) { work(stop); }) {}

  ~State() { stop(); }

  /// Destroys a pass, or leaves it to those that are ending, if its threads would keep the caller waiting.
  static void end(std::unique_ptr<State> state) {
    if (state == nullptr) return;
    const std::shared_ptr<EndingPasses> ending = std::move(state->plan_.ending);
    if (ending == nullptr) return;
    ending->sweep();
    if (!state->was_idle_) return;
    state->stop();
    try {
      const std::shared_ptr<State> left = std::move(state);
      ending->add(left, [pass = left.get()] { return pass->workers_.has_ended(); });
    } catch (const std::bad_alloc&) {  // no memory to remember it: it is destroyed here, and its threads waited for
    }
  }

  State(const State&) = delete;
  State& operator=(const State&) = delete;

  std::optional<Batch> next_unfinished() {
    while (!queue_.is_all_delivered()) {
      Batch batch = gather(take());
      if (!batch.ids.empty() || plan_.is_divided) return batch;
    }
    if (good_rows_ == 0 && queue_.size() > 0 && sees_everything()) {
      throw nothing_readable(*plan_.dataset, queue_.size(), skipped_.empty() ? "" : skipped_.front().problem);
    }
    return std::nullopt;
  }

  void finish(Batch& batch) const { data::finish(batch, plan_); }

  bool is_ready() { return queue_.is_ready(); }

  double waited_s() const { return waited_s_; }
  bool has_idle_workers() const { return workers_.size() > 0 && workers_.pace() == WorkerTeam::Pace::kIdle; }
  const std::vector<SkippedImage>& skipped() const { return skipped_; }

 private:
  void stop() {
    workers_.request_stop();
    queue_.wake();
  }

  /// Otherwise the batches before, or other processes, may have had images that can be read.
  bool sees_everything() const { return plan_.first_batch == 0 && !plan_.ends_early && plan_.options.world == 1; }

  void work(const std::stop_token& stop) {
    FillScratch scratch;
    bool is_idle = false;
    workers_.follow_pace(is_idle);
    while (const std::optional<Job> job = queue_.claim(stop)) {
      queue_.complete(*job, filler_.fill(*job, scratch));
      workers_.follow_pace(is_idle);
    }
  }

  /// Waits for the oldest batch, and fills rows meanwhile.
  std::shared_ptr<PendingBatch> take() {
    double worker_cpu_s = workers_.cpu_s();
    LoadingTime seen;
    while (!queue_.is_ready()) {
      const auto begin = LoaderClock::now();
      const bool has_helped = help();
      const double seconds = seconds_between(begin, LoaderClock::now());
      waited_s_ += seconds;
      seen.waited_s += seconds;
      seen.owed_s += seconds * owed_cores(has_helped);
      constexpr double kSampled_s = 0.02;
      if (seen.waited_s > kSampled_s) note(std::exchange(seen, {}), worker_cpu_s);
    }
    note(seen, worker_cpu_s);
    return queue_.deliver();
  }

  /// Fills one row if there is one to fill, else waits for a moment.
  bool help() {
    constexpr std::chrono::milliseconds kMoment(20);
    const std::optional<Job> job = queue_.help(kMoment);
    if (job) queue_.complete(*job, filler_.fill(*job, scratch_));
    return job.has_value();
  }

  /// How many cores the workers would have while the consumer waits, if nobody else wanted them. When it has nothing to
  /// help with, all rows are handed out, and one worker at least must have one.
  int owed_cores(bool has_helped) const {
    return has_helped ? std::min(workers_.size(), core::available_cpus() - 1) : std::min(workers_.size(), 1);
  }

  /// worker_cpu_s: of the workers when `seen` began; becomes that of now.
  void note(LoadingTime seen, double& worker_cpu_s) {
    if (plan_.options.worker_priority != WorkerPriority::kAuto || workers_.size() == 0) return;
    const auto now = LoaderClock::now();
    seen.wall_s = seconds_between(std::exchange(noted_, now), now);
    const double before = std::exchange(worker_cpu_s, workers_.cpu_s());
    seen.got_s = worker_cpu_s - before;
    if (workers_.pace() == WorkerTeam::Pace::kNormal) {
      if (!normal_term_->is_running()) make_idle();
    } else if (watch_.add(seen)) {
      relieve_workers();
    }
  }

  void make_idle() {
    workers_.make_idle();
    was_idle_ = true;
  }

  /// Rows that starving workers have begun are begun anew: nobody knows when they will be done.
  void relieve_workers() {
    normal_term_->begin();
    queue_.take_back();
    workers_.replace_by_normal();
  }

  Batch gather(const std::shared_ptr<PendingBatch>& pending) {
    if (pending->error) std::rethrow_exception(pending->error);
    for (std::size_t row = 0; row < pending->rows.size(); ++row) {
      if (!pending->problems[row].empty()) skipped_.push_back({pending->rows[row].id, pending->problems[row]});
    }
    Batch batch = collate(std::move(*pending), plan_);
    good_rows_ += batch.ids.size();
    return batch;
  }

  PassPlan plan_;  ///< its rows have gone to the queue
  const RowFiller filler_;
  BatchQueue queue_;

  // Of the consumer alone.
  FillScratch scratch_;
  std::size_t good_rows_ = 0;
  double waited_s_ = 0;
  std::vector<SkippedImage> skipped_;
  StarvationWatch watch_;
  LoaderClock::time_point noted_ = LoaderClock::now();

  const std::shared_ptr<NormalTerm> normal_term_;
  WorkerTeam workers_;  ///< last, so that they end first
  bool was_idle_ = has_idle_workers();
};

LoaderPass::LoaderPass(PassPlan plan) : state_(std::make_unique<State>(std::move(plan))) {}
LoaderPass::~LoaderPass() { State::end(std::move(state_)); }
LoaderPass::LoaderPass(LoaderPass&&) noexcept = default;
LoaderPass& LoaderPass::operator=(LoaderPass&& other) noexcept {
  State::end(std::exchange(state_, std::move(other.state_)));
  return *this;
}

std::optional<Batch> LoaderPass::next() {
  std::optional<Batch> batch = next_unfinished();
  if (batch) finish(*batch);
  return batch;
}

std::optional<Batch> LoaderPass::next_unfinished() { return state_->next_unfinished(); }
void LoaderPass::finish(Batch& batch) const { state_->finish(batch); }
bool LoaderPass::is_ready() const { return state_->is_ready(); }
double LoaderPass::waited_s() const { return state_->waited_s(); }
bool LoaderPass::has_idle_workers() const { return state_->has_idle_workers(); }
const std::vector<SkippedImage>& LoaderPass::skipped() const { return state_->skipped(); }

namespace {

constexpr std::uint64_t kAugmentStream = 2;

/// An error that ends the pass, since it is not the image's: the machine's, or ours.
std::exception_ptr error_at(const std::filesystem::path& path, const std::exception& problem) {
  const std::string place = core::spelled_out(path.string());
  if (!core::says_out_of_memory(problem)) {
    return std::make_exception_ptr(
        core::Error(fmt::format("{}: {}", place, core::without_stack_frames(problem.what()))));
  }
  const core::OutOfMemoryError error = core::out_of_memory(problem, "use fewer `num_workers` or a lower `max_pixels`");
  return std::make_exception_ptr(core::OutOfMemoryError(fmt::format("{}: {}", place, error.what())));
}

}  // namespace

RowFiller::RowFiller(std::shared_ptr<const Dataset> dataset, const ImagePipeline& pipeline, Phase phase,
                     const LoaderOptions& options, std::int64_t epoch, std::shared_ptr<ImageCache> cache)
    : dataset_(std::move(dataset)),
      pipeline_(pipeline),
      phase_(phase),
      options_(options),
      epoch_(epoch),
      cache_(std::move(cache)) {}

std::exception_ptr RowFiller::fill(const Job& job, FillScratch& scratch) const {
  PendingBatch& pending = *job.pending;
  const PassRow& row = pending.rows[job.row];
  try {
    core::Random random = random_of(row);
    load_item(row, random, scratch);
    augment_item(job, random, scratch.item);
  } catch (const core::DataError& problem) {
    pending.problems[job.row] = problem.what();
    if (options_.unreadable == Unreadable::kStop) return std::current_exception();
  } catch (const std::exception& problem) {
    return error_at(dataset_->path(row.id), problem);
  }
  return nullptr;
}

/// The presized image, in scratch.item.
void RowFiller::load_item(const PassRow& row, core::Random& random, FillScratch& scratch) const {
  const ImageSource image = dataset_->image(row.id);
  if (!cache_) {
    scratch.item = pipeline_.item(noted(image, row.id), phase_, random);
  } else {
    pipeline_.item_of(cacheable(image, row.id, scratch.kept), phase_, random, scratch.item);
  }
}

/// The batch transform, or where that is left to the device, what was drawn for it.
void RowFiller::augment_item(const Job& job, core::Random& random, const core::Image& item) const {
  PendingBatch& pending = *job.pending;
  const auto row = static_cast<std::int64_t>(job.row);
  if (pending.draws.empty()) {
    return pipeline_.finish(item, phase_, random, pending.pixels.data_ptr<float>() + row * pipeline_.output_floats());
  }
  pending.draws[job.row] = pipeline_.batch_transform().draw(item.height, item.width, phase_, random);
  const auto bytes = static_cast<std::int64_t>(item.pixels.size());
  std::copy(item.pixels.begin(), item.pixels.end(), pending.pixels.data_ptr<std::uint8_t>() + row * bytes);
}

/// A sampler may draw an image twice in an epoch, which is then to look different.
core::Random RowFiller::random_of(const PassRow& row) const {
  const auto epoch = static_cast<std::uint64_t>(epoch_);
  if (options_.balance == Balance::kSampler && phase_ == Phase::kTrain) {
    return {options_.seed, epoch, row.id, kAugmentStream, row.draw};
  }
  return {options_.seed, epoch, row.id, kAugmentStream};
}

/// As kept, or in `room`. Bytes in memory are not kept: nothing tells of what moment they are.
const CachedImage& RowFiller::cacheable(const ImageSource& image, std::size_t id, CachedImage& room) const {
  if (!image.is_file()) return room = pipeline_.cacheable(noted(image, id));
  const CacheKey key = cache_key(image.name());
  if (const CachedImage* found = cache_->find(key, room)) {
    if (found->contents != 0) dataset_->contents().note(id, found->contents);
    return *found;
  }
  room = pipeline_.cacheable(noted(key.path, id));
  room.contents = dataset_->contents().of(id).value_or(0);
  cache_->keep(key, room);
  return room;
}

/// The image with its bytes, which are read here if their checksum is missing.
ImageSource RowFiller::noted(const ImageSource& image, std::size_t id) const {
  if (dataset_->contents().has(id)) return image;
  ImageSource::Bytes bytes = image.read();
  dataset_->contents().note(id, *bytes);
  return {image.name(), std::move(bytes)};
}

}  // namespace margay::data
