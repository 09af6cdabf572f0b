#include "apps/serve/image_map.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "margay/core/error.h"
#include "margay/data/image/write_image.h"
#include "margay/interpret/mapped_image.h"
#include "margay/serve/predictor.h"

namespace margay::routes {
namespace {

constexpr int kShownMapPx = 224;  // at least
constexpr int kMapQuality = 85;

data::Loader loader_of_one(const serve::Predictor& predictor, const std::string& name, const serve::ImageBytes& bytes,
                           std::int64_t max_pixels) {
  data::LoaderOptions loading{.batch_size = 1};
  loading.worker_priority = data::WorkerPriority::kNormal;
  loading.num_workers = 1;
  const data::ImageList images{data::ImageSource(std::filesystem::path(name), bytes)};
  return {std::make_shared<data::Dataset>(data::Dataset::unlabelled(images)),
          data::ImagePipeline(predictor.bundle().transforms, max_pixels, predictor.pipeline().decoding()),
          data::Phase::kValid, loading};
}

}  // namespace

ImageMap image_map(const serve::ServedModel& model, const std::string& name, const serve::ImageBytes& bytes,
                   const std::optional<std::string>& label, std::int64_t max_pixels) {
  const serve::Predictor& predictor = model.predictor();
  interpret::MappedImageOptions options{.activation = predict::activation_of(predictor.task()),
                                        .calibration = predictor.calibration(),
                                        .precision = predictor.precision()};
  if (label) options.classes = {predictor.vocabulary().index(*label)};
  std::optional<interpret::MappedImage> mapped;
  const auto skipped = interpret::for_each_mapped_image(
      *predictor.bundle().classifier, loader_of_one(predictor, name, bytes, max_pixels), options,
      [&](interpret::MappedImage&& image) { mapped = std::move(image); });
  if (!mapped) throw core::DataError(name, skipped.empty() ? "it cannot be read" : skipped.front().problem);
  const auto is_wanted = [&](const interpret::ClassMap& map) {
    return options.classes.empty() || map.class_index == options.classes.front();
  };
  const auto map = std::find_if(mapped->maps.begin(), mapped->maps.end(), is_wanted);
  MARGAY_CHECK(map != mapped->maps.end(), "the map of the class that was asked for is missing");
  const core::Image drawn = interpret::overlay_map(mapped->image, *map, {.min_side_px = kShownMapPx});
  return {.label = predictor.vocabulary().name(map->class_index), .jpeg = data::encode_jpeg(drawn, kMapQuality)};
}

}  // namespace margay::routes
