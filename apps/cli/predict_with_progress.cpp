#include "apps/cli/predict_with_progress.h"

#include "apps/cli/progress_line.h"
#include "margay/data/source/image_files.h"

namespace margay::cli {

namespace fs = std::filesystem;

data::PathList images_of(const std::vector<fs::path>& arguments) {
  data::PathList images;
  for (const fs::path& argument : arguments) {
    if (fs::is_directory(argument)) {
      images.append(data::image_files(argument));
    } else {
      images.add(argument.native());
    }
  }
  return images;
}

namespace {

serve::Predictor::OnProgress shown_on(ProgressLine& line) {
  return [&line](std::size_t done, std::size_t total) {
    line.show(static_cast<std::int64_t>(done), static_cast<std::int64_t>(total), "images");
  };
}

}  // namespace

predict::Predictions predict_with_progress(const serve::Predictor& predictor, const data::PathList& images,
                                           const std::string& task) {
  ProgressLine line;
  line.begin(task);
  return predictor.predict(images, shown_on(line));
}

void stream_with_progress(const serve::Predictor& predictor, std::shared_ptr<const data::Dataset> images,
                          const predict::PredictionSink& sink, const std::string& task) {
  ProgressLine line;
  line.begin(task);
  predictor.stream(std::move(images), sink, shown_on(line));
}

}  // namespace margay::cli
