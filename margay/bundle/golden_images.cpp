#include "margay/bundle/golden_images.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <torch/utils.h>

#include "margay/core/random.h"
#include "margay/model/cpu_threads.h"
#include "margay/model/network_state.h"
#include "margay/predict/inference.h"

namespace margay::bundle {
namespace {

constexpr int kGoldenCount = 2;
constexpr int kGoldenHeight = 96;
constexpr int kGoldenWidth = 128;

/// A triangle wave, 0 … 1, in whole numbers: sines differ in their last bit between C libraries.
int triangle_wave(std::int64_t position, std::int64_t period) {
  const std::int64_t phase = position % (2 * period);
  return static_cast<int>(255 * (phase < period ? phase : 2 * period - phase) / period);
}

/// Waves of one channel.
struct Wave {
  std::int64_t along_x, along_y, period;

  explicit Wave(core::Random& random)
      : along_x(static_cast<std::int64_t>(random.below(8))),
        along_y(static_cast<std::int64_t>(random.below(8))),
        period(16 + static_cast<std::int64_t>(random.below(200))) {}
  int at(int y, int x) const { return triangle_wave(along_x * x + along_y * y, period); }
};

data::ImageSource golden_image(std::uint64_t seed, int number) {
  core::Random random = {seed, static_cast<std::uint64_t>(number)};
  const std::array waves{Wave(random), Wave(random), Wave(random)};
  const std::string header = "P6\n" + std::to_string(kGoldenWidth) + " " + std::to_string(kGoldenHeight) + "\n255\n";
  std::vector<std::uint8_t> bytes(header.begin(), header.end());
  for (int y = 0; y < kGoldenHeight; ++y) {
    for (int x = 0; x < kGoldenWidth; ++x) {
      for (const Wave& wave : waves) {
        const int noisy = wave.at(y, x) + static_cast<int>(random.below(32)) - 16;
        bytes.push_back(static_cast<std::uint8_t>(std::clamp(noisy, 0, 255)));
      }
    }
  }
  return {std::move(bytes), "golden image " + std::to_string(number + 1)};
}

double six_digits(double value) {
  if (value == 0 || !std::isfinite(value)) return value;
  const double scale = std::pow(10.0, 5 - std::floor(std::log10(std::abs(value))));
  return std::round(value * scale) / scale;
}

std::vector<float> row_of_logits(const torch::Tensor& row) {
  std::vector<float> logits;
  for (std::int64_t k = 0; k < row.size(0); ++k) logits.push_back(static_cast<float>(row[k].item<double>()));
  return logits;
}

double scale_of(const std::vector<float>& logits) {
  double scale = 1;
  for (const float logit : logits) scale = std::max(scale, static_cast<double>(std::abs(logit)));
  return scale;
}

}  // namespace

std::vector<data::ImageSource> GoldenImages::images() const {
  std::vector<data::ImageSource> sources;
  const int count = logits.empty() ? kGoldenCount : static_cast<int>(logits.size());
  for (int number = 0; number < count; ++number) sources.push_back(golden_image(seed, number));
  return sources;
}

double GoldenImages::tolerance(model::Precision precision) { return precision == model::Precision::kFp32 ? 1e-3 : 0.1; }

nlohmann::ordered_json GoldenImages::to_json() const {
  auto rows = nlohmann::ordered_json::array();
  for (const std::vector<float>& row : logits) {
    auto& numbers = rows.emplace_back(nlohmann::ordered_json::array());
    for (const float logit : row) numbers.push_back(six_digits(logit));
  }
  return {{"seed", seed}, {"logits", rows}};
}

GoldenImages GoldenImages::from_json(const nlohmann::ordered_json& json, std::int64_t num_classes) {
  GoldenImages golden{.seed = json.at("seed").get<std::uint64_t>(),
                      .logits = json.at("logits").get<std::vector<std::vector<float>>>()};
  const auto fits = [&](const std::vector<float>& row) {
    return static_cast<std::int64_t>(row.size()) == num_classes &&
           std::all_of(row.begin(), row.end(), [](float logit) { return std::isfinite(logit); });
  };
  if (golden.logits.empty() || golden.logits.size() > 64 ||
      !std::all_of(golden.logits.begin(), golden.logits.end(), fits))
    throw std::invalid_argument("its golden logits are not a finite number for each class");
  return golden;
}

torch::Tensor golden_inputs(const GoldenImages& golden, const data::ImagePipeline& pipeline) {
  const std::vector<data::ImageSource> images = golden.images();
  const std::int64_t side = pipeline.output_size();
  const torch::Tensor inputs = torch::empty({static_cast<std::int64_t>(images.size()), side, side, 3});
  for (std::size_t i = 0; i < images.size(); ++i) {
    float* const room = inputs.data_ptr<float>() + static_cast<std::int64_t>(i) * pipeline.output_floats();
    pipeline.run(images[i], data::Phase::kValid, core::Random{golden.seed, i}, room);
  }
  return inputs.permute({0, 3, 1, 2});
}

torch::Tensor golden_logits(const GoldenImages& golden, model::Classifier& classifier,
                            const data::Transforms& transforms) {
  const torch::NoGradGuard no_grad;
  const model::ModeGuard mode(classifier);
  classifier.eval();
  const torch::Tensor inputs = golden_inputs(golden, data::ImagePipeline(transforms)).to(classifier.device());
  return predict::logits_of(classifier, inputs, model::Precision::kFp32).cpu();
}

std::optional<GoldenImages> measure_golden_images(model::Classifier& classifier,
                                                  const data::Transforms& transforms) try {
  if (classifier.options().in_channels != 3) return std::nullopt;
  const model::ThreadCount one_thread(1);  // so that a file's bytes are those of its weights, whoever writes it
  GoldenImages golden;
  const torch::Tensor logits = golden_logits(golden, classifier, transforms);
  if (!logits.isfinite().all().item<bool>()) return std::nullopt;
  for (std::int64_t i = 0; i < logits.size(0); ++i) golden.logits.push_back(row_of_logits(logits[i]));
  return golden;
} catch (const std::exception&) {  // a training of hours is not lost for want of memory for two more images
  return std::nullopt;
}

double golden_difference(const GoldenImages& golden, const torch::Tensor& logits) {
  double largest = 0;
  for (std::size_t i = 0; i < golden.logits.size(); ++i) {
    const torch::Tensor expected = torch::tensor(golden.logits[i]);
    const torch::Tensor difference = (logits[static_cast<std::int64_t>(i)] - expected).abs().max();
    const double value = difference.item<double>() / scale_of(golden.logits[i]);
    if (!std::isfinite(value)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, value);
  }
  return largest;
}

std::string golden_problem(double difference, model::Precision precision) {
  const double tolerance = GoldenImages::tolerance(precision);
  if (difference <= tolerance) return "";
  return fmt::format(
      "what it predicts for its golden images is not what it predicted when it was saved: a logit is off by {:.2g} of "
      "the largest, at most {:g} is allowed in {}; the file is damaged, or this program computes something else: copy "
      "it again, or train again",
      difference, tolerance, core::to_text(precision));
}

}  // namespace margay::bundle
