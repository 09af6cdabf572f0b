#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "margay/core/descriptor.h"
#include "margay/data/edits/data_marks.h"
#include "margay/data/edits/decision.h"

namespace margay::data {

/// `.margay/decisions.jsonl` in the folder of the data: where decisions are kept if no other file is named.
std::filesystem::path journal_beside(const std::filesystem::path& folder);

/// The folder that the images of a journal are relative to: the one that holds its `.margay`, if `folder` is that
/// folder or lies in it, else `folder`.
std::filesystem::path root_of_journal(const std::filesystem::path& journal, const std::filesystem::path& folder);

/// How many decisions a file seems to hold, by its lines alone; 0 where there is no such file.
std::size_t count_decisions(const std::filesystem::path& journal);

/// What has been decided about the images of a dataset: a file that only grows, a line of JSON for each decision.
///
/// The first line is a header with the format's version and the dataset's marks. Every later line holds the SHA-256 of
/// the line before it (`previous`) and a checksum of itself (`sum`), so that a line that was changed, taken out or
/// inserted is found. append() returns when its line is on the disk (fdatasync): a decision that was confirmed
/// survives the end of the process, and of the power. A line that was cut while it was written was never confirmed;
/// readers skip it (cut()), and the next append() moves it to FILE.cut.
///
/// Several processes may append to one journal: each append holds the lock of FILE.lock (flock), takes over what others
/// have appended, and adds its line after theirs. Nothing that is written is ever changed: undo() appends, too.
/// Not for use by several threads at once.
class Journal {
 public:
  /// Reads a journal without changing anything, as on a read-only disk. Throws core::DataError if there is none,
  /// core::NewerFormatError for one of a later version, and core::FormatError, naming the line, for one whose lines
  /// were changed by something else than this class.
  static Journal read(const std::filesystem::path& file);

  /// Reads a journal to append to it; makes the file, and its folder, if there is none. marks: of the images, for the
  /// header of a new one. Throws as read, and core::IoError where nothing can be written.
  static Journal open(const std::filesystem::path& file, const DataMarks& marks);

  /// Reads a journal if there is one, and changes nothing; the first append() makes the file, and its folder, with
  /// these marks. Throws as read, but not for a file that is missing.
  static Journal at(const std::filesystem::path& file, const DataMarks& marks);

  /// Takes a journal that was edited by hand for what it says now: the sums are computed anew, decisions are numbered
  /// by their lines, and the file as it was is kept as FILE.edited-N. Returns that copy's path. Throws
  /// core::FormatError naming the first line that is no decision, or undoes one that is not there.
  static std::filesystem::path accept_edited(const std::filesystem::path& file);

  const std::filesystem::path& path() const { return path_; }
  const DataMarks& marks() const { return marks_; }
  /// All lines after the header, in order; the decision of number n stands at n - 1.
  const std::vector<Decision>& decisions() const { return decisions_; }
  std::size_t size() const { return decisions_.size(); }
  /// Throws std::out_of_range for a number that is none.
  const Decision& decision(std::size_t number) const;
  bool is_undone(std::size_t number) const { return undone_.at(number - 1); }
  /// The decision that undo() without a number would take: the last one that counts. Nothing when all are undone.
  std::optional<std::size_t> last() const;
  /// The SHA-256 of the last line, and so of the whole journal.
  const std::string& hash() const { return hash_; }
  /// What was found on reading that a user should know: a cut line, fields of a later version.
  std::vector<std::string> warnings() const;
  /// The bytes of a last line that was cut and never confirmed; "" for none.
  const std::string& cut() const { return cut_; }

  /// The decision that came with this request; nothing if there is none. id: Decision::id, not "".
  std::optional<std::size_t> number_of(const std::string& id) const;

  /// Adds a decision, with its number and, unless it has one, the time; returns the number when it is on the disk.
  /// Where a decision with its id is there already, also one of another process, nothing is added and its number
  /// returned. Throws core::IoError if it could not be written (the file is then as before, and a later call may
  /// succeed), core::Error if another process holds the lock for long, std::invalid_argument as to_line.
  std::size_t append(Decision decision);
  /// Appends that this decision does not count any more. Throws std::invalid_argument for a number that is none, or an
  /// undo's, or undone already. Deciding again is the way to redo.
  /// id: as Decision::id.
  std::size_t undo(std::size_t number, const std::string& who = "", const std::string& id = "");

  /// Takes over what other processes have appended. Returns whether there was anything.
  bool refresh();

  /// Keeps other processes from appending while the object lives. purpose: for their message, "apply".
  class Hold;
  Hold hold(const std::string& purpose);

 private:
  explicit Journal(std::filesystem::path file, bool is_held = false) : path_(std::move(file)), is_held_(is_held) {}

  std::size_t append_locked(Decision decision);
  void create(const DataMarks& marks);
  void begin(const DataMarks& marks);
  void load();
  void take(std::string_view text);
  void take_line(std::string_view line);
  void note_unknown(const std::string& fields);
  void write_line(const std::string& line);
  void move_cut_away();

  std::filesystem::path path_;
  DataMarks marks_;
  std::vector<Decision> decisions_;
  std::vector<bool> undone_;
  std::unordered_map<std::string, std::size_t> number_of_id_;
  std::string hash_;
  std::string cut_;
  std::uint64_t end_ = 0;          ///< of the last whole line, in bytes
  std::uint64_t inode_ = 0;        ///< of the file that was read
  std::size_t lines_ = 0;          ///< read so far, the header included
  std::set<std::string> unknown_;  ///< fields
  bool is_held_ = false;
};

/// Releases the lock when it goes.
class Journal::Hold {
 public:
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold();

 private:
  friend class Journal;
  Hold(Journal& journal, const std::string& purpose);

  Journal& journal_;
  core::Descriptor lock_;
};

}  // namespace margay::data
