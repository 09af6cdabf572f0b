#include "margay/export/model_input.h"

#include <utility>

#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/random.h"
#include "margay/export/onnx_names.h"

namespace margay::exporting {

at::Tensor network_input(const data::ImagePipeline& pipeline, const core::Image& pixels) {
  core::Random random{0};  // validation draws nothing
  const core::Image item = pipeline.item_transform().apply(pixels, data::Phase::kValid, random);
  const std::int64_t side = pipeline.output_size();
  const torch::Tensor input = torch::empty({1, side, side, 3});
  pipeline.finish(item, data::Phase::kValid, random, input.data_ptr<float>());
  return input.permute({0, 3, 1, 2});
}

RuntimeTensor pixels_tensor(core::Image pixels) {
  return {.name = kPixelsInput,
          .type = ElementType::kUint8,
          .shape = {1, pixels.height, pixels.width, 3},
          .bytes = std::move(pixels.pixels)};
}

RuntimeTensor input_tensor(const at::Tensor& input) {
  const torch::Tensor rows = input.contiguous();
  return float_tensor(kTensorInput, rows.sizes().vec(),
                      {rows.data_ptr<float>(), static_cast<std::size_t>(rows.numel())});
}

}  // namespace margay::exporting
