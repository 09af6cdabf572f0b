#pragma once

#include <string>

#include <c10/core/Device.h>

namespace margay::train {

/// "auto", "cpu", "cuda" or "cuda:N". Throws std::invalid_argument for another word or a device that is not there.
c10::Device find_device(const std::string& name);

}  // namespace margay::train
