#include "margay/run/step_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "margay/core/descriptor.h"
#include "margay/core/error.h"
#include "margay/core/json_values.h"

namespace margay::run {
namespace {

constexpr double kNotWritten = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kPieceBytes = std::size_t{1} << 20U;

class StepFile {
 public:
  explicit StepFile(const std::filesystem::path& path)
      : path_(path), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (!file_.is_open() && errno != ENOENT && errno != ENOTDIR) throw core::IoError(path_, "cannot be read", errno);
  }

  bool is_there() const { return file_.is_open(); }
  struct stat facts() const {
    struct stat facts {};
    if (::fstat(file_.number(), &facts) != 0) throw core::IoError(path_, "cannot be read", errno);
    return facts;
  }
  /// Fewer bytes at the end of the file.
  std::string read(std::uint64_t from, std::size_t size) const {
    std::string bytes(size, '\0');
    const ssize_t got = ::pread(file_.number(), bytes.data(), size, static_cast<off_t>(from));
    if (got < 0) throw core::IoError(path_, "cannot be read", errno);
    bytes.resize(static_cast<std::size_t>(got));
    return bytes;
  }

 private:
  const std::filesystem::path& path_;
  core::Descriptor file_;
};

/// The members of a JSON object that has neither objects nor lists in it, and no escapes, as the lines of steps are.
/// There may be hundreds of thousands of them, and this takes a tenth of the time of a parser that builds a tree.
class FlatObject {
 public:
  struct Member {
    std::string_view name;
    std::string_view value;  ///< as it is written, of a text without the quotes
    bool is_text = false;
  };

  explicit FlatObject(std::string_view text) : rest_(text), is_sound_(take('{')) {}

  /// Nothing at the end, or where this is no such object.
  std::optional<Member> next() {
    if (!is_sound_ || is_ended_) return std::nullopt;
    if (take('}')) {
      is_ended_ = true;
      return std::nullopt;
    }
    Member member;
    is_sound_ = (!is_begun_ || take(',')) && take_text(member.name) && take(':');
    is_begun_ = true;
    member.is_text = rest_.starts_with('"');
    is_sound_ = is_sound_ && (member.is_text ? take_text(member.value) : take_plain(member.value));
    return is_sound_ ? std::optional(member) : std::nullopt;
  }
  /// After the last member: all of the text was such an object.
  bool is_whole() const { return is_sound_ && is_ended_ && rest_.empty(); }

 private:
  void skip_blanks() {
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
  }
  bool take(char c) {
    skip_blanks();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    skip_blanks();
    return true;
  }
  bool take_text(std::string_view& text) {
    const std::size_t end = rest_.starts_with('"') ? rest_.find_first_of("\"\\", 1) : std::string_view::npos;
    if (end == std::string_view::npos || rest_[end] == '\\') return false;
    text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return true;
  }
  bool take_plain(std::string_view& text) {
    text = rest_.substr(0, rest_.find_first_of(",} {["));
    rest_.remove_prefix(text.size());
    return !text.empty();
  }

  std::string_view rest_;
  bool is_sound_;
  bool is_begun_ = false;
  bool is_ended_ = false;
};

/// NaN for null, which JSON has for what is not finite.
std::optional<double> number_of(std::string_view text) {
  if (text == "null") return kNotWritten;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

}  // namespace

/// What one line says, if it is that of a step.
class StepLog::Line {
 public:
  explicit Line(std::string_view text) {
    FlatObject object(text);
    while (const auto member = object.next()) add(*member);
    if (!object.is_whole()) read_as_tree(text);
  }

  enum class Kind { kStep, kEpoch, kBroken };
  Kind kind() const {
    if (!step || !std::isfinite(*step)) return Kind::kBroken;
    return is_epoch_ ? Kind::kEpoch : Kind::kStep;
  }

  std::optional<double> step;
  std::string stage;
  double time = kNotWritten;
  std::vector<std::pair<std::string, double>> numbers;

 private:
  void add(const FlatObject::Member& member) {
    if (member.is_text) {
      if (member.name == "stage") stage = member.value;
    } else if (const auto number = number_of(member.value)) {
      add_number(member.name, *number);
    }
  }

  void add_number(std::string_view name, double number) {
    if (name == "step") {
      step = number;
    } else if (name == "time") {
      time = number;
    } else if (name != "epoch") {
      numbers.emplace_back(name, number);
    }
    if (name == "valid_loss") is_epoch_ = true;  // the end of an epoch, which history.csv has
  }

  void read_as_tree(std::string_view text) {
    *this = Line();
    const nlohmann::ordered_json tree = core::parsed_json(text);
    if (!tree.is_object()) return;
    add_numbers(tree);
    const auto metrics = tree.find("metrics");
    if (metrics != tree.end() && metrics->is_object()) add_numbers(*metrics);
    const auto name = tree.find("stage");
    if (name != tree.end() && name->is_string()) stage = name->get<std::string>();
  }

  void add_numbers(const nlohmann::ordered_json& object) {
    for (const auto& [name, value] : object.items()) {
      if (value.is_number()) add_number(name, value.get<double>());
      if (value.is_null()) add_number(name, kNotWritten);
    }
  }

  Line() = default;

  bool is_epoch_ = false;
};

bool StepLog::refresh() {
  const StepFile file(file_);
  if (!file.is_there()) {
    const bool had_steps = !steps_.empty();
    clear();
    return had_steps;
  }
  const struct stat facts = file.facts();
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  const bool is_same = facts.st_ino == inode_ && size >= bytes_ &&
                       file.read(bytes_ - last_line_.size(), last_line_.size()) == last_line_;
  if (is_same && size == bytes_) return false;
  if (!is_same) clear();
  inode_ = facts.st_ino;
  const std::uint64_t before = bytes_;
  std::string text;
  for (std::uint64_t at = bytes_; at < size;) {
    const std::string piece = file.read(at, kPieceBytes);
    if (piece.empty()) break;  // it has been cut meanwhile
    at += piece.size();
    text += piece;
    text.erase(0, take_lines(text));
  }
  return bytes_ != before || !is_same;
}

std::size_t StepLog::take_lines(std::string_view text) {
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = text.find('\n', begin)) != std::string_view::npos; begin = end + 1) {
    last_line_ = text.substr(begin, end + 1 - begin);
    take(text.substr(begin, end - begin));
  }
  bytes_ += begin;
  return begin;
}

void StepLog::take(std::string_view text) {
  const Line line(text);
  switch (line.kind()) {
    case Line::Kind::kStep:
      return add(line);
    case Line::Kind::kEpoch:
      return add_epoch(line);
    case Line::Kind::kBroken:
      ++broken_lines_;
  }
}

void StepLog::add_epoch(const Line& line) {
  std::erase_if(epochs_, [&](const Epoch& epoch) { return epoch.step >= *line.step; });
  Epoch epoch{.step = *line.step, .time = line.time, .seconds = kNotWritten};
  for (const auto& [name, value] : line.numbers) {
    if (name == "seconds") epoch.seconds = value;
    if (name != "seconds" && name != "train_images_per_s" && name != "wait_share")
      epoch.numbers.emplace_back(name, value);
  }
  epochs_.push_back(std::move(epoch));
}

void StepLog::add(const Line& line) {
  if (!steps_.empty() && steps_.back() >= *line.step) forget_from(*line.step);
  if (stages_.empty() || stages_.back().name != line.stage) stages_.push_back({*line.step, line.stage});
  steps_.push_back(*line.step);
  times_.push_back(line.time);
  for (const auto& [name, value] : line.numbers) curve_of(name).push_back(value);
  for (Curve& curve : curves_) curve.values.resize(steps_.size(), kNotWritten);
}

std::vector<double>& StepLog::curve_of(std::string_view name) {
  for (Curve& curve : curves_) {
    if (curve.name == name) return curve.values;
  }
  curves_.push_back({std::string(name), std::vector<double>(steps_.size() - 1, kNotWritten)});
  return curves_.back().values;
}

void StepLog::forget_from(double step) {
  const auto kept = static_cast<std::size_t>(std::lower_bound(steps_.begin(), steps_.end(), step) - steps_.begin());
  steps_.resize(kept);
  times_.resize(kept);
  for (Curve& curve : curves_) curve.values.resize(kept);
  std::erase_if(stages_, [&](const Stage& stage) { return stage.step >= step; });
  std::erase_if(epochs_, [&](const Epoch& epoch) { return epoch.step >= step; });
}

void StepLog::clear() { *this = StepLog(std::move(file_)); }

std::vector<std::string> StepLog::names() const {
  std::vector<std::string> names;
  for (const Curve& curve : curves_) names.push_back(curve.name);
  return names;
}

const std::vector<double>* StepLog::curve(std::string_view name) const {
  const auto found = std::find_if(curves_.begin(), curves_.end(), [&](const Curve& each) { return each.name == name; });
  return found == curves_.end() ? nullptr : &found->values;
}

}  // namespace margay::run
