#include "margay/export/calibrate_ranges.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "margay/core/error.h"
#include "margay/core/random.h"
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

/// float [1,3,S,S], rows of the pipeline's channels-last numbers.
RuntimeTensor network_input(const data::ImagePipeline& pipeline, const core::Image& pixels) {
  core::Random random{0};
  const core::Image item = pipeline.item_transform().apply(pixels, data::Phase::kValid, random);
  const auto side = static_cast<std::size_t>(pipeline.output_size());
  std::vector<float> last(side * side * 3);
  pipeline.finish(item, data::Phase::kValid, random, last.data());
  std::vector<float> first(last.size());
  for (std::size_t i = 0; i < side * side; ++i) {
    for (std::size_t c = 0; c < 3; ++c) first[c * side * side + i] = last[3 * i + c];
  }
  const auto sides = static_cast<std::int64_t>(side);
  return float_tensor(kTensorInput, {1, 3, sides, sides}, first);
}

}  // namespace

RuntimeTensor model_input(const OnnxModel& model, const data::ImagePipeline& pipeline, const core::Image& pixels) {
  if (model.inputs.at(0).name != kPixelsInput) return network_input(pipeline, pixels);
  return {.name = kPixelsInput,
          .type = ElementType::kUint8,
          .shape = {1, pixels.height, pixels.width, 3},
          .bytes = pixels.pixels};
}

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
  throw core::DataError(there > 0 ? images.images->path(0).parent_path() : std::filesystem::path(),
                        "no image can be read to calibrate int8 with");
}

}  // namespace margay::exporting
