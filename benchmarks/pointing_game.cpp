// Do activation maps point at the object? The pointing game (Zhang, Lin, Brandt, Shen, Sclaroff, "Top-down Neural
// Attention by Excitation Backprop", 2016, arXiv:1608.00507, section 4.2) on images of the built-in sample, whose
// generator knows where the object is: a hit is a map of the labelled class whose largest value lies in a pixel of the
// object, without any tolerance. Beside it: the centre pixel, and the same network untrained.
//
//   pointing_game MODEL [IMAGES_PER_CLASS [SEED]]    MODEL: of the sample's classes, as ./quickstart trains it. The
//                                                    images are drawn from another seed than the sample's, so that the
//                                                    network has seen none of them. Default: 60 a class, seed 2.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "margay/chart/png.h"
#include "margay/interpret/activation_map.h"
#include "margay/margay.h"
#include "margay/metric/interval.h"

namespace {

using margay::interpret::MapMethod;

/// The images of the sample as a network sees them, and where their objects are.
struct Game {
  torch::Tensor images;  ///< float [N,3,S,S], normalised
  torch::Tensor masks;   ///< bool [N,S,S]
  torch::Tensor labels;  ///< int64 [N]
};

/// Of one image in memory, as in validation: float [S,S,3].
torch::Tensor seen(const margay::data::ImagePipeline& pipeline, const margay::core::Image& image) {
  const margay::data::ImageSource source(margay::chart::encode_png(image), "drawn.png");
  const std::int64_t side = pipeline.output_size();
  torch::Tensor pixels = torch::empty({side, side, 3});
  pipeline.run(source, margay::data::Phase::kValid, margay::core::Random{0}, pixels.data_ptr<float>());
  return pixels;
}

Game draw_game(const margay::bundle::Bundle& bundle, int per_class, std::uint64_t seed) {
  margay::data::Transforms plain = bundle.transforms;
  plain.normalization = {};  // of masks: pixels in 0 … 1
  const margay::data::ImagePipeline pipeline(bundle.transforms);
  const margay::data::ImagePipeline mask_pipeline(plain);
  std::vector<torch::Tensor> images, masks;
  std::vector<std::int64_t> labels;
  for (const std::string& label : margay::data::sample_classes()) {
    for (int number = 1; number <= per_class; ++number) {
      const auto drawn = margay::data::draw_sample_image(label, number, seed);
      images.push_back(seen(pipeline, drawn.image).permute({2, 0, 1}));
      masks.push_back(seen(mask_pipeline, drawn.mask).select(2, 0).gt(0.5));
      labels.push_back(bundle.vocabulary.index(label));
    }
  }
  return {torch::stack(images), torch::stack(masks), torch::tensor(labels, torch::kLong)};
}

bool is_hit(const Game& game, std::int64_t image, std::int64_t row, std::int64_t column) {
  return game.masks[image][row][column].item<bool>();
}

/// The grid that stretches the map over the image, as most programs do.
margay::model::MapGrid stretched(std::int64_t cells, std::int64_t side) {
  const double step = static_cast<double>(side) / static_cast<double>(cells);
  return {step / 2, step};
}

struct Player {
  std::optional<MapMethod> method = std::nullopt;  ///< none: the network's own
  bool stretches = false;
  bool takes_predicted = false;  ///< class, in place of the labelled one
};

std::vector<double> hits_of(margay::Classifier& classifier, const Game& game, const Player& player) {
  constexpr std::int64_t kBatch = 60;
  std::vector<double> hits;
  const std::int64_t side = game.images.size(2);
  for (std::int64_t begin = 0; begin < game.images.size(0); begin += kBatch) {
    const std::int64_t end = std::min(begin + kBatch, game.images.size(0));
    margay::interpret::ActivationMapOptions options{.method = player.method};
    if (!player.takes_predicted) options.classes = game.labels.slice(0, begin, end);
    const auto maps = margay::interpret::activation_maps(classifier, game.images.slice(0, begin, end), options);
    for (std::int64_t i = 0; i < end - begin; ++i) {
      const torch::Tensor map = maps.values[i][0];
      const auto rows = player.stretches ? stretched(map.size(0), side) : maps.rows;
      const auto columns = player.stretches ? stretched(map.size(1), side) : maps.columns;
      const auto peak = margay::interpret::map_peak(map, rows, columns, side, side);
      hits.push_back(is_hit(game, begin + i, peak.row, peak.column) ? 1 : 0);
    }
  }
  return hits;
}

void print_line(const std::string& name, const std::vector<double>& hits) {
  const auto share = margay::metric::share_estimate(hits);
  const double misses = static_cast<double>(hits.size()) * (1 - share.value);
  fmt::print("{:58} {:6.1f} %  ({:.1f} … {:.1f})  {:4.0f} misses\n", name, 100 * share.value, 100 * share.interval.low,
             100 * share.interval.high, misses);
  std::fflush(stdout);
}

void print_baselines(const margay::bundle::Bundle& bundle, const Game& game) {
  const std::int64_t count = game.images.size(0);
  const std::int64_t middle = game.images.size(2) / 2;
  std::vector<double> centre;
  for (std::int64_t i = 0; i < count; ++i) centre.push_back(is_hit(game, i, middle, middle) ? 1 : 0);
  print_line("centre pixel", centre);
  std::vector<double> untrained;
  constexpr int kNetworks = 5;
  for (int seed = 0; seed < kNetworks; ++seed) {
    torch::manual_seed(seed);
    const auto network = margay::make_classifier(bundle.classifier->options());
    network->eval();
    const std::vector<double> hits = hits_of(*network, game, {});
    untrained.insert(untrained.end(), hits.begin(), hits.end());
  }
  print_line(fmt::format("untrained network ({} starts)", kNetworks), untrained);
  fmt::print("{:58} {:6.1f} %\n", "mean share of the image that the object covers",
             100 * game.masks.to(torch::kFloat).mean().item<double>());
}

void play(const std::string& path, int per_class, std::uint64_t seed) {
  const auto bundle = margay::bundle::load_bundle(path);
  if (bundle.vocabulary.names() != margay::data::sample_classes()) {
    throw std::invalid_argument("the model is not one of the sample's classes");
  }
  const Game game = draw_game(bundle, per_class, seed);
  margay::Classifier& classifier = *bundle.classifier;
  const MapMethod own = margay::interpret::map_method(classifier);
  fmt::print("{} images of {} pixels; the network's own method: {}. Hits, 95 % interval (Wilson):\n",
             game.images.size(0), game.images.size(2), margay::core::to_text(own));
  print_baselines(bundle, game);
  print_line("trained network, its own method", hits_of(classifier, game, {}));
  print_line("  the predicted class in place of the labelled one",
             hits_of(classifier, game, {.takes_predicted = true}));
  print_line("  HiResCAM", hits_of(classifier, game, {.method = MapMethod::kHiResCam}));
  print_line("  Grad-CAM", hits_of(classifier, game, {.method = MapMethod::kGradCam}));
  print_line("  its own method, stretched over the image", hits_of(classifier, game, {.stretches = true}));
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) {
    fmt::print(stderr, "pointing_game MODEL [IMAGES_PER_CLASS [SEED]]\n");
    return 2;
  }
  play(argv[1], argc > 2 ? std::atoi(argv[2]) : 60, argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 2);
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "pointing_game: {}\n", error.what());
  return 1;
}
