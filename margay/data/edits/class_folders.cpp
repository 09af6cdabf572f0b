#include "margay/data/edits/class_folders.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <functional>
#include <stdexcept>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/text.h"
#include "margay/core/unicode.h"
#include "margay/data/edits/move_file.h"
#include "margay/data/source/folder_walk.h"
#include "margay/data/source/image_name.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFolderDigits = "0123456789ABCDEF";
constexpr std::size_t kLongestName = 255;

bool is_escape(std::string_view text, std::size_t i) {
  return i + 2 < text.size() && text[i] == '%' && kFolderDigits.find(text[i + 1]) != std::string_view::npos &&
         kFolderDigits.find(text[i + 2]) != std::string_view::npos;
}

bool hold_same_bytes(std::istream& a, std::istream& b) {
  std::array<char, 1U << 16U> part_a{};
  std::array<char, 1U << 16U> part_b{};
  while (true) {
    a.read(part_a.data(), part_a.size());
    b.read(part_b.data(), part_b.size());
    if (a.gcount() != b.gcount() || a.bad() || b.bad()) return false;
    if (!std::equal(part_a.begin(), part_a.begin() + a.gcount(), part_b.begin())) return false;
    if (a.gcount() == 0) return true;
  }
}

/// One file under two names, or two files of the same bytes.
bool hold_same_image(const fs::path& a, const fs::path& b) {
  std::error_code failure;
  if (fs::equivalent(a, b, failure)) return true;
  if (!fs::is_regular_file(a, failure) || !fs::is_regular_file(b, failure)) return false;
  if (fs::file_size(a, failure) != fs::file_size(b, failure) || failure) return false;
  std::ifstream file_a(a, std::ios::binary);
  std::ifstream file_b(b, std::ios::binary);
  return file_a && file_b && hold_same_bytes(file_a, file_b);
}

constexpr std::string_view kPartBegin = ".margay-part-";

/// A name that nobody has.
fs::path part_name(const fs::path& folder) {
  static std::atomic<unsigned> count = 0;
  return folder / fmt::format("{}{}-{}", kPartBegin, ::getpid(), ++count);
}

/// Goes through the names until one is free and `put` succeeds, or holds the image already.
PlacedImage place_under_free_name(const fs::path& root, const fs::path& folder, const fs::path& name,
                                  const std::function<bool(const fs::path&)>& holds_it,
                                  const std::function<int(const fs::path&)>& put) {
  for (int n = 1;; ++n) {
    const fs::path relative = folder / numbered_name(name, n);
    const fs::path target = root / relative;
    if (is_taken(target)) {
      if (holds_it(target)) return {relative.generic_string(), true};
      continue;
    }
    const int reason = put(target);
    if (reason == EEXIST) {
      --n;  // somebody took the name meanwhile: look at it again
      continue;
    }
    if (reason != 0) throw core::IoError(target, "the image cannot be put here", reason);
    core::sync_folder(target.parent_path());
    return {relative.generic_string(), false};
  }
}

/// A whole copy under a hidden name, until it gets its own.
class HiddenPart {
 public:
  explicit HiddenPart(const fs::path& folder) : path_(part_name(folder)) {}
  HiddenPart(const HiddenPart&) = delete;
  HiddenPart& operator=(const HiddenPart&) = delete;
  ~HiddenPart() {
    if (!is_placed_) ::unlink(path_.c_str());
  }

  const fs::path& path() const { return path_; }
  int rename_to(const fs::path& target) {
    const int reason = rename_without_replacing(path_, target);
    is_placed_ = reason == 0;
    return reason;
  }

 private:
  fs::path path_;
  bool is_placed_ = false;
};

void write_durably(const fs::path& path, std::string_view bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  int reason = file < 0 ? errno : 0;
  while (reason == 0 && !bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) reason = errno;
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (reason == 0 && ::fsync(file) != 0) reason = errno;
  if (file >= 0 && ::close(file) != 0 && reason == 0) reason = errno;
  if (reason != 0) throw core::IoError(path, "cannot be written", reason);
}

fs::path plain_file_name(const std::string& name) {
  const fs::path plain = fs::path(name).filename();
  if (plain.empty() || plain == "." || plain == ".." || plain.native().front() == '.' ||
      name.find('\0') != std::string::npos) {
    throw std::invalid_argument(fmt::format("'{}' can be the name of no image", core::spelled_out(name)));
  }
  return plain;
}

}  // namespace

std::string folder_of_class(std::string_view label) {
  std::string name;
  for (std::size_t i = 0; i < label.size(); ++i) {
    const auto byte = static_cast<unsigned char>(label[i]);
    if (byte < 0x20 || byte == 0x7F || byte == '/' || (byte == '.' && i == 0) || is_escape(label, i)) {
      name += {'%', kFolderDigits[byte >> 4U], kFolderDigits[byte & 15U]};
    } else {
      name += label[i];
    }
  }
  if (!name.empty() && name.size() <= kLongestName) return name;
  throw std::invalid_argument(fmt::format("no folder can be called as the class '{}': {}", core::spelled_out(label),
                                          name.empty() ? "it is empty" : "it has more than 255 bytes"));
}

std::string class_of_folder(std::string_view name) {
  std::string label;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (!is_escape(name, i)) {
      label += name[i];
      continue;
    }
    label += static_cast<char>(kFolderDigits.find(name[i + 1]) * 16 + kFolderDigits.find(name[i + 2]));
    i += 2;
  }
  return label;
}

std::string problem_of_class_name(std::string_view label) {
  constexpr std::size_t kLongest = 200;  // bytes; file systems end at 255
  if (label.empty()) return "it is empty";
  if (core::first_non_utf8(label)) return "it is not UTF-8";
  if (label.size() > kLongest) return fmt::format("it has more than {} bytes", kLongest);
  if (label.front() == '.') return "a folder whose name begins with a full stop is hidden";
  if (label.front() == ' ' || label.back() == ' ') return "it begins or ends with a space";
  if (label.find('/') != std::string_view::npos) return "a folder's name has no '/'";
  if (core::one_line(label) != label) return "it has control characters";
  if (folder_of_class(label) != label) return "'%' before two digits 0 … F stands for another character";
  return "";
}

std::vector<ClassFolder> ClassFolders::classes() const {
  std::vector<ClassFolder> classes;
  const FolderListing listing = list_folder(root_);
  for (const std::string& folder : listing.folders) {
    ClassFolder found{.label = class_of_folder(folder), .name = folder};
    const FolderListing inside = list_folder(root_ / folder);
    for (std::size_t i = 0; i < inside.files.size(); ++i) {
      if (has_image_extension(inside.files[i])) ++found.images;
    }
    found.is_class = found.images > 0 || inside.folders.empty();
    classes.push_back(std::move(found));
  }
  std::sort(classes.begin(), classes.end(), [](const auto& a, const auto& b) { return a.label < b.label; });
  return classes;
}

void ClassFolders::make_class(const std::string& label) const {
  const fs::path folder = root_ / folder_of_class(label);
  std::error_code failure;
  if (fs::is_directory(folder, failure)) return;
  fs::create_directories(folder, failure);
  if (failure) throw core::IoError(folder, "the folder of the class cannot be made", failure.value());
  core::sync_folder(root_);
}

PlacedImage ClassFolders::place(const fs::path& image, const std::string& label, PlacedAs how) const {
  make_class(label);
  const fs::path folder = folder_of_class(label);
  std::error_code failure;
  const fs::path source = fs::canonical(image, failure);
  if (failure) throw core::DataError(image, failure.message());
  const auto holds_it = [&](const fs::path& target) { return hold_same_image(source, target); };
  const fs::path name = image.filename();
  if (how != PlacedAs::kCopy) {
    return place_under_free_name(root_, folder, name, holds_it, [&](const fs::path& target) {
      const bool is_link = how == PlacedAs::kLink;
      const int failed = is_link ? ::symlink(source.c_str(), target.c_str()) : ::link(source.c_str(), target.c_str());
      return failed == 0 ? 0 : errno;
    });
  }
  HiddenPart part(root_ / folder);
  bool is_copied = false;
  return place_under_free_name(root_, folder, name, holds_it, [&](const fs::path& target) {
    if (!is_copied) {
      const int reason = copy_file_durably(source, part.path());
      if (reason != 0) return reason == EEXIST ? EIO : reason;
      is_copied = true;
    }
    return part.rename_to(target);
  });
}

PlacedImage ClassFolders::place_bytes(std::string_view bytes, const std::string& name, const std::string& label) const {
  const fs::path plain = plain_file_name(name);
  make_class(label);
  const fs::path folder = folder_of_class(label);
  HiddenPart part(root_ / folder);
  write_durably(part.path(), bytes);
  return place_under_free_name(
      root_, folder, plain, [&](const fs::path& target) { return hold_same_image(part.path(), target); },
      [&](const fs::path& target) { return part.rename_to(target); });
}

void ClassFolders::remove_left_parts() const {
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(1);
  std::error_code failure;
  for (const ClassFolder& each : classes()) {
    for (fs::directory_iterator at(root_ / each.name, failure), end; !failure && at != end; at.increment(failure)) {
      std::error_code ignored;
      const bool is_part = at->path().filename().native().starts_with(kPartBegin);
      if (is_part && fs::last_write_time(at->path(), ignored) < long_ago) fs::remove(at->path(), ignored);
    }
  }
}

std::string ClassFolders::free_name(const std::string& name, const std::string& label) const {
  const fs::path folder = folder_of_class(label);
  for (int n = 1;; ++n) {
    const fs::path relative = folder / numbered_name(plain_file_name(name), n);
    if (!is_taken(root_ / relative)) return relative.generic_string();
  }
}

}  // namespace margay::data
