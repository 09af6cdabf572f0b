#include "margay/data/check/contact_sheet.h"

#include <algorithm>
#include <array>
#include <sstream>

#include "margay/chart/caption.h"
#include "margay/core/error.h"
#include "margay/data/image/read_image.h"
#include "margay/data/image/resample.h"

namespace margay::data {
namespace {

using Colour = std::array<std::uint8_t, 3>;
constexpr Colour kHarmColour = {214, 40, 40};
constexpr Colour kNoteColour = {150, 150, 150};
constexpr Colour kMissing = {205, 205, 205};
constexpr int kSheetCaptionPx = 18;
constexpr int kSheetGapPx = 10;

void fill(core::Image& canvas, const chart::CaptionBox& box, const Colour& colour) {
  for (int y = box.top; y < box.top + box.height; ++y) {
    std::uint8_t* pixel = canvas.row(y) + std::ptrdiff_t{3} * box.left;
    for (int x = 0; x < box.width; ++x, pixel += 3) std::copy(colour.begin(), colour.end(), pixel);
  }
}

/// The tiles of one finding, side by side.
struct Strip {
  const Finding* finding;
  int row;
  int column;
  int tiles;
};

/// Puts as many findings as there is room for into rows, none across two.
std::vector<Strip> layout(const DataReport& report, const ContactSheetOptions& options) {
  std::vector<Strip> strips;
  int row = 0;
  int column = 0;
  int room = options.max_tiles;
  for (const Finding& finding : report.findings) {
    const bool is_of_images = finding.kind < FindingKind::kEmptyFolder && !finding.paths.empty();
    const int tiles = std::min({static_cast<int>(finding.paths.size()), options.columns, room});
    if (!is_of_images || tiles == 0) continue;
    if (column + tiles > options.columns) {
      column = 0;
      ++row;
    }
    strips.push_back({&finding, row, column, tiles});
    column += tiles;
    room -= tiles;
  }
  return strips;
}

class Sheet {
 public:
  Sheet(int rows, const ContactSheetOptions& options)
      : options_(options), canvas_(rows * cell_height() + kSheetGapPx, options.columns * cell_width() + kSheetGapPx) {
    std::fill(canvas_.pixels.begin(), canvas_.pixels.end(), std::uint8_t{255});
  }

  void draw(const Strip& strip) {
    const int top = kSheetGapPx / 2 + strip.row * cell_height();
    const int left = kSheetGapPx / 2 + strip.column * cell_width();
    const chart::CaptionBox frame{top + 2, left + 2, cell_height() - 4, strip.tiles * cell_width() - 4};
    fill(canvas_, frame, strip.finding->severity() == Severity::kHarm ? kHarmColour : kNoteColour);
    fill(canvas_, {frame.top + 2, frame.left + 2, frame.height - 4, frame.width - 4}, {255, 255, 255});
    for (int i = 0; i < strip.tiles; ++i)
      draw_tile(*strip.finding, i, top + kSheetGapPx / 2, left + i * cell_width() + kSheetGapPx / 2);
  }

  void say(const std::string& text) {
    write(text, {kSheetGapPx, kSheetGapPx, kSheetCaptionPx, options_.columns * cell_width() - kSheetGapPx});
  }
  core::Image take() { return std::move(canvas_); }

 private:
  int cell_width() const { return options_.tile_px + kSheetGapPx; }
  int cell_height() const { return options_.tile_px + 2 * kSheetCaptionPx + kSheetGapPx; }
  void write(const std::string& text, const chart::CaptionBox& box) { chart::draw_caption(canvas_, text, box); }

  void draw_tile(const Finding& finding, int i, int top, int left) {
    const int side = options_.tile_px;
    const std::filesystem::path& path = finding.paths[static_cast<std::size_t>(i)];
    try {
      paste(read_image(path, {.max_pixels = options_.max_pixels}), top, left);
    } catch (const core::DataError&) {
      fill(canvas_, {top, left, side, side}, kMissing);
      write_lines(finding.text, {top, left, side, side});
    }
    const bool is_cut = i + 1 == options_.columns && finding.paths.size() > static_cast<std::size_t>(i) + 1;
    const std::string more = is_cut ? " (and more)" : "";
    write(words_of(finding.kind).name + more, {top + side, left, kSheetCaptionPx, side});
    write(path.filename().string(), {top + side + kSheetCaptionPx, left, kSheetCaptionPx, side});
  }

  /// The whole image, in the middle of its tile.
  void paste(const core::Image& image, int top, int left) {
    const int side = options_.tile_px;
    const double scale = static_cast<double>(side) / std::max(image.height, image.width);
    const int height = std::max(1, static_cast<int>(image.height * scale));
    const int width = std::max(1, static_cast<int>(image.width * scale));
    const Box whole{.right = static_cast<double>(image.width), .bottom = static_cast<double>(image.height)};
    const core::Image small = resample(image, whole, height, width);
    top += (side - height) / 2;
    left += (side - width) / 2;
    for (int y = 0; y < height; ++y) {
      std::copy_n(small.row(y), std::ptrdiff_t{3} * width, canvas_.row(top + y) + std::ptrdiff_t{3} * left);
    }
  }

  /// Words from the top on, as many lines as it takes or there is room for.
  void write_lines(const std::string& text, const chart::CaptionBox& box) {
    const auto letters = static_cast<std::size_t>(box.width / 9);
    std::istringstream words(text);
    std::string line;
    int top = box.top + kSheetCaptionPx;
    const auto flush = [&] {
      if (!line.empty() && top + kSheetCaptionPx <= box.top + box.height)
        write(line, {top, box.left + 4, kSheetCaptionPx, box.width - 8});
      top += kSheetCaptionPx;
      line.clear();
    };
    for (std::string word; words >> word;) {
      if (!line.empty() && line.size() + 1 + word.size() > letters) flush();
      line += (line.empty() ? "" : " ") + word;
    }
    flush();
  }

  ContactSheetOptions options_;
  core::Image canvas_;
};

}  // namespace

core::Image contact_sheet(const DataReport& report, const ContactSheetOptions& options) {
  core::validate(options);
  const std::vector<Strip> strips = layout(report, options);
  Sheet sheet(strips.empty() ? 1 : strips.back().row + 1, options);
  if (strips.empty()) sheet.say("no finding has an image");
  for (const Strip& strip : strips) sheet.draw(strip);
  return sheet.take();
}

const core::OptionTable& ContactSheetOptions::fields() {
  static const core::OptionTable table(
      "contact_sheet", {core::field<&ContactSheetOptions::max_tiles>("max_tiles", "images to show", {1, 1024}),
                        core::field<&ContactSheetOptions::columns>("columns", "tiles side by side", {1, 64}),
                        core::field<&ContactSheetOptions::tile_px>("tile_px", "side of a tile, pixels", {64, 1024}),
                        core::field<&ContactSheetOptions::max_pixels>(
                            "max_pixels", "an image that claims more pixels is not drawn", {1, 1e12})});
  return table;
}

}  // namespace margay::data
