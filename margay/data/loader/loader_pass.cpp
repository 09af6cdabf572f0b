#include "margay/data/loader/loader_pass.h"

#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/threads.h"
#include "margay/data/loader/collate.h"
#include "margay/data/loader/draft_queue.h"
#include "margay/data/loader/row_filler.h"
#include "margay/data/loader/worker_priority.h"

namespace margay::data {

/// Workers claim rows in order and fill them; the consumer takes the batches in order.
class LoaderPass::State {
 public:
  explicit State(PassPlan plan)
      : plan_(std::move(plan)),
        filler_(plan_.dataset, plan_.pipeline, plan_.phase, plan_.options, plan_.epoch, plan_.cache),
        queue_(std::move(plan_.rows), plan_.options, plan_.row_shape(), plan_.first_batch),
        workers_(core::start_threads(plan_.options.num_workers.value_or(core::available_cpus()),
                                     [this](const std::stop_token& stop) { work(stop); })) {}

  ~State() {
    for (std::jthread& worker : workers_) worker.request_stop();
    queue_.wake();
    workers_.clear();  // joins before the rest goes
  }

  State(const State&) = delete;
  State& operator=(const State&) = delete;

  std::optional<Batch> next_unfinished() {
    while (!queue_.is_all_delivered()) {
      Batch batch = gather(take());
      if (!batch.ids.empty()) return batch;
    }
    if (good_rows_ == 0 && queue_.size() > 0 && sees_everything()) throw nothing_readable();
    return std::nullopt;
  }

  void finish(Batch& batch) const { data::finish(batch, plan_); }

  bool is_ready() { return queue_.is_ready(); }

  double waited_s() const { return waited_s_; }
  const std::vector<SkippedPicture>& skipped() const { return skipped_; }

 private:
  /// Otherwise the batches before, or other processes, may have had pictures that can be read.
  bool sees_everything() const { return plan_.first_batch == 0 && plan_.options.world == 1; }

  core::DataError nothing_readable() const {
    const std::string first = skipped_.empty() ? "" : skipped_.front().problem;
    if (queue_.size() == 1) return {"", first};
    return {plan_.dataset->path(0).parent_path(),
            fmt::format("not one of {} pictures could be read; the first: {}", queue_.size(), first)};
  }

  void work(const std::stop_token& stop) {
    give_way_to_the_network();
    FillScratch scratch;
    while (const std::optional<Job> job = queue_.claim(stop)) queue_.complete(*job, filler_.fill(*job, scratch));
  }

  /// Waits for the oldest draft, and fills rows meanwhile: the workers run at the lowest priority, the consumer does
  /// not.
  std::unique_ptr<Draft> take() {
    const auto begin = std::chrono::steady_clock::now();
    while (const std::optional<Job> job = queue_.help()) queue_.complete(*job, filler_.fill(*job, scratch_));
    waited_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return queue_.deliver();
  }

  Batch gather(std::unique_ptr<Draft> draft) {
    if (draft->error) std::rethrow_exception(draft->error);
    for (std::size_t row = 0; row < draft->rows.size(); ++row) {
      if (!draft->problems[row].empty()) skipped_.push_back({draft->rows[row].id, draft->problems[row]});
    }
    Batch batch = collate(std::move(*draft), plan_);
    good_rows_ += batch.ids.size();
    return batch;
  }

  PassPlan plan_;  ///< its rows have gone to the queue
  const RowFiller filler_;
  DraftQueue queue_;

  // Of the consumer alone.
  FillScratch scratch_;
  std::size_t good_rows_ = 0;
  double waited_s_ = 0;
  std::vector<SkippedPicture> skipped_;

  std::vector<std::jthread> workers_;  ///< last, so that they end first
};

LoaderPass::LoaderPass(PassPlan plan) : state_(std::make_unique<State>(std::move(plan))) {}
LoaderPass::~LoaderPass() = default;
LoaderPass::LoaderPass(LoaderPass&&) noexcept = default;
LoaderPass& LoaderPass::operator=(LoaderPass&&) noexcept = default;

std::optional<Batch> LoaderPass::next() {
  std::optional<Batch> batch = next_unfinished();
  if (batch) finish(*batch);
  return batch;
}

std::optional<Batch> LoaderPass::next_unfinished() { return state_->next_unfinished(); }
void LoaderPass::finish(Batch& batch) const { state_->finish(batch); }
bool LoaderPass::is_ready() const { return state_->is_ready(); }
double LoaderPass::waited_s() const { return state_->waited_s(); }
const std::vector<SkippedPicture>& LoaderPass::skipped() const { return state_->skipped(); }

}  // namespace margay::data
