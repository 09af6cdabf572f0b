#include "margay/data/sample/light.h"

#include <algorithm>
#include <cmath>

#include <opencv2/imgproc.hpp>

namespace margay::data::sample {
namespace {

double shorter_side(const cv::Mat& image) { return std::min(image.rows, image.cols); }

/// About normal with deviation 1: the sum of four uniform numbers (Irwin-Hall), from one draw.
double about_normal(core::Random& random) {
  std::uint64_t bits = random.next();
  double sum = 0;
  for (int i = 0; i < 4; ++i, bits >>= 16U) sum += static_cast<double>(bits & 0xFFFFU) / 65536.0;
  return (sum - 2) * std::sqrt(3.0);
}

}  // namespace

Light draw_light(core::Random& random) {
  Light light;
  light.from = polar(1, random.uniform(0, kTurn));
  light.relief = random.uniform(0.3, 0.8);
  light.shadow = random.uniform(0.15, 0.5);
  light.fall_off = random.uniform(0, 0.35);
  const double gain = random.uniform(0.85, 1.12);
  const double warmth = random.uniform(-0.06, 0.06);
  light.tint = Colour(static_cast<float>(gain + warmth), static_cast<float>(gain), static_cast<float>(gain - warmth));
  light.grain = random.uniform(1, 5);
  return light;
}

void model_relief(Layer& layer, const Light& light) {
  const double sigma = 0.018 * shorter_side(layer.alpha);
  cv::Mat height;
  layer.alpha.convertTo(height, CV_32F, 1 / 255.0);
  cv::GaussianBlur(height, height, {}, sigma);
  cv::Mat along_x;
  cv::Mat along_y;
  cv::Sobel(height, along_x, CV_32F, 1, 0, 3, sigma / 4);  // height rises by about 1 over `sigma`
  cv::Sobel(height, along_y, CV_32F, 0, 1, 3, sigma / 4);
  const auto strength = static_cast<float>(light.relief);
  for (int y = 0; y < height.rows; ++y) {
    auto* row = layer.colour.ptr<cv::Vec3b>(y);
    const uchar* alpha = layer.alpha.ptr<uchar>(y);
    for (int x = 0; x < height.cols; ++x) {
      if (alpha[x] == 0) continue;
      const Point rise{along_x.at<float>(y, x), along_y.at<float>(y, x)};
      const auto facing = static_cast<float>(-rise.dot(light.from));
      const Colour lit = Colour::all(facing > 0 ? static_cast<float>(alpha[x]) : 0);
      row[x] = mix(Colour(row[x]), lit, std::min(strength * std::abs(facing), 1.0F));
    }
  }
}

void cast_shadow(cv::Mat& image, const cv::Mat& alpha, const Light& light) {
  const double distance = 0.035 * shorter_side(image);
  const Placing away{1, 0, -distance * light.from.x, 0, 1, -distance * light.from.y};
  cv::Mat shade;
  cv::warpAffine(alpha, shade, away, alpha.size());
  cv::GaussianBlur(shade, shade, {}, distance * 0.7);
  for (int y = 0; y < image.rows; ++y) {
    auto* row = image.ptr<cv::Vec3b>(y);
    for (int x = 0; x < image.cols; ++x) {
      const uchar depth = shade.at<uchar>(y, x);
      if (depth > 0) row[x] = Colour(row[x]) * static_cast<float>(1 - light.shadow * depth / 255.0);
    }
  }
}

void expose(cv::Mat& image, const Light& light, core::Random& random) {
  const double reach = image.cols * std::abs(light.from.x) + image.rows * std::abs(light.from.y);
  for (int y = 0; y < image.rows; ++y) {
    auto* row = image.ptr<cv::Vec3b>(y);
    for (int x = 0; x < image.cols; ++x) {
      const Point from_centre{x - image.cols / 2.0, y - image.rows / 2.0};
      const double gain = 1 + light.fall_off * from_centre.dot(light.from) / reach;
      const Colour lit = Colour(row[x]).mul(light.tint) * static_cast<float>(gain);
      row[x] = lit + Colour::all(static_cast<float>(light.grain * about_normal(random)));
    }
  }
}

}  // namespace margay::data::sample
