#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace margay::run {

/// The steps that a training wrote to its steps.jsonl, read while it goes on writing.
///
/// Of each step there is a number for every name that its line holds: "loss", "smooth_loss", "lr", "momentum",
/// "images_per_s", and whatever later versions add; NaN where a step has none. The lines of epochs are kept beside
/// them. A line without its end is being written, and is read the next time.
class StepLog {
 public:
  explicit StepLog(std::filesystem::path file) : file_(std::move(file)) {}

  /// Reads what was added since the last call; all of it where the file was replaced or cut, as by a resumed training.
  /// True if something is other than before. A file that is not there has no steps. Throws core::IoError if it cannot
  /// be read.
  bool refresh();

  /// The numbers of the steps, from 1, ascending: a step that comes again replaces the earlier ones from there on.
  const std::vector<double>& steps() const { return steps_; }
  /// When each step ended, seconds since 1970 (UTC); NaN in logs of versions that did not write it.
  const std::vector<double>& times() const { return times_; }
  /// Where the stages of the training begin.
  struct Stage {
    double step = 0;  ///< its first one
    std::string name;
  };
  const std::vector<Stage>& stages() const { return stages_; }
  /// The ends of the epochs.
  struct Epoch {
    double step = 0;     ///< its last one
    double time = 0;     ///< as times()
    double seconds = 0;  ///< that it took, validation included; NaN if it was not written
    std::vector<std::pair<std::string, double>> numbers;  ///< "train_loss", "valid_loss", the metrics
  };
  const std::vector<Epoch>& epochs() const { return epochs_; }
  /// The names of the curves, in the order of their first line.
  std::vector<std::string> names() const;
  /// The curve of a name, as long as steps(); null for another name.
  const std::vector<double>* curve(std::string_view name) const;
  /// Whole lines that are no step and no epoch.
  std::size_t broken_lines() const { return broken_lines_; }

 private:
  struct Curve {
    std::string name;
    std::vector<double> values;
  };

  class Line;

  void clear();
  std::size_t take_lines(std::string_view text);
  void take(std::string_view text);
  void add(const Line& line);
  void add_epoch(const Line& line);
  void forget_from(double step);
  std::vector<double>& curve_of(std::string_view name);

  std::filesystem::path file_;
  std::uint64_t inode_ = 0;
  std::uint64_t bytes_ = 0;  ///< read so far: whole lines
  std::string last_line_;    ///< by which a file is known that was cut and went on
  std::vector<double> steps_;
  std::vector<double> times_;
  std::vector<Stage> stages_;
  std::vector<Epoch> epochs_;
  std::vector<Curve> curves_;
  std::size_t broken_lines_ = 0;
};

}  // namespace margay::run
