#include <memory>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/nearest.h"
#include "margay/data/source/csv.h"
#include "margay/data/source/image_names.h"
#include "margay/data/source/name_list.h"
#include "margay/data/source/splits.h"

namespace margay::data {
namespace {

ImageNames listed_names(std::string_view text, const std::filesystem::path& root) {
  ImageNames names({Root(root)});
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) names.add(line);
  }
  return names;
}

std::string nearest_name(std::string_view name, const Items& items) {
  constexpr std::size_t kEnough = 100'000;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(items.size(), kEnough); ++i)
    names.emplace_back(file_name(items.paths().text(i)));
  return core::did_you_mean(file_name(name), names);
}

}  // namespace

Splitter file_list_split(const std::filesystem::path& list, const std::filesystem::path& root) {
  const auto names = std::make_shared<const ImageNames>(listed_names(read_text(list), root));
  if (names->size() == 0)
    throw core::DataError(list, "the list of validation images is empty; write a name on each line");
  return [names, list](const Items& items) {
    Split split;
    std::vector<std::size_t> image_of_name(names->size(), items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      const auto name = names->find(items.paths().text(i));
      (name ? split.valid : split.train).push_back(i);
      if (!name) continue;
      if (image_of_name[*name] < items.size()) {
        throw core::DataError(list, fmt::format("'{}' names both {} and {}; write their paths", names->name(*name),
                                                items.path(image_of_name[*name]).string(), items.path(i).string()));
      }
      image_of_name[*name] = i;
    }
    NameList absent;
    std::string hint;
    for (std::size_t n = 0; n < names->size(); ++n) {
      if (image_of_name[n] < items.size()) continue;
      if (absent.empty()) hint = nearest_name(names->name(n), items);
      absent.add(std::string(names->name(n)));
    }
    if (absent.empty()) return split;
    throw core::DataError(list, fmt::format("{} of the {} images listed are not among the data: {}{}", absent.size(),
                                            names->size(), absent.text(), hint));
  };
}

}  // namespace margay::data
