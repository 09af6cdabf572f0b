// Chapter 5 of the fast.ai book in C++: pet breeds from file names, presizing, a pretrained network, fine_tune.
#include <iostream>

#include "margay/margay.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: chapter5 FOLDER_OF_PETS RESNET18_SAFETENSORS\n";
    return 2;
  }
  auto pets = margay::DataBlock()
                  .items(margay::image_files(argv[1]))
                  .label(margay::regex_labels(R"((.+)_\d+\.jpg$)"))
                  .split(margay::random_split({.valid_fraction = 0.2, .seed = 42}))
                  .item_transform(margay::resize({.size = 460}))
                  .batch_transform(margay::augment({.size = 224, .min_scale = 0.75}));
  std::cout << pets.summary().text();

  margay::use_cpu_threads(margay::available_cpus());
  auto learner = margay::vision_learner(pets.loaders({.batch_size = 64}), "resnet18", {.weights = argv[2]});
  learner.fine_tune(2);
  std::cout << "error rate " << learner.history().back().metrics.at(0) << '\n';
  learner.save("pets.margay");
}
