#include "margay/data/loader/row_filler.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"

namespace margay::data {
namespace {

constexpr std::uint64_t kAugmentStream = 2;

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
    const std::filesystem::path path = dataset_->path(row.id);
    return std::make_exception_ptr(core::Error(fmt::format("{}: {}", path.string(), problem.what())));
  }
  return nullptr;
}

/// The presized image, in scratch.item.
void RowFiller::load_item(const PassRow& row, core::Random& random, FillScratch& scratch) const {
  const ImageSource image = dataset_->image(row.id);
  if (!cache_) {
    scratch.item = pipeline_.item(image, phase_, random);
  } else {
    pipeline_.item_of(cacheable(image, scratch.kept), phase_, random, scratch.item);
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
const CachedImage& RowFiller::cacheable(const ImageSource& image, CachedImage& room) const {
  if (!image.is_file()) return room = pipeline_.cacheable(image);
  const CacheKey key = cache_key(image.name());
  if (const CachedImage* found = cache_->find(key, room)) return *found;
  room = pipeline_.cacheable(key.path);
  cache_->keep(key, room);
  return room;
}

}  // namespace margay::data
