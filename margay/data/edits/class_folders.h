#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace margay::data {

/// How an image gets into the folder of its class.
enum class PlacedAs : std::uint8_t {
  kCopy,
  kLink,     ///< a symbolic link to its absolute path
  kHardlink  ///< a second name, which needs the same file system
};

constexpr auto names(PlacedAs /*tag*/) {
  return std::array{std::pair{PlacedAs::kCopy, "copy"}, std::pair{PlacedAs::kLink, "link"},
                    std::pair{PlacedAs::kHardlink, "hardlink"}};
}

/// Where an image is now.
struct PlacedImage {
  std::string name;        ///< relative to the root, with '/'
  bool was_there = false;  ///< it, or a file of its name and bytes, was there already
};

struct ClassFolder {
  std::string label;
  std::string name;        ///< of the folder
  std::size_t images = 0;  ///< directly in it, by their extensions
  bool is_class = true;  ///< false for a folder that only holds other ones, such as `train` of a dataset that is split
};

/// The name of a class's folder: the label, with '/', control characters and a full stop at the beginning as %XX, and
/// '%' so where two such digits follow. Throws std::invalid_argument for a label that is empty or has more than 255
/// bytes then.
std::string folder_of_class(std::string_view label);
/// The label of a folder's name.
std::string class_of_folder(std::string_view name);

/// Whether a person may give a new class this name: "" or why not, a clause. It must be text of one line that a folder
/// can bear as it is, since training takes the folder's name for the label.
std::string problem_of_class_name(std::string_view label);

/// A folder whose folders are the classes of images, as training reads it. Images are added to it; no file is ever
/// overwritten, and what bears an image's name is whole: a name that is taken by another image gets a number
/// (`cat-2.jpg`), and copies are made under a hidden name, which ends when they are on the disk.
class ClassFolders {
 public:
  explicit ClassFolders(std::filesystem::path root) : root_(std::move(root)) {}

  const std::filesystem::path& root() const { return root_; }
  /// By name; none where the folder is missing. Hidden folders are none of classes.
  std::vector<ClassFolder> classes() const;
  /// Makes the folder of a class, if there is none. Throws as folder_of_class, and core::IoError.
  void make_class(const std::string& label) const;

  /// Adds an image file; a link is followed. Throws as make_class, core::DataError for a file that
  /// cannot be read, core::IoError for what the disk refuses; nothing is there then.
  PlacedImage place(const std::filesystem::path& image, const std::string& label, PlacedAs how) const;
  /// Adds an image of these bytes. name: of a file, without folders.
  PlacedImage place_bytes(std::string_view bytes, const std::string& name, const std::string& label) const;
  /// Removes parts of copies that processes which were killed have left more than an hour ago.
  void remove_left_parts() const;
  /// The name that the next image of this name would get, relative to the root.
  std::string free_name(const std::string& name, const std::string& label) const;

 private:
  std::filesystem::path root_;
};

}  // namespace margay::data
