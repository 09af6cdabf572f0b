// Chapter 5 of the fast.ai book in C++: pet breeds from file names, presizing, a pretrained network, fine_tune.
// Run it where pets/images and resnet18.safetensors lie.
#include <exception>
#include <iostream>

#include "margay/margay.h"

namespace {

void train_pets() {
  auto pets = margay::DataBlock()
                  .items(margay::image_files("pets/images"))
                  .label(margay::regex_labels(R"((.+)_\d+\.jpg$)"))
                  .split(margay::random_split({.valid_fraction = 0.2, .seed = 42}))
                  .item_transform(margay::resize({.size = 460}))
                  .batch_transform(margay::augment({.size = 224, .min_scale = 0.75}));
  std::cout << pets.summary().text();

  auto learner =
      margay::vision_learner(pets.loaders({.batch_size = 64}), "resnet18", {.weights = "resnet18.safetensors"});
  learner.fine_tune(2);
  std::cout << "error rate " << learner.metric_value("error_rate") << '\n';
  learner.save("pets.margay");
}

}  // namespace

int main() {
  margay::use_cpu_threads(margay::available_cpus());
  try {
    train_pets();
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return static_cast<int>(margay::exit_code(error));
  }
}
