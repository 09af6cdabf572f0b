#include "margay/data/check/report.h"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "margay/chart/drawing.h"
#include "margay/chart/render.h"
#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/text.h"
#include "margay/data/image/resample.h"

namespace margay::data {
namespace {

using core::counted;
using core::spelled_out;

constexpr std::size_t kFindings = 5;
constexpr std::size_t kPaths = 4;
constexpr std::size_t kClasses = 20;

/// One file and the text on one line; several files below the text.
std::string finding_text(const Finding& finding, std::size_t most_paths) {
  if (finding.paths.size() == 1)
    return fmt::format("    {}: {}\n", spelled_out(finding.paths[0].string()), spelled_out(finding.text));
  if (finding.paths.empty() && finding.classes.size() == 1) {
    return fmt::format("    '{}': {}\n", spelled_out(finding.classes[0]), spelled_out(finding.text));
  }
  std::string text = fmt::format("    {}\n", spelled_out(finding.text));
  const std::size_t shown = std::min(most_paths, finding.paths.size());
  for (std::size_t i = 0; i < shown; ++i) text += fmt::format("      {}\n", spelled_out(finding.paths[i].string()));
  if (shown < finding.paths.size()) text += fmt::format("      and {} more\n", finding.paths.size() - shown);
  return text;
}

/// The findings of one kind, which stand together.
std::string kind_text(std::span<const Finding> findings, ReportExtent extent) {
  const KindText& words = words_of(findings.front().kind);
  const bool all = extent == ReportExtent::kAll;
  std::string text =
      fmt::format("{}  {} ({})\n", words.severity == Severity::kHarm ? "HARM" : "note", words.title, findings.size());
  const std::size_t shown = all ? findings.size() : std::min(kFindings, findings.size());
  for (std::size_t i = 0; i < shown; ++i) text += finding_text(findings[i], all ? findings[i].paths.size() : kPaths);
  if (shown < findings.size()) text += fmt::format("    and {} more\n", findings.size() - shown);
  return text + fmt::format("    -> {}\n\n", words.remedy);
}

std::string findings_text(const std::vector<Finding>& findings, ReportExtent extent) {
  std::string text;
  for (std::size_t begin = 0, end = 0; begin < findings.size(); begin = end) {
    while (end < findings.size() && findings[end].kind == findings[begin].kind) ++end;
    text += kind_text(std::span(findings).subspan(begin, end - begin), extent);
  }
  return text;
}

/// The largest first; of more than kClasses the middle is left out.
std::string classes_text(std::vector<ClassCount> classes, ReportExtent extent) {
  constexpr int kBar = 40;
  if (classes.empty()) return "";
  std::stable_sort(classes.begin(), classes.end(),
                   [](const ClassCount& a, const ClassCount& b) { return a.images > b.images; });
  using Align = core::TextTable::Align;
  core::TextTable table({{"class", Align::kLeft}, {"images"}, {"train"}, {"valid"}, {"", Align::kLeft}});
  const auto largest = static_cast<double>(classes.front().images);
  const bool is_short = extent == ReportExtent::kShort && classes.size() > kClasses;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (is_short && i >= kClasses / 2 && i < classes.size() - kClasses / 2) {
      i = classes.size() - kClasses / 2 - 1;
      table.add({fmt::format("… {} more", classes.size() - kClasses), "", "", "", ""});
      continue;
    }
    const ClassCount& each = classes[i];
    table.add({spelled_out(each.name), std::to_string(each.images), std::to_string(each.train),
               std::to_string(each.valid), core::text_bar(static_cast<double>(each.images) / largest, kBar)});
  }
  return table.text() + "\n";
}

std::string verdict(const DataReport& report) {
  const std::size_t harm = report.count(Severity::kHarm);
  const std::size_t notes = report.count(Severity::kNote);
  const std::string rest = notes > 0 ? fmt::format("; {} to know", counted(notes, "thing", "things")) : "";
  if (harm == 0) return fmt::format("Nothing found that harms training{}.\n", rest);
  return fmt::format("{} training{}.\n", counted(harm, "thing harms", "things harm"), rest);
}

}  // namespace

std::string report_text(const DataReport& report, ReportExtent extent) {
  const std::string unreadable =
      report.readable < report.images ? fmt::format(" ({} unreadable)", report.images - report.readable) : "";
  std::string left_out;
  for (const std::string& sentence : report.left_out) left_out += spelled_out(sentence) + "\n";
  return fmt::format("{}: {}{}, {} train, {} validate, {}\n{}\n", spelled_out(report.folder.string()),
                     counted(report.images, "image", "images"), unreadable, report.train, report.valid,
                     counted(report.classes.size(), "class", "classes"), left_out) +
         findings_text(report.findings, extent) + classes_text(report.classes, extent) + verdict(report);
}

std::string report_json(const DataReport& report) {
  using Json = nlohmann::ordered_json;
  Json classes = Json::array();
  for (const ClassCount& each : report.classes) {
    classes.push_back({{"name", each.name}, {"images", each.images}, {"train", each.train}, {"valid", each.valid}});
  }
  Json findings = Json::array();
  for (const Finding& finding : report.findings) findings.push_back(to_json(finding));
  const Json document = {{"folder", report.folder.string()},
                         {"images", report.images},
                         {"readable", report.readable},
                         {"train", report.train},
                         {"valid", report.valid},
                         {"harmful", report.count(Severity::kHarm)},
                         {"notes", report.count(Severity::kNote)},
                         {"left_out", report.left_out},
                         {"classes", classes},
                         {"findings", findings}};
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

namespace {

using chart::PlotBox;

constexpr chart::Paint kHarmFrame = {.role = chart::Role::kColour, .colour = {214, 40, 40}};
constexpr chart::Paint kNoteFrame = {.role = chart::Role::kColour, .colour = {150, 150, 150}};
constexpr chart::Paint kGrey = {.role = chart::Role::kColour, .colour = {205, 205, 205}};
constexpr chart::Paint kWordsOnGrey = {.role = chart::Role::kColour, .colour = {0, 0, 0}};
constexpr int kSheetCaptionPx = 18;
constexpr int kSheetGapPx = 10;

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

PlotBox box_at(double left, double top, double width, double height) { return {left, top, left + width, top + height}; }

PlotBox shrunk(const PlotBox& box, double by) { return {box.left + by, box.top + by, box.right - by, box.bottom - by}; }

/// The whole image, at most as large as the tile: the tile's own pixels, so that a drawing of many images stays small.
core::Image tile_image(const core::Image& image, int side) {
  const double scale = static_cast<double>(side) / std::max(image.height, image.width);
  return resample(image, std::max(1, static_cast<int>(image.height * scale)),
                  std::max(1, static_cast<int>(image.width * scale)));
}

class Sheet {
 public:
  Sheet(int rows, const ContactSheetOptions& options) : options_(options) {
    drawing_.width = options.columns * cell_width() + kSheetGapPx;
    drawing_.height = rows * cell_height() + kSheetGapPx;
    drawing_.title = "the images of the findings";
  }

  void draw(const Strip& strip) {
    const int top = kSheetGapPx / 2 + strip.row * cell_height();
    const int left = kSheetGapPx / 2 + strip.column * cell_width();
    const PlotBox frame = shrunk(box_at(left, top, strip.tiles * cell_width(), cell_height()), 2);
    add(chart::DrawnBox{frame, strip.finding->severity() == Severity::kHarm ? kHarmFrame : kNoteFrame});
    add(chart::DrawnBox{shrunk(frame, 2), {chart::Role::kCard}});
    for (int i = 0; i < strip.tiles; ++i)
      draw_tile(*strip.finding, i, top + kSheetGapPx / 2, left + i * cell_width() + kSheetGapPx / 2);
  }

  void say(const std::string& text) {
    write(text, kSheetGapPx, kSheetGapPx, options_.columns * cell_width() - kSheetGapPx);
  }
  chart::Drawing take() { return std::move(drawing_); }

 private:
  int cell_width() const { return options_.tile_px + kSheetGapPx; }
  int cell_height() const { return options_.tile_px + 2 * kSheetCaptionPx + kSheetGapPx; }
  void add(chart::Shape shape) { drawing_.shapes.push_back(std::move(shape)); }

  /// One line in the middle of a caption's room.
  void write(const std::string& text, double left, double top, double width, const chart::Paint& paint = {}) {
    add(chart::DrawnText{.at = {left + width / 2, top + kSheetCaptionPx / 2.0},
                         .text = text,
                         .anchor = chart::TextAnchor::kMiddle,
                         .paint = paint,
                         .room_px = width});
  }

  void draw_tile(const Finding& finding, int i, int top, int left) {
    const int side = options_.tile_px;
    const std::filesystem::path& path = finding.paths[static_cast<std::size_t>(i)];
    try {
      place(tile_image(read_image(path, {.max_pixels = options_.max_pixels, .deep_bits = options_.deep_bits}), side),
            top, left);
    } catch (const core::DataError&) {
      add(chart::DrawnBox{box_at(left, top, side, side), kGrey});
      write_lines(finding.text, box_at(left, top, side, side));
    }
    const bool is_cut = i + 1 == options_.columns && finding.paths.size() > static_cast<std::size_t>(i) + 1;
    const std::string more = is_cut ? " (and more)" : "";
    write(words_of(finding.kind).name + more, left, top + side, side);
    write(path.filename().string(), left, top + side + kSheetCaptionPx, side);
  }

  /// In the middle of a tile.
  void place(core::Image image, int top, int left) {
    const int x = left + (options_.tile_px - image.width) / 2;
    const int y = top + (options_.tile_px - image.height) / 2;
    const PlotBox box = box_at(x, y, image.width, image.height);
    add(chart::DrawnImage{std::move(image), box});
  }

  /// Words from the top on, as many lines as it takes or there is room for.
  void write_lines(const std::string& text, const PlotBox& box) {
    const PlotBox room = shrunk(box, 4);
    std::istringstream words(text);
    std::string line;
    double top = box.top + kSheetCaptionPx;
    const auto flush = [&] {
      if (!line.empty() && top + kSheetCaptionPx <= box.bottom) write(line, room.left, top, room.width(), kWordsOnGrey);
      top += kSheetCaptionPx;
      line.clear();
    };
    for (std::string word; words >> word;) {
      if (!line.empty() && chart::text_width_px(line + " " + word) > room.width()) flush();
      line += (line.empty() ? "" : " ") + word;
    }
    flush();
  }

  ContactSheetOptions options_;
  chart::Drawing drawing_;
};

}  // namespace

chart::Drawing contact_sheet_drawing(const DataReport& report, const ContactSheetOptions& options) {
  core::validate(options);
  const std::vector<Strip> strips = layout(report, options);
  Sheet sheet(strips.empty() ? 1 : strips.back().row + 1, options);
  if (strips.empty()) sheet.say("no finding has an image");
  for (const Strip& strip : strips) sheet.draw(strip);
  return sheet.take();
}

core::Image contact_sheet(const DataReport& report, const ContactSheetOptions& options) {
  return chart::drawing_image(contact_sheet_drawing(report, options));
}

const core::OptionTable& ContactSheetOptions::fields() {
  static const core::OptionTable table(
      "contact_sheet", {core::field<&ContactSheetOptions::max_tiles>("max_tiles", "images to show", {1, 1024}),
                        core::field<&ContactSheetOptions::columns>("columns", "tiles side by side", {1, 64}),
                        core::field<&ContactSheetOptions::tile_px>("tile_px", "side of a tile, pixels", {64, 1024}),
                        core::field<&ContactSheetOptions::max_pixels>(
                            "max_pixels", "an image that claims more pixels is not drawn", {1, 1e12}),
                        core::field<&ContactSheetOptions::deep_bits>(
                            "deep_bits", "how many of the 16 bits of PNG and TIFF samples hold data", {8, 16})});
  return table;
}

}  // namespace margay::data
