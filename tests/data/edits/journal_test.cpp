#include "margay/data/edits/journal.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <map>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "margay/core/error.h"
#include "tests/support/edited_data.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/ordinary_user.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_scale.h"
#include "tests/support/thrown_message.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using testing_support::file_content;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;

const std::string kSum(64, '0');

Decision kept(int i, const std::string& who = "Ada") {
  return {.kind = DecisionKind::kKeep,
          .image = fmt::format("cat/{}.jpg", i),
          .content = {.sha256 = kSum, .bytes = 3},
          .before = {"cat"},
          .after = {"cat"},
          .who = who};
}

Journal new_journal(const fs::path& file, int decisions) {
  Journal journal = Journal::open(file, {.images = 10, .marks = {1, 2, ~std::uint64_t{0}}});
  for (int i = 0; i < decisions; ++i) journal.append(kept(i));
  return journal;
}

TEST(Journal, IsMadeByItsFirstDecisionWhereItIsOnlyLookedAt) {
  const TemporaryFolder folder;
  const fs::path file = folder / ".margay/decisions.jsonl";
  Journal journal = Journal::at(file, {.images = 10, .marks = {1, 2}});
  Journal other = Journal::at(file, {.images = 10, .marks = {1, 2}});
  EXPECT_EQ(journal.size(), 0U);
  EXPECT_FALSE(journal.refresh());
  EXPECT_EQ(folder.size(), 0U);
  EXPECT_EQ(journal.append(kept(1)), 1U);
  EXPECT_TRUE(other.refresh());
  EXPECT_EQ(other.append(kept(2)), 2U);
  EXPECT_EQ(Journal::read(file).size(), 2U);
  EXPECT_EQ(Journal::read(file).marks().marks, (std::vector<std::uint64_t>{1, 2}));
}

TEST(Journal, ARequestThatIsRepeatedAddsNothingInWhicheverProcess) {
  const TemporaryFolder folder;
  Journal journal = new_journal(folder / "j", 0);
  Journal other = Journal::read(folder / "j");
  Decision decision = kept(1);
  decision.id = "a";
  EXPECT_EQ(journal.append(decision), 1U);
  EXPECT_EQ(other.append(decision), 1U);
  EXPECT_EQ(other.undo(1, "Ada", "u"), 2U);
  EXPECT_EQ(journal.undo(1, "Ada", "u"), 2U);
  EXPECT_EQ(Journal::read(folder / "j").size(), 2U);
  EXPECT_EQ(Journal::read(folder / "j").number_of("u"), 2U);
  EXPECT_EQ(Journal::read(folder / "j").number_of(""), std::nullopt);
}

/// Changes the text of a file.
template <class Change>
void edit_file(const fs::path& path, Change&& change) {
  std::string text = file_content(path);
  change(text);
  testing_support::write(path, text);
}

void replace_first(std::string& text, const std::string& what, const std::string& by) {
  text.replace(text.find(what), what.size(), by);
}

TEST(Journal, KeepsWhatWasAppended) {
  const TemporaryFolder folder;
  const fs::path file = journal_beside(folder.path());
  Journal written = new_journal(file, 3);
  EXPECT_EQ(written.append({.kind = DecisionKind::kSkip, .image = "dog/9.jpg"}), 4U);
  const Journal read = Journal::read(file);
  EXPECT_EQ(read.decisions(), written.decisions());
  EXPECT_EQ(read.hash(), written.hash());
  EXPECT_EQ(read.marks().images, 10U);
  EXPECT_EQ(read.marks().marks, (std::vector<std::uint64_t>{1, 2, ~std::uint64_t{0}}));
  EXPECT_EQ(read.decision(4).image, "dog/9.jpg");
  EXPECT_FALSE(read.decision(4).time.empty());
  EXPECT_TRUE(read.warnings().empty());
  EXPECT_EQ(count_decisions(file), 4U);
  EXPECT_EQ(count_decisions(folder / "none"), 0U);
}

TEST(Journal, UndoesToAnyDepthAndAppendsOnly) {
  const TemporaryFolder folder;
  const fs::path file = folder / "journal.jsonl";
  Journal journal = new_journal(file, 5);
  const std::string before = file_content(file);
  for (std::size_t number = 5; number > 0; --number) {
    EXPECT_EQ(journal.last(), number);
    journal.undo(number);
    EXPECT_TRUE(journal.is_undone(number));
  }
  EXPECT_EQ(journal.last(), std::nullopt);
  EXPECT_TRUE(file_content(file).starts_with(before));
  EXPECT_EQ(journal.append(kept(1)), 11U);  // to redo is to decide again
  const Journal read = Journal::read(file);
  EXPECT_EQ(read.last(), 11U);
  EXPECT_TRUE(read.is_undone(1));
  EXPECT_FALSE(read.is_undone(11));
}

TEST(Journal, RefusesToUndoWhatIsNoDecision) {
  const TemporaryFolder folder;
  Journal journal = new_journal(folder / "j", 2);
  journal.undo(1);
  const auto message = [&](std::size_t number) {
    return thrown_message<std::invalid_argument>([&] { journal.undo(number); });
  };
  EXPECT_EQ(message(0), "[Journal] there is no decision 0 to undo; the last is 3");
  EXPECT_EQ(message(4), "[Journal] there is no decision 4 to undo; the last is 3");
  EXPECT_EQ(message(1), "[Journal] decision 1 is undone already");
  EXPECT_EQ(message(3), "[Journal] 3 is no decision but undoes 1; decide again instead");
  EXPECT_EQ(journal.size(), 3U);
}

TEST(Journal, CutAnywhereLosesOnlyLinesThatAreNotWhole) {
  const TemporaryFolder folder;
  const fs::path whole = folder / "whole";
  const Journal journal = new_journal(whole, 3);
  const std::string text = file_content(whole);
  const fs::path cut = folder / "cut";
  for (std::size_t length = 0; length < text.size(); ++length) {
    const bool is_near_an_end = text.find('\n', length - std::min<std::size_t>(length, 2)) <= length + 1;
    if (length % 41 != 0 && !is_near_an_end) continue;
    testing_support::write(cut, text.substr(0, length));
    const auto lines =
        static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<long>(length), '\n'));
    const Journal read = Journal::read(cut);
    ASSERT_EQ(read.size(), lines == 0 ? 0 : lines - 1) << length;
    ASSERT_EQ(read.cut().empty(), length == 0 || text[length - 1] == '\n') << length;
    ASSERT_EQ(read.warnings().empty(), read.cut().empty()) << length;
    if (length % 3 != 0) continue;  // the disk is slow
    Journal opened = Journal::open(cut, {});
    opened.append(kept(99));
    ASSERT_EQ(Journal::read(cut).size(), read.size() + 1);
    const std::size_t whole_lines = length == 0 ? 0 : text.rfind('\n', length - 1) + 1;
    ASSERT_TRUE(lines == 0 || file_content(cut).starts_with(text.substr(0, whole_lines)));
    ASSERT_TRUE(read.cut().empty() || file_content(cut.native() + ".cut").ends_with(read.cut() + "\n"));
  }
}

TEST(Journal, TakesZerosAtItsEndForALineThatWasCut) {
  const TemporaryFolder folder;
  const fs::path file = folder / "j";
  new_journal(file, 2);
  edit_file(file, [](std::string& text) { text += std::string(700, '\0'); });
  EXPECT_EQ(Journal::read(file).size(), 2U);
  edit_file(file, [](std::string& text) { text += "\n"; });
  EXPECT_EQ(Journal::read(file).size(), 2U);
  Journal::open(file, {}).append(kept(7));
  EXPECT_EQ(Journal::read(file).size(), 3U);
  EXPECT_EQ(file_content(file).find('\0'), std::string::npos);
}

TEST(Journal, NamesTheLineThatWasEdited) {
  const TemporaryFolder folder;
  const fs::path file = folder / "j";
  const auto message_after = [&](auto&& change) {
    fs::remove(file);
    new_journal(file, 4);
    edit_file(file, change);
    return thrown_message<core::FormatError>([&] { (void)Journal::read(file); });
  };
  const std::string changed = message_after([](std::string& text) { replace_first(text, "cat/2.jpg", "cat/9.jpg"); });
  EXPECT_NE(changed.find("line 4: it was changed after it was written; restore the journal from a copy, or take it for "
                         "what it says now with `accept_edited`"),
            std::string::npos)
      << changed;
  const std::string last = message_after([](std::string& text) { replace_first(text, "cat/3.jpg", "cat/9.jpg"); });
  EXPECT_NE(last.find("line 5: it was changed"), std::string::npos) << last;
  const std::string gone = message_after([](std::string& text) {
    const std::size_t second = text.find("\n", text.find("\n") + 1) + 1;
    text.erase(second, text.find('\n', second) + 1 - second);
  });
  EXPECT_NE(gone.find("line 3: it does not follow the line before it"), std::string::npos) << gone;
  const std::string header =
      message_after([](std::string& text) { replace_first(text, "\"images\":10", "\"images\":11"); });
  EXPECT_NE(header.find("line 1: it was changed"), std::string::npos) << header;
}

TEST(Journal, GoesOnWithWhatWasEditedByHandWhenToldTo) {
  const TemporaryFolder folder;
  const fs::path file = folder / "j";
  Journal journal = new_journal(file, 4);
  journal.undo(3);
  edit_file(file, [](std::string& text) {
    const std::size_t second = text.find('\n') + 1;
    text.erase(second, text.find('\n', second) + 1 - second);  // decision 1
    replace_first(text, R"("after":["cat"])", R"("after":"dog")");
    replace_first(text, "\n", "\r\n");
  });
  const std::string edited = file_content(file);
  const fs::path copy = Journal::accept_edited(file);
  EXPECT_EQ(file_content(copy), edited);
  const Journal read = Journal::read(file);
  ASSERT_EQ(read.size(), 4U);
  EXPECT_EQ(read.decision(1).after, Labels{"dog"});
  EXPECT_FALSE(read.is_undone(1));
  EXPECT_TRUE(read.is_undone(2));  // its number was 3
  Journal again = Journal::open(file, {});
  EXPECT_EQ(again.append(kept(5)), 5U);
}

TEST(Journal, DoesNotAcceptWhatCannotBeMeant) {
  const TemporaryFolder folder;
  const fs::path file = folder / "j";
  Journal journal = new_journal(file, 2);
  journal.undo(1);
  edit_file(file, [](std::string& text) {
    const std::size_t second = text.find('\n') + 1;
    text.erase(second, text.find('\n', second) + 1 - second);
  });
  const std::string edited = file_content(file);
  const std::string message = thrown_message<core::FormatError>([&] { (void)Journal::accept_edited(file); });
  EXPECT_NE(message.find("line 3: no decision that can be read: it undoes decision 1, which is not above it"),
            std::string::npos)
      << message;
  EXPECT_EQ(file_content(file), edited);
}

TEST(Journal, TellsWhatOtherFilesAre) {
  const TemporaryFolder folder;
  const auto message = [&](const std::string& text) {
    testing_support::write(folder / "j", text);
    return thrown_message<core::FormatError>([&] { (void)Journal::read(folder / "j"); });
  };
  EXPECT_NE(message("{\"a\":1}\n").find("line 1: this is no journal of decisions"), std::string::npos);
  EXPECT_NE(message("\xFF\xD8\n").find("line 1: this is no journal of decisions"), std::string::npos);
  EXPECT_NE(message(R"({"margay":"decisions","format":2})"
                    "\n")
                .find("a newer Margay wrote this journal (format 2"),
            std::string::npos);
  EXPECT_THROW((void)Journal::read(folder / "none"), core::DataError);
  EXPECT_THROW((void)Journal::read(folder.path()), core::DataError);
}

TEST(Journal, TellsOfFieldsOfALaterVersion) {
  const TemporaryFolder folder;
  Journal journal = new_journal(folder / "j", 0);
  Decision decision = kept(1);
  decision.unknown = R"({"mood":"good"})";
  journal.append(decision);
  const std::vector<std::string> warnings = Journal::read(folder / "j").warnings();
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_TRUE(warnings[0].ends_with("fields that this version does not know are kept and have no effect: 'mood'"));
}

TEST(Journal, IsWrittenOnlyWhereThatIsAllowed) {
  const TemporaryFolder folder;
  const fs::path file = journal_beside(folder.path());
  new_journal(file, 1);
  constexpr fs::perms kReadOnly = fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read;
  constexpr fs::perms kEnter = fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec;
  fs::permissions(folder.path(), kReadOnly | kEnter);
  fs::permissions(file.parent_path(), kReadOnly | kEnter);
  fs::permissions(file, kReadOnly);
  const testing_support::OrdinaryUser user;
  EXPECT_EQ(Journal::read(file).size(), 1U);
  const std::string message = thrown_message<core::IoError>([&] { (void)Journal::open(file, {}); });
  EXPECT_NE(message.find("name another"), std::string::npos) << message;
  EXPECT_NE(message.find("`journal`"), std::string::npos) << message;
}

TEST(Journal, OfAFullDiskIsAsBeforeAndGoesOn) {
  const TemporaryFolder folder;
  const fs::path file = folder / "j";
  Journal journal = new_journal(file, 3);
  const std::string before = file_content(file);
  for (const std::size_t room : {0U, 1U, 100U}) {
    const testing_support::FileSizeLimit limit(before.size() + room);
    const std::string message = thrown_message<core::IoError>([&] { journal.append(kept(3)); });
    EXPECT_NE(message.find("the decision could not be written, and does not count"), std::string::npos) << message;
    EXPECT_EQ(file_content(file), before);
    EXPECT_EQ(journal.size(), 3U);
  }
  EXPECT_EQ(journal.append(kept(3)), 4U);
  EXPECT_EQ(Journal::read(file).decisions(), journal.decisions());
}

TEST(Journal, TakesOverWhatOthersAppend) {
  const TemporaryFolder folder;
  const fs::path file = folder / "j";
  Journal one = new_journal(file, 1);
  Journal other = Journal::open(file, {});
  EXPECT_EQ(one.append(kept(1, "one")), 2U);
  EXPECT_EQ(other.append(kept(2, "other")), 3U);
  EXPECT_EQ(other.decision(2).who, "one");
  EXPECT_TRUE(one.refresh());
  EXPECT_FALSE(one.refresh());
  EXPECT_EQ(one.decisions(), other.decisions());
}

TEST(Journal, OfTwoProcessesHasEveryLineOfBoth) {
  constexpr int kEach = 8;
  const TemporaryFolder folder;
  const fs::path file = folder / "j";
  new_journal(file, 0);
  std::vector<pid_t> processes;
  for (const char* const who : {"a", "b", "c"}) {
    const pid_t process = ::fork();
    if (process == 0) {
      Journal journal = Journal::open(file, {});
      for (int i = 0; i < kEach; ++i) journal.append(kept(i, who));
      ::_exit(0);
    }
    processes.push_back(process);
  }
  for (const pid_t process : processes) {
    int status = -1;
    ::waitpid(process, &status, 0);
    EXPECT_EQ(status, 0);
  }
  const Journal read = Journal::read(file);
  EXPECT_EQ(read.size(), 3U * kEach);
  std::map<std::string, int> next;
  for (const Decision& decision : read.decisions()) {
    EXPECT_EQ(decision.image, fmt::format("cat/{}.jpg", next[decision.who]++));
  }
}

TEST(Journal, SaysWhoHoldsIt) {
  const TemporaryFolder folder;
  const fs::path file = folder / "j";
  Journal journal = new_journal(file, 1);
  const Journal::Hold hold = journal.hold("apply decisions");
  EXPECT_EQ(journal.append(kept(1)), 2U);  // for the holder it is open
  const std::string said = file_content(file.native() + ".lock");
  EXPECT_EQ(said.find(fmt::format("process {} on ", ::getpid())), 0U) << said;
  EXPECT_NE(said.find(", to apply decisions"), std::string::npos) << said;
}

TEST(Journal, NoticesThatItWasCutOrTakenAway) {
  const TemporaryFolder folder;
  const fs::path file = folder / "j";
  Journal journal = new_journal(file, 3);
  const std::string text = file_content(file);
  fs::resize_file(file, text.size() - 10);
  EXPECT_THROW(journal.append(kept(3)), core::FormatError);
  fs::remove(file);
  EXPECT_THROW(journal.append(kept(3)), core::DataError);
  testing_support::write(file, text);
  EXPECT_EQ(journal.append(kept(3)), 4U);  // restored
}

/// Appends until it is killed, and says after each append that it is done.
[[noreturn]] void append_for_ever(const fs::path& file, int confirm) {
  Journal journal = Journal::open(file, {});
  for (std::uint32_t i = 0;; ++i) {
    const bool undoes = i % 7 == 6;
    const auto number =
        static_cast<std::uint32_t>(undoes ? journal.undo(*journal.last()) : journal.append(kept(static_cast<int>(i))));
    if (::write(confirm, &number, sizeof number) != sizeof number) ::_exit(1);
  }
}

TEST(Journal, LosesNothingThatWasConfirmedWhenKilledAnywhere) {
  const TemporaryFolder folder;
  const fs::path file = folder / "j";
  std::mt19937 random(42);
  std::string before;
  const int kills = testing_support::scaled(6, 1000);
  for (int kill = 0; kill < kills; ++kill) {
    if (kill % 50 == 0) {
      fs::remove(file);
      before.clear();
    }
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    const pid_t process = ::fork();
    if (process == 0) append_for_ever(file, pipe[1]);
    ::close(pipe[1]);
    std::this_thread::sleep_for(std::chrono::microseconds(std::uniform_int_distribution(500, 20'000)(random)));
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
    std::uint32_t confirmed = 0;
    for (std::uint32_t number = 0; ::read(pipe[0], &number, sizeof number) == sizeof number;) confirmed = number;
    ::close(pipe[0]);
    if (!fs::exists(file)) continue;  // killed before it began
    const Journal read = Journal::read(file);
    ASSERT_GE(read.size(), confirmed);
    const std::string now = file_content(file);
    ASSERT_TRUE(now.starts_with(before.substr(0, before.rfind('\n') + 1)));
    before = now;
  }
}

TEST(Journal, IsRelativeToTheFolderThatHoldsIt) {
  const TemporaryFolder folder;
  fs::create_directories(folder / "data/train");
  const fs::path data = folder / "data";
  const fs::path journal = journal_beside(data);
  EXPECT_EQ(root_of_journal(journal, data), data);
  EXPECT_EQ(root_of_journal(journal, data / "train"), data);
  EXPECT_EQ(root_of_journal(journal, folder.path()), folder.path());
  EXPECT_EQ(root_of_journal(folder / "my.jsonl", data / "train"), data / "train");
}

}  // namespace
}  // namespace margay::data
