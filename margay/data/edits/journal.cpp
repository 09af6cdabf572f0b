#include "margay/data/edits/journal.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <map>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/file.h"
#include "margay/core/text.h"
#include "margay/data/edits/journal_file.h"
#include "margay/data/edits/journal_line.h"
#include "margay/data/edits/move_file.h"
#include "margay/data/source/text_file.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;

fs::path free_name(const fs::path& path, const char* mark) {
  for (std::size_t n = 1;; ++n) {
    fs::path name = path;
    name += fmt::format(".{}-{}", mark, n);
    if (!is_taken(name)) return name;
  }
}

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
    hash_ = hash_of_line(line);
  }

  void take_header(std::string_view line) { add(resummed_header(path_, line)); }

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
      add(chained_line(decision, hash_));
    } catch (const std::invalid_argument& error) {
      refuse_line(path_, line_, error.what());
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

Journal Journal::at(const fs::path& file, const DataMarks& marks) {
  Journal journal(file);
  std::error_code ignored;
  if (fs::status(file, ignored).type() != fs::file_type::not_found) journal.load();
  if (journal.lines_ == 0) journal.marks_ = marks;
  return journal;
}

/// With the lock held: the file is there afterwards, with its header.
void Journal::begin(const DataMarks& marks) {
  std::error_code ignored;
  if (fs::exists(path_, ignored)) load();
  if (lines_ == 0) create(marks);
}

Journal Journal::open(const fs::path& file, const DataMarks& marks) {
  Journal journal(file);
  {
    const Hold hold(journal, "begin");
    journal.begin(marks);
  }
  const JournalFile writable(file, O_WRONLY | O_APPEND);
  if (writable.is_open()) return journal;
  throw core::IoError(file, "decisions cannot be added to this journal; name another one with `journal`", errno);
}

/// There is no file, or one that holds no whole line.
void Journal::create(const DataMarks& marks) {
  move_cut_away();
  const JournalFile file(path_, O_WRONLY | O_CREAT | O_APPEND);
  if (!file.is_open()) {
    throw core::IoError(path_, "the journal cannot be made; name another place with `journal`", errno);
  }
  file.append(journal_header(marks) + "\n", 0);
  core::sync_folder(path_.parent_path());
  load();
}

void Journal::load() {
  const JournalFile file(path_, O_RDONLY);
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
    if (lines_ == 0) {
      marks_ = marks_of_header(path_, line);
    } else {
      take_line(line);
    }
    ++lines_;
    hash_ = hash_of_line(line);
    end_ += line.size() + 1;
    text.remove_prefix(line.size() + 1);
  }
}

void Journal::take_line(std::string_view line) {
  const std::size_t number = decisions_.size() + 1;
  check_chained(path_, lines_ + 1, line, hash_);
  try {
    Decision decision = decision_of_line(line);
    if (decision.number != number) throw std::invalid_argument(fmt::format("its number is not {}", number));
    const bool is_undo = decision.kind == DecisionKind::kUndo;
    if (is_undo && decision.undoes >= number) throw std::invalid_argument("it undoes a later decision");
    if (is_undo) undone_[decision.undoes - 1] = true;
    if (!decision.unknown.empty()) note_unknown(decision.unknown);
    undone_.push_back(false);
    if (!decision.id.empty()) number_of_id_.emplace(decision.id, number);
    decisions_.push_back(std::move(decision));
  } catch (const std::invalid_argument& error) {
    refuse_line(path_, lines_ + 1, error.what());
  }
}

void Journal::note_unknown(const std::string& fields) {
  const nlohmann::json json = nlohmann::json::parse(fields);
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
                                   core::shown_path(path_), fields.text()));
  }
  return warnings;
}

std::optional<std::size_t> Journal::number_of(const std::string& id) const {
  const auto found = number_of_id_.find(id);
  return found == number_of_id_.end() ? std::nullopt : std::optional(found->second);
}

std::size_t Journal::append(Decision decision) {
  if (is_held_) return append_locked(std::move(decision));
  const Hold hold(*this, "append");
  return append_locked(std::move(decision));
}

std::size_t Journal::undo(std::size_t number, const std::string& who, const std::string& id) {
  const auto undo_locked = [&] {
    refresh();
    if (const auto done = number_of(id)) return *done;
    if (number == 0 || number > size()) {
      throw std::invalid_argument(
          fmt::format("[Journal] there is no decision {} to undo; the last is {}", number, size()));
    }
    if (decision(number).kind == DecisionKind::kUndo) {
      throw std::invalid_argument(fmt::format("[Journal] {} is no decision but undoes {}; decide again instead", number,
                                              decision(number).undoes));
    }
    if (is_undone(number)) throw std::invalid_argument(fmt::format("[Journal] decision {} is undone already", number));
    return append_locked(
        {.kind = DecisionKind::kUndo, .image = decision(number).image, .who = who, .id = id, .undoes = number});
  };
  if (is_held_) return undo_locked();
  const Hold hold(*this, "undo");
  return undo_locked();
}

std::size_t Journal::append_locked(Decision decision) {
  if (lines_ == 0) begin(DataMarks(marks_));
  refresh();
  if (const auto done = number_of(decision.id)) return *done;
  move_cut_away();
  decision.number = size() + 1;
  if (decision.time.empty()) decision.time = utc_now();
  if (decision.kind == DecisionKind::kUndo && (decision.undoes >= decision.number || decision.undoes == 0)) {
    throw std::invalid_argument(fmt::format("[Journal] there is no decision {} to undo", decision.undoes));
  }
  write_line(chained_line(decision, hash_));
  return decision.number;
}

void Journal::write_line(const std::string& line) {
  const JournalFile file(path_, O_WRONLY | O_APPEND);
  if (!file.is_open()) throw core::IoError(path_, "the decision could not be written, and does not count", errno);
  file.append(line + "\n", end_);
  take(line + "\n");
}

/// A copy of the cut line is kept: it may be worth reading.
void Journal::move_cut_away() {
  if (cut_.empty()) return;
  const JournalFile copy(path_.native() + ".cut", O_WRONLY | O_CREAT | O_APPEND);
  if (copy.is_open()) {
    copy.append(cut_ + "\n", static_cast<std::uint64_t>(copy.status().st_size));
  }
  const JournalFile file(path_, O_WRONLY);
  if (!file.is_open() || ::ftruncate(file.descriptor(), static_cast<off_t>(end_)) != 0 ||
      ::fsync(file.descriptor()) != 0) {
    throw core::IoError(path_, "its cut last line cannot be moved away", errno);
  }
  cut_.clear();
}

bool Journal::refresh() {
  const std::size_t before = size();
  std::error_code ignored;
  if (lines_ == 0 && !fs::exists(path_, ignored)) return false;  // not begun
  const JournalFile file(path_, O_RDONLY);
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
    : journal_(journal), lock_((make_folder_for(journal.path_), lock_journal(journal.path_, purpose))) {
  journal_.is_held_ = true;
}

Journal::Hold::~Hold() { journal_.is_held_ = false; }

fs::path Journal::accept_edited(const fs::path& file) {
  Journal journal(file);
  std::error_code ignored;
  if (!fs::exists(file, ignored)) journal.load();  // says what is missing
  const Hold hold(journal, "accept what was edited");
  const std::string bytes = JournalFile(file, O_RDONLY).read_from(0);
  const EditedJournal edited(file, decode_text(bytes, file));
  const fs::path copy = free_name(file, "edited");
  core::write_file_atomically(copy, bytes);
  core::write_file_atomically(file, edited.text());
  return copy;
}

}  // namespace margay::data
