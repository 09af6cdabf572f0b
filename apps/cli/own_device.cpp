#include "apps/cli/own_device.h"

#include <fmt/format.h>

#include "margay/model/precision.h"

namespace margay::cli {

std::string own_device(const std::string& device, const Launch& launch) {
  const bool is_open = device == "auto" || device == "cuda";
  if (launch.is_one() || !is_open || !model::find_device(device).is_cuda()) return device;
  return fmt::format("cuda:{}", launch.local_rank);
}

}  // namespace margay::cli
