#include "apps/cli/terminal_image.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "apps/web/thumbnail.h"
#include "margay/data/image/resample.h"

namespace margay::cli {
namespace {

/// The image in the largest size with its proportions that fits. pixel_aspect: how many times as wide as high a pixel
/// of the result is.
core::Image scaled_into(const core::Image& image, int width, int height, double pixel_aspect = 1) {
  const double wide = image.width / pixel_aspect;
  const double scale = std::min(width / wide, height / static_cast<double>(image.height));
  const auto side = [](double length, int most) { return std::clamp(static_cast<int>(length + 0.5), 1, most); };
  return data::resample(image, side(image.height * scale, height), side(wide * scale, width));
}

constexpr int kCubeSteps = 6;
constexpr std::array<int, kCubeSteps> kXtermLevels = {0, 95, 135, 175, 215, 255};

int nearest_level(int value) {
  const auto distance = [value](int level) { return std::abs(level - value); };
  const auto* nearest = std::min_element(kXtermLevels.begin(), kXtermLevels.end(),
                                         [&](int a, int b) { return distance(a) < distance(b); });
  return static_cast<int>(nearest - kXtermLevels.begin());
}

int squared_distance(const std::array<int, 3>& a, const std::array<int, 3>& b) {
  int sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

/// ground: 38 for the letter, 48 for what is behind it (ECMA-48, SGR).
void append_colour(std::string& line, int ground, const std::uint8_t* pixel, ImageStyle style) {
  if (style == ImageStyle::kBlocks) {
    fmt::format_to(std::back_inserter(line), "\x1b[{};2;{};{};{}m", ground, pixel[0], pixel[1], pixel[2]);
  } else {
    fmt::format_to(std::back_inserter(line), "\x1b[{};5;{}m", ground,
                   detail::xterm_colour(pixel[0], pixel[1], pixel[2]));
  }
}

std::vector<std::string> block_lines(const core::Image& image, const CellArea& area, ImageStyle style) {
  const core::Image small = scaled_into(image, area.columns, 2 * area.rows);
  std::vector<std::string> lines;
  for (int y = 0; y < small.height; y += 2) {
    const bool has_lower = y + 1 < small.height;
    std::string& line = lines.emplace_back();
    for (int x = 0; x < small.width; ++x) {
      append_colour(line, 38, small.row(y) + 3 * x, style);
      if (has_lower) append_colour(line, 48, small.row(y + 1) + 3 * x, style);
      line += "▀";
    }
    line += "\x1b[0m";
  }
  return lines;
}

/// Luma of ITU-R BT.601, 0 … 255.
int luma_of(const std::uint8_t* pixel) { return (299 * pixel[0] + 587 * pixel[1] + 114 * pixel[2]) / 1000; }

std::vector<std::string> shade_lines(const core::Image& image, const CellArea& area) {
  constexpr std::string_view kShades = " .:-=+*#%@";  // light letters on a dark ground
  const core::Image small = scaled_into(image, area.columns, area.rows, 0.5);
  std::vector<std::string> lines;
  for (int y = 0; y < small.height; ++y) {
    std::string& line = lines.emplace_back();
    for (int x = 0; x < small.width; ++x) {
      const auto shade = static_cast<std::size_t>(luma_of(small.row(y) + 3 * x)) * kShades.size() / 256;
      line += kShades[shade];
    }
  }
  return lines;
}

/// Kitty's graphics protocol: a=T transmits and places, f=24 RGB, C=1 leaves the cursor, q=2 silences the reply; the
/// data come in chunks of 4,096.
std::string kitty_pixels(const core::Image& image, int columns, int rows) {
  constexpr std::size_t kChunk = 4096;
  const std::string data = web::base64(image.pixels);
  std::string text;
  for (std::size_t begin = 0; begin < data.size(); begin += kChunk) {
    const std::string head =
        begin > 0 ? "" : fmt::format("a=T,f=24,s={},v={},c={},r={},C=1,q=2,", image.width, image.height, columns, rows);
    const int has_more = begin + kChunk < data.size() ? 1 : 0;
    text += fmt::format("\x1b_G{}m={};{}\x1b\\", head, has_more, std::string_view(data).substr(begin, kChunk));
  }
  return text;
}

/// The pixels in the first line; empty lines for the other cells that they cover.
std::vector<std::string> pixel_lines(const core::Image& image, const CellArea& area, ImageStyle style) {
  const core::Image small = scaled_into(image, area.columns * area.cell_width_px, area.rows * area.cell_height_px);
  const auto cells = [](int px, int cell_px) { return (px + cell_px - 1) / cell_px; };
  const int rows = cells(small.height, area.cell_height_px);
  std::vector<std::string> lines(static_cast<std::size_t>(rows));
  lines.front() = style == ImageStyle::kKitty ? kitty_pixels(small, cells(small.width, area.cell_width_px), rows)
                                              : "\x1b"
                                                "7" +
                                                    detail::sixels(small) +
                                                    "\x1b"
                                                    "8";  // DECSC and DECRC: the cursor stays
  return lines;
}

/// The nearest colours of the cube of 6x6x6, as numbers 0 … 215, [H,W]; what each pixel loses goes to its neighbours.
std::vector<int> dithered(const core::Image& image) {
  constexpr int kStep = 255 / (kCubeSteps - 1);
  const auto width = static_cast<std::size_t>(image.width);
  std::vector<double> error(3 * (width + 2));  // of this row, one pixel of margin on both sides
  std::vector<int> colours;
  colours.reserve(width * static_cast<std::size_t>(image.height));
  for (int y = 0; y < image.height; ++y) {
    std::vector<double> below(error.size());
    const std::uint8_t* pixel = image.row(y);
    for (std::size_t x = 0; x < width; ++x) {
      int colour = 0;
      for (std::size_t c = 0; c < 3; ++c) {
        const std::size_t at = 3 * (x + 1) + c;
        const double wanted = *pixel++ + error[at];
        const int step = std::clamp(static_cast<int>(wanted / kStep + 0.5), 0, kCubeSteps - 1);
        const double lost = (wanted - step * kStep) / 16;
        error[at + 3] += 7 * lost;
        below[at - 3] += 3 * lost;
        below[at] += 5 * lost;
        below[at + 3] += lost;
        colour = colour * kCubeSteps + step;
      }
      colours.push_back(colour);
    }
    error = std::move(below);
  }
  return colours;
}

/// "!12~" for a run of twelve.
void append_run(std::string& text, char sixel, int length) {
  length > 3 ? text += fmt::format("!{}{}", length, sixel)
             : text += std::string(static_cast<std::size_t>(length), sixel);
}

/// One colour's pixels of the six rows from `top` on.
std::string band_of(std::span<const int> colours, const core::Image& image, int top, int colour) {
  std::string text = fmt::format("#{}", colour);
  char run = 0;
  int length = 0;
  for (int x = 0; x < image.width; ++x) {
    int bits = 0;
    for (int i = 0; i < 6 && top + i < image.height; ++i) {
      const std::size_t at =
          static_cast<std::size_t>(top + i) * static_cast<std::size_t>(image.width) + static_cast<std::size_t>(x);
      if (colours[at] == colour) bits |= 1 << i;
    }
    const auto sixel = static_cast<char>('?' + bits);
    if (sixel != run && length > 0) append_run(text, run, std::exchange(length, 0));
    run = sixel;
    ++length;
  }
  if (run != '?') append_run(text, run, length);
  return text;
}

}  // namespace

namespace detail {

int xterm_colour(int red, int green, int blue) {
  const std::array<int, 3> wanted = {red, green, blue};
  std::array<int, 3> cube{};
  int number = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const int level = nearest_level(wanted[i]);
    cube[i] = kXtermLevels[static_cast<std::size_t>(level)];
    number = number * kCubeSteps + level;
  }
  const int grey_step = std::clamp(((red + green + blue) / 3 - 3) / 10, 0, 23);  // 8, 18, … 238
  const int grey = 8 + 10 * grey_step;
  return squared_distance(wanted, {grey, grey, grey}) < squared_distance(wanted, cube) ? 232 + grey_step : 16 + number;
}

std::string sixels(const core::Image& image) {
  const std::vector<int> colours = dithered(image);
  std::string text = fmt::format("\x1bP0;1;0q\"1;1;{};{}", image.width, image.height);
  std::vector<int> used = colours;
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());
  for (const int colour : used) {  // levels in percent
    text += fmt::format("#{};2;{};{};{}", colour, colour / 36 * 20, colour / 6 % 6 * 20, colour % 6 * 20);
  }
  for (int top = 0; top < image.height; top += 6) {
    if (top > 0) text += "-";  // none behind the last band: at the screen's end it would scroll
    const auto width = static_cast<std::size_t>(image.width);
    const auto rows = static_cast<std::size_t>(std::min(6, image.height - top));
    const std::span<const int> band = std::span(colours).subspan(static_cast<std::size_t>(top) * width, rows * width);
    std::array<bool, 216> occurs{};
    for (const int colour : band) occurs[static_cast<std::size_t>(colour)] = true;
    const char* back = "";
    for (int colour = 0; colour < 216; ++colour) {
      if (occurs[static_cast<std::size_t>(colour)])
        text += std::exchange(back, "$") + band_of(colours, image, top, colour);
    }
  }
  return text + "\x1b\\";
}

}  // namespace detail

std::vector<std::string> image_lines(const core::Image& image, const CellArea& area, ImageStyle style) {
  if (image.height < 1 || image.width < 1 || area.columns < 1 || area.rows < 1) {
    throw std::invalid_argument("[image_lines] needs an image with pixels, and an area with cells");
  }
  switch (style) {
    case ImageStyle::kKitty:
    case ImageStyle::kSixel:
      return pixel_lines(image, area, style);
    case ImageStyle::kBlocks:
    case ImageStyle::kBlocks256:
      return block_lines(image, area, style);
    case ImageStyle::kShades:
      return shade_lines(image, area);
    case ImageStyle::kNone:
      return {};
    case ImageStyle::kAuto:
      break;
  }
  throw std::invalid_argument("[image_lines] the style must be chosen before");
}

std::string erasing_images(ImageStyle style) { return style == ImageStyle::kKitty ? "\x1b_Ga=d,d=A,q=2\x1b\\" : ""; }

}  // namespace margay::cli
