#include "margay/export/runtime.h"

#include <string_view>

#include <fmt/format.h>

#include "margay/core/text.h"

namespace margay::exporting {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> runner_places(const std::string& program) {
  std::vector<fs::path> places;
  std::error_code error;
  const fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
  if (!error) places = {here / program, here.parent_path() / "libexec" / "margay" / program};
  places.push_back(fs::path(MARGAY_LIBEXEC) / program);
  return places;
}

}  // namespace

const RuntimeTensor& RuntimeOutputs::at(const std::string& name) const {
  std::string others;
  for (const RuntimeTensor& tensor : tensors) {
    if (tensor.name == name) return tensor;
    others += (others.empty() ? "" : ", ") + core::spelled_out(tensor.name);
  }
  throw RuntimeFailure(
      fmt::format("{} gives no output '{}'; its outputs are {}", runtime, name, others.empty() ? "none" : others));
}

std::vector<Runner> installed_runners() {
  std::vector<Runner> runners;
  for (const char* name : {"onnxruntime", "opencv"}) {
    for (const fs::path& place : runner_places(fmt::format("margay-run-{}", name))) {
      std::error_code error;
      if (!fs::is_regular_file(place, error)) continue;
      runners.push_back({.name = name,
                         .command = core::shell_word(place.string()),
                         .takes_pixels = std::string_view(name) != "opencv"});
      break;
    }
  }
  return runners;
}

}  // namespace margay::exporting
