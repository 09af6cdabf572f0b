#include "margay/data/source/known_images.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

#include "margay/core/checksum.h"
#include "margay/core/text.h"
#include "margay/data/source/content_checksums.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;

constexpr int kLeastWidth = 3;
constexpr int kMostWidth = 8;

/// size / 256^width < 1e-6.
int width_for(std::size_t size) {
  constexpr double kFalseAlarms = 1e-6;
  int width = kLeastWidth;
  double numbers = 1 << (8 * kLeastWidth);
  while (width < kMostWidth && static_cast<double>(size) >= kFalseAlarms * numbers) {
    ++width;
    numbers *= 256;
  }
  return width;
}

std::uint64_t highest(std::uint64_t digest, int width) { return digest >> (64 - 8 * width); }

/// The number's `width` lowest bytes, the highest first.
void append_number(std::uint64_t number, int width, std::vector<std::uint8_t>& bytes) {
  for (int i = width - 1; i >= 0; --i) bytes.push_back(static_cast<std::uint8_t>(number >> (8 * i) & 0xFFU));
}

/// What a digest is made of, so that a name never equals contents.
enum class DigestOf : std::uint8_t { kName = 1, kContents = 2 };

/// Makes digests under one salt: the first 64 bits of the SHA-256 of salt, kind and key.
class Digester {
 public:
  explicit Digester(std::uint64_t salt) { append_number(salt, sizeof salt, salt_); }

  std::uint64_t of_name(std::string_view name) { return of(DigestOf::kName, core::text_bytes(name)); }
  std::uint64_t of_contents(std::uint64_t checksum) {
    std::vector<std::uint8_t> bytes;
    append_number(checksum, sizeof checksum, bytes);
    return of(DigestOf::kContents, bytes);
  }

 private:
  std::uint64_t of(DigestOf kind, std::span<const std::uint8_t> key) {
    const auto mark = static_cast<std::uint8_t>(kind);
    sum_.restart();
    sum_.update(salt_);
    sum_.update({&mark, 1});
    sum_.update(key);
    return sum_.finish_short();
  }

  std::vector<std::uint8_t> salt_;
  core::Sha256 sum_;
};

TrainingPart part_in(std::uint64_t digest, const DigestSet& train, const DigestSet& valid) {
  if (train.contains(digest)) return TrainingPart::kTrain;
  return valid.contains(digest) ? TrainingPart::kValid : TrainingPart::kNone;
}

}  // namespace

DigestSet::DigestSet(std::vector<std::uint64_t> digests) {
  std::sort(digests.begin(), digests.end());
  digests.erase(std::unique(digests.begin(), digests.end()), digests.end());
  width_ = width_for(digests.size());
  bytes_.reserve(digests.size() * static_cast<std::size_t>(width_));
  std::optional<std::uint64_t> last;
  for (const std::uint64_t digest : digests) {
    const std::uint64_t number = highest(digest, width_);
    if (last != number) append_number(number, width_, bytes_);
    last = number;
  }
}

DigestSet::DigestSet(std::vector<std::uint8_t> bytes, int width) : width_(width), bytes_(std::move(bytes)) {
  const bool is_whole =
      width_ >= kLeastWidth && width_ <= kMostWidth && bytes_.size() % static_cast<std::size_t>(width_) == 0;
  if (!is_whole) {
    throw std::invalid_argument(fmt::format("{} bytes are no digests of {} bytes each", bytes_.size(), width));
  }
  for (std::size_t i = 1; i < size(); ++i) {
    if (at(i - 1) >= at(i)) throw std::invalid_argument(fmt::format("digest {} is not above the one before it", i));
  }
}

std::uint64_t DigestSet::at(std::size_t i) const {
  std::uint64_t number = 0;
  const auto width = static_cast<std::size_t>(width_);
  for (std::size_t k = 0; k < width; ++k) number = number << 8U | bytes_[i * width + k];
  return number;
}

bool DigestSet::contains(std::uint64_t digest) const {
  const std::uint64_t wanted = highest(digest, width_);
  std::size_t begin = 0;
  std::size_t end = size();
  while (begin < end) {
    const std::size_t middle = begin + (end - begin) / 2;
    if (at(middle) < wanted) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin < size() && at(begin) == wanted;
}

TrainingPart KnownImages::part_of_name(std::string_view name) const {
  return part_in(Digester(salt).of_name(name), train_names, valid_names);
}

TrainingPart KnownImages::part_of_contents(std::uint64_t checksum) const {
  return part_in(Digester(salt).of_contents(checksum), train_contents, valid_contents);
}

namespace {

/// The innermost folder that all images lie in, at any depth.
fs::path common_folder(const Dataset& train, const Dataset* valid) {
  std::optional<fs::path> common;
  for (const Dataset* part : {&train, valid}) {
    for (std::size_t i = 0; part != nullptr && i < part->size(); ++i) {
      const fs::path folder = part->path(i).parent_path();
      if (!common) common = folder;
      const auto [end, ignored] = std::mismatch(common->begin(), common->end(), folder.begin(), folder.end());
      if (end == common->end()) continue;
      fs::path shorter;
      for (auto name = common->begin(); name != end; ++name) shorter /= *name;
      common = shorter;
    }
  }
  return common.value_or("");
}

std::vector<std::string> known_names(const Dataset* part, const Root& root) {
  std::vector<std::string> names;
  for (std::size_t i = 0; part != nullptr && i < part->size(); ++i) {
    names.push_back(root.relative(part->path(i).native()));
  }
  return names;
}

std::uint64_t salt_of(const std::vector<std::string>& train, const std::vector<std::string>& valid) {
  core::Sha256 sum;
  const std::uint8_t end = 0;  // no name contains it
  for (const auto* names : {&train, &valid}) {
    for (const std::string& name : *names) {
      sum.update(core::text_bytes(name));
      sum.update({&end, 1});
    }
    sum.update({&end, 1});
  }
  return sum.finish_short();
}

DigestSet digests_of_names(const std::vector<std::string>& names, Digester& digester) {
  std::vector<std::uint64_t> digests;
  digests.reserve(names.size());
  for (const std::string& name : names) digests.push_back(digester.of_name(name));
  return DigestSet(std::move(digests));
}

DigestSet digests_of_contents(const Dataset* part, Unread unread, Digester& digester) {
  std::vector<std::uint64_t> digests;
  if (part == nullptr) return DigestSet(std::move(digests));
  if (unread == Unread::kRead) part->contents().read_missing([&](std::size_t i) { return part->image(i); });
  digests.reserve(part->size());
  for (std::size_t i = 0; i < part->size(); ++i) {
    if (const auto checksum = part->contents().of(i)) digests.push_back(digester.of_contents(*checksum));
  }
  return DigestSet(std::move(digests));
}

}  // namespace

KnownImages known_images(const Dataset& train, const Dataset* valid, const fs::path& root, Unread unread) {
  const Root names_root(root.empty() ? common_folder(train, valid) : root);
  const std::vector<std::string> train_names = known_names(&train, names_root);
  const std::vector<std::string> valid_names = known_names(valid, names_root);
  KnownImages known{.salt = salt_of(train_names, valid_names)};
  Digester digester(known.salt);
  known.train_names = digests_of_names(train_names, digester);
  known.valid_names = digests_of_names(valid_names, digester);
  known.train_contents = digests_of_contents(&train, unread, digester);
  known.valid_contents = digests_of_contents(valid, unread, digester);
  return known;
}

}  // namespace margay::data
