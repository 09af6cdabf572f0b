#pragma once

#include <ATen/core/Tensor.h>

#include "margay/core/image.h"
#include "margay/data/image_pipeline.h"
#include "margay/export/tensor_message.h"

namespace margay::exporting {

/// What validation makes of a decoded image for the network: float [1,3,S,S].
at::Tensor network_input(const data::ImagePipeline& pipeline, const core::Image& pixels);

/// The input of a file that begins at pixels (kPixelsInput), uint8 [1,H,W,3].
RuntimeTensor pixels_tensor(core::Image pixels);
/// The input of a file that begins at a tensor (kTensorInput). input: of network_input.
RuntimeTensor input_tensor(const at::Tensor& input);

}  // namespace margay::exporting
