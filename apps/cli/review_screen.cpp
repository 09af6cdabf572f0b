#include "apps/cli/review_screen.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/review_text.h"
#include "margay/core/text.h"

namespace margay::cli {
namespace {

/// A line of text at a place of the screen, counted from 1, cut where the screen ends.
std::string placed(int row, int column, const std::string& text) {
  return fmt::format("\x1b[{};{}H{}", row, column, text);
}

std::string plain_line(const std::string& text, int columns) {
  return core::fitted(core::spelled_out(text), static_cast<std::size_t>(columns));
}

std::string kind_title(const run::ReviewEntry& entry) {
  if (entry.is_sample()) return "random sample";
  if (const auto kind = data::kind_named(entry.kind)) return data::words_of(*kind).title;
  return entry.kind == "conflict"  ? "decided before, but the image or its label has changed"
         : entry.kind == "offered" ? "a copy of an image that was decided about"
                                   : entry.kind;
}

std::vector<std::string> help_lines() {
  return {"k  keep: the label is right",
          "a  accept the suggested label",
          "r  relabel: type some letters of a class, enter",
          "d  delete: the image does not belong to the data",
          "n  not a duplicate: never asked again",
          "s  skip: asked again in the next review",
          "u  undo the last decision, and the ones before it",
          "q  quit; everything decided is kept",
          "No file is changed before `margay clean apply`."};
}

}  // namespace

std::vector<std::string> ReviewScreen::head_lines() const {
  const bool validates = review.data().validates[entry.image];
  std::vector<std::string> lines = {kind_title(entry) + (validates ? "  [validation image]" : "")};
  std::string names = review.name(entry.image);
  if (!entry.others.empty()) names += "  |  " + review.name(entry.others.front());
  lines.push_back(names);
  return lines;
}

std::string ReviewScreen::label_line() const {
  std::string line = "label: " + labels_text(review.labels(entry.image));
  if (!entry.others.empty()) line += "  |  " + labels_text(review.labels(entry.others.front()));
  if (!entry.suggestion.empty()) line += "   suggested: " + labels_text(entry.suggestion);
  return line;
}

std::string ReviewScreen::key_line(int columns) const {
  std::string line = "k keep";
  std::string brief = "k";
  const auto add = [&](bool is_of_use, char key, const char* word) {
    if (!is_of_use) return;
    line += fmt::format("  {} {}", key, word);
    brief += fmt::format(" {}", key);
  };
  add(!entry.suggestion.empty(), 'a', "accept");
  add(true, 'r', "relabel");
  add(true, 'd', "delete");
  add(!entry.others.empty(), 'n', "not a duplicate");
  add(true, 's', "skip");
  add(true, 'u', "undo");
  add(true, 'q', "quit");
  line += "  ? help";
  return core::text_width(line) <= static_cast<std::size_t>(columns) ? line : brief + " ?";
}

/// "new label: siam_  > Siamese <  Siamese mix": the one that enter takes stands first.
std::string ReviewScreen::prompt_line() const {
  constexpr std::size_t kShown = 8;
  std::string line = "new label: ";
  for (const std::string& label : prompt->completed()) line += label + "; ";
  line += prompt->typed() + "_ ";
  const auto& matches = prompt->matches();
  if (matches.empty()) return line + " no class is like this";
  for (std::size_t i = prompt->highlighted(); i < std::min(matches.size(), prompt->highlighted() + kShown); ++i) {
    line += i == prompt->highlighted() ? fmt::format(" > {} <", matches[i]) : "  " + matches[i];
  }
  return line;
}

std::vector<std::string> ReviewScreen::foot_lines(int columns) const {
  std::vector<std::string> lines = {label_line(), entry.text};
  lines.push_back(prompt != nullptr ? prompt_line() : key_line(columns));
  if (!message.empty()) lines.push_back(message);
  lines.push_back(progress_text(review.progress()));
  lines.push_back(remaining_text(review.remaining()));
  return lines;
}

std::string ReviewScreen::text(const CellArea& area) const {
  std::vector<std::string> head = head_lines();
  std::vector<std::string> foot = foot_lines(area.columns);
  while (!foot.empty() && static_cast<int>(foot.size()) > area.rows) foot.erase(foot.begin());
  while (!head.empty() && static_cast<int>(head.size() + foot.size()) > area.rows) head.pop_back();
  const int image_rows = area.rows - static_cast<int>(head.size() + foot.size());
  std::string screen = "\x1b[0m" + erasing_images(style) + "\x1b[H\x1b[2J";
  int row = 1;
  for (const std::string& line : head) screen += placed(row++, 1, plain_line(line, area.columns));
  const int first_image_row = row;
  const auto side_by_side = static_cast<int>(std::max<std::size_t>(1, images.size()));
  const int width = std::max(1, (area.columns - (side_by_side - 1)) / side_by_side);
  for (std::size_t i = 0; i < images.size() && image_rows > 0 && !shows_help; ++i) {
    const CellArea part = {width, image_rows, area.cell_width_px, area.cell_height_px};
    const std::vector<std::string> lines = images[i].image ? image_lines(*images[i].image, part, style)
                                                           : std::vector{plain_line(images[i].problem, width)};
    const int column = 1 + static_cast<int>(i) * (width + 1);
    for (std::size_t k = 0; k < lines.size(); ++k) {
      screen += placed(first_image_row + static_cast<int>(k), column, lines[k]);
    }
  }
  if (shows_help) {
    const std::vector<std::string> lines = help_lines();
    for (int i = 0; i < std::min(image_rows, static_cast<int>(lines.size())); ++i) {
      screen += placed(first_image_row + i, 1, plain_line(lines[static_cast<std::size_t>(i)], area.columns));
    }
  }
  row = area.rows - static_cast<int>(foot.size()) + 1;
  for (const std::string& line : foot) screen += placed(row++, 1, plain_line(line, area.columns));
  return screen;
}

}  // namespace margay::cli
