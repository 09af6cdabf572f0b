#include "margay/export/calibrate_ranges.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "margay/core/error.h"
#include "margay/data/common_folder.h"
#include "margay/export/model_input.h"
#include "margay/export/onnx_names.h"

namespace margay::exporting {
namespace {

/// A file that goes when its object does.
class ScratchFile {
 public:
  explicit ScratchFile(std::filesystem::path path) : path_(std::move(path)) {}
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  ~ScratchFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
    path_ += ".data";
    std::filesystem::remove(path_, ignored);
  }

 private:
  std::filesystem::path path_;
};

/// What the model takes for a decoded image.
RuntimeTensor model_input(const OnnxModel& model, const data::ImagePipeline& pipeline, core::Image pixels) {
  const bool begins_at_pixels = model.inputs.at(0).name == kPixelsInput;
  return begins_at_pixels ? pixels_tensor(std::move(pixels)) : input_tensor(network_input(pipeline, pixels));
}

}  // namespace

ActivationHistograms calibrate_ranges(const OnnxModel& model, const QuantizeOptions& options, const Runner& runner,
                                      const CalibrationImages& images, const std::filesystem::path& scratch,
                                      const std::function<void(std::size_t done, std::size_t total)>& on_progress) {
  const std::vector<std::string> values = values_to_quantise(model, options);
  const ScratchFile file(scratch);
  write_onnx(scratch, with_outputs(without_norms(model), values));
  const std::unique_ptr<Runtime> runtime = start_runner(runner, scratch);
  ActivationHistograms histograms;
  const std::size_t there = images.images->size();
  const std::size_t count = std::min(there, images.most);
  std::size_t read = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const data::ImageSource source = images.images->image(i * there / count);
    try {
      const RuntimeTensor input = model_input(model, images.pipeline, images.pipeline.read(source));
      const RuntimeOutputs outputs = runtime->run({input});
      for (const std::string& value : values) {
        histograms[value].add((value == input.name ? input : outputs.at(value)).floats());
      }
      ++read;
    } catch (const core::DataError& problem) {
      if (images.on_unread) images.on_unread(problem.what());
    }
    if (on_progress) on_progress(i + 1, count);
  }
  if (read > 0) return histograms;
  throw core::DataError(data::common_folder(*images.images), "no image can be read to calibrate int8 with");
}

}  // namespace margay::exporting
