#include "margay/data/item.h"

#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace margay::data {

Items::Items(std::initializer_list<std::pair<std::filesystem::path, std::string>> images) : task_(Task::kSingleLabel) {
  for (const auto& [path, label] : images) add(path.native(), {label});
}

void Items::add(std::string_view path, const Labels& labels) {
  add_labels(path, labels);
  images_.add_file(path);
}

void Items::add(const ImageSource& image, const Labels& labels) {
  add_labels(image.name().native(), labels);
  images_.add(image);
}

void Items::add(const ImageList& images, std::size_t i, const Labels& labels) {
  add_labels(images.names().text(i), labels);
  images_.add(images, i);
}

void Items::add_labels(std::string_view name, const Labels& labels) {
  if (task_ == Task::kSingleLabel && labels.size() != 1) {
    throw std::invalid_argument(fmt::format("[Items] {} has {} labels, expected one", name, labels.size()));
  }
  for (const std::string& label : labels) {
    const auto [known, is_new] = id_of_label_.try_emplace(label, static_cast<std::uint32_t>(label_names_.size()));
    if (is_new) label_names_.push_back(label);
    label_ids_.push_back(known->second);
  }
  first_label_.push_back(label_ids_.size());
}

std::span<const std::uint32_t> Items::label_ids(std::size_t i) const {
  return std::span(label_ids_).subspan(first_label_[i], first_label_[i + 1] - first_label_[i]);
}

std::string Items::label(std::size_t i) const {
  std::string text;
  for (const std::uint32_t id : label_ids(i)) text += (text.empty() ? "" : ";") + label_names_[id];
  return text;
}

}  // namespace margay::data
