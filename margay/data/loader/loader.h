#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "margay/data/cache/image_cache.h"
#include "margay/data/dataset.h"
#include "margay/data/image_pipeline.h"
#include "margay/data/loader/batch.h"
#include "margay/data/loader/loader_options.h"
#include "margay/data/loader/loader_pass.h"

namespace margay::data {

/// Holds one pass that was begun in advance. It belongs to one loader: a copy is empty, moving moves the pass. Safe to
/// use from several threads.
class PreparedPass {
 public:
  PreparedPass() = default;
  PreparedPass(const PreparedPass& /*other*/) {}
  PreparedPass& operator=(const PreparedPass& other);
  PreparedPass(PreparedPass&& other) noexcept;
  PreparedPass& operator=(PreparedPass&& other) noexcept;

  bool holds(std::int64_t epoch) const;
  /// Stores the pass; a previous one ends.
  void put(std::int64_t epoch, LoaderPass pass);
  /// Returns the pass if it is of this epoch. A pass of another epoch ends.
  std::optional<LoaderPass> take(std::int64_t epoch);

 private:
  mutable std::mutex mutex_;
  std::int64_t epoch_ = 0;
  std::optional<LoaderPass> pass_;
};

/// Loads a dataset in batches, which threads prepare. Training passes are shuffled and leave out the last, smaller
/// batch (as in fastai); validation passes keep the dataset's order. The batches depend on (seed, epoch) alone, not on
/// the number of threads or processes or the contents of a cache. Copies share the cache.
class Loader {
 public:
  /// cache: a cache to share with other loaders of the same transforms; by default the loader makes the one that the
  /// options ask for. Throws std::invalid_argument for options out of range, a dataset that is null or empty, and
  /// fewer training images than micro-batches; core::IoError when the cache's folder can be neither written nor read.
  Loader(std::shared_ptr<const Dataset> dataset, const ImagePipeline& pipeline, Phase phase,
         const LoaderOptions& options = {}, std::shared_ptr<ImageCache> cache = nullptr);

  /// Begins a pass; its threads start to work ahead. With first_batch the pass skips the batches before it, to continue
  /// an interrupted run. A pass begun by prepare() is used.
  /// Throws std::invalid_argument when the pass has fewer batches than first_batch.
  LoaderPass pass(std::int64_t epoch = 0, std::int64_t first_batch = 0) const;
  /// Begins a pass in advance, so that its first batches (at most `prefetch`) are ready when pass(epoch) is called.
  /// Only one pass is prepared at a time. If it is never asked for, only work and memory are wasted.
  void prepare(std::int64_t epoch) const;

  /// The plan of pass(epoch, first_batch), for a LoaderPass over a part of it.
  PassPlan plan(std::int64_t epoch = 0, std::int64_t first_batch = 0) const;
  /// A pass over these images alone, by their positions, in the order given. Throws std::invalid_argument for a
  /// position that the dataset does not have.
  LoaderPass pass_of(std::span<const std::size_t> ids, std::int64_t epoch = 0) const;
  /// A pass over `batches` batches from first_batch on, or over those that are left. The threads load nothing beyond.
  LoaderPass part(std::int64_t epoch, std::int64_t first_batch, std::int64_t batches) const;

  /// The same batches, of which a pass loads what process `rank` of `world` computes (pass_order). micro_batches: as
  /// LoaderOptions. Throws std::invalid_argument as the constructor.
  Loader shared_out(int rank, int world, int micro_batches) const;
  /// The same images in the same order, augmented as in training, for test-time augmentation. Each epoch has other
  /// draws.
  Loader augmented() const;
  /// All images of the dataset in its order, each once and transformed as for validation, in every process; of the size
  /// of evaluated_at().
  Loader plain() const;
  /// The same images in the same order, with other transforms, whose draws are those of training. Without the cache:
  /// its images are presized for others.
  Loader augmented(const Transforms& transforms) const;
  /// The same images in the same order with a network input of another size, in pixels. Other augmentations are
  /// unchanged. Presizing stays the same, so the cache is shared. Validation stays at the size of evaluated_at().
  /// Throws std::invalid_argument for a size out of range.
  Loader resized(int size) const;
  /// The same batches; what is transformed as for validation has this size, in pixels: the passes of a loader for
  /// validation, and those of plain(). Throws std::invalid_argument for a size out of range.
  Loader evaluated_at(int size) const;

  const Dataset& dataset() const { return *dataset_; }
  const ImagePipeline& pipeline() const { return pipeline_; }
  const LoaderOptions& options() const { return options_; }
  Phase phase() const { return phase_; }
  /// The number of batches of one pass that this process loads.
  std::int64_t num_batches() const;
  /// The same of all processes: in training each loads a part of every batch, in validation some of them.
  std::int64_t total_batches() const;
  /// The statistics of the cache, or nothing without a cache.
  std::optional<CacheStats> cache_stats() const;

 private:
  Loader with_input(int size) const;

  std::shared_ptr<const Dataset> dataset_;
  ImagePipeline pipeline_;
  Phase phase_;   ///< decides order, last batch and shares
  Phase pixels_;  ///< decides what happens to pixels
  LoaderOptions options_;
  std::shared_ptr<ImageCache> cache_;
  std::optional<int> eval_size_;  ///< of evaluated_at()
  std::vector<double> weights_;   ///< of the images, if a sampler draws them
  std::shared_ptr<NormalTerm> normal_term_ = std::make_shared<NormalTerm>();
  std::shared_ptr<EndingPasses> ending_ = std::make_shared<EndingPasses>();
  mutable PreparedPass prepared_;
};

}  // namespace margay::data
