// The data path alone: how many images a second the loader reads, decodes, presizes, crops and normalises.
//
//   loader_speed FOLDER
#include <chrono>

#include <fmt/format.h>

#include "margay/data/data_block.h"
#include "margay/data/source/image_files.h"
#include "margay/data/source/labels.h"
#include "margay/data/source/splits.h"

int main(int argc, char** argv) {
  namespace data = margay::data;
  if (argc != 2) {
    fmt::print(stderr, "usage: loader_speed FOLDER\n");
    return 2;
  }
  const data::Loaders loaders = data::DataBlock()
                                    .items(data::image_files(argv[1]))
                                    .label(data::folder_labels())
                                    .split(data::random_split({.valid_fraction = 0}))
                                    .item_transform(data::resize({.size = 460}))
                                    .batch_transform(data::augment({.size = 224, .min_scale = 0.75}))
                                    .loaders();
  for (int epoch = 0; epoch < 3; ++epoch) {
    const auto begin = std::chrono::steady_clock::now();
    std::int64_t images = 0;
    data::LoaderPass pass = loaders.train.pass(epoch);
    while (const auto batch = pass.next()) images += batch->size();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    fmt::print("{} images, {:.1f} images/s\n", images, static_cast<double>(images) / seconds);
  }
}
