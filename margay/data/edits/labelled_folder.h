#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "margay/core/line_file.h"
#include "margay/data/edits/class_folders.h"
#include "margay/data/source/names.h"

namespace margay::data {

/// One image that was given a class.
struct LabelledImage {
  std::size_t number = 0;   ///< in the log, from 1
  std::string image = "";   ///< where it is, relative to the root: "cat/1.jpg"
  std::string label = "";   ///< its class
  std::string source = "";  ///< where it was: relative to the root for loose images, absolute for others; "": it came
                            ///< as bytes
  bool is_moved = false;    ///< it was loose in the root; else it is a copy
  bool is_random = false;   ///< it was drawn at random, not because a probe was uncertain about it
  std::string who = "";
  std::string id = "";  ///< of the request, as Decision::id
  std::string time = "";
  bool is_undone = false;
};

/// Who gives an image its class, and why this image.
struct LabelRequest {
  std::string who = "";
  std::string id = "";     ///< as Decision::id
  bool is_random = false;  ///< as LabelledImage::is_random
};

/// A dataset that is being made from nothing: a folder whose folders are classes, as training reads it without any
/// option. Images come as bytes (dropped on a page, recorded by a camera), from another folder, of which they are
/// copied, or from the loose images in the folder itself, which training leaves out and which are moved.
///
/// Each step is on the disk when its function returns, as a line of `.margay/labelled.jsonl`; no file is overwritten
/// (ClassFolders), and undo() brings a loose image back and puts others into `.margay/trash/labelled`. A move, and an
/// undoing, is written down before it is made, so that a kill between the two loses nothing. A request that is repeated
/// (id) is done once. Not for use by several threads at once; several processes may work on one folder, and see each
/// other's images after take_over().
class LabelledFolder {
 public:
  /// Makes the folder if there is none; the log is made with the first image. Throws core::FormatError naming the line
  /// of a log that was changed, core::IoError.
  explicit LabelledFolder(const std::filesystem::path& root);

  const std::filesystem::path& root() const { return folders_.root(); }
  const ClassFolders& folders() const { return folders_; }
  /// In order; those undone stay.
  const std::vector<LabelledImage>& images() const { return images_; }

  /// Images directly in the root, which have no class, by name.
  PathList loose_images() const;
  /// Whether an image of another folder was copied here, and that was not undone.
  bool was_copied(const std::filesystem::path& source) const;

  /// Throws std::invalid_argument for a name that cannot be a class's, core::IoError.
  void add_class(const std::string& label);
  /// name: of the file that the bytes came from. Throws as ClassFolders::place_bytes.
  LabelledImage add_bytes(std::string_view bytes, const std::string& name, const std::string& label,
                          const LabelRequest& request = {});
  /// image: one of loose_images(), else it is copied. Throws as ClassFolders::place, core::DataError where a loose
  /// image is gone.
  LabelledImage add_file(const std::filesystem::path& image, const std::string& label,
                         const LabelRequest& request = {});
  /// Takes the last image of `who` back; returns it, again for a request that is repeated; nothing if there is none.
  /// Throws core::IoError, and core::DataError where the image was moved or deleted meanwhile.
  std::optional<LabelledImage> undo(const std::string& who = "", const std::string& id = "");

  /// Takes over what other processes have added. Returns whether there was anything. Throws core::FormatError for a log
  /// that was removed or cut meanwhile.
  bool take_over();
  /// Whether the log that this object has read is gone, or shorter than it was: then only another object, which begins
  /// with what is there now, can go on. Images stay in their classes; undo() knows none of before.
  bool is_log_lost() const;

 private:
  /// A line of the log.
  struct Step {
    enum class Kind { kAdd, kMove, kUndoing, kUndo };
    Kind kind = Kind::kAdd;
    LabelledImage image = {};
    std::size_t undoes = 0;
  };

  std::filesystem::path log_path() const;
  void begin();
  void read();
  void take_line(std::string_view line);
  void write(const Step& step);
  std::optional<LabelledImage> done_before(const std::string& id) const;
  LabelledImage add_loose(const std::filesystem::path& image, LabelledImage labelled);
  LabelledImage add(LabelledImage labelled, bool is_new);
  void take_image(LabelledImage image);
  void take_undo(std::size_t number, const std::string& id);
  void finish_moves();
  std::filesystem::path place_after_undo(const LabelledImage& image) const;
  void take_back(const LabelledImage& image);

  ClassFolders folders_;
  std::optional<core::LineFile> log_;
  std::size_t bytes_ = 0;  ///< of the log that were read
  std::size_t lines_ = 0;
  std::vector<LabelledImage> images_;
  std::unordered_map<std::string, std::size_t> number_of_image_;  ///< of those not undone
  std::unordered_map<std::string, std::size_t> number_of_copy_;   ///< by the source
  std::vector<LabelledImage> intended_;                           ///< moves that were written down and not confirmed
  std::vector<Step> intended_undos_;
  std::unordered_map<std::string, std::size_t> number_of_id_;  ///< of images and of undoings
};

/// Throws std::invalid_argument, naming why, unless the label can be the name of a class and of its folder as it is.
void check_class_name(std::string_view label);

}  // namespace margay::data
