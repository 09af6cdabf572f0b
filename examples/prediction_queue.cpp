// A prediction queue inside a program of one's own, without a server: images come as bytes, from any thread, and each
// request is answered by a function that the program gives.
//
//   prediction_queue MODEL.margay IMAGE...
//
// Without arguments it makes a small model with random weights and asks it for an image of its own.
#include <algorithm>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <margay/core/threads.h>
#include <margay/model/cpu_threads.h>
#include <margay/serve/prediction_queue.h>
#include <margay/serve/predictor.h>
#include <margay/serve/served_model.h>

namespace {

using margay::serve::ImageInput;
using margay::serve::Outcome;

std::shared_ptr<const margay::serve::ServedModel> random_model() {
  margay::bundle::Bundle bundle;
  bundle.classifier = margay::model::make_classifier({.architecture = "resnet20", .num_classes = 2});
  bundle.vocabulary = margay::data::Vocabulary({"cat", "dog"});
  bundle.transforms.augment.size = 64;
  return margay::serve::ServedModel::of_bundle("random", std::move(bundle), {});
}

ImageInput upload(std::string name, std::vector<std::uint8_t> bytes) {
  return {.name = std::move(name), .content = std::make_shared<const std::vector<std::uint8_t>>(std::move(bytes))};
}

ImageInput read_upload(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return upload(path, {std::istreambuf_iterator<char>(file), {}});
}

/// A grey image of 4x4 pixels, in the simplest of formats.
ImageInput grey_upload() {
  std::string pgm = "P5 4 4 255\n" + std::string(16, '\x80');
  return upload("grey", {pgm.begin(), pgm.end()});
}

/// Called in a thread of the queue.
void print(const margay::serve::PredictionReply& reply) {
  const std::vector<std::string>& labels = reply.model->facts().labels;
  for (const margay::serve::PredictedImage& image : reply.images) {
    if (image.outcome != Outcome::kPredicted) {
      std::cout << image.problem << '\n';
      continue;
    }
    const auto best = std::max_element(image.logits.begin(), image.logits.end()) - image.logits.begin();
    const auto k = static_cast<std::size_t>(best);
    std::cout << image.name << ": " << labels[k] << " with probability " << image.probabilities[k] << '\n';
  }
}

void run(const std::vector<std::string>& arguments) {
  const auto model = arguments.empty() ? random_model() : margay::serve::ServedModel::load("mine", arguments[0], {});
  margay::serve::PredictionQueue queue(model, {.max_queue = 64});
  std::vector<ImageInput> images;
  for (std::size_t i = 1; i < arguments.size(); ++i) images.push_back(read_upload(arguments[i]));
  if (images.empty()) images.push_back(grey_upload());
  const auto refusal = queue.submit({.images = std::move(images), .done = print});
  if (refusal) std::cout << "refused: " << refusal->text << '\n';
  queue.drain();  // until all is answered
}

}  // namespace

int main(int argc, char** argv) {
  margay::model::use_cpu_threads(margay::core::available_cpus());
  try {
    run({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
