#include "margay/data/edits/journal.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <map>
#include <stdexcept>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "margay/core/checksum.h"
#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/machine.h"
#include "margay/core/text.h"
#include "margay/data/source/text_file.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using JournalJson = nlohmann::ordered_json;

constexpr std::uint64_t kJournalFormat = 1;
constexpr std::size_t kMarks = 64;
constexpr const char* kAcceptEdited =
    "restore the journal from a copy, or take it for what it says now with `accept_edited`";
constexpr std::chrono::seconds kLockPatience{10};

std::span<const std::uint8_t> text_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string sha256_of(std::string_view text) {
  static thread_local core::Sha256 sum;
  sum.restart();
  sum.update(text_bytes(text));
  return sum.finish();
}

std::uint64_t mark_of(const ImageSource& image) {
  std::uintmax_t size = 0;
  std::error_code ignored;
  size = image.is_file() ? fs::file_size(image.name(), ignored) : image.bytes()->size();
  return core::checksum(text_bytes(fmt::format("{}/{}", file_name(image.name().native()), size)));
}

// A line's end: ,"sum":"0123456789abcdef"} -- the checksum of all that stands before it.
constexpr std::string_view kSumBegin = R"(,"sum":")";
constexpr std::string_view kSumEnd = R"("})";
constexpr std::size_t kSumDigits = 16;
constexpr std::size_t kSumLength = kSumBegin.size() + kSumDigits + kSumEnd.size();
// And before that: ,"previous":"64 digits".
constexpr std::string_view kPreviousBegin = R"(,"previous":")";
constexpr std::size_t kPreviousDigits = 64;
constexpr std::size_t kPreviousLength = kPreviousBegin.size() + kPreviousDigits + 1;

/// The object with its checksum as the last field. object: "{…}".
std::string with_sum(std::string object) {
  object.pop_back();
  const std::uint64_t sum = core::checksum(text_bytes(object));
  return fmt::format("{}{}{:016x}{}", object, kSumBegin, sum, kSumEnd);
}

std::string with_previous(std::string object, std::string_view previous) {
  object.pop_back();
  return with_sum(fmt::format("{}{}{}\"}}", object, kPreviousBegin, previous));
}

bool is_sum_right(std::string_view line) {
  if (line.size() < kSumLength) return false;
  const std::string_view body = line.substr(0, line.size() - kSumLength);
  return line.substr(body.size()) == fmt::format("{}{:016x}{}", kSumBegin, core::checksum(text_bytes(body)), kSumEnd);
}

bool follows(std::string_view line, std::string_view previous) {
  if (line.size() < kSumLength + kPreviousLength) return false;
  const std::size_t at = line.size() - kSumLength - kPreviousLength;
  return line.substr(at, kPreviousBegin.size()) == kPreviousBegin &&
         line.substr(at + kPreviousBegin.size(), kPreviousDigits) == previous;
}

[[noreturn]] void fail_at(const fs::path& path, std::size_t line, const std::string& problem) {
  throw core::FormatError(path, fmt::format("line {}: {}", line, problem));
}

std::string as_decision_problem(const char* problem) {
  return fmt::format("no decision that can be read: {}", problem);
}

/// Throws unless it is the first line of a journal that this version reads.
JournalJson parse_header(const fs::path& path, std::string_view line) {
  const JournalJson json = JournalJson::parse(line, nullptr, false);
  if (!json.is_object() || !json.contains("margay") || json["margay"] != "decisions") {
    fail_at(path, 1, "this is no journal of decisions; name another file with `journal`");
  }
  const auto format = json.find("format");
  if (format == json.end() || !format->is_number_unsigned()) fail_at(path, 1, "its 'format' is no number");
  if (format->get<std::uint64_t>() > kJournalFormat) {
    throw core::NewerFormatError(path, fmt::format("a newer Margay wrote this journal (format {}, this one reads {}); "
                                                   "go on with that one",
                                                   format->dump(), kJournalFormat));
  }
  return json;
}

std::string header_line(const DataMarks& marks) {
  JournalJson json = {{"margay", "decisions"},
                      {"format", kJournalFormat},
                      {"created", utc_now()},
                      {"images", marks.images},
                      {"marks", JournalJson::array()}};
  for (const std::uint64_t mark : marks.marks) json["marks"].push_back(fmt::format("{:016x}", mark));
  return with_sum(json.dump());
}

/// A file that is closed when this goes.
class OpenFile {
 public:
  OpenFile(const fs::path& path, int flags) : path_(path), descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }

  struct stat status() const {
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0) throw core::IoError(path_, "cannot be read", errno);
    return status;
  }

  std::string read_from(std::uint64_t begin) const {
    const auto size = static_cast<std::uint64_t>(std::max<off_t>(status().st_size, 0));
    std::string text(size > begin ? size - begin : 0, '\0');
    std::size_t done = 0;
    while (done < text.size()) {
      const ssize_t got =
          ::pread(descriptor_, text.data() + done, text.size() - done, static_cast<off_t>(begin + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw core::IoError(path_, "cannot be read", errno);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    text.resize(done);
    return text;
  }

  /// Appends with one call of write, and makes it durable; or leaves the file at `end`, as it was, and throws.
  void append(std::string_view text, std::uint64_t end) const {
    ssize_t written = -1;
    do {
      written = ::write(descriptor_, text.data(), text.size());
    } while (written < 0 && errno == EINTR);
    int reason = written < 0 ? errno : ENOSPC;  // a part was written: the next byte had no place
    const bool is_whole = written == static_cast<ssize_t>(text.size());
    if (is_whole && ::fdatasync(descriptor_) == 0) return;
    if (is_whole) reason = errno;
    // What cannot be taken back is a cut line, which the next append moves away.
    if (::ftruncate(descriptor_, static_cast<off_t>(end)) == 0) ::fsync(descriptor_);
    throw core::IoError(path_, "the decision could not be written, and does not count", reason);
  }

 private:
  fs::path path_;
  int descriptor_;
};

void sync_entry_of(const fs::path& path) {
  const OpenFile folder(path.has_parent_path() ? path.parent_path() : fs::path("."), O_RDONLY | O_DIRECTORY);
  if (folder.is_open() && ::fsync(folder.descriptor()) != 0 && errno != EINVAL) {
    throw core::IoError(path, "cannot sync its folder", errno);
  }
}

void make_folder_for(const fs::path& file) {
  const fs::path folder = file.parent_path();
  std::error_code failure;
  if (folder.empty() || fs::is_directory(folder, failure)) return;
  fs::create_directories(folder, failure);
  if (failure) {
    throw core::IoError(folder, "the folder for the journal cannot be made; name another place with `journal`",
                        failure.value());
  }
  sync_entry_of(folder);
}

fs::path free_name(const fs::path& path, const char* mark) {
  for (std::size_t n = 1;; ++n) {
    fs::path name = path;
    name += fmt::format(".{}-{}", mark, n);
    std::error_code ignored;
    if (!fs::exists(fs::symlink_status(name, ignored))) return name;
  }
}

/// "process 4711 on host, which applies decisions".
std::string holder_of(const OpenFile& lock) {
  const std::string said = core::one_line(lock.read_from(0));
  return said.empty() ? "another process" : said;
}

/// One for all links to the file.
fs::path lock_of(const fs::path& journal) {
  std::error_code failure;
  const fs::path file = fs::is_symlink(journal, failure) ? fs::weakly_canonical(journal, failure) : journal;
  return (failure ? journal : file).native() + ".lock";
}

/// Locks FILE.lock, and says there who holds it. Waits for others, which hold it for a moment.
int lock_journal(const fs::path& journal, const std::string& purpose) {
  const fs::path path = lock_of(journal);
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) {
    throw core::IoError(path, "decisions cannot be written here; name another file for them with `journal`", errno);
  }
  const auto until = std::chrono::steady_clock::now() + kLockPatience;
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    if (reason == EINTR) continue;
    if (reason == EWOULDBLOCK && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      continue;
    }
    ::close(descriptor);
    if (reason != EWOULDBLOCK) {
      throw core::IoError(path, "the file system has no locks; name a file on another one with `journal`", reason);
    }
    throw core::Error(fmt::format("{}: {} is at work on this journal; wait until it ends", journal.string(),
                                  holder_of(OpenFile(path, O_RDONLY))));
  }
  const std::string said = fmt::format("process {} on {}, to {}\n", ::getpid(), core::host_name(), purpose);
  if (::ftruncate(descriptor, 0) == 0 && ::pwrite(descriptor, said.data(), said.size(), 0) < 0) {
    return descriptor;  // the name of the holder is only for a message
  }
  return descriptor;
}

}  // namespace

DataMarks DataMarks::of(const ImageList& images) {
  std::vector<std::uint64_t> marks;
  for (std::size_t i = 0; i < images.size(); ++i) marks.push_back(mark_of(images[i]));
  const auto kept = static_cast<std::ptrdiff_t>(std::min(kMarks, marks.size()));
  std::partial_sort(marks.begin(), marks.begin() + kept, marks.end());
  marks.resize(static_cast<std::size_t>(kept));
  return {.images = images.size(), .marks = std::move(marks)};
}

std::size_t DataMarks::count_in(const ImageList& others) const {
  std::vector<bool> is_there(marks.size());
  for (std::size_t i = 0; i < others.size(); ++i) {
    const std::uint64_t mark = mark_of(others[i]);
    const auto [first, last] = std::equal_range(marks.begin(), marks.end(), mark);
    std::fill(is_there.begin() + (first - marks.begin()), is_there.begin() + (last - marks.begin()), true);
  }
  return static_cast<std::size_t>(std::count(is_there.begin(), is_there.end(), true));
}

fs::path journal_beside(const fs::path& folder) { return folder / ".margay" / "decisions.jsonl"; }

/// Spelled as `folder` is, so that its images' paths begin with it.
fs::path root_of_journal(const fs::path& journal, const fs::path& folder) {
  const fs::path holder = journal.parent_path();
  if (holder.filename() != ".margay") return folder;
  std::error_code failure;
  const fs::path root = fs::weakly_canonical(holder.has_parent_path() ? holder.parent_path() : fs::path("."), failure);
  for (fs::path at = folder; !failure && !at.empty(); at = at.parent_path()) {
    if (fs::weakly_canonical(at, failure) == root) return at;
    if (at == at.parent_path()) break;
  }
  return folder;
}

std::size_t count_decisions(const fs::path& journal) {
  std::ifstream file(journal, std::ios::binary);
  std::size_t lines = 0;
  std::vector<char> part(std::size_t{1} << 16U);
  do {
    file.read(part.data(), static_cast<std::streamsize>(part.size()));
    lines += static_cast<std::size_t>(std::count(part.begin(), part.begin() + file.gcount(), '\n'));
  } while (file);
  return lines == 0 ? 0 : lines - 1;
}

Journal Journal::read(const fs::path& file) {
  Journal journal(file);
  journal.load();
  return journal;
}

Journal Journal::open(const fs::path& file, const DataMarks& marks) {
  make_folder_for(file);
  Journal journal(file);
  {
    const Hold hold(journal, "begin");
    std::error_code ignored;
    if (fs::exists(file, ignored)) journal.load();
    if (journal.lines_ == 0) journal.create(marks);
  }
  const OpenFile writable(file, O_WRONLY | O_APPEND);
  if (writable.is_open()) return journal;
  throw core::IoError(file, "decisions cannot be added to this journal; name another one with `journal`", errno);
}

/// There is no file, or one that holds no whole line.
void Journal::create(const DataMarks& marks) {
  move_cut_away();
  const OpenFile file(path_, O_WRONLY | O_CREAT | O_APPEND);
  if (!file.is_open()) {
    throw core::IoError(path_, "the journal cannot be made; name another place with `journal`", errno);
  }
  file.append(header_line(marks) + "\n", 0);
  sync_entry_of(path_);
  load();
}

void Journal::load() {
  const OpenFile file(path_, O_RDONLY);
  if (!file.is_open()) {
    const int reason = errno;
    if (reason == ENOENT || reason == ENOTDIR) {
      throw core::DataError(path_, "there is no journal of decisions" + how_far_it_exists(path_));
    }
    throw core::DataError(path_,
                          fmt::format("the journal may not be read: {}", std::generic_category().message(reason)));
  }
  const struct stat status = file.status();
  if (!S_ISREG(status.st_mode)) throw core::DataError(path_, "the journal is no file; name one with `journal`");
  *this = Journal(std::exchange(path_, {}), std::exchange(is_held_, false));
  inode_ = status.st_ino;
  take(file.read_from(0));
}

void Journal::take(std::string_view text) {
  cut_.clear();
  while (!text.empty()) {
    const std::size_t length = text.find('\n');
    const std::string_view line = text.substr(0, length);
    // After a power cut the end of a file may be zeros.
    const bool is_last = length != std::string_view::npos && length + 1 == text.size();
    if (length == std::string_view::npos || (is_last && line.find('\0') != std::string_view::npos)) {
      cut_ = std::string(text);
      return;
    }
    lines_ == 0 ? take_header(line) : take_line(line);
    ++lines_;
    hash_ = sha256_of(line);
    end_ += line.size() + 1;
    text.remove_prefix(line.size() + 1);
  }
}

void Journal::take_header(std::string_view line) {
  const JournalJson json = parse_header(path_, line);
  if (!is_sum_right(line)) fail_at(path_, 1, fmt::format("it was changed after it was written; {}", kAcceptEdited));
  try {
    marks_.images = json.at("images").get<std::size_t>();
    for (const JournalJson& mark : json.at("marks")) {
      marks_.marks.push_back(std::stoull(mark.get<std::string>(), nullptr, 16));
    }
  } catch (const std::exception&) {
    fail_at(path_, 1, "its marks of the dataset cannot be read");
  }
}

void Journal::take_line(std::string_view line) {
  const std::size_t number = decisions_.size() + 1;
  if (!is_sum_right(line)) {
    fail_at(path_, lines_ + 1, fmt::format("it was changed after it was written; {}", kAcceptEdited));
  }
  if (!follows(line, hash_)) {
    fail_at(path_, lines_ + 1,
            fmt::format("it does not follow the line before it: lines were changed, taken out or inserted there; {}",
                        kAcceptEdited));
  }
  try {
    Decision decision = decision_of_line(line);
    if (decision.number != number) throw std::invalid_argument(fmt::format("its number is not {}", number));
    const bool is_undo = decision.kind == DecisionKind::kUndo;
    if (is_undo && decision.undoes >= number) throw std::invalid_argument("it undoes a later decision");
    if (is_undo) undone_[decision.undoes - 1] = true;
    if (!decision.unknown.empty()) note_unknown(decision.unknown);
    undone_.push_back(false);
    decisions_.push_back(std::move(decision));
  } catch (const std::invalid_argument& error) {
    fail_at(path_, lines_ + 1, as_decision_problem(error.what()));
  }
}

void Journal::note_unknown(const std::string& fields) {
  const JournalJson json = JournalJson::parse(fields);
  for (const auto& [name, value] : json.items()) unknown_.insert(name);
}

const Decision& Journal::decision(std::size_t number) const { return decisions_.at(number - 1); }

std::optional<std::size_t> Journal::last() const {
  for (std::size_t number = size(); number > 0; --number) {
    if (decision(number).kind != DecisionKind::kUndo && !is_undone(number)) return number;
  }
  return std::nullopt;
}

std::vector<std::string> Journal::warnings() const {
  std::vector<std::string> warnings;
  if (!cut_.empty()) {
    warnings.push_back(
        fmt::format("{}: its last line is cut after {} ('{}'): the program ended while it wrote a decision, which it "
                    "had not confirmed and which does not count",
                    path_.string(), core::counted(cut_.size(), "byte"), core::fitted(core::spelled_out(cut_), 40)));
  }
  if (!unknown_.empty()) {
    NameList fields;
    for (const std::string& name : unknown_) fields.add(core::one_line(name));
    warnings.push_back(fmt::format("{}: fields that this version does not know are kept and have no effect: {}",
                                   path_.string(), fields.text()));
  }
  return warnings;
}

std::size_t Journal::append(Decision decision) {
  if (is_held_) return append_locked(std::move(decision));
  const Hold hold(*this, "append");
  return append_locked(std::move(decision));
}

std::size_t Journal::undo(std::size_t number, const std::string& who) {
  const auto undo_locked = [&] {
    refresh();
    if (number == 0 || number > size()) {
      throw std::invalid_argument(
          fmt::format("[Journal] there is no decision {} to undo; the last is {}", number, size()));
    }
    if (decision(number).kind == DecisionKind::kUndo) {
      throw std::invalid_argument(fmt::format("[Journal] {} is no decision but undoes {}; decide again instead", number,
                                              decision(number).undoes));
    }
    if (is_undone(number)) throw std::invalid_argument(fmt::format("[Journal] decision {} is undone already", number));
    return append_locked({.kind = DecisionKind::kUndo, .image = decision(number).image, .who = who, .undoes = number});
  };
  if (is_held_) return undo_locked();
  const Hold hold(*this, "undo");
  return undo_locked();
}

std::size_t Journal::append_locked(Decision decision) {
  refresh();
  move_cut_away();
  decision.number = size() + 1;
  if (decision.time.empty()) decision.time = utc_now();
  if (decision.kind == DecisionKind::kUndo && (decision.undoes >= decision.number || decision.undoes == 0)) {
    throw std::invalid_argument(fmt::format("[Journal] there is no decision {} to undo", decision.undoes));
  }
  write_line(with_previous(to_line(decision), hash_));
  return decision.number;
}

void Journal::write_line(const std::string& line) {
  const OpenFile file(path_, O_WRONLY | O_APPEND);
  if (!file.is_open()) throw core::IoError(path_, "the decision could not be written, and does not count", errno);
  file.append(line + "\n", end_);
  take(line + "\n");
}

/// A copy of the cut line is kept: it may be worth reading.
void Journal::move_cut_away() {
  if (cut_.empty()) return;
  const OpenFile copy(path_.native() + ".cut", O_WRONLY | O_CREAT | O_APPEND);
  if (copy.is_open()) {
    copy.append(cut_ + "\n", static_cast<std::uint64_t>(copy.status().st_size));
  }
  const OpenFile file(path_, O_WRONLY);
  if (!file.is_open() || ::ftruncate(file.descriptor(), static_cast<off_t>(end_)) != 0 ||
      ::fsync(file.descriptor()) != 0) {
    throw core::IoError(path_, "its cut last line cannot be moved away", errno);
  }
  cut_.clear();
}

bool Journal::refresh() {
  const std::size_t before = size();
  const OpenFile file(path_, O_RDONLY);
  if (!file.is_open()) {
    throw core::DataError(path_, fmt::format("the journal with {} is gone: it was moved or deleted meanwhile",
                                             core::counted(before, "decision")));
  }
  const struct stat status = file.status();
  if (status.st_ino != inode_) {
    load();
    return true;
  }
  if (static_cast<std::uint64_t>(status.st_size) < end_) {
    throw core::FormatError(path_, fmt::format("the journal was cut behind the back of this process, which knows {}; "
                                               "restore it from a copy",
                                               core::counted(before, "decision")));
  }
  take(file.read_from(end_));
  return size() > before;
}

Journal::Hold Journal::hold(const std::string& purpose) { return Hold(*this, purpose); }

Journal::Hold::Hold(Journal& journal, const std::string& purpose)
    : journal_(journal), descriptor_(lock_journal(journal.path_, purpose)) {
  journal_.is_held_ = true;
}

Journal::Hold::~Hold() {
  ::close(descriptor_);
  journal_.is_held_ = false;
}

namespace {

/// Rewrites the lines of a journal that was edited by hand as if they had been appended so.
class EditedJournal {
 public:
  EditedJournal(const fs::path& path, const std::string& text) : path_(path) {
    for_each_line(text, [this](std::size_t line, std::string_view content) {
      line_ = line;
      if (text_.empty()) return take_header(content);
      if (!without_blanks(content).empty()) take(content);
    });
  }

  const std::string& text() const { return text_; }

 private:
  static std::string_view without_blanks(std::string_view line) {
    const std::size_t first = line.find_first_not_of(" \t");
    return first == std::string_view::npos ? std::string_view()
                                           : line.substr(first, line.find_last_not_of(" \t") + 1 - first);
  }

  void add(const std::string& line) {
    text_ += line + "\n";
    hash_ = sha256_of(line);
  }

  void take_header(std::string_view line) {
    JournalJson json = parse_header(path_, line);
    json.erase("sum");
    add(with_sum(json.dump()));
  }

  void take(std::string_view line) {
    try {
      Decision decision = decision_of_line(without_blanks(line));
      const std::size_t number = ++count_;
      if (decision.kind == DecisionKind::kUndo) {
        const auto undone = new_number_.find(decision.undoes);
        if (undone == new_number_.end()) {
          throw std::invalid_argument(
              fmt::format("it undoes decision {}, which is not above it; take this line out, too", decision.undoes));
        }
        decision.undoes = undone->second;
      }
      new_number_[decision.number == 0 ? number : decision.number] = number;
      decision.number = number;
      add(with_previous(to_line(decision), hash_));
    } catch (const std::invalid_argument& error) {
      fail_at(path_, line_, as_decision_problem(error.what()));
    }
  }

  const fs::path& path_;
  std::string text_;
  std::string hash_;
  std::size_t line_ = 0;
  std::size_t count_ = 0;
  std::map<std::size_t, std::size_t> new_number_;
};

}  // namespace

fs::path Journal::accept_edited(const fs::path& file) {
  Journal journal(file);
  std::error_code ignored;
  if (!fs::exists(file, ignored)) journal.load();  // says what is missing
  const Hold hold(journal, "accept what was edited");
  const std::string bytes = OpenFile(file, O_RDONLY).read_from(0);
  const EditedJournal edited(file, decode_text(bytes, file));
  const fs::path copy = free_name(file, "edited");
  core::write_file_atomically(copy, bytes);
  core::write_file_atomically(file, edited.text());
  return copy;
}

}  // namespace margay::data
