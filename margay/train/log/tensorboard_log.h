#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "margay/core/protobuf_writer.h"
#include "margay/train/callback/callback.h"
#include "margay/train/log/record_file.h"
#include "margay/train/log/text_log.h"

namespace margay::train {

/// The checksum of iSCSI and of TensorFlow's records: the Castagnoli polynomial, reflected (RFC 3720, appendix B.4).
std::uint32_t crc32c(std::string_view bytes);

/// One record of TensorFlow's TFRecord format: uint64 length, uint32 masked crc32c of the length, the data, uint32
/// masked crc32c of the data; numbers little-endian. Source: tensorflow/core/lib/io/record_writer.h.
std::string tf_record(std::string_view data);

/// A point of one of TensorBoard's curves.
struct LoggedScalar {
  std::string tag;   ///< "loss/train": the group of curves is before the slash; UTF-8
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
/// of all existing files, whatever the clock says.
class EventFile {
 public:
  /// Creates the file, and the folder if it is missing. With `first_step`, TensorBoard ignores this step and later ones
  /// of previous files, because an interrupted training continues there. Throws core::IoError.
  explicit EventFile(const std::filesystem::path& folder, std::optional<std::int64_t> first_step = std::nullopt);

  /// Writes all values under one step and one time. Throws core::IoError; the file stays valid.
  void write_scalars(std::int64_t step, std::span<const LoggedScalar> scalars);
  /// Writes an image under one step. Throws core::IoError; the file stays valid.
  void write_image(std::int64_t step, const LoggedImage& image);

  const std::filesystem::path& path() const { return file_.path(); }

 private:
  void write_summary(std::int64_t step, const core::ProtobufMessage& summary);

  RecordFile file_;
  std::string head_;  ///< written with the first event
};

/// Curves for TensorBoard (`tensorboard --logdir FOLDER`). For every options.log_every-th training step loss/train,
/// loss/smooth, lr/0 … (one per group), momentum and images_per_s; for every epoch loss/valid and metric/<name>, if
/// there are such numbers. Their step: training steps so far, over all fits, from 1.
///
/// Each log writes a new file into the folder. A log whose state was loaded continues with the steps, and TensorBoard
/// drops what an interrupted training had logged after its checkpoint. For that it must be added before the callback
/// that saves checkpoints. A file that cannot be written does not stop the training: `on_failure` is called once, and
/// the points are missing.
class TensorBoardLog : public Callback {
 public:
  /// Throws std::invalid_argument for options out of range. Folder and file are made with the first point.
  TensorBoardLog(std::filesystem::path folder, LogFailureListener on_failure, const LogOptions& options = {});

  void after_batch(Learner& learner, const Progress& at) override;
  void after_epoch(Learner& learner, const Progress& at, const EpochRecord& record) override;

  std::string state_name() const override { return "tensorboard_log"; }
  CallbackState state() const override { return {.values = {{"step", step_}}}; }
  void load_state(const CallbackState& state, const std::filesystem::path& source) override;

 private:
  void write(const std::vector<LoggedScalar>& scalars);

  std::filesystem::path folder_;
  LogFailure failure_;
  LogOptions options_;
  std::int64_t step_ = 0;
  std::optional<std::int64_t> first_step_;  ///< of a training that goes on
  std::optional<EventFile> file_;
};

}  // namespace margay::train
