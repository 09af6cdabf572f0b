#include "margay/data/sample/sample.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/random.h"
#include "margay/core/text.h"
#include "margay/core/threads.h"
#include "margay/data/image/write_image.h"
#include "margay/data/sample/scene.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;

constexpr const char* kReadme = "README.txt";
constexpr const char* kSampleLabels = "labels.csv";
constexpr std::uint64_t kSampleStream = 0x53414D50;  // "SAMP": keeps these draws apart from others of one seed

struct SampleImage {
  std::size_t kind;
  int number;  // from 1
  bool is_valid;
  std::string name;  // relative to the folder, with forward slashes
};

std::vector<SampleImage> plan(const SampleOptions& options) {
  const int valid = static_cast<int>(std::lround(options.per_class * options.valid_fraction));
  const auto kinds = sample::kinds();
  std::vector<SampleImage> images;
  for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
    for (int number = 1; number <= options.per_class; ++number) {
      const bool is_valid = number > options.per_class - valid;
      const std::string& label = kinds[kind].name;
      const char* part = is_valid ? "valid" : "train";
      images.push_back({kind, number, is_valid, fmt::format("{}/{}/{}_{:04}.jpg", part, label, label, number)});
    }
  }
  return images;
}

std::string readme_text(const SampleOptions& options) {
  return fmt::format(
      "A sample for Margay: drawn images of {}.\nOnly shape and pattern distinguish the classes; colour, size, place, "
      "light and clutter are random.\nLabels: the folder names, or labels.csv. Settings: {}\n",
      core::joined(sample_classes(), ", "), core::to_json(options).dump());
}

std::string labels_text(const std::vector<SampleImage>& images) {
  std::string text = "name,label,is_valid\n";
  for (const SampleImage& image : images) {
    text += fmt::format("{},{},{}\n", image.name, sample_classes()[image.kind], image.is_valid ? "True" : "False");
  }
  return text;
}

std::string read_readme(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void make_folder(const fs::path& folder) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) throw core::IoError(folder, "cannot be created: " + failure.message());
}

/// The README is written first, so that it marks even an unfinished sample as ours.
void claim(const fs::path& folder, const std::string& readme) {
  if (fs::exists(folder) && !fs::is_directory(folder))
    throw core::DataError(folder, "is not a folder; name another one");
  make_folder(folder);
  if (!fs::is_empty(folder) && read_readme(folder / kReadme) != readme) {
    throw core::DataError(folder,
                          "holds other files, or a sample of other settings or another version; name an empty or new "
                          "folder, or remove it");
  }
  core::write_file_atomically(folder / kReadme, readme);
}

sample::Scene draw_image(std::size_t kind, int number, std::uint64_t seed) {
  const core::Random random({kSampleStream, seed, kind, static_cast<std::uint64_t>(number)});
  return sample::draw_scene(sample::kinds()[kind], random);
}

void draw(const fs::path& folder, const SampleImage& image, std::uint64_t seed) {
  write_jpeg(folder / image.name, draw_image(image.kind, image.number, seed).image);
}

/// A finished sample has its labels.csv; in an unfinished one the last images may be cut short.
std::vector<SampleImage> missing(const fs::path& folder, const std::vector<SampleImage>& images) {
  if (!fs::exists(folder / kSampleLabels)) return images;
  std::vector<SampleImage> absent;
  std::copy_if(images.begin(), images.end(), std::back_inserter(absent),
               [&](const SampleImage& image) { return !fs::exists(folder / image.name); });
  return absent;
}

}  // namespace

const std::vector<std::string>& sample_classes() {
  static const std::vector<std::string> kClasses = [] {
    std::vector<std::string> names;
    for (const sample::Kind& kind : sample::kinds()) names.push_back(kind.name);
    return names;
  }();
  return kClasses;
}

SampleSummary draw_sample(const fs::path& folder, const SampleOptions& options) {
  core::validate(options);
  claim(folder, readme_text(options));
  const std::vector<SampleImage> images = plan(options);
  for (const SampleImage& image : images) make_folder((folder / image.name).parent_path());
  const std::vector<SampleImage> todo = missing(folder, images);
  core::for_each_index(todo.size(), [&](std::size_t i) { draw(folder, todo[i], options.seed); });
  core::write_file_atomically(folder / kSampleLabels, labels_text(images));
  const auto valid = std::count_if(images.begin(), images.end(), [](const SampleImage& p) { return p.is_valid; });
  return {static_cast<int>(sample_classes().size()), static_cast<int>(images.size()) - static_cast<int>(valid),
          static_cast<int>(valid), static_cast<int>(todo.size())};
}

DrawnSample draw_sample_image(const std::string& label, int number, std::uint64_t seed) {
  const std::vector<std::string>& labels = sample_classes();
  const auto kind = std::find(labels.begin(), labels.end(), label);
  if (kind == labels.end() || number < 1) {
    throw std::invalid_argument(fmt::format("[sample] there is no image {} of '{}'; classes are {}, numbers begin at 1",
                                            number, label, core::joined(labels, ", ")));
  }
  sample::Scene scene = draw_image(static_cast<std::size_t>(kind - labels.begin()), number, seed);
  return {std::move(scene.image), std::move(scene.mask)};
}

const core::OptionTable& SampleOptions::fields() {
  static const core::OptionTable table(
      "sample",
      {
          core::field<&SampleOptions::per_class>("per_class", "images of each class, train and valid", {2, 9999}),
          core::field<&SampleOptions::valid_fraction>("valid_fraction", "share of the images for validation", {0, 0.9}),
          core::field<&SampleOptions::seed>("seed", "draws another sample of the same kind"),
      });
  return table;
}

}  // namespace margay::data
