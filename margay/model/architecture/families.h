#pragma once

#include <vector>

#include "margay/model/architecture/architecture.h"

namespace margay::model {

/// The rows of the table, one function and one file a family.
std::vector<Architecture> resnets();
std::vector<Architecture> resnexts();
std::vector<Architecture> wide_resnets();
std::vector<Architecture> resnet_ds();
std::vector<Architecture> vggs();
std::vector<Architecture> densenets();
std::vector<Architecture> squeezenets();
std::vector<Architecture> flat_nets();
std::vector<Architecture> mobilenets();
std::vector<Architecture> efficientnets();
std::vector<Architecture> convnexts();
std::vector<Architecture> vits();
std::vector<Architecture> swins();

}  // namespace margay::model
