#include "apps/cli/explain_map.h"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "apps/cli/terminal.h"
#include "margay/chart/render.h"
#include "margay/core/file.h"
#include "margay/core/threads.h"
#include "margay/run/training_charts.h"

namespace margay::cli {
namespace {

namespace fs = std::filesystem;

data::Loader loader_of(const serve::Predictor& predictor, const serve::PredictorOptions& options,
                       const data::PathList& images) {
  data::LoaderOptions loading{.batch_size = options.batch_size};
  loading.worker_priority = data::WorkerPriority::kNormal;  // somebody waits
  loading.num_workers = static_cast<int>(std::min<std::size_t>(
      images.size(), static_cast<std::size_t>(options.num_workers.value_or(core::default_threads()))));
  return {std::make_shared<data::Dataset>(data::Dataset::unlabelled(images)), predictor.pipeline(), data::Phase::kValid,
          loading};
}

}  // namespace

std::vector<interpret::MappedImage> mapped_images(const serve::Predictor& predictor,
                                                  const serve::PredictorOptions& options, const MapSubject& subject) {
  std::vector<std::size_t> ids = subject.ids;
  ids.resize(std::min(ids.size(), kMostMappedImages));
  interpret::MappedImageOptions mapping{.classes = subject.classes,
                                        .activation = predict::activation_of(predictor.task()),
                                        .calibration = predictor.calibration(),
                                        .precision = model::resolve_precision(options.precision, torch::kCPU),
                                        .ids = &ids};
  std::vector<interpret::MappedImage> mapped;
  interpret::for_each_mapped_image(*predictor.bundle().classifier, loader_of(predictor, options, subject.images),
                                   mapping,
                                   [&](interpret::MappedImage&& image) { mapped.push_back(std::move(image)); });
  return mapped;
}

chart::Drawing drawing_of_maps(const std::vector<interpret::MappedImage>& mapped, const MapSubject& subject,
                               const std::vector<std::string>& class_names) {
  std::vector<std::string> captions;
  for (const auto& each : mapped) captions.push_back(subject.images[each.id].filename().string());
  return interpret::map_drawing(mapped, captions, class_names);
}

void check_map_file(const fs::path& file, std::size_t images) {
  run::check_chart_path(file);
  core::check_writable(file);
  if (images <= kMostMappedImages) return;
  throw std::invalid_argument(
      fmt::format("[explain] --map draws at most {} images in one file, and {} are given; name some of them",
                  kMostMappedImages, images));
}

void write_map_file(const chart::Drawing& drawing, const fs::path& file) {
  if (file.extension() == ".svg") {
    core::write_file_atomically(file, chart::drawing_svg(drawing));
  } else {
    save_drawing(drawing, file);
  }
}

}  // namespace margay::cli
