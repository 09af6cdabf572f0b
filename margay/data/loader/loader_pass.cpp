#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/core/threads.h"
#include "margay/data/loader/loader.h"
#include "margay/data/loader/worker_priority.h"

namespace margay::data {
namespace {

constexpr std::uint64_t kAugmentStream = 2;

/// A batch in the making. Rows are written by different threads without a lock.
struct Draft {
  torch::Tensor pixels;               ///< float [N,H,W,3]
  std::vector<std::size_t> ids;       ///< [N]
  std::vector<std::string> problems;  ///< [N], "" for a row that succeeded
  std::exception_ptr error;           ///< ends the pass
  std::size_t rows_done = 0;

  bool is_ready() const { return rows_done == ids.size(); }
};

/// One row to fill.
struct Job {
  Draft* draft;
  std::size_t row;
};

std::vector<std::int64_t> good_rows(const Draft& draft) {
  std::vector<std::int64_t> rows;
  for (std::size_t row = 0; row < draft.ids.size(); ++row) {
    if (draft.problems[row].empty()) rows.push_back(static_cast<std::int64_t>(row));
  }
  return rows;
}

}  // namespace

/// Workers claim rows in order and fill them; drafts from `delivered_` on, `prefetch` at most, exist at a time.
class LoaderPass::State {
 public:
  State(std::shared_ptr<const Dataset> dataset, const PicturePipeline& pipeline, Phase phase,
        const LoaderOptions& options, std::int64_t epoch, std::vector<std::size_t> order, std::int64_t num_batches)
      : dataset_(std::move(dataset)),
        pipeline_(pipeline),
        phase_(phase),
        options_(options),
        epoch_(epoch),
        order_(std::move(order)) {
    const auto batch_size = static_cast<std::size_t>(options_.batch_size);
    order_.resize(std::min(order_.size(), static_cast<std::size_t>(num_batches) * batch_size));
    const int workers = options_.num_workers.value_or(core::available_cpus());
    for (int i = 0; i < workers; ++i) workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }

  ~State() {
    for (std::jthread& worker : workers_) worker.request_stop();
    {
      const std::lock_guard lock(mutex_);  // a worker between its test and its wait must not miss the call
      room_.notify_all();
    }
    workers_.clear();  // joins before the rest goes
  }

  State(const State&) = delete;
  State& operator=(const State&) = delete;

  std::optional<Batch> next() {
    while (delivered_rows_ < order_.size()) {
      Batch batch = finish(take());
      if (!batch.ids.empty()) return batch;
    }
    if (good_rows_ == 0) throw nothing_readable();
    return std::nullopt;
  }

  double waited_s() const { return waited_s_; }
  const std::vector<SkippedPicture>& skipped() const { return skipped_; }

 private:
  core::DataError nothing_readable() const {
    const std::string first = skipped_.empty() ? "" : skipped_.front().problem;
    if (order_.size() == 1) return {"", first};
    return {dataset_->items.front().path.parent_path(),
            fmt::format("not one of {} pictures could be read; the first: {}", order_.size(), first)};
  }

  void work(const std::stop_token& stop) {
    give_way_to_the_network();
    while (const std::optional<Job> job = claim(stop)) fill(*job);
  }

  /// Waits for room and takes the next row.
  std::optional<Job> claim(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return stop.stop_requested() || all_claimed() || has_room(); });
    if (stop.stop_requested() || all_claimed()) return std::nullopt;
    return next_job();
  }

  // These four are called under the lock.
  bool all_claimed() const { return claimed_rows_ == order_.size(); }
  bool has_room() const { return claimed_rows_ / batch_size() < delivered_batches_ + prefetch(); }
  bool is_next_ready() const { return !drafts_.empty() && drafts_.front()->is_ready(); }
  Job next_job() {
    const std::size_t row = claimed_rows_ % batch_size();
    if (row == 0) drafts_.push_back(new_draft(claimed_rows_));
    ++claimed_rows_;
    return {drafts_.back().get(), row};
  }

  std::unique_ptr<Draft> new_draft(std::size_t first) const {
    const std::size_t end = std::min(first + batch_size(), order_.size());
    auto draft = std::make_unique<Draft>();
    const int side = pipeline_.output_size();
    draft->ids.assign(order_.begin() + static_cast<std::ptrdiff_t>(first),
                      order_.begin() + static_cast<std::ptrdiff_t>(end));
    draft->problems.resize(draft->ids.size());
    draft->pixels = torch::empty({static_cast<std::int64_t>(draft->ids.size()), side, side, 3}, torch::kFloat);
    return draft;
  }

  void fill(const Job& job) {
    Draft& draft = *job.draft;
    std::exception_ptr error;
    try {
      prepare(draft, job.row);
    } catch (const core::DataError& problem) {
      draft.problems[job.row] = problem.what();
      if (options_.unreadable == Unreadable::kStop) error = std::current_exception();
    } catch (const std::exception& problem) {
      const std::filesystem::path& path = dataset_->items[draft.ids[job.row]].path;
      error = std::make_exception_ptr(core::Error(fmt::format("{}: {}", path.string(), problem.what())));
    }
    const std::lock_guard lock(mutex_);
    if (error && !draft.error) draft.error = error;
    if (++draft.rows_done == draft.ids.size()) ready_.notify_one();
  }

  void prepare(Draft& draft, std::size_t row) const {
    const std::size_t id = draft.ids[row];
    float* out = draft.pixels.data_ptr<float>() + static_cast<std::int64_t>(row) * pipeline_.output_floats();
    const core::Random random{options_.seed, static_cast<std::uint64_t>(epoch_), id, kAugmentStream};
    pipeline_.run(dataset_->items[id].path, phase_, random, out);
  }

  /// Waits for the oldest draft, and fills rows meanwhile: the workers run at the lowest priority, the consumer does
  /// not.
  std::unique_ptr<Draft> take() {
    const auto begin = std::chrono::steady_clock::now();
    std::unique_lock lock(mutex_);
    while (!is_next_ready()) {
      if (all_claimed() || !has_room()) {
        ready_.wait(lock);
        continue;
      }
      const Job job = next_job();
      lock.unlock();
      fill(job);
      lock.lock();
    }
    waited_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::unique_ptr<Draft> draft = std::move(drafts_.front());
    drafts_.pop_front();
    ++delivered_batches_;
    delivered_rows_ += draft->ids.size();
    room_.notify_all();
    return draft;
  }

  Batch finish(std::unique_ptr<Draft> draft) {
    if (draft->error) std::rethrow_exception(draft->error);
    const std::vector<std::int64_t> rows = good_rows(*draft);
    torch::Tensor pixels = draft->pixels;
    if (rows.size() < draft->ids.size()) pixels = pixels.index_select(0, torch::tensor(rows, torch::kLong));
    Batch batch;
    std::vector<std::int64_t> targets;
    for (std::size_t row = 0; row < draft->ids.size(); ++row) {
      const std::size_t id = draft->ids[row];
      if (draft->problems[row].empty()) {
        batch.ids.push_back(id);
        targets.push_back(dataset_->targets[id]);
      } else {
        skipped_.push_back({id, draft->problems[row]});
      }
    }
    good_rows_ += rows.size();
    batch.images = pixels.permute({0, 3, 1, 2});
    batch.targets = torch::tensor(targets, torch::kLong);
    return batch;
  }

  std::size_t batch_size() const { return static_cast<std::size_t>(options_.batch_size); }
  std::size_t prefetch() const { return static_cast<std::size_t>(options_.prefetch); }

  const std::shared_ptr<const Dataset> dataset_;
  const PicturePipeline pipeline_;
  const Phase phase_;
  const LoaderOptions options_;
  const std::int64_t epoch_;
  std::vector<std::size_t> order_;  ///< the rows of the pass; not changed once the threads run

  // Of the consumer alone.
  std::size_t delivered_rows_ = 0;
  std::size_t good_rows_ = 0;
  double waited_s_ = 0;
  std::vector<SkippedPicture> skipped_;

  // Shared, under the mutex.
  std::mutex mutex_;
  std::condition_variable room_;   ///< a draft was delivered, or the pass is over
  std::condition_variable ready_;  ///< a draft was completed
  std::deque<std::unique_ptr<Draft>> drafts_;
  std::size_t claimed_rows_ = 0;
  std::size_t delivered_batches_ = 0;

  std::vector<std::jthread> workers_;  ///< last, so that they end first
};

LoaderPass::LoaderPass(std::shared_ptr<const Dataset> dataset, const PicturePipeline& pipeline, Phase phase,
                       const LoaderOptions& options, std::int64_t epoch, std::vector<std::size_t> order,
                       std::int64_t num_batches)
    : state_(std::make_unique<State>(std::move(dataset), pipeline, phase, options, epoch, std::move(order),
                                     num_batches)) {}
LoaderPass::~LoaderPass() = default;
LoaderPass::LoaderPass(LoaderPass&&) noexcept = default;
LoaderPass& LoaderPass::operator=(LoaderPass&&) noexcept = default;

std::optional<Batch> LoaderPass::next() { return state_->next(); }
double LoaderPass::waited_s() const { return state_->waited_s(); }
const std::vector<SkippedPicture>& LoaderPass::skipped() const { return state_->skipped(); }

}  // namespace margay::data
