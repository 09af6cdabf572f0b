#include "apps/cli/predict_with_progress.h"

#include "apps/cli/progress_line.h"
#include "margay/data/source/image_files.h"

namespace margay::cli {

namespace fs = std::filesystem;

data::PathList pictures_of(const std::vector<fs::path>& arguments) {
  data::PathList pictures;
  for (const fs::path& argument : arguments) {
    if (fs::is_directory(argument)) {
      pictures.append(data::image_files(argument));
    } else {
      pictures.add(argument.native());
    }
  }
  return pictures;
}

serve::PredictionTable predict_with_progress(const serve::Predictor& predictor, const data::PathList& pictures,
                                             const std::string& task) {
  ProgressLine line;
  line.begin(task);
  return predictor.predict(pictures, [&](std::size_t done, std::size_t total) {
    line.show(static_cast<std::int64_t>(done), static_cast<std::int64_t>(total), "pictures");
  });
}

}  // namespace margay::cli
