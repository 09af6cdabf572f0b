#include "margay/data/loader/row_filler.h"

#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"

namespace margay::data {
namespace {

constexpr std::uint64_t kAugmentStream = 2;

}  // namespace

RowFiller::RowFiller(std::shared_ptr<const Dataset> dataset, const PicturePipeline& pipeline, Phase phase,
                     const LoaderOptions& options, std::int64_t epoch, std::shared_ptr<PictureCache> cache)
    : dataset_(std::move(dataset)),
      pipeline_(pipeline),
      phase_(phase),
      options_(options),
      epoch_(epoch),
      cache_(std::move(cache)) {}

std::exception_ptr RowFiller::fill(const Job& job, FillScratch& scratch) const {
  Draft& draft = *job.draft;
  const PassRow& row = draft.rows[job.row];
  try {
    float* out = draft.pixels.data_ptr<float>() + static_cast<std::int64_t>(job.row) * pipeline_.output_floats();
    prepare(row, out, scratch);
  } catch (const core::DataError& problem) {
    draft.problems[job.row] = problem.what();
    if (options_.unreadable == Unreadable::kStop) return std::current_exception();
  } catch (const std::exception& problem) {
    const std::filesystem::path path = dataset_->path(row.id);
    return std::make_exception_ptr(core::Error(fmt::format("{}: {}", path.string(), problem.what())));
  }
  return nullptr;
}

void RowFiller::prepare(const PassRow& row, float* out, FillScratch& scratch) const {
  core::Random random = random_of(row);
  const std::filesystem::path path = dataset_->path(row.id);
  if (!cache_) return pipeline_.run(path, phase_, random, out);
  const CachedPicture& kept = kept_picture(picture_key(path), scratch.kept);
  pipeline_.item_of(kept, phase_, random, scratch.item);
  pipeline_.finish(scratch.item, phase_, random, out);
}

/// A sampler may draw a picture twice in an epoch, which is then to look different.
core::Random RowFiller::random_of(const PassRow& row) const {
  const auto epoch = static_cast<std::uint64_t>(epoch_);
  if (options_.balance == Balance::kSampler && phase_ == Phase::kTrain) {
    return {options_.seed, epoch, row.id, kAugmentStream, row.draw};
  }
  return {options_.seed, epoch, row.id, kAugmentStream};
}

const CachedPicture& RowFiller::kept_picture(const PictureKey& key, CachedPicture& room) const {
  if (const CachedPicture* found = cache_->find(key, room)) return *found;
  room = pipeline_.cacheable(key.path);
  cache_->keep(key, room);
  return room;
}

}  // namespace margay::data
