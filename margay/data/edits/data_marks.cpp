#include "margay/data/edits/data_marks.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "margay/core/checksum.h"
#include "margay/data/source/folder_walk.h"

namespace margay::data {
namespace {

constexpr std::size_t kMarks = 64;

std::uint64_t mark_of(const ImageSource& image) {
  std::uintmax_t size = 0;
  std::error_code ignored;
  size = image.is_file() ? std::filesystem::file_size(image.name(), ignored) : image.bytes()->size();
  const std::string name = fmt::format("{}/{}", file_name(image.name().native()), size);
  return core::checksum(name);
}

}  // namespace

DataMarks DataMarks::of(const ImageList& images) {
  std::vector<std::uint64_t> marks;
  for (std::size_t i = 0; i < images.size(); ++i) marks.push_back(mark_of(images[i]));
  const auto kept = static_cast<std::ptrdiff_t>(std::min(kMarks, marks.size()));
  std::partial_sort(marks.begin(), marks.begin() + kept, marks.end());
  marks.resize(static_cast<std::size_t>(kept));
  return {.images = images.size(), .marks = std::move(marks)};
}

std::size_t DataMarks::count_in(const ImageList& others) const {
  std::vector<bool> is_there(marks.size());
  for (std::size_t i = 0; i < others.size(); ++i) {
    const std::uint64_t mark = mark_of(others[i]);
    const auto [first, last] = std::equal_range(marks.begin(), marks.end(), mark);
    std::fill(is_there.begin() + (first - marks.begin()), is_there.begin() + (last - marks.begin()), true);
  }
  return static_cast<std::size_t>(std::count(is_there.begin(), is_there.end(), true));
}

}  // namespace margay::data
