#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "margay/core/error.h"
#include "margay/export/tensor_message.h"

namespace margay::exporting {

/// A runtime could not be started, cannot run the file, broke down, hung, or sent what nobody understands. what() names
/// it and says how. It is no fault of Margay's, and other runtimes go on.
class RuntimeFailure : public core::Error {
 public:
  using core::Error::Error;
};

struct RuntimeOutputs {
  std::string runtime;  ///< its name
  std::vector<RuntimeTensor> tensors;
  double seconds = 0;  ///< of the run alone, as the runtime measured it

  /// Throws RuntimeFailure naming the runtime and the outputs that are there.
  const RuntimeTensor& at(const std::string& name) const;
};

/// Something that runs an ONNX file. Not for several threads at once.
class Runtime {
 public:
  virtual ~Runtime() = default;

  virtual std::string name() const = 0;     ///< such as "onnxruntime-node"
  virtual std::string version() const = 0;  ///< such as "1.30.0"
  /// All outputs for the given inputs, which are found by their names. Throws RuntimeFailure.
  virtual RuntimeOutputs run(const std::vector<RuntimeTensor>& inputs) = 0;
};

/// A program that runs ONNX files for Margay, a runner. It is started as
///
///     COMMAND FILE.onnx
///
/// loads the file, and writes a message (TensorMessage: a safetensors file) to its standard output that introduces it,
/// with the notes `margay_runner`: "1", `name` and `version`. Then it reads messages from its standard input, whose
/// tensors are inputs of the file by their names, and answers each by one whose tensors are all its outputs, with the
/// note `seconds`: how long the run alone took. A message with the note `error` says why something cannot be done. When
/// standard input ends, so does the program. Its standard error is free: the last lines are shown when it fails.
struct Runner {
  std::string name;     ///< what it is called before it has said so
  std::string command;  ///< of the shell (sh -c); the file's name is put behind it
  bool was_asked_for = false;
  bool takes_pixels = true;  ///< images of any size, uint8
  /// One that has not answered after so long is ended, with all processes that it started.
  std::chrono::milliseconds limit = std::chrono::minutes(5);
  /// Called some times a second while it is waited for. What it throws ends the runner and is thrown on.
  std::function<void()> on_wait = {};
};

/// Starts a runner in a process of its own and waits until it has loaded the file. It ends with the object. Throws
/// RuntimeFailure.
std::unique_ptr<Runtime> start_runner(const Runner& runner, const std::filesystem::path& onnx);

/// The runners that were built with Margay and are installed: "opencv" (its dnn module: float tensors into
/// convolutional networks) and "onnxruntime", as far as this machine's packages had them. They are searched for beside
/// the executable of this process, in ../libexec/margay from there, and where `cmake --install` puts them.
std::vector<Runner> installed_runners();

}  // namespace margay::exporting
