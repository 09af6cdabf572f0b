#include <array>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>
#include <onnxruntime_cxx_api.h>

#include "apps/run_onnx/runner.h"

namespace {

using margay::exporting::ElementType;
using margay::exporting::RuntimeTensor;
using margay::run_onnx::LoadedModel;

/// A session and the names of its outputs.
class OrtModel {
 public:
  explicit OrtModel(const std::string& path) : session_(environment_, path.c_str(), options()) {
    Ort::AllocatorWithDefaultOptions allocator;
    for (std::size_t i = 0; i < session_.GetOutputCount(); ++i) {
      outputs_.emplace_back(session_.GetOutputNameAllocated(i, allocator).get());
    }
  }

  std::vector<RuntimeTensor> run(const std::vector<RuntimeTensor>& inputs) {
    std::vector<const char*> names;
    std::vector<Ort::Value> values;
    for (const RuntimeTensor& input : inputs) {
      names.push_back(input.name.c_str());
      values.push_back(value_of(input));
    }
    std::vector<const char*> wanted;
    for (const std::string& name : outputs_) wanted.push_back(name.c_str());
    const std::vector<Ort::Value> results = session_.Run(Ort::RunOptions(nullptr), names.data(), values.data(),
                                                         values.size(), wanted.data(), wanted.size());
    std::vector<RuntimeTensor> tensors;
    for (std::size_t i = 0; i < results.size(); ++i) tensors.push_back(tensor_of(outputs_[i], results[i]));
    return tensors;
  }

 private:
  /// Threads that spin while they wait would slow down whoever else computes on this machine.
  static Ort::SessionOptions options() {
    Ort::SessionOptions options;
    options.AddConfigEntry("session.intra_op.allow_spinning", "0");
    return options;
  }

  static Ort::Value value_of(const RuntimeTensor& tensor) {
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    const auto type = tensor.type == ElementType::kFloat32 ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT
                      : tensor.type == ElementType::kUint8 ? ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8
                                                           : ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
    auto* bytes = const_cast<std::uint8_t*>(tensor.bytes.data());  // inputs are not written to
    return Ort::Value::CreateTensor(memory, bytes, tensor.bytes.size(), tensor.shape.data(), tensor.shape.size(), type);
  }

  static RuntimeTensor tensor_of(const std::string& name, const Ort::Value& value) {
    const auto info = value.GetTensorTypeAndShapeInfo();
    if (info.GetElementType() != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) {
      throw std::runtime_error(fmt::format("the output {} is not float", name));
    }
    return margay::exporting::float_tensor(name, info.GetShape(),
                                           {value.GetTensorData<float>(), info.GetElementCount()});
  }

  Ort::Env environment_{ORT_LOGGING_LEVEL_ERROR, "margay"};
  Ort::Session session_;
  std::vector<std::string> outputs_;
};

LoadedModel load(const std::string& path) {
  auto model = std::make_shared<OrtModel>(path);
  return {.name = "onnxruntime", .version = Ort::GetVersionString(), .run = [model](const auto& inputs) {
            return model->run(inputs);
          }};
}

}  // namespace

/// ONNX Runtime, in a program of its own, so that whatever happens in it ends it alone.
int main(int argc, char** argv) { return margay::run_onnx::serve(argc, argv, load); }
