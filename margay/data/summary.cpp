#include "margay/data/summary.h"

#include <exception>

#include <fmt/format.h>
#include <torch/types.h>
#include <nlohmann/json.hpp>

#include "margay/core/counted.h"
#include "margay/core/text.h"
#include "margay/data/common_folder.h"
#include "margay/data/data_block.h"
#include "margay/data/image/read_image.h"

namespace margay::data {
namespace {

std::string describe(const core::Image& image) { return fmt::format("uint8 [{},{},3] RGB", image.height, image.width); }

std::string describe(const torch::Tensor& tensor) {
  return fmt::format("{} [{}]", tensor.scalar_type() == torch::kLong ? "int64" : "float32",
                     core::joined(tensor.sizes(), ","));
}

std::string describe(const Matrix& matrix) {
  const auto& m = matrix.m;
  std::string text =
      fmt::format("output pixel (x,y) reads source pixel ({:.3f}x{:+.3f}y{:+.2f}, {:.3f}x{:+.3f}y{:+.2f})", m[0][0],
                  m[0][1], m[0][2], m[1][0], m[1][1], m[1][2]);
  if (!matrix.is_affine()) text += fmt::format(" / ({:.2g}x{:+.2g}y{:+.3f})", m[2][0], m[2][1], m[2][2]);
  return text;
}

std::string describe(const AugmentDraw& draw) {
  const Lighting& light = draw.lighting;
  std::string text = describe(draw.matrix) + fmt::format(
                                                 "\n         brightness {:.3f}, contrast {:.3f}, saturation {:.3f}, "
                                                 "hue {:+.3f} turns",
                                                 light.brightness, light.contrast, light.saturation, light.hue);
  if (!draw.image_ops.empty()) text += fmt::format("; {} operations of the policy", draw.image_ops.size());
  if (!draw.erased.empty()) text += fmt::format("; {} parts erased", draw.erased.size());
  return text;
}

/// Keeps the steps, and what to say if the next one throws.
class SummaryWalk {
 public:
  explicit SummaryWalk(Summary& summary) : summary_(summary) {}

  void enter(std::string stage, std::string file, std::string input, std::string remedy) {
    at_ = {std::move(stage), std::move(file), std::move(input), "", std::move(remedy)};
  }
  void leave(std::string after, std::string details = "") {
    summary_.steps.push_back({at_.stage, at_.input, std::move(after), std::move(details)});
  }
  void fail(const std::string& problem) {
    at_.problem = problem;
    summary_.failure = at_;
  }

 private:
  Summary& summary_;
  SummaryFailure at_;
};

void walk_image(SummaryWalk& walk, const Dataset& dataset, const ImagePipeline& pipeline) {
  const std::string file = core::shown_path(dataset.path(0));
  core::Random random{0};
  walk.enter("read", file, "file of class '" + dataset.label(0) + "'",
             "look at the file; remove it, or train with `unreadable` skip");
  const ImageSize size = read_size(dataset.image(0));
  const core::Image image = pipeline.read(dataset.image(0));
  walk.leave(describe(image), fmt::format("{}, {}x{} pixels upright", file, size.width, size.height));

  walk.enter("item transform: Resize", file, describe(image), "change the options of resize");
  const core::Image presized = pipeline.item_transform().apply(image, Phase::kTrain, random);
  walk.leave(describe(presized), core::to_json(pipeline.item_transform().options()).dump());

  walk.enter("batch transform: draw", file, describe(presized), "change the options of augment");
  const Augment& augment = pipeline.batch_transform();
  const AugmentDraw draw = augment.draw(presized.height, presized.width, Phase::kTrain, random);
  walk.leave("one 3x3 matrix, lighting", describe(draw));

  walk.enter("batch transform: Augment, one interpolation", file, describe(presized), "change the options of augment");
  std::vector<float> out(static_cast<std::size_t>(pipeline.output_floats()));
  augment.apply(presized, draw, pipeline.transforms().normalization, out.data());
  walk.leave(fmt::format("float32 [{0},{0},3] normalised", pipeline.output_size()),
             fmt::format("{}\n         Normalize {}", core::to_json(augment.options()).dump(),
                         core::to_json(pipeline.transforms().normalization).dump()));
}

void walk_batch(SummaryWalk& walk, const Loader& loader, const std::string& which) {
  const std::string input = core::counted(loader.dataset().size(), "image");
  walk.enter(which + " loader", "", input, "remove the file named, or train with `unreadable` skip");
  LoaderPass pass = loader.pass(0);
  const std::optional<Batch> batch = pass.next();
  if (!batch) return;
  walk.leave(fmt::format("images {} channels-last, targets {}", describe(batch->images), describe(batch->targets)),
             fmt::format("{} of {}; pixel mean {:.3f}, std {:.3f}\n         {}",
                         core::counted(loader.num_batches(), "batch", "batches"), loader.options().batch_size,
                         batch->images.mean().item<double>(), batch->images.std().item<double>(),
                         core::to_json(loader.options()).dump()));
}

}  // namespace

Summary DataBlock::summary(const LoaderOptions& options) const {
  Summary summary;
  SummaryWalk walk(summary);
  try {
    walk.enter("items, labels, split", core::shown_path(common_folder(paths())), core::counted(images_.size(), "image"),
               "check the folder, the labelling and the split");
    const Loaders loaders = this->loaders(options);
    summary.warnings = loaders.warnings;
    walk.leave(fmt::format("{} train, {} valid, {}", loaders.train.dataset().size(),
                           loaders.valid ? loaders.valid->dataset().size() : 0,
                           core::counted(loaders.vocabulary.size(), "class", "classes")),
               core::joined(loaders.vocabulary.names(), ", "));
    walk_image(walk, loaders.train.dataset(), loaders.train.pipeline());
    walk_batch(walk, loaders.train, "train");
    if (loaders.valid) walk_batch(walk, *loaders.valid, "valid");
  } catch (const std::exception& error) {
    walk.fail(error.what());
  }
  return summary;
}

std::string Summary::text() const {
  std::string text;
  for (const SummaryStep& step : steps) {
    text += fmt::format("{}\n    in   {}\n    out  {}\n", step.stage, step.before, step.after);
    if (!step.details.empty()) text += fmt::format("         {}\n", step.details);
  }
  for (const std::string& warning : warnings) text += "warning: " + warning + "\n";
  if (failure) {
    text += fmt::format("FAILED at {}\n    file     {}\n    got      {}\n    problem  {}\n    remedy   {}\n",
                        failure->stage, failure->file, failure->input, failure->problem, failure->remedy);
  }
  return text;
}

}  // namespace margay::data
