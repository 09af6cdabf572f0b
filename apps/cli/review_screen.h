#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/cli/class_prompt.h"
#include "apps/cli/terminal_image.h"
#include "margay/core/image.h"
#include "margay/run/review.h"

namespace margay::cli {

/// An image on the screen, or why it cannot be shown.
struct ShownImage {
  std::optional<core::Image> image;
  std::string problem = "";
};

/// What the screen of a review shows.
struct ReviewScreen {
  const run::Review& review;
  const run::ReviewEntry& entry;
  const std::vector<ShownImage>& images;  ///< the entry's, and of copies the first other one, side by side
  ImageStyle style = ImageStyle::kBlocks;
  std::string message = "";             ///< what the last key did, or why it did nothing
  const ClassPrompt* prompt = nullptr;  ///< while a class is being chosen
  bool shows_help = false;              ///< in place of the image

  /// Everything, from the first line on, for a terminal of this size; it fits, however small the area is.
  std::string text(const CellArea& area) const;

 private:
  std::vector<std::string> head_lines() const;
  std::vector<std::string> foot_lines(int columns) const;
  std::string label_line() const;
  std::string key_line(int columns) const;
  std::string prompt_line() const;
};

}  // namespace margay::cli
