#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "margay/data/cache/image_cache.h"
#include "margay/data/dataset.h"
#include "margay/data/image_pipeline.h"
#include "margay/data/loader/batch.h"
#include "margay/data/loader/loader_options.h"
#include "margay/data/loader/loader_pass.h"

namespace margay::data {

/// A place for one pass that was begun ahead of its time. It belongs to one loader: a copy of it is empty, moving takes
/// the pass along. Safe to use from several threads.
class PreparedPass {
 public:
  PreparedPass() = default;
  PreparedPass(const PreparedPass& /*other*/) {}
  PreparedPass& operator=(const PreparedPass& other);
  PreparedPass(PreparedPass&& other) noexcept;
  PreparedPass& operator=(PreparedPass&& other) noexcept;

  bool holds(std::int64_t epoch) const;
  /// Keeps the pass; one that was there ends.
  void put(std::int64_t epoch, LoaderPass pass);
  /// The pass of the epoch if it is there. Another epoch's ends: whoever asks for this one does not wait for it.
  std::optional<LoaderPass> take(std::int64_t epoch);

 private:
  mutable std::mutex mutex_;
  std::int64_t epoch_ = 0;
  std::optional<LoaderPass> pass_;
};

/// Serves a dataset in batches, prepared by threads. Training passes are shuffled and leave out the last, smaller
/// batch (as fastai's); validation passes keep the dataset's order. The batches are a function of
/// (seed, epoch) alone, not of the number of threads nor of what a cache holds. Copies share the cache.
class Loader {
 public:
  /// cache: one to share with other loaders of the same transforms; without it the loader makes what the options ask
  /// for. Throws std::invalid_argument for options out of range, an empty dataset, and fewer training images than
  /// processes; core::IoError when the cache's folder can be neither written nor read.
  Loader(std::shared_ptr<const Dataset> dataset, const ImagePipeline& pipeline, Phase phase,
         const LoaderOptions& options = {}, std::shared_ptr<ImageCache> cache = nullptr);

  /// Begins a pass: from here on its threads work ahead. With first_batch the same pass without the batches before it,
  /// to go on where a run was interrupted. Takes over what prepare() began.
  /// Throws std::invalid_argument when the pass has fewer batches than first_batch.
  LoaderPass pass(std::int64_t epoch = 0, std::int64_t first_batch = 0) const;
  /// Begins a pass that pass(epoch) will take over, so that its first batches, `prefetch` at most, are ready by then.
  /// One is prepared at a time. Costs nothing but work and memory if it is never asked for.
  void prepare(std::int64_t epoch) const;

  /// What pass(epoch, first_batch) walks over, for a LoaderPass of a part of it.
  PassPlan plan(std::int64_t epoch = 0, std::int64_t first_batch = 0) const;

  /// The same images in the same order, drawn as for training: for test-time augmentation. Another epoch, other
  /// draws.
  Loader augmented() const;
  /// The same images in the same order with a network's input of another size, pixels; what else is drawn keeps its
  /// chances. Presizing stays, so the cache is shared. Throws std::invalid_argument for a size out of range.
  Loader resized(int size) const;

  const Dataset& dataset() const { return *dataset_; }
  const ImagePipeline& pipeline() const { return pipeline_; }
  const LoaderOptions& options() const { return options_; }
  Phase phase() const { return phase_; }
  /// Batches of one pass.
  std::int64_t num_batches() const;
  /// What is kept of the images between epochs, or nothing without a cache.
  std::optional<CacheStats> cache_stats() const;

 private:
  std::shared_ptr<const Dataset> dataset_;
  ImagePipeline pipeline_;
  Phase phase_;   ///< decides order, last batch and shares
  Phase pixels_;  ///< decides what happens to pixels
  LoaderOptions options_;
  std::shared_ptr<ImageCache> cache_;
  std::vector<double> weights_;  ///< of the images, where a sampler draws them
  std::shared_ptr<NormalTerm> normal_term_ = std::make_shared<NormalTerm>();
  mutable PreparedPass prepared_;
};

}  // namespace margay::data
