// The prediction queue against the predictor on the same images, in one process, and what it costs that an image's
// logits do not depend on its companions.
//
//   predict_queue FOLDER [ARCH [SIDE [IMAGES [ROUNDS]]]]
//
// FOLDER: JPEGs, say of 500x375; ARCH has random weights. It prints images/s of the predictor with whole batches and
// image by image, of the queue with 16 requests at once, milliseconds of one image alone, and of saving and loading.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <latch>
#include <memory>
#include <semaphore>
#include <string>
#include <vector>

#include "benchmarks/timing.h"
#include "margay/bundle/bundle.h"
#include "margay/core/threads.h"
#include "margay/data/loader/batch.h"
#include "margay/data/source/image_files.h"
#include "margay/model/cpu_threads.h"
#include "margay/predict/inference.h"
#include "margay/serve/prediction_queue.h"
#include "margay/serve/predictor.h"
#include "margay/serve/served_model.h"

namespace {

using benchmarks::seconds_of;

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using margay::serve::ImageInput;

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

margay::bundle::Bundle random_bundle(const std::string& architecture, int side) {
  margay::bundle::Bundle bundle;
  bundle.classifier = margay::model::make_classifier({.architecture = architecture, .num_classes = 37});
  std::vector<std::string> names;
  for (int k = 0; k < 37; ++k) names.push_back("class " + std::to_string(k));
  bundle.vocabulary = margay::data::Vocabulary(names);
  bundle.transforms.resize = {.size = side * 8 / 7};
  bundle.transforms.augment = {.size = side};
  return bundle;
}

std::vector<ImageInput> uploads_of(const fs::path& folder, std::size_t count) {
  std::vector<ImageInput> uploads;
  const auto files = margay::data::image_files(folder);
  for (std::size_t i = 0; i < files.size() && uploads.size() < count; ++i) {
    std::ifstream file(files[i], std::ios::binary);
    uploads.push_back({.name = files[i].string(),
                       .content = std::make_shared<const std::vector<std::uint8_t>>(
                           std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>())});
  }
  return uploads;
}

margay::data::ImageList list_of(const std::vector<ImageInput>& uploads) {
  margay::data::ImageList images;
  for (const ImageInput& upload : uploads)
    images.add(margay::data::ImageSource(upload.name, std::get<margay::serve::ImageBytes>(upload.content)));
  return images;
}

/// Seconds of all images as whole batches of 64, as before images were computed one by one.
double whole_batches_s(const margay::serve::Predictor& predictor, const std::vector<ImageInput>& uploads) {
  const margay::data::Dataset dataset = margay::data::Dataset::unlabelled(list_of(uploads));
  margay::data::LoaderOptions options{.batch_size = 64};
  options.worker_priority = margay::data::WorkerPriority::kNormal;
  const margay::data::Loader loader(std::make_shared<margay::data::Dataset>(dataset), predictor.pipeline(),
                                    margay::data::Phase::kValid, options);
  return seconds_of([&] {
    margay::predict::collect_predictions(*predictor.bundle().classifier, loader, {.precision = predictor.precision()});
  });
}

/// Seconds with so many requests of one image at once.
double queue_s(margay::serve::PredictionQueue& queue, const std::vector<ImageInput>& uploads, int at_once) {
  return seconds_of([&] {
    std::counting_semaphore<> room(at_once);
    std::latch answered(static_cast<std::ptrdiff_t>(uploads.size()));
    for (const ImageInput& upload : uploads) {
      room.acquire();
      const auto refusal = queue.submit({.images = {upload}, .done = [&](margay::serve::PredictionReply&&) {
                                           room.release();
                                           answered.count_down();
                                         }});
      if (refusal) std::printf("refused: %s\n", refusal->text.c_str());
    }
    answered.wait();
  });
}

void print_lone_times(const margay::serve::Predictor& predictor, margay::serve::PredictionQueue& queue,
                      const std::vector<ImageInput>& uploads) {
  std::vector<double> by_predictor;
  std::vector<double> by_queue;
  for (int i = 0; i < 40; ++i) {
    const std::vector<ImageInput> one = {uploads[static_cast<std::size_t>(i) % uploads.size()]};
    by_predictor.push_back(seconds_of([&] { predictor.predict(list_of(one)); }));
    by_queue.push_back(seconds_of([&] { queue.predict({.images = one}); }));
  }
  std::printf("one image alone, median: predictor %.2f ms, queue %.2f ms\n", 1e3 * median_of(by_predictor),
              1e3 * median_of(by_queue));
}

void print_load_times(const margay::bundle::Bundle& bundle) {
  const fs::path file = fs::temp_directory_path() / "predict_queue.margay";
  const double golden_s =
      seconds_of([&] { margay::bundle::measure_golden_images(*bundle.classifier, bundle.transforms); });
  const double save_s = seconds_of([&] { margay::bundle::save_bundle(file, bundle); });
  const double load_s = seconds_of([&] { margay::serve::ServedModel::load("m", file, {}); });
  std::printf("saving %.0f ms, of which golden images %.0f ms; loading until ready %.0f ms\n", 1e3 * save_s,
              1e3 * golden_s, 1e3 * load_s);
  fs::remove(file);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::printf("predict_queue FOLDER [ARCH [SIDE [IMAGES [ROUNDS]]]]\n"), 2;
  const std::string architecture = argc > 2 ? argv[2] : "resnet18";
  const int side = argc > 3 ? std::stoi(argv[3]) : 224;
  const std::size_t count = argc > 4 ? std::stoul(argv[4]) : 192;
  const int rounds = argc > 5 ? std::stoi(argv[5]) : 3;
  margay::model::use_cpu_threads(margay::core::available_cpus());
  margay::data::keep_image_memory();
  const margay::bundle::Bundle bundle = random_bundle(architecture, side);
  print_load_times(bundle);
  const std::vector<ImageInput> uploads = uploads_of(argv[1], count);
  const auto model = margay::serve::ServedModel::of_bundle(architecture, bundle, {});
  const margay::serve::Predictor& predictor = model->predictor();
  margay::serve::PredictionQueue queue(model);
  for (int round = 0; round < rounds; ++round) {
    const auto images = static_cast<double>(uploads.size());
    const double whole_s = whole_batches_s(predictor, uploads);
    const double each_s = seconds_of([&] { predictor.predict(list_of(uploads)); });
    const double queued_s = queue_s(queue, uploads, 16);
    std::printf("images/s: whole batches %.2f, image by image %.2f (%.3f), queue with 16 requests %.2f (%.3f)\n",
                images / whole_s, images / each_s, whole_s / each_s, images / queued_s, each_s / queued_s);
  }
  print_lone_times(predictor, queue, uploads);
  return 0;
}
