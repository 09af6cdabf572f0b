#include <algorithm>
#include <cstring>
#include <stdexcept>

#include <fmt/format.h>
#include <opencv2/core/version.hpp>
#include <opencv2/dnn.hpp>

#include "apps/run_onnx/runner.h"
#include "margay/export/onnx_names.h"

namespace {

namespace exporting = margay::exporting;
using margay::exporting::ElementType;
using margay::exporting::RuntimeTensor;
using margay::run_onnx::LoadedModel;

cv::Mat blob_of(const RuntimeTensor& tensor) {
  if (tensor.type != ElementType::kFloat32) throw std::runtime_error("only float inputs are supported");
  std::vector<int> sides(tensor.shape.begin(), tensor.shape.end());
  cv::Mat blob(sides, CV_32F);
  std::memcpy(blob.data, tensor.bytes.data(), tensor.bytes.size());
  return blob;
}

RuntimeTensor tensor_of(const std::string& name, const cv::Mat& blob) {
  const cv::Mat rows = blob.isContinuous() ? blob : blob.clone();
  if (rows.type() != CV_32F) throw std::runtime_error(fmt::format("the output {} is not float", name));
  const std::vector<std::int64_t> shape(rows.size.p, rows.size.p + rows.dims);
  return margay::exporting::float_tensor(name, shape, {rows.ptr<float>(), rows.total()});
}

/// Of the outputs that Margay's files may have, those that this one has.
std::vector<std::string> outputs_of(cv::dnn::Net& net) {
  std::vector<std::string> names;
  for (const char* name : {exporting::kLogitsOutput, exporting::kProbabilitiesOutput, exporting::kUnknownScoreOutput,
                           exporting::kKnownOutput}) {
    if (net.getLayerId(name) >= 0) names.emplace_back(name);
  }
  return names;
}

std::vector<RuntimeTensor> run(cv::dnn::Net& net, const std::vector<RuntimeTensor>& inputs) {
  for (const RuntimeTensor& input : inputs) net.setInput(blob_of(input), input.name);
  const std::vector<std::string> names = outputs_of(net);
  std::vector<cv::Mat> blobs;
  net.forward(blobs, names);
  std::vector<RuntimeTensor> outputs;
  for (std::size_t i = 0; i < names.size(); ++i) outputs.push_back(tensor_of(names[i], blobs[i]));
  return outputs;
}

LoadedModel load(const std::string& path) {
  auto net = std::make_shared<cv::dnn::Net>(cv::dnn::readNetFromONNX(path));
  net->setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
  net->setPreferableTarget(cv::dnn::DNN_TARGET_CPU);
  return {.name = "opencv", .version = CV_VERSION, .run = [net](const auto& inputs) { return run(*net, inputs); }};
}

}  // namespace

/// OpenCV's dnn module. In a program of its own: its Protocol Buffers are others than LibTorch's.
int main(int argc, char** argv) { return margay::run_onnx::serve(argc, argv, load); }
