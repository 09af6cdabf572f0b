#include "margay/run/largest_batch.h"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "margay/core/error.h"
#include "margay/core/machine.h"
#include "margay/model/classifier.h"
#include "margay/model/precision.h"
#include "margay/train/batch_size/find_batch_size.h"

namespace margay::run {
namespace {

constexpr std::int64_t kFewest = 8;  // images that a search begins with

/// A network as the training will have it, and its step.
struct Trial {
  std::shared_ptr<model::Classifier> classifier;
  train::StepShape step;
};

Trial trial_of(const TrainOptions& options, const data::Loaders& loaders) {
  const train::LearnerOptions& learner = options.vision_learner.learner;
  Trial trial{.classifier = model::make_classifier(
                  {.architecture = options.arch,
                   .num_classes = loaders.vocabulary.size(),
                   .image_px = options.batch.transforms.augment.size,
                   .arithmetic = options.vision_learner.arithmetic.value_or(model::Arithmetic::kUsual),
                   .head = options.vision_learner.head}),
              .step = {.image_px = options.batch.transforms.augment.size,
                       .precision = learner.precision,
                       .loss = {.task = loaders.task(), .options = learner.loss}}};
  trial.classifier->to(model::find_device(learner.device));
  if (learner.checkpoint_activations) trial.classifier->set_gradient_checkpointing(model::GradientCheckpointing::kOn);
  return trial;
}

/// Processes of one host share its memory, of which none has taken any yet.
void share_memory(train::AutoBatchOptions& search, const Trial& trial, collective::Group& group) {
  if (group.size() == 1 || search.memory_limit_mb || !trial.classifier->device().is_cpu()) return;
  constexpr std::uint64_t kMegabyte = 1'000'000;
  const std::uint64_t free = core::available_memory_bytes();
  const std::vector<std::string> hosts = group.gather(core::host_name());
  const auto here = std::count(hosts.begin(), hosts.end(), core::host_name());
  if (free > 0) search.memory_limit_mb = static_cast<std::int64_t>(free / kMegabyte) / here;
}

/// That of this process, with the share of the process whose memory holds the fewest images.
train::BatchSizeAdvice agreed_advice(const Trial& trial, const train::AutoBatchOptions& search,
                                     collective::Group& group) {
  std::optional<train::BatchSizeAdvice> advice;
  std::exception_ptr failure;
  try {
    advice = train::find_batch_size(*trial.classifier, trial.step, search);
  } catch (const std::exception&) {
    failure = std::current_exception();
  }
  double share = advice ? -static_cast<double>(advice->batch_size) : 0;
  group.maximum({&share, 1});
  if (failure) std::rethrow_exception(failure);
  if (share == 0) throw core::Error("[auto_batch_size] another process found no batch that fits");
  advice->batch_size = static_cast<std::int64_t>(-share);
  return *advice;
}

}  // namespace

int largest_batch_size(const TrainOptions& options, const std::filesystem::path& cache_folder, Observer& observer,
                       collective::Group& group) {
  const data::Loaders loaders = make_loaders(options.batch, cache_folder);
  const Trial trial = trial_of(options, loaders);
  train::AutoBatchOptions search = options.auto_batch;
  // A batch never holds more than all images.
  const auto largest = std::clamp<std::int64_t>(loaders.train.dataset().size(), kFewest, search.largest);
  search.largest = std::max(kFewest, largest / group.size());
  share_memory(search, trial, group);
  train::BatchSizeAdvice advice = agreed_advice(trial, search, group);
  advice.processes = group.size();
  observer.found_batch_size(advice);
  return static_cast<int>(std::min(largest, advice.batch_size * group.size()));
}

}  // namespace margay::run
