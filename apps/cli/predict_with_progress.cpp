#include "apps/cli/predict_with_progress.h"

#include "apps/cli/progress_line.h"
#include "margay/data/source/image_files.h"

namespace margay::cli {

namespace fs = std::filesystem;

std::vector<fs::path> pictures_of(const std::vector<fs::path>& arguments) {
  std::vector<fs::path> pictures;
  for (const fs::path& argument : arguments) {
    if (fs::is_directory(argument)) {
      const std::vector<fs::path> inside = data::image_files(argument);
      pictures.insert(pictures.end(), inside.begin(), inside.end());
    } else {
      pictures.push_back(argument);
    }
  }
  return pictures;
}

serve::PredictionTable predict_with_progress(const serve::Predictor& predictor, const std::vector<fs::path>& pictures,
                                             const std::string& task) {
  ProgressLine line;
  line.begin(task);
  return predictor.predict(pictures, [&](std::size_t done, std::size_t total) {
    line.show(static_cast<std::int64_t>(done), static_cast<std::int64_t>(total), "pictures");
  });
}

}  // namespace margay::cli
