// write_report_pages FOLDER: the pages that tests/web/pages_in_chromium looks at, each of another kind of data.
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <torch/types.h>

#include "apps/web/report_page.h"
#include "margay/data/image/write_image.h"
#include "margay/interpret/calibration_report.h"
#include "tests/web/made_predictions.h"

namespace {

using margay::interpret::Interpretation;
using margay::testing_support::made_predictions;
using margay::testing_support::MadeImage;
using margay::web::PageMap;
using margay::web::ReportPage;

/// A disc whose colour is the class's and whose place is the image's.
margay::core::Image disc(std::int64_t label, std::int64_t number, int side = 72) {
  margay::core::Image image(side, side);
  const int x0 = side / 4 + static_cast<int>(number * 7 % (side / 2));
  const int y0 = side / 4 + static_cast<int>(number * 13 % (side / 2));
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const bool is_in = (x - x0) * (x - x0) + (y - y0) * (y - y0) < side * side / 20;
      for (int c = 0; c < 3; ++c) {
        const auto tint = static_cast<int>(label * (37 + 41 * c) % 200);
        image.row(y)[3 * x + c] = static_cast<std::uint8_t>(is_in ? 40 + tint : 225 - 20 * y / side);
      }
    }
  }
  return image;
}

/// Nine of ten images of each class are right; the others go mostly to its neighbour.
std::vector<MadeImage> mostly_right(std::int64_t num_classes, std::int64_t images_per_class) {
  std::mt19937 random(7);
  const auto draw = [&random](std::int64_t below) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(below));
  };
  std::vector<MadeImage> images;
  for (std::int64_t label = 0; label < num_classes; ++label) {
    for (std::int64_t i = 0; i < images_per_class; ++i) {
      std::int64_t predicted = label;
      if (draw(10) == 0) predicted = draw(3) > 0 ? std::min(label ^ 1, num_classes - 1) : draw(num_classes);
      images.push_back({label, predicted, 2 + .01 * static_cast<double>(draw(900))});
    }
  }
  return images;
}

std::vector<std::string> numbered(const std::string& word, std::int64_t count) {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < count; ++i) names.push_back(fmt::format("{} {}", word, i));
  return names;
}

void write_discs(const std::filesystem::path& folder, const std::vector<MadeImage>& images) {
  std::filesystem::create_directories(folder / "images");
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto number = static_cast<std::int64_t>(i);
    margay::data::write_png(folder / "images" / fmt::format("{}.png", i), disc(images[i].label, number));
  }
}

/// What evaluate adds to an interpretation: calibration, the run's history, maps of the listed images.
ReportPage whole_page(const Interpretation& interpretation, const std::string& title) {
  ReportPage page = margay::web::report_page(interpretation, title);
  if (interpretation.has_labels()) {
    const auto& kept = interpretation.predictions();
    margay::predict::Predictions rows = kept.rows;
    rows.set_logits(kept.rows.logits, kept.activation());
    page.document["calibration"] = margay::interpret::to_json(margay::interpret::calibration_report(
        rows, kept.task, {}, {.simulations = 100, .bootstrap = {.replicates = 100}}));
  }
  page.document["history"] = {{"stage", {"frozen", "unfrozen", "unfrozen"}},
                              {"train_loss", {1.9, .7, .4}},
                              {"valid_loss", {.8, nullptr, .45}},
                              {"metrics", {{"error_rate", {.25, .15, .12}}}}};
  page.maps = [](std::int64_t row) {
    return std::vector<PageMap>{{"the predicted class", disc(3, row)}, {"its label", disc(4, row)}};
  };
  return page;
}

void write_page(const std::filesystem::path& folder, const std::string& name, const Interpretation& interpretation) {
  const auto written = margay::web::write_report_page(folder / (name + ".html"), whole_page(interpretation, name));
  fmt::print("{}: {} bytes, {} images\n", name, written.bytes, written.images);
}

void write_breeds(const std::filesystem::path& folder) {
  const std::vector<MadeImage> images = mostly_right(37, 16);
  write_discs(folder, images);
  margay::predict::KeptPredictions predictions = made_predictions(numbered("breed", 37), images, folder);
  predictions.origin = {{"model", "breeds.margay"}, {"part", "the validation set"}};
  predictions.refused = torch::zeros({predictions.size()}, torch::kBool);
  predictions.refused[5] = true;
  write_page(folder, "breeds", Interpretation(std::move(predictions)));
}

void write_several_labels(const std::filesystem::path& folder) {
  margay::predict::KeptPredictions predictions = made_predictions(numbered("thing", 6), mostly_right(6, 20), folder);
  predictions.task = margay::data::Task::kMultiLabel;
  const torch::Tensor labels = torch::one_hot(predictions.rows.targets, 6);
  predictions.rows.targets = (labels + labels.roll(1, 1)).to(torch::kFloat32);
  predictions.rows.logits = predictions.rows.logits + 2 * labels.roll(1, 1) - 1.5;
  write_page(folder, "several", Interpretation(std::move(predictions)));
}

void write_unlabelled(const std::filesystem::path& folder) {
  margay::predict::KeptPredictions predictions = made_predictions(numbered("breed", 5), mostly_right(5, 10), folder);
  predictions.rows.targets = torch::Tensor();
  write_page(folder, "unlabelled", Interpretation(std::move(predictions)));
}

/// Names that try to be something else.
void write_hostile(const std::filesystem::path& folder) {
  const std::vector<std::string> names = {"</script><script>document.title='broken'</script>",
                                          "\"><img src=x onerror=\"document.title='broken'\">",
                                          "猫 & \xD7\x97\xD7\xAA\xD7\x95\xD7\x9C <b>", "{{7*7}} ${7*7} __proto__"};
  margay::predict::KeptPredictions predictions = made_predictions(names, mostly_right(4, 12), folder);
  margay::data::PathList files;
  for (std::int64_t i = 0; i < predictions.size(); ++i)
    files.add(names[static_cast<std::size_t>(i % 4)] + std::to_string(i));
  predictions.names = std::move(files);
  predictions.origin = {{"__proto__", names[0]}, {"data", names[1]}};
  write_page(folder, "hostile", Interpretation(std::move(predictions)));
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fputs("write_report_pages FOLDER\n", stderr);
    return 2;
  }
  const std::filesystem::path folder = arguments[1];
  write_breeds(folder);
  write_page(folder, "thousand",
             Interpretation(made_predictions(numbered("class", 1000), mostly_right(1000, 10), folder)));
  write_several_labels(folder);
  write_unlabelled(folder);
  write_page(folder, "one", Interpretation(made_predictions({"only"}, mostly_right(1, 8), folder)));
  write_hostile(folder);
  return 0;
}
