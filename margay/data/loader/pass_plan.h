#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "margay/core/random.h"
#include "margay/data/cache/image_cache.h"
#include "margay/data/dataset.h"
#include "margay/data/image_pipeline.h"
#include "margay/data/item.h"
#include "margay/data/loader/batch.h"
#include "margay/data/loader/ending_passes.h"
#include "margay/data/loader/loader_options.h"
#include "margay/data/loader/worker_team.h"

namespace margay::data {

/// Draws `count` positions of `weights` with replacement, each in proportion to its weight. A weight of 0 is never
/// drawn. Throws std::invalid_argument for a negative or non-finite weight, or when all are 0.
std::vector<std::size_t> sample_weighted(std::span<const double> weights, std::size_t count, core::Random random);

/// One row of a pass.
struct PassRow {
  std::size_t id = 0;  ///< position in the dataset
  /// The number of the draw in the epoch, over all processes. It distinguishes two draws of one image.
  std::size_t draw = 0;
  /// Its micro-batch, among those of this process, from 0.
  std::size_t micro = 0;
};

/// How many parts a training batch has: options.micro_batches, but at least one for each process.
int num_micro_batches(const LoaderOptions& options);

/// The images of a batch that one process gets at most. Training: those of its micro-batches, of options.batch_size in
/// all. Validation: whole batches as large as a micro-batch.
int rows_per_batch(Phase phase, const LoaderOptions& options);

/// The number of batches of a pass over `images` images, by all processes together. With drop_last a training pass
/// leaves out the last, smaller batch, unless it is the only one.
std::int64_t count_batches(std::size_t images, Phase phase, const LoaderOptions& options);

/// How many of them this process loads: all in training, where it gets a part of each; every world-th in validation.
std::int64_t count_own_batches(std::size_t images, Phase phase, const LoaderOptions& options);

/// The rows of this process in the epoch, batch after batch, without those that drop_last leaves out. Training: drawn
/// with replacement by `weights` if there are any, otherwise every image in random order. Of a batch of all processes,
/// micro-batch m of V has the rows m, m + V, m + 2 V …, and process r those of its micro-batches, from r V / world on,
/// one after another; what a micro-batch holds does not depend on the number of processes. Validation: the dataset's
/// order; process r takes the batches r, r + world, …. weights: one for each image, or none.
std::vector<PassRow> pass_order(std::size_t images, std::span<const double> weights, Phase phase,
                                const LoaderOptions& options, std::int64_t epoch);

/// The rows of one pass and how they are loaded.
struct PassPlan {
  std::shared_ptr<const Dataset> dataset;
  ImagePipeline pipeline;
  Phase phase;                        ///< of the pixels
  LoaderOptions options;              ///< batch_size: rows_per_batch()
  MixOptions mix;                     ///< of whole batches
  std::shared_ptr<ImageCache> cache;  ///< or null
  std::int64_t epoch = 0;
  std::vector<PassRow> rows;                ///< of the whole pass
  std::size_t first_batch = 0;              ///< the batches before it are skipped
  bool ends_early = false;                  ///< `rows` are not all of them
  bool is_divided = false;                  ///< into micro-batches; empty batches are then not left out
  std::shared_ptr<NormalTerm> normal_term;  ///< what earlier passes learned about the machine, or null
  std::shared_ptr<EndingPasses> ending;     ///< where threads of idle priority may end later; null: the pass waits

  /// The shape of an image when the threads are done with it: the network's input, or an item if the device augments.
  PixelShape row_shape() const {
    const bool is_item = options.augment_on == AugmentOn::kDevice;
    return is_item ? PixelShape{pipeline.transforms().resize.size, at::kByte}
                   : PixelShape{pipeline.output_size(), at::kFloat};
  }
};

}  // namespace margay::data
