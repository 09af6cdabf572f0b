#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <sys/stat.h>

#include "margay/data/edits/journal.h"
#include "margay/data/edits/label_edits.h"
#include "margay/data/source/image_files.h"
#include "margay/data/source/labels.h"
#include "tests/support/temporary_folder.h"

namespace margay::testing_support {

/// cat/ and dog/ with N files each, whose bytes are their names: no decision needs pixels.
inline void write_cats_and_dogs(const std::filesystem::path& folder, int per_class = 3) {
  for (const char* const label : {"cat", "dog"}) {
    for (int i = 0; i < per_class; ++i) {
      const std::string name = std::string(label) + "/" + std::to_string(i) + ".jpg";
      write(folder / name, "the bytes of " + name);
    }
  }
}

inline data::Decision decision_about(const std::filesystem::path& folder, const std::string& image,
                                     data::DecisionKind kind, const data::Labels& before,
                                     const data::Labels& after = {}) {
  data::Decision decision = data::decide(kind, data::Root(folder), folder / image, before);
  decision.after = after;
  return decision;
}

inline data::Journal journal_for(const std::filesystem::path& folder) {
  return data::Journal::open(data::journal_beside(folder), data::DataMarks::of(data::image_files(folder)));
}

inline data::LabelEdits edits_for(const std::filesystem::path& folder, const data::Journal& journal) {
  return data::LabelEdits(journal, folder, data::image_files(folder), data::folder_labels());
}

inline data::Items items_of(const std::filesystem::path& folder, const data::Labeller& labeller) {
  data::Items items(labeller.task);
  for (const std::filesystem::path& image : data::image_files(folder)) {
    items.add(image.native(), labeller.label(image.native()).value());
  }
  return items;
}

/// Every file, link and folder but those of Margay: what it holds and when it was modified.
inline std::map<std::string, std::string> tree_of(const std::filesystem::path& folder) {
  std::map<std::string, std::string> tree;
  const auto note = [&](const std::filesystem::path& path, const std::string& content) {
    struct stat status {};
    ::lstat(path.c_str(), &status);
    tree[path.lexically_relative(folder).native()] = content + " modified " + std::to_string(status.st_mtim.tv_sec) +
                                                     "." + std::to_string(status.st_mtim.tv_nsec) + " mode " +
                                                     std::to_string(status.st_mode);
  };
  note(folder, "");
  for (auto at = std::filesystem::recursive_directory_iterator(folder);
       at != std::filesystem::recursive_directory_iterator(); ++at) {
    if (at->path().filename() == ".margay") {
      at.disable_recursion_pending();
    } else if (at->is_symlink()) {
      note(at->path(), "-> " + std::filesystem::read_symlink(at->path()).native());
    } else {
      note(at->path(), at->is_directory() ? "" : file_content(at->path()));
    }
  }
  return tree;
}

}  // namespace margay::testing_support
