#pragma once

#include <string>

namespace margay::model {

/// Where timm keeps weights as safetensors, by its own name for them, such as "resnet18.tv_in1k".
inline std::string timm_weights_url(const std::string& name) {
  return "https://huggingface.co/timm/" + name + "/resolve/main/model.safetensors";
}

/// Where torchvision keeps them, as PyTorch pickles. file: with its hash, such as "vgg16-397923af".
inline std::string torchvision_weights_url(const std::string& file) {
  return "https://download.pytorch.org/models/" + file + ".pth";
}

constexpr const char* kTorchvisionV1 = "torchvision IMAGENET1K_V1";

}  // namespace margay::model
