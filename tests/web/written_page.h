#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/web/report_page.h"
#include "margay/data/image/write_image.h"
#include "tests/support/temporary_folder.h"

namespace margay::testing_support {

/// The data of a page: the text of its element "page-data" up to the next end of a script, as a browser finds it.
inline nlohmann::ordered_json page_data(const std::string& html) {
  const std::string begin = "<script type=\"application/json\" id=\"page-data\">";
  const std::size_t from = html.find(begin);
  if (from == std::string::npos) {
    ADD_FAILURE() << "the page has no data";
    return {};
  }
  const std::size_t start = from + begin.size();
  return nlohmann::ordered_json::parse(html.substr(start, html.find("</script", start) - start));
}

inline std::size_t times_in(const std::string& text, const std::string& wanted) {
  std::size_t times = 0;
  for (std::size_t at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) ++times;
  return times;
}

/// A page of two classes with the least document that a page needs; image i is "images/i.png" below the folder.
inline web::ReportPage small_page(const std::filesystem::path& folder) {
  web::ReportPage page;
  page.title = "cats and dogs";
  page.document = {{"format_version", 1},
                   {"task", "single_label"},
                   {"has_labels", true},
                   {"num_images", 4},
                   {"num_classes", 2},
                   {"text", nlohmann::ordered_json::array()},
                   {"vocab", {"cat", "dog"}},
                   {"summary", nlohmann::ordered_json::array()},
                   {"classes", nlohmann::ordered_json::array()},
                   {"top_losses", {{"highest", nlohmann::ordered_json::array()}}}};
  page.image = [folder](std::int64_t row) {
    web::PageImage image;
    image.name = "images/" + std::to_string(row) + ".png";
    image.file = folder / image.name;
    image.labels = {0};
    image.predicted = {1};
    image.loss = 2.5;
    return image;
  };
  return page;
}

/// images/0.png … of that many different noisy images.
inline void write_images(const std::filesystem::path& folder, int count, int side = 40) {
  std::filesystem::create_directories(folder / "images");
  for (int i = 0; i < count; ++i) {
    core::Image image(side, side);
    std::uint32_t state = 7919U * static_cast<std::uint32_t>(i + 1);
    for (std::uint8_t& value : image.pixels)
      value = static_cast<std::uint8_t>((state = state * 1664525U + 1013904223U) >> 24);
    data::write_png(folder / "images" / (std::to_string(i) + ".png"), image);
  }
}

struct ReadPage {
  web::WrittenPage written;
  std::string html;
  nlohmann::ordered_json data;
};

inline ReadPage write_and_read(const TemporaryFolder& folder, const web::ReportPage& page,
                               const web::ReportPageOptions& options = {}) {
  ReadPage read;
  read.written = web::write_report_page(folder / "report.html", page, options);
  read.html = file_content(folder / "report.html");
  read.data = page_data(read.html);
  EXPECT_EQ(read.written.bytes, static_cast<std::int64_t>(read.html.size()));
  return read;
}

}  // namespace margay::testing_support
