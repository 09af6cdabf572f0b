#include "margay/data/edits/apply_edits.h"

#include <chrono>
#include <csignal>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "margay/core/error.h"
#include "margay/data/edits/move_file.h"
#include "margay/data/source/label_table.h"
#include "tests/support/edited_data.h"
#include "tests/support/test_scale.h"
#include "tests/support/thrown_message.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using testing_support::decision_about;
using testing_support::edits_for;
using testing_support::file_content;
using testing_support::items_of;
using testing_support::journal_for;
using testing_support::TemporaryFolder;
using testing_support::tree_of;

ApplyPlan plan_of(const fs::path& folder, const Journal& journal, const ApplyOptions& options = {}) {
  return plan_edits(folder, edits_for(folder, journal), items_of(folder, folder_labels()), options);
}

/// cat/0 … is a dog, cat/1 … goes, and so on for `count` of each.
Journal decided(const fs::path& folder, int count = 1) {
  testing_support::write_cats_and_dogs(folder, 3 * count);
  Journal journal = journal_for(folder);
  for (int i = 0; i < count; ++i) {
    journal.append(decision_about(folder, fmt::format("cat/{}.jpg", 2 * i), DecisionKind::kRelabel, {"cat"}, {"dog"}));
    journal.append(decision_about(folder, fmt::format("cat/{}.jpg", 2 * i + 1), DecisionKind::kDelete, {"cat"}));
  }
  return journal;
}

TEST(ApplyEdits, MoveDeletedImagesToTheTrashAndWriteANewTable) {
  const TemporaryFolder folder;
  Journal journal = decided(folder.path());
  const auto before = tree_of(folder.path());
  const ApplyPlan plan = plan_of(folder.path(), journal);
  EXPECT_EQ(plan.new_table, folder / "labels.csv");
  EXPECT_EQ(plan.sentences().size(), 2U);
  EXPECT_EQ(tree_of(folder.path()), before);  // a plan changes nothing
  const AppliedEdits applied = apply_edits(plan, journal);
  EXPECT_EQ(applied.moved, 1U);
  EXPECT_TRUE(applied.problems.empty());
  EXPECT_FALSE(fs::exists(folder / "cat/1.jpg"));
  EXPECT_EQ(file_content(folder / ".margay/trash/0001/cat/1.jpg"), "the bytes of cat/1.jpg");
  EXPECT_EQ(file_content(folder / "labels.csv"),
            "name,label\ncat/0.jpg,dog\ncat/2.jpg,cat\ndog/0.jpg,dog\ndog/1.jpg,dog\ndog/2.jpg,dog\n");
  const LabelTable table = LabelTable::read(folder / "labels.csv", folder.path());
  const LabelEdits edits(journal, folder.path(), table.items(), table.labels());
  EXPECT_EQ(edits.count(EditState::kSettled), 2U);
  EXPECT_EQ(image_files(folder.path()).size(), 5U);  // the trash is no data
  undo_apply(folder.path());
  EXPECT_EQ(tree_of(folder.path()), before);
  EXPECT_THROW(undo_apply(folder.path()), std::invalid_argument);
}

TEST(ApplyEdits, KeepTheSplitInTheNewTable) {
  const TemporaryFolder folder;
  const Journal journal = decided(folder.path());
  const ApplyPlan plan = plan_of(folder.path(), journal, {.validates = {false, false, true, false, true, false}});
  EXPECT_EQ(plan.table_text,
            "name,label,is_valid\ncat/0.jpg,dog,0\ncat/2.jpg,cat,1\ndog/0.jpg,dog,0\ndog/1.jpg,dog,1\n"
            "dog/2.jpg,dog,0\n");
  const auto message = testing_support::thrown_message<std::invalid_argument>(
      [&] { plan_of(folder.path(), journal, {.validates = {true}, .move_files = true}); });
  EXPECT_EQ(message, "[apply_edits] 6 images, but 1 are said to validate or not");
}

TEST(ApplyEdits, MoveFilesBetweenClassesWhenAsked) {
  const TemporaryFolder folder;
  Journal journal = decided(folder.path());
  const auto before = tree_of(folder.path());
  const AppliedEdits applied = apply_edits(plan_of(folder.path(), journal, {.move_files = true}), journal);
  EXPECT_EQ(applied.moved, 2U);
  EXPECT_EQ(file_content(folder / "dog/0.jpg"), "the bytes of dog/0.jpg");
  EXPECT_EQ(file_content(folder / "dog/0-2.jpg"), "the bytes of cat/0.jpg");  // its name was taken
  EXPECT_FALSE(fs::exists(folder / "labels.csv"));
  EXPECT_EQ(edits_for(folder.path(), journal).count(EditState::kSettled), 2U);
  EXPECT_TRUE(plan_of(folder.path(), journal, {.move_files = true}).empty());
  undo_apply(folder.path());
  EXPECT_EQ(tree_of(folder.path()), before);
  EXPECT_THROW(plan_of(folder.path(), journal, {.place = LabelPlace::kNames, .move_files = true}),
               std::invalid_argument);
}

TEST(ApplyEdits, OverwriteNothing) {
  const TemporaryFolder folder;
  Journal journal = decided(folder.path());
  testing_support::write(folder / "labels.csv", "mine");
  EXPECT_EQ(plan_of(folder.path(), journal).new_table, folder / "labels-2.csv");
  EXPECT_THROW(plan_of(folder.path(), journal, {.new_table = folder / "labels.csv"}), core::DataError);
  const ApplyPlan plan = plan_of(folder.path(), journal, {.move_files = true});
  ASSERT_EQ(plan.moved.at(0).to, "dog/0-2.jpg");
  testing_support::write(folder / "dog/0-2.jpg", "came meanwhile");
  const AppliedEdits applied = apply_edits(plan, journal);
  EXPECT_EQ(
      applied.problems,
      std::vector<std::string>{"'cat/0.jpg' cannot be moved to 'dog/0-2.jpg': there is a file of this name already"});
  EXPECT_EQ(file_content(folder / "dog/0-2.jpg"), "came meanwhile");
  EXPECT_TRUE(fs::exists(folder / "cat/0.jpg"));
  const AppliedEdits undone = undo_apply(folder.path());
  EXPECT_TRUE(undone.problems.empty());
  EXPECT_EQ(file_content(folder / "dog/0-2.jpg"), "came meanwhile");
  EXPECT_EQ(file_content(folder / "cat/0.jpg"), "the bytes of cat/0.jpg");
}

TEST(ApplyEdits, AnUndoingThatIsStoppedByAFileGoesOnOnceItIsAway) {
  const TemporaryFolder folder;
  Journal journal = decided(folder.path(), 2);
  const auto before = tree_of(folder.path());
  apply_edits(plan_of(folder.path(), journal, {.move_files = true}), journal);
  journal.append(decision_about(folder.path(), "cat/5.jpg", DecisionKind::kDelete, {"cat"}));
  apply_edits(plan_of(folder.path(), journal, {.move_files = true}), journal);
  testing_support::write(folder / "cat/5.jpg", "in the way");
  const AppliedEdits stopped = undo_apply(folder.path());
  EXPECT_EQ(stopped.number, 2U);
  EXPECT_FALSE(stopped.is_complete);
  EXPECT_EQ(stopped.problems.size(), 1U);
  EXPECT_EQ(unfinished_apply(folder.path()), 2U);
  EXPECT_THROW(plan_of(folder.path(), journal), core::DataError);
  EXPECT_FALSE(undo_apply(folder.path()).is_complete);  // not the application before it
  EXPECT_EQ(file_content(folder / "cat/5.jpg"), "in the way");
  fs::remove(folder / "cat/5.jpg");
  const AppliedEdits undone = finish_apply(folder.path());
  EXPECT_TRUE(undone.is_complete);
  EXPECT_TRUE(undone.is_undone);
  EXPECT_EQ(file_content(folder / "cat/5.jpg"), "the bytes of cat/5.jpg");
  EXPECT_FALSE(fs::exists(folder / "cat/1.jpg"));
  EXPECT_EQ(undo_apply(folder.path()).number, 1U);
  EXPECT_EQ(tree_of(folder.path()), before);
}

TEST(ApplyEdits, WhatSomebodyHasTakenOutOfTheTrashKeepsNoUndoingOpen) {
  const TemporaryFolder folder;
  Journal journal = decided(folder.path());
  apply_edits(plan_of(folder.path(), journal, {.move_files = true}), journal);
  fs::remove(folder / ".margay/trash/0001/cat/1.jpg");
  const AppliedEdits undone = undo_apply(folder.path());
  EXPECT_EQ(undone.problems.size(), 1U);
  EXPECT_TRUE(undone.is_complete);
  EXPECT_TRUE(fs::exists(folder / "cat/0.jpg"));
}

TEST(ApplyEdits, ATableThatCannotBeWrittenMovesNoFile) {
  const TemporaryFolder folder;
  Journal journal = decided(folder.path());
  const ApplyOptions options{.new_table = folder / "tables/new.csv"};
  EXPECT_NE(testing_support::thrown_message<core::DataError>([&] {
              plan_of(folder.path(), journal, options);
            }).find("there is no such folder"),
            std::string::npos);
  fs::create_directory(folder / "tables");
  const ApplyPlan plan = plan_of(folder.path(), journal, options);
  fs::remove(folder / "tables");
  const AppliedEdits applied = apply_edits(plan, journal);
  EXPECT_FALSE(applied.is_complete);
  EXPECT_EQ(applied.moved, 0U);
  EXPECT_TRUE(fs::exists(folder / "cat/1.jpg"));
  fs::create_directory(folder / "tables");
  EXPECT_TRUE(finish_apply(folder.path()).is_complete);
  EXPECT_FALSE(fs::exists(folder / "cat/1.jpg"));
  EXPECT_EQ(file_content(folder / "tables/new.csv"), plan.table_text);
}

TEST(ApplyEdits, ARelativeTableLiesWhereTheProgramRuns) {
  const TemporaryFolder folder;
  const fs::path data = folder / "data";
  Journal journal = decided(data);
  fs::create_directory(folder / "here");
  const fs::path before = fs::current_path();
  fs::current_path(folder / "here");
  const AppliedEdits applied = apply_edits(plan_of(data, journal, {.new_table = "new.csv"}), journal);
  fs::current_path(before);
  EXPECT_TRUE(fs::exists(folder / "here/new.csv")) << applied.new_table;
  EXPECT_FALSE(fs::exists(data / "new.csv"));
  undo_apply(data);
  EXPECT_FALSE(fs::exists(folder / "here/new.csv"));
}

TEST(ApplyEdits, KeepsTheRestOfTheUsersTable) {
  const TemporaryFolder folder;
  testing_support::write_cats_and_dogs(folder.path());
  const std::string rows =
      "split;name;\"label\"\r\ntrain;cat/0.jpg;\"cat\"\r\n train; dog/1.jpg;dog\r\n"
      "valid;\"cat/1.jpg\";cat\r\n";
  testing_support::write(folder / "t.csv", rows);
  const LabelTable table = LabelTable::read(folder / "t.csv", folder.path());
  const Labeller labeller = table.labels();
  Journal journal = Journal::open(folder / "j", DataMarks::of(table.items()));
  journal.append(decision_about(folder.path(), "cat/1.jpg", DecisionKind::kRelabel, {"cat"}, {"dog"}));
  journal.append(decision_about(folder.path(), "dog/1.jpg", DecisionKind::kDelete, {"dog"}));
  const LabelEdits edits(journal, folder.path(), table.items(), labeller);
  Items items;
  for (const fs::path& image : table.items()) items.add(image.native(), *labeller.label(image.native()));
  const ApplyPlan plan =
      plan_edits(folder.path(), edits, items, {.place = LabelPlace::kTable, .table = folder / "t.csv"});
  EXPECT_EQ(plan.new_table, folder / "t.cleaned.csv");
  EXPECT_EQ(plan.table_text, "split;name;\"label\"\r\ntrain;cat/0.jpg;\"cat\"\r\nvalid;cat/1.jpg;dog\r\n");
  apply_edits(plan, journal);
  EXPECT_EQ(file_content(folder / "t.csv"), rows);
  EXPECT_EQ(file_content(folder / "t.cleaned.csv"), plan.table_text);
}

TEST(ApplyEdits, KnowTablesOfEveryForm) {
  const TemporaryFolder folder;
  testing_support::write_cats_and_dogs(folder.path());
  const auto edited = [&](const std::string& name, const std::string& text, const LabelColumns& columns,
                          const Labels& before, const Labels& after) {
    testing_support::write(folder / name, text);
    const LabelTable table = LabelTable::read(folder / name, folder.path(), columns);
    const Labeller labeller = table.labels();
    Journal journal = Journal::open(folder / (name + ".journal"), DataMarks::of(table.items()));
    journal.append(decision_about(folder.path(), "cat/0.jpg", DecisionKind::kRelabel, before, after));
    const LabelEdits edits(journal, folder.path(), table.items(), labeller);
    Items items(labeller.task);
    for (const fs::path& image : table.items()) items.add(image.native(), *labeller.label(image.native()));
    return plan_edits(folder.path(), edits, items,
                      {.place = LabelPlace::kTable, .table = folder / name, .columns = columns})
        .table_text;
  };
  EXPECT_EQ(
      edited("several.csv", "name,label\ncat/0.jpg,a b\ncat/1.jpg,c\n", {.delimiter = " "}, {"a", "b"}, {"a", "c"}),
      "name,label\ncat/0.jpg,a c\ncat/1.jpg,c\n");
  EXPECT_EQ(edited("hot.csv", "name,a,b\ncat/0.jpg,1,0\ncat/1.jpg,0,1\n", {.one_hot = {"*"}}, {"a"}, {"a", "b"}),
            "name,a,b\ncat/0.jpg,1,1\ncat/1.jpg,0,1\n");
  EXPECT_EQ(edited("lines.jsonl",
                   "{\"name\": \"cat/0.jpg\", \"label\": \"a\", \"x\": 1}\n{\"name\":\"cat/1.jpg\",\"label\":\"b\"}\n",
                   {}, {"a"}, {"b"}),
            "{\"name\":\"cat/0.jpg\",\"label\":\"b\",\"x\":1}\n{\"name\":\"cat/1.jpg\",\"label\":\"b\"}\n");
  EXPECT_EQ(
      edited("quoted.csv", "name,label,note\ncat/0.jpg,a,\"x\n\"\"y\"\"\"\ncat/1.jpg,\"b,c\",\n", {}, {"a"}, {"b,c"}),
      "name,label,note\ncat/0.jpg,\"b,c\",\"x\n\"\"y\"\"\"\ncat/1.jpg,\"b,c\",\n");
}

TEST(ApplyEdits, MoveLinksAndNotWhatTheyLeadTo) {
  const TemporaryFolder folder;
  testing_support::write(folder / "elsewhere/x.jpg", "linked bytes");
  testing_support::write(folder / "elsewhere/deep/y.jpg", "deep bytes");
  const fs::path data = folder / "data";
  testing_support::write_cats_and_dogs(data);
  fs::create_symlink("../../elsewhere/x.jpg", data / "cat/link.jpg");
  fs::create_directory_symlink("../../elsewhere/deep", data / "dog/deep");
  Journal journal = journal_for(data);
  journal.append(decision_about(data, "cat/link.jpg", DecisionKind::kDelete, {"cat"}));
  journal.append(decision_about(data, "dog/deep/y.jpg", DecisionKind::kDelete, {"deep"}));
  const auto before = tree_of(folder.path());
  const ApplyPlan plan = plan_of(data, journal);
  EXPECT_EQ(plan.impossible,
            std::vector<std::string>{"dog/deep/y.jpg: it lies outside the folder of the data, or behind a link"});
  apply_edits(plan, journal);
  EXPECT_FALSE(fs::exists(fs::symlink_status(data / "cat/link.jpg")));
  EXPECT_TRUE(fs::is_symlink(data / ".margay/trash/0001/cat/link.jpg"));
  EXPECT_EQ(file_content(folder / "elsewhere/x.jpg"), "linked bytes");
  undo_apply(data);
  EXPECT_EQ(tree_of(folder.path()), before);
}

TEST(ApplyEdits, MoveToAnotherFileSystemAndBack) {
  const fs::path shared = "/dev/shm";
  const TemporaryFolder folder;
  struct stat here {};
  struct stat there {};
  if (::stat(shared.c_str(), &there) != 0 || ::stat(folder.path().c_str(), &here) != 0 || here.st_dev == there.st_dev) {
    GTEST_SKIP() << "/dev/shm is no other file system here";
  }
  std::string place = (shared / "margay-test-XXXXXX").native();
  ASSERT_NE(::mkdtemp(place.data()), nullptr);
  fs::create_directory_symlink(place, folder / ".margay");
  Journal journal = decided(folder.path());
  fs::create_symlink("2.jpg", folder / "cat/link.jpg");
  journal.append(decision_about(folder.path(), "cat/link.jpg", DecisionKind::kDelete, {"cat"}));
  fs::permissions(folder / "cat/1.jpg", fs::perms::owner_read);
  set_modified_ns(folder / "cat/1.jpg", 1'234'567'890'123'456'789);
  const auto before = tree_of(folder.path());
  const AppliedEdits applied = apply_edits(plan_of(folder.path(), journal), journal);
  EXPECT_EQ(applied.problems, std::vector<std::string>{});
  EXPECT_EQ(file_content(fs::path(place) / "trash/0001/cat/1.jpg"), "the bytes of cat/1.jpg");
  EXPECT_FALSE(fs::exists(folder / "cat/1.jpg"));
  undo_apply(folder.path());
  EXPECT_EQ(tree_of(folder.path()), before);
  fs::remove_all(place);
}

TEST(ApplyEdits, RefuseAPlanThatIsNoLongerTrue) {
  const TemporaryFolder folder;
  Journal journal = decided(folder.path());
  const ApplyPlan plan = plan_of(folder.path(), journal);
  journal.append(decision_about(folder.path(), "dog/0.jpg", DecisionKind::kDelete, {"dog"}));
  const auto before = tree_of(folder.path());
  EXPECT_THROW(apply_edits(plan, journal), core::DataError);
  EXPECT_EQ(tree_of(folder.path()), before);
}

TEST(ApplyEdits, LeaveAloneWhatWasChangedSince) {
  const TemporaryFolder folder;
  Journal journal = decided(folder.path());
  apply_edits(plan_of(folder.path(), journal), journal);
  testing_support::write(folder / "labels.csv", "name,label\ncat/0.jpg,wolf\n");
  testing_support::write(folder / "cat/1.jpg", "a new image of the old name");
  const AppliedEdits undone = undo_apply(folder.path());
  EXPECT_EQ(undone.problems.size(), 2U);
  EXPECT_EQ(file_content(folder / "cat/1.jpg"), "a new image of the old name");
  EXPECT_EQ(file_content(folder / ".margay/trash/0001/cat/1.jpg"), "the bytes of cat/1.jpg");
  EXPECT_TRUE(fs::exists(folder / "labels.csv"));
}

TEST(ApplyEdits, InterruptedAfterAnyStepAreCompletedOrUndone) {
  const int count = testing_support::scaled(1, 4);
  const TemporaryFolder original;
  decided(original.path(), count);
  for (const bool completes : {true, false}) {
    for (std::size_t steps = 0; steps <= 2 * static_cast<std::size_t>(count); ++steps) {
      const TemporaryFolder folder;
      fs::copy(original.path(), folder.path(), fs::copy_options::recursive);
      Journal journal = journal_for(folder.path());
      const auto before = tree_of(folder.path());
      const ApplyPlan plan = plan_of(folder.path(), journal, {.move_files = true});
      apply_edits(plan, journal);
      const auto after = tree_of(folder.path());
      // As if it had ended before its last steps: they are taken back, and the log does not say that it is done.
      std::vector<PlannedMove> moves = plan.deleted;
      moves.insert(moves.end(), plan.moved.begin(), plan.moved.end());
      for (std::size_t i = steps; i < moves.size(); ++i) {
        ASSERT_EQ(move_file(folder / moves[i].to, folder / moves[i].from), "");
      }
      const fs::path log = folder / ".margay/applied/0001.jsonl";
      const std::string text = file_content(log);
      testing_support::write(log, text.substr(0, text.rfind("{\"state\"") + 4));  // cut within the last line
      ASSERT_EQ(unfinished_apply(folder.path()), 1U);
      ASSERT_THROW(plan_of(folder.path(), journal), core::DataError);
      const AppliedEdits result = completes ? finish_apply(folder.path()) : undo_apply(folder.path());
      EXPECT_TRUE(result.problems.empty());
      EXPECT_EQ(unfinished_apply(folder.path()), std::nullopt);
      EXPECT_TRUE(completes || tree_of(folder.path()) == before) << steps;
      for (const auto& [path, content] : completes ? after : before) {
        EXPECT_EQ(fs::exists(fs::symlink_status(folder / path)), true) << path;
      }
    }
  }
}

TEST(ApplyEdits, KilledAnywhereAreUndoneByteForByte) {
  constexpr int kCount = 12;
  std::mt19937 random(42);
  const int kills = testing_support::scaled(4, 200);
  int interrupted = 0;
  const TemporaryFolder original;
  decided(original.path(), kCount);
  for (int kill = 0; kill < kills; ++kill) {
    const TemporaryFolder folder;
    fs::copy(original.path(), folder.path(), fs::copy_options::recursive);
    Journal journal = journal_for(folder.path());
    const auto before = tree_of(folder.path());
    const ApplyPlan plan = plan_of(folder.path(), journal, {.move_files = true});
    const pid_t process = ::fork();
    if (process == 0) {
      apply_edits(plan, journal);
      ::_exit(0);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(std::uniform_int_distribution(100, 4'000)(random)));
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
    if (!fs::exists(folder / ".margay/applied/0001.jsonl")) {
      EXPECT_EQ(tree_of(folder.path()), before);
      continue;
    }
    interrupted += unfinished_apply(folder.path()) ? 1 : 0;
    if (kill % 2 == 0 && unfinished_apply(folder.path())) {
      finish_apply(folder.path());
      EXPECT_EQ(image_files(folder.path()).size(), 5U * kCount);
    }
    EXPECT_TRUE(undo_apply(folder.path()).problems.empty());
    EXPECT_EQ(tree_of(folder.path()), before);
  }
  RecordProperty("interrupted", interrupted);
}

}  // namespace
}  // namespace margay::data
