#include "margay/data/loader/loader_pass.h"

#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/core/threads.h"
#include "margay/data/loader/draft_queue.h"
#include "margay/data/loader/row_filler.h"
#include "margay/data/loader/worker_priority.h"

namespace margay::data {
namespace {

constexpr std::uint64_t kMixStream = 3;

/// float [N,H,W,3] of the rows that succeeded.
torch::Tensor good_pixels(const Draft& draft) {
  std::vector<std::int64_t> rows;
  for (std::size_t row = 0; row < draft.rows.size(); ++row) {
    if (draft.problems[row].empty()) rows.push_back(static_cast<std::int64_t>(row));
  }
  if (rows.size() == draft.rows.size()) return draft.pixels;
  return draft.pixels.index_select(0, torch::tensor(rows, torch::kLong));
}

}  // namespace

/// Workers claim rows in order and fill them; the consumer takes the batches in order.
class LoaderPass::State {
 public:
  explicit State(PassPlan plan)
      : plan_(std::move(plan)),
        filler_(plan_.dataset, plan_.pipeline, plan_.phase, plan_.options, plan_.epoch, plan_.cache),
        queue_(std::move(plan_.rows), plan_.options, plan_.pipeline.output_size(), plan_.first_batch) {
    const int workers = plan_.options.num_workers.value_or(core::available_cpus());
    for (int i = 0; i < workers; ++i) workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }

  ~State() {
    for (std::jthread& worker : workers_) worker.request_stop();
    queue_.wake();
    workers_.clear();  // joins before the rest goes
  }

  State(const State&) = delete;
  State& operator=(const State&) = delete;

  std::optional<Batch> next() {
    while (!queue_.is_all_delivered()) {
      Batch batch = finish(take());
      if (!batch.ids.empty()) return batch;
    }
    if (good_rows_ == 0 && queue_.size() > 0) throw nothing_readable();
    return std::nullopt;
  }

  double waited_s() const { return waited_s_; }
  const std::vector<SkippedPicture>& skipped() const { return skipped_; }

 private:
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

  Batch finish(std::unique_ptr<Draft> draft) {
    if (draft->error) std::rethrow_exception(draft->error);
    Batch batch;
    batch.index = static_cast<std::int64_t>(draft->batch);
    batch.ids = note_ids(*draft);
    good_rows_ += batch.ids.size();
    batch.images = good_pixels(*draft).permute({0, 3, 1, 2});
    batch.targets = batch_targets(*plan_.dataset, batch.ids);
    if (plan_.mix.method != MixMethod::kNone && !batch.ids.empty()) mix_pictures(batch);
    return batch;
  }

  void mix_pictures(Batch& batch) const {
    const core::Random random = {plan_.options.seed, static_cast<std::uint64_t>(plan_.epoch),
                                 static_cast<std::uint64_t>(batch.index), kMixStream};
    const torch::Tensor one_hot = torch::one_hot(batch.targets, plan_.dataset->num_classes()).to(torch::kFloat);
    Mixed mixed = mix(batch.images, one_hot, plan_.mix, random);
    batch.images = std::move(mixed.images);
    batch.targets = std::move(mixed.targets);
  }

  /// The pictures that succeeded; the others are noted as skipped.
  std::vector<std::size_t> note_ids(const Draft& draft) {
    std::vector<std::size_t> ids;
    for (std::size_t row = 0; row < draft.rows.size(); ++row) {
      const std::size_t id = draft.rows[row].id;
      if (draft.problems[row].empty()) {
        ids.push_back(id);
      } else {
        skipped_.push_back({id, draft.problems[row]});
      }
    }
    return ids;
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

std::optional<Batch> LoaderPass::next() { return state_->next(); }
double LoaderPass::waited_s() const { return state_->waited_s(); }
const std::vector<SkippedPicture>& LoaderPass::skipped() const { return state_->skipped(); }

}  // namespace margay::data
