#include "margay/run/training_folder.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>

#include "margay/data/image/image_source.h"
#include "margay/data/source/content_checksums.h"
#include "margay/data/source/image_files.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;
using data::TrainingPart;

/// How the names of a folder's images become those of the training's: by folders in front, for a part of its folder,
/// or without so many folders, for one that holds it.
struct NameShift {
  std::string in_front;
  int without = 0;

  /// Nothing for a path of too few folders.
  std::optional<std::string> apply(std::string name) const {
    for (int i = 0; i < without; ++i) {
      const std::size_t slash = name.find('/');
      if (slash == std::string::npos) return std::nullopt;
      name.erase(0, slash + 1);
    }
    return in_front + name;
  }
};

fs::path whole_path(const fs::path& folder) {
  std::error_code failure;
  const fs::path whole = fs::weakly_canonical(folder, failure);
  return failure ? fs::absolute(folder, failure).lexically_normal() : whole;
}

/// The likeliest first.
std::vector<NameShift> possible_shifts(const fs::path& folder) {
  constexpr int kMostInFront = 4;
  constexpr int kMostWithout = 2;
  std::vector<NameShift> shifts = {{}};
  std::string in_front;
  fs::path at = whole_path(folder);
  for (int i = 0; i < kMostInFront && at.has_filename(); ++i, at = at.parent_path()) {
    in_front = at.filename().string() + "/" + in_front;
    shifts.push_back({.in_front = in_front});
  }
  for (int i = 1; i <= kMostWithout; ++i) shifts.push_back({.without = i});
  return shifts;
}

/// At most `most` of `count` positions, evenly spread.
std::vector<std::size_t> spread(std::size_t count, std::size_t most) {
  std::vector<std::size_t> positions;
  const std::size_t taken = std::min(count, most);
  for (std::size_t i = 0; i < taken; ++i) positions.push_back(i * count / taken);
  return positions;
}

class TrainingSearch {
 public:
  TrainingSearch(const data::PathList& images, const fs::path& folder, const TrainingMemory& memory)
      : images_(images), folder_(folder), root_(folder), memory_(memory) {}

  TrainingFolder run() {
    TrainingFolder found{.parts = std::vector<TrainingPart>(images_.size())};
    if (memory_.empty()) return found;
    const std::optional<NameShift> placed = shift_by_place();
    found.is_trainings = placed && find_by_names(*placed, found.parts);
    const std::optional<NameShift> likely = found.is_trainings ? std::nullopt : best_shift();
    if (likely && find_by_names(*likely, found.parts)) found.is_trainings = has_same_contents();
    if (found.is_trainings) {
      find_by_contents(found.parts);
    } else {
      found.same_names = named_.size();
      found.parts.assign(images_.size(), TrainingPart::kNone);
    }
    return found;
  }

 private:
  /// Whether there is one.
  bool find_by_names(const NameShift& shift, std::vector<TrainingPart>& parts) {
    named_.clear();
    others_.clear();
    for (std::size_t i = 0; i < images_.size(); ++i) {
      parts[i] = part_of(i, shift);
      (parts[i] == TrainingPart::kNone ? others_ : named_).push_back(i);
    }
    return !named_.empty();
  }

  TrainingPart part_of(std::size_t i, const NameShift& shift) const {
    const auto name = shift.apply(root_.relative(images_.text(i)));
    return name ? memory_.part_of_name(*name) : TrainingPart::kNone;
  }

  /// The one by which most names of a sample are known; nothing if none is.
  std::optional<NameShift> best_shift() const {
    constexpr std::size_t kSampled = 1000;
    std::optional<NameShift> best;
    std::size_t most = 0;
    for (const NameShift& shift : possible_shifts(folder_)) {
      std::size_t known = 0;
      for (const std::size_t i : spread(images_.size(), kSampled))
        known += part_of(i, shift) == TrainingPart::kNone ? 0 : 1;
      if (known <= most) continue;
      most = known;
      best = shift;
    }
    return best;
  }

  /// Whether half at least of a sample of the images is known by contents. Models that remember no contents are asked
  /// for the place of their run's folder.
  bool has_same_contents() const {
    constexpr std::size_t kSampled = 32;
    if (!memory_.knows_contents()) return !memory_.folder() || is_gone(*memory_.folder());
    const std::vector<std::size_t> sample = spread(named_.size(), kSampled);
    data::ContentChecksums contents(sample.size());
    contents.read_missing([&](std::size_t k) { return data::ImageSource(images_[named_[sample[k]]]); });
    std::size_t read = 0;
    std::size_t same = 0;
    for (std::size_t k = 0; k < contents.size(); ++k) {
      const auto checksum = contents.of(k);
      read += checksum ? 1 : 0;
      same += checksum && memory_.part_of_contents(*checksum) != TrainingPart::kNone ? 1 : 0;
    }
    return read == 0 || 2 * same >= read;
  }

  /// How names change where the folder is that of the run, lies in it or holds it.
  std::optional<NameShift> shift_by_place() const {
    if (!memory_.folder()) return std::nullopt;
    const fs::path here = whole_path(folder_);
    const fs::path there = whole_path(*memory_.folder());
    const auto [a, b] = std::mismatch(here.begin(), here.end(), there.begin(), there.end());
    if (a != here.end() && b != there.end()) return std::nullopt;
    NameShift shift;
    for (auto name = a; name != here.end(); ++name) shift.in_front += name->string() + "/";
    shift.without = static_cast<int>(std::distance(b, there.end()));
    return shift;
  }

  static bool is_gone(const fs::path& folder) {
    std::error_code failure;
    return !fs::exists(folder, failure);
  }

  /// Images that were renamed, or added.
  void find_by_contents(std::vector<TrainingPart>& parts) const {
    if (!memory_.knows_contents()) return;
    data::ContentChecksums contents(others_.size());
    contents.read_missing([&](std::size_t k) { return data::ImageSource(images_[others_[k]]); });
    for (std::size_t k = 0; k < others_.size(); ++k) {
      if (const auto checksum = contents.of(k)) parts[others_[k]] = memory_.part_of_contents(*checksum);
    }
  }

  const data::PathList& images_;
  const fs::path& folder_;
  const data::Root root_;
  const TrainingMemory& memory_;
  std::vector<std::size_t> named_;   ///< images whose names are known
  std::vector<std::size_t> others_;  ///< the rest
};

}  // namespace

std::size_t TrainingFolder::count(TrainingPart part) const {
  return static_cast<std::size_t>(std::count(parts.begin(), parts.end(), part));
}

TrainingFolder find_training_images(const data::PathList& images, const fs::path& folder,
                                    const TrainingMemory& memory) {
  return TrainingSearch(images, folder, memory).run();
}

}  // namespace margay::run
