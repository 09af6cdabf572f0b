#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>

#include "margay/core/file.h"
#include "margay/core/line_file.h"
#include "margay/data/edits/class_folders.h"
#include "margay/data/item.h"

namespace margay::data {

/// What a model says of an image that is to be sorted.
struct SortedAs {
  Labels labels = {};      ///< the class, or all that apply; empty: none of the classes
  double probability = 0;  ///< of the most probable class, 0 … 1
  std::string best = "";   ///< that class
};

/// A folder that images are sorted into by what a model predicts: `CLASS/NAME`, images of none of its classes in
/// `none_of_these/`, those that cannot be read in the list `unreadable.csv`. `sorted.csv` says what went where:
/// path, label, probability, sorted_to, how; an image of several labels has a line for each.
///
/// An image whose path is in `sorted.csv` was sorted before and is passed over, also where somebody has moved it to
/// another class since. No file is ever overwritten (ClassFolders). A line is written when its image is in place, so
/// that after a kill or a full disk the next sorting goes on where it stopped.
class SortedFolder {
 public:
  static constexpr const char* kNone = "none_of_these";
  static constexpr const char* kTable = "sorted.csv";
  static constexpr const char* kUnreadable = "unreadable.csv";

  /// Makes the folder. classes: of the model. Throws core::FormatError for tables of these names that are something
  /// else, core::DataError for a class that is called as the folder for none of them, std::invalid_argument for a
  /// class whose name no folder can have, core::IoError, core::Error while another process sorts into it.
  SortedFolder(const std::filesystem::path& folder, const Labels& classes, PlacedAs how);

  const std::filesystem::path& folder() const { return folders_.root(); }
  /// path: as add() takes it.
  bool was_sorted(const std::filesystem::path& path) const;
  /// Throws as ClassFolders::place; images before it are in place and listed then.
  void add(const std::filesystem::path& path, const SortedAs& as);
  /// Lists an image that cannot be read, once.
  void add_unreadable(const std::filesystem::path& path, const std::string& problem);
  /// Makes the tables durable.
  void sync();

  /// Images added, by the name of their folder.
  const std::map<std::string, std::size_t>& counts() const { return counts_; }
  std::size_t added() const { return added_; }
  /// Images that were there already, by name and bytes, though not in the table.
  std::size_t found() const { return found_; }
  std::size_t unreadable() const { return unreadable_; }

 private:
  void put(const std::filesystem::path& path, const std::string& folder, const std::string& label, double probability);

  ClassFolders folders_;
  PlacedAs how_;
  core::LineFile table_;
  core::LineFile unreadable_table_;
  core::FileLock lock_;
  std::unordered_set<std::string> sorted_;
  std::unordered_set<std::string> listed_;
  std::map<std::string, std::size_t> counts_;
  std::size_t added_ = 0;
  std::size_t found_ = 0;
  std::size_t unreadable_ = 0;
};

}  // namespace margay::data
