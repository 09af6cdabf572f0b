#include "margay/data/check/check_images.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/core/quantile.h"
#include "margay/core/text.h"
#include "margay/data/edits/label_edits.h"
#include "margay/data/source/image_files.h"
#include "margay/data/source/similar_classes.h"

namespace margay::data {
namespace {

void check_labels(const DataBlock& block) {
  if (block.paths().empty()) throw std::invalid_argument("[check_data] no items; give them with items(…)");
  if (block.images().holds_bytes()) {
    throw std::invalid_argument("[check_data] looks at files; some of these items are bytes in memory");
  }
  if (!block.labeller()) throw std::invalid_argument("[check_data] no labels; say how to get them with label(…)");
  if (!block.splitter()) throw std::invalid_argument("[check_data] no split; choose the validation set with split(…)");
}

/// Images without a label stay in, so that a split by position or table is the one that correct labels will have.
void label(const Labeller& labeller, LabelledData& data) {
  const Labels no_label = labeller.task == Task::kSingleLabel ? Labels{""} : Labels{};
  for (std::size_t i = 0; i < data.size(); ++i) {
    const std::optional<Labels> labels = labeller.label(data.paths.text(i));
    data.has_label.push_back(labels.has_value());
    data.items.add(data.paths.text(i), labels.value_or(no_label));
  }
}

void split(const Splitter& splitter, LabelledData& data) {
  data.sides.assign(data.size(), Side::kNone);
  try {
    const Split split = splitter(data.items);
    for (const std::size_t i : split.train) data.sides.at(i) = Side::kTrain;
    for (const std::size_t i : split.valid) data.sides.at(i) = Side::kValid;
  } catch (const core::DataError& error) {
    data.split_problem = error.what();
  }
}

/// As DataBlock::datasets does: decided labels, and without deleted images.
void take_edits(const LabelEdits& edits, LabelledData& data) {
  const Items items = edits.apply(data.items);
  LabelledData edited{.paths = {}, .items = Items(items.task())};
  for (std::size_t i = 0; i < data.size(); ++i) {
    const std::string_view path = data.paths.text(i);
    if (edits.is_deleted(path)) continue;
    Labels labels;
    for (const std::uint32_t id : items.label_ids(i)) labels.push_back(items.label_names()[id]);
    edited.paths.add(path);
    edited.items.add(path, labels);
    edited.has_label.push_back(data.has_label[i] || edits.labels(path) != nullptr);
    edited.sides.push_back(data.sides[i]);
  }
  data.paths = std::move(edited.paths);
  data.items = std::move(edited.items);
  data.has_label = std::move(edited.has_label);
  data.sides = std::move(edited.sides);
}

}  // namespace

LabelledData labelled_data(const DataBlock& block) {
  check_labels(block);
  LabelledData data{.paths = block.paths(), .items = Items(block.labeller()->task)};
  data.labels_by = block.labeller()->description;
  data.similar_classes = block.similar_classes();
  label(*block.labeller(), data);
  if (data.similar_classes == SimilarClasses::kMerge) {
    std::string merged;
    data.items = with_similar_merged(data.items, {}, merged);
  }
  split(block.splitter(), data);
  data.edits = block.edits();
  if (data.edits != nullptr) take_edits(*data.edits, data);
  return data;
}

std::size_t LabelledData::count(Side side) const {
  return static_cast<std::size_t>(std::count(sides.begin(), sides.end(), side));
}

std::vector<ClassCount> LabelledData::classes() const {
  std::map<std::string, ClassCount> by_name;
  for (std::size_t i = 0; i < size(); ++i) {
    if (!has_label[i]) continue;
    for (const std::uint32_t id : items.label_ids(i)) {
      const std::string& name = items.label_names()[id];
      ClassCount& found = by_name.try_emplace(name, ClassCount{.name = name}).first->second;
      ++found.images;
      if (sides[i] == Side::kTrain) ++found.train;
      if (sides[i] == Side::kValid) ++found.valid;
    }
  }
  std::vector<ClassCount> classes;
  for (auto& [name, count] : by_name) classes.push_back(std::move(count));
  return classes;
}

namespace {

namespace fs = std::filesystem;

/// The format that a name promises; kUnknown where it promises none.
ImageFormat promised_format(const fs::path& path) {
  struct Promise {
    const char* extension;
    ImageFormat format;
  };
  using enum ImageFormat;
  static constexpr Promise kPromises[] = {
      {".jpg", kJpeg}, {".jpeg", kJpeg}, {".jpe", kJpeg},  {".jfif", kJpeg}, {".png", kPng},   {".gif", kGif},
      {".bmp", kBmp},  {".dib", kBmp},   {".webp", kWebp}, {".tif", kTiff},  {".tiff", kTiff}, {".ppm", kPnm},
      {".pgm", kPnm},  {".pbm", kPnm},   {".pnm", kPnm},   {".heic", kHeic}, {".hif", kHeic},  {".avif", kAvif}};
  const std::string extension = core::lower_case(path.extension().string());
  for (const Promise& promise : kPromises) {
    if (extension == promise.extension) return promise.format;
  }
  return kUnknown;
}

int smallest_side(std::span<const ImageFacts> facts, const CheckOptions& options) {
  constexpr int kDefault = 32;
  if (options.min_side) return *options.min_side;
  std::vector<double> sides;
  for (const ImageFacts& each : facts) {
    if (each.is_readable()) sides.push_back(each.shorter_side());
  }
  if (sides.empty()) return kDefault;
  return std::min(kDefault, static_cast<int>(core::median(std::move(sides)) / 2));
}

/// Colour as the rule, grey as the exception, or the other way round; neither where they are as many.
std::optional<FindingKind> colour_exception(std::span<const ImageFacts> facts) {
  std::size_t readable = 0;
  std::size_t grey = 0;
  for (const ImageFacts& each : facts) {
    readable += each.is_readable() ? 1U : 0U;
    grey += each.is_readable() && each.is_grey ? 1U : 0U;
  }
  if (2 * grey == readable) return std::nullopt;
  return 2 * grey < readable ? FindingKind::kGreyAmongColour : FindingKind::kColourAmongGrey;
}

/// Collects what is found, image by image.
class ImageCheck {
 public:
  ImageCheck(std::span<const ImageFacts> facts, const CheckOptions& options)
      : options_(options), min_side_(smallest_side(facts, options)), exception_(colour_exception(facts)) {}

  void check(const fs::path& path, const ImageFacts& facts) {
    path_ = path;
    if (!facts.is_readable()) return add_unreadable(facts);
    if (facts.is_uniform) add(FindingKind::kUniform, "all of one colour");
    check_size(facts);
    const bool wants_grey = exception_ == FindingKind::kGreyAmongColour;
    if (exception_ && !facts.is_uniform && facts.is_grey == wants_grey)
      add(*exception_, wants_grey ? "grey" : "coloured");
    const ImageFormat promised = promised_format(path);
    if (promised != ImageFormat::kUnknown && promised != facts.format) {
      add(FindingKind::kWrongExtension,
          fmt::format("a {} named {}", format_name(facts.format), path.extension().string()));
    }
  }

  std::vector<Finding> take() { return std::move(findings_); }

 private:
  void add(FindingKind kind, std::string text) { findings_.push_back({kind, {path_}, {}, std::move(text)}); }

  void add_unreadable(const ImageFacts& facts) {
    if (facts.readability == Readability::kEmptyFile) return add(FindingKind::kEmptyFile, "0 bytes");
    if (facts.readability == Readability::kAbsent) return add(FindingKind::kAbsent, "there is no such file");
    add(facts.readability == Readability::kTruncated ? FindingKind::kTruncated : FindingKind::kUnreadable,
        facts.problem);
  }

  void check_size(const ImageFacts& facts) {
    const std::string size = fmt::format("{}x{}", facts.width, facts.height);
    if (facts.shorter_side() < min_side_) {
      add(FindingKind::kTooSmall, fmt::format("{}, a side is below {} px", size, min_side_));
    }
    const double megapixels = facts.width * 1e-6 * facts.height;
    if (megapixels > options_.max_megapixels)
      add(FindingKind::kHuge, fmt::format("{}, {:.0f} megapixels", size, megapixels));
    const double aspect = static_cast<double>(facts.longer_side()) / facts.shorter_side();
    if (aspect > options_.max_aspect) add(FindingKind::kElongated, fmt::format("{}, {:.1f} to 1", size, aspect));
  }

  const CheckOptions& options_;
  int min_side_;
  std::optional<FindingKind> exception_;
  fs::path path_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> check_images(const PathList& paths, std::span<const ImageFacts> facts,
                                  const CheckOptions& options) {
  ImageCheck check(facts, options);
  for (std::size_t i = 0; i < paths.size(); ++i) check.check(paths[i], facts[i]);
  return check.take();
}

namespace {

const char* words_for(LeftOutKind kind) {
  if (kind == LeftOutKind::kSystem) return "left by a system or a program";
  if (kind == LeftOutKind::kDanglingLink) return "a link to a file that is missing";
  if (kind == LeftOutKind::kOtherFile || kind == LeftOutKind::kDocument)
    return "a link to a file that is missing and no image";
  return kind == LeftOutKind::kSpecial ? "neither file nor folder" : "hidden";
}

std::string normal(const fs::path& path) { return path.lexically_normal().string(); }

/// Everything below a folder that is no used image.
class FolderCheck {
 public:
  FolderCheck(fs::path folder, const PathList& paths) : folder_(std::move(folder)) {
    for (const fs::path& path : paths) {
      used_.insert(normal(path));
      fill(path.parent_path());
      with_images_.insert(normal(path.parent_path()));
    }
  }

  std::vector<Finding> run() {
    walk();
    for (const fs::path& folder : folders_) {
      // Of nested empty folders the outermost is enough.
      if (!is_filled(folder) && (is_filled(folder.parent_path()) || normal(folder.parent_path()) == normal(folder_))) {
        add(FindingKind::kEmptyFolder, folder, "no image in it");
      }
    }
    std::sort(findings_.begin(), findings_.end(), [](const Finding& a, const Finding& b) {
      return core::natural_less(a.paths.front().native(), b.paths.front().native());
    });
    return std::move(findings_);
  }

 private:
  void add(FindingKind kind, const fs::path& path, std::string text) {
    findings_.push_back({kind, {path}, {}, std::move(text)});
  }

  bool is_filled(const fs::path& folder) const { return filled_.contains(normal(folder)); }

  /// Marks a folder and those around it, up to the root.
  void fill(fs::path folder) {
    while (filled_.insert(normal(folder)).second && folder.has_relative_path()) folder = folder.parent_path();
  }

  void walk() {
    FolderWalk walk(folder_);
    while (const std::optional<WalkedFolder> here = walk.next()) {
      if (here->left_out) continue;
      if (!here->problem.empty()) {
        add(FindingKind::kClosedFolder, here->path, here->problem);
      } else {
        if (here->path != folder_) folders_.push_back(here->path);
        see(*here);
      }
    }
  }

  void see(const WalkedFolder& here) {
    for (const LeftOutEntry& each : here.listing.left_out) {
      const bool is_system = each.kind == LeftOutKind::kSystem || each.kind == LeftOutKind::kDecisions;
      if (is_system && each.entry == EntryKind::kFolder) continue;  // like .git: wanted there
      const bool is_dangling = each.kind == LeftOutKind::kDanglingLink;
      add(is_dangling ? FindingKind::kAbsent : FindingKind::kHiddenFile, here.path / each.name, words_for(each.kind));
    }
    const bool has_images = with_images_.contains(normal(here.path));
    for (const fs::path& name : here.listing.files) {
      if (has_image_extension(name)) fill(here.path);  // used or not: a table need not list all
      if (!has_image_extension(name) && !used_.contains(normal(here.path / name)))
        see_other(here.path / name, has_images);
    }
  }

  void see_other(const fs::path& path, bool is_among_images) {
    const auto why = why_no_image(path.native());
    if (why == LeftOutKind::kUnreadImage) return add(FindingKind::kUnreadImage, path, "a format that is not read");
    if (why == LeftOutKind::kClosedFile) return add(FindingKind::kUnreadable, path, "may not be read");
    if (is_among_images) add(FindingKind::kOtherFile, path, "no image");
  }

  fs::path folder_;
  std::set<std::string> used_;
  std::set<std::string> filled_;       ///< folders with an image somewhere below
  std::set<std::string> with_images_;  ///< folders with an image directly below
  std::vector<fs::path> folders_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> check_folder(const fs::path& folder, const PathList& paths) {
  if (folder.empty()) return {};
  return FolderCheck(folder, paths).run();
}

}  // namespace margay::data
