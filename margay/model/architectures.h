#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "margay/model/backbone/backbone.h"

namespace margay::model {

/// One row of the table of networks.
struct Architecture {
  std::string name;
  std::function<std::shared_ptr<Backbone>()> build;
  std::int64_t parameters;     ///< of the backbone
  int input_px;                ///< side of the pictures it is usually trained on
  std::array<double, 3> mean;  ///< of each channel's pixels / 255, for normalisation
  std::array<double, 3> std;
  std::string weights_url;  ///< published weights that load_pretrained reads; "" if there are none
};

/// All of them: resnet18, 34, 50, 101, 152, and resnet20 for training from scratch.
const std::vector<Architecture>& architectures();

/// Throws std::invalid_argument, with the nearest name, for one that is not there.
const Architecture& find_architecture(const std::string& name);

}  // namespace margay::model
