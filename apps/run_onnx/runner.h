#pragma once

#include <functional>
#include <string>
#include <vector>

#include "margay/export/tensor_message.h"

namespace margay::run_onnx {

/// A runtime that has loaded a file.
struct LoadedModel {
  std::string name;
  std::string version;
  /// All outputs for these inputs. May throw anything that is a std::exception.
  std::function<std::vector<exporting::RuntimeTensor>(const std::vector<exporting::RuntimeTensor>& inputs)> run;
};

/// Speaks the runners' protocol (margay/export/runtime.h) over the standard streams: loads the file that is the only
/// argument, introduces the runtime, answers until its input ends. What the runtime itself prints goes to standard
/// error. Returns the program's exit code.
int serve(int argc, char** argv, const std::function<LoadedModel(const std::string& path)>& load);

}  // namespace margay::run_onnx
