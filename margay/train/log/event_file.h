#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "margay/train/log/record_file.h"
#include "margay/train/log/wire_message.h"

namespace margay::train {

/// A point of one of TensorBoard's curves.
struct LoggedScalar {
  std::string tag;   ///< "loss/train": before the slash stands the group of curves; UTF-8
  double value = 0;  ///< stored as float32
};

/// An image of the log, already encoded.
struct LoggedImage {
  std::string tag;
  std::int64_t width = 0;     ///< pixels
  std::int64_t height = 0;    ///< pixels
  std::int64_t channels = 3;  ///< 1 grey, 3 RGB, 4 RGBA
  std::string encoded;        ///< a PNG or JPEG file
};

/// A file of TensorFlow's events, which TensorBoard reads: FOLDER/events.out.tfevents.<seconds since 1970>.<host>.
/// TensorBoard reads a folder's files in the order of their names, so the seconds of a new file are higher than those
/// of all that are there, whatever the clock says.
class EventFile {
 public:
  /// Makes the folder, if it is missing, and the file. With `first_step`, TensorBoard forgets what files before it say
  /// of this step and later ones: an interrupted training goes on there. Throws core::IoError.
  explicit EventFile(const std::filesystem::path& folder, std::optional<std::int64_t> first_step = std::nullopt);

  /// All under one step and one time. Throws core::IoError; the file stays whole.
  void write_scalars(std::int64_t step, std::span<const LoggedScalar> scalars);
  /// An image under one step. Throws core::IoError; the file stays whole.
  void write_image(std::int64_t step, const LoggedImage& image);

  const std::filesystem::path& path() const { return file_.path(); }

 private:
  void write_summary(std::int64_t step, const WireMessage& summary);

  RecordFile file_;
  std::string head_;  ///< goes into the file with the first event
};

}  // namespace margay::train
