#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "margay/data/source/names.h"

namespace margay::data {

/// Why something in a folder of images is not used. Kinds that a user should look at come first.
enum class LeftOutKind : std::uint8_t {
  kLooseImage,     ///< lies beside the folders of the classes, so it has no class
  kTestImage,      ///< belongs to the test set
  kUnlistedImage,  ///< lies beside those that a table lists, and is not in it
  kDeletedImage,   ///< somebody decided that it does not belong to the data (LabelEdits)
  kOtherImage,     ///< lies in none of the folders that train or validate
  kHiddenImage,    ///< its name begins with a dot
  kUnreadImage,    ///< an image of a format that is not read: JPEG XL, JPEG 2000, raw, SVG, Photoshop, …
  kDanglingLink,   ///< a link to a file that is not there
  kClosedFile,     ///< may not be read, and its name does not tell whether it is an image
  kEmptyFolder,    ///< holds no image, so it is no class
  kSecondLink,     ///< a link to a folder that is read by another path
  // What any folder may hold.
  kOtherFile,  ///< no image
  kDocument,   ///< a text or a table, as a README, labels or one annotation for each image: no sentence tells of it
  kDecisions,  ///< `.margay`, the folder of a journal of decisions: no sentence tells of it
  kSystem,     ///< left by a system, a NAS or a desktop: lost+found, @eaDir, __MACOSX, Thumbs.db, ._a.jpg, .git
  kHidden,     ///< another file or folder whose name begins with a dot
  kRun,        ///< the folder of a training, whose charts are images
  kSpecial,    ///< neither file nor folder: a socket, a pipe, a device
};

/// Everything in a folder that is not used: how much of each kind, and the first three paths. One object collects it
/// while images are found, labelled and split; a program shows its sentences once.
class LeftOut {
 public:
  void add(LeftOutKind kind, std::string_view path);

  std::size_t count(LeftOutKind kind) const { return of(kind).size(); }
  bool empty() const;
  /// Whether something that looks like an image is among it.
  bool holds_images() const;

  /// Each kind that should be looked at in a sentence with its remedy, all others in one sentence.
  std::vector<std::string> sentences() const;

 private:
  static constexpr std::size_t kKinds = static_cast<std::size_t>(LeftOutKind::kSpecial) + 1;

  NameList& of(LeftOutKind kind) { return names_[static_cast<std::size_t>(kind)]; }
  const NameList& of(LeftOutKind kind) const { return names_[static_cast<std::size_t>(kind)]; }

  std::array<NameList, kKinds> names_;
};

/// What an entry of a folder is; links are what they lead to.
enum class EntryKind : std::uint8_t { kFile, kFolder, kSpecial };

/// Why the name alone says that the entry of a folder is not data: hidden names, and what systems leave. Nothing for
/// other names.
std::optional<LeftOutKind> left_out_by_name(std::string_view name, EntryKind kind);

}  // namespace margay::data
