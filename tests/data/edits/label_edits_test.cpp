#include "margay/data/edits/label_edits.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/data/data_block.h"
#include "margay/data/source/label_table.h"
#include "margay/data/source/splits.h"
#include "tests/support/edited_data.h"
#include "tests/support/test_scale.h"
#include "tests/support/thrown_message.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using testing_support::decision_about;
using testing_support::edits_for;
using testing_support::journal_for;
using testing_support::TemporaryFolder;

/// cat/0.jpg is a dog, dog/1.jpg goes, dog/2.jpg is right, cat/1.jpg and cat/2.jpg are two images.
Journal some_decisions(const fs::path& folder) {
  testing_support::write_cats_and_dogs(folder);
  Journal journal = journal_for(folder);
  journal.append(decision_about(folder, "cat/0.jpg", DecisionKind::kRelabel, {"cat"}, {"dog"}));
  journal.append(decision_about(folder, "dog/1.jpg", DecisionKind::kDelete, {"dog"}));
  journal.append(decision_about(folder, "dog/2.jpg", DecisionKind::kKeep, {"dog"}, {"dog"}));
  Decision pair = decision_about(folder, "cat/2.jpg", DecisionKind::kNotDuplicate, {"cat"});
  pair.other = "cat/1.jpg";
  pair.other_content = content_of(folder / "cat/1.jpg");
  journal.append(pair);
  return journal;
}

const LabelEdit& edit_about(const LabelEdits& edits, std::size_t decision) {
  const auto found = std::find_if(edits.all().begin(), edits.all().end(),
                                  [&](const LabelEdit& edit) { return edit.decision == decision; });
  EXPECT_NE(found, edits.all().end());
  return *found;
}

TEST(LabelEdits, RelabelAndDelete) {
  const TemporaryFolder folder;
  const LabelEdits edits = edits_for(folder.path(), some_decisions(folder.path()));
  EXPECT_EQ(edits.count(EditState::kApplied), 3U);
  EXPECT_EQ(edits.relabelled(), 1U);
  EXPECT_EQ(edits.deleted(), 1U);
  EXPECT_EQ(*edits.labels((folder / "cat/0.jpg").native()), Labels{"dog"});
  EXPECT_TRUE(edits.is_deleted((folder / "dog/1.jpg").native()));
  EXPECT_EQ(edits.labels((folder / "cat/1.jpg").native()), nullptr);
  EXPECT_TRUE(edits.are_distinct((folder / "cat/1.jpg").native(), (folder / "cat/2.jpg").native()));
  EXPECT_FALSE(edits.are_distinct((folder / "cat/1.jpg").native(), (folder / "cat/0.jpg").native()));
  ASSERT_FALSE(edits.sentences().empty());
  EXPECT_TRUE(edits.sentences()[0].ends_with("apply: 1 relabelled, 1 deleted, 1 as they were"));
}

TEST(LabelEdits, OfAnUndoneDecisionAreThoseBefore) {
  const TemporaryFolder folder;
  Journal journal = some_decisions(folder.path());
  const std::string hash = edits_for(folder.path(), journal).hash();
  journal.append(decision_about(folder.path(), "cat/0.jpg", DecisionKind::kDelete, {"cat"}));
  EXPECT_EQ(edits_for(folder.path(), journal).deleted(), 2U);
  EXPECT_NE(edits_for(folder.path(), journal).hash(), hash);
  journal.undo(5);
  EXPECT_EQ(edits_for(folder.path(), journal).hash(), hash);  // what applies is the same again
  for (const std::size_t number : {1U, 2U}) journal.undo(number);
  EXPECT_EQ(edits_for(folder.path(), journal).hash(), "");
}

TEST(LabelEdits, SurviveAMoveOfTheFolder) {
  const TemporaryFolder folder;
  const std::string hash = edits_for(folder / "a", some_decisions(folder / "a")).hash();
  fs::rename(folder / "a", folder / "b");
  EXPECT_EQ(edits_for(folder / "b", Journal::read(journal_beside(folder / "b"))).hash(), hash);
}

TEST(LabelEdits, FollowARenamedImage) {
  const TemporaryFolder folder;
  const Journal journal = some_decisions(folder.path());
  fs::rename(folder / "cat/0.jpg", folder / "cat/renamed.jpg");
  fs::rename(folder / "cat/1.jpg", folder / "cat/another.jpg");
  const LabelEdits edits = edits_for(folder.path(), journal);
  EXPECT_EQ(edit_about(edits, 1).state, EditState::kFollowed);
  EXPECT_EQ(*edits.labels((folder / "cat/renamed.jpg").native()), Labels{"dog"});
  EXPECT_TRUE(edits.are_distinct((folder / "cat/another.jpg").native(), (folder / "cat/2.jpg").native()));
}

TEST(LabelEdits, OfferWhatOnlyTheContentSays) {
  const TemporaryFolder folder;
  Journal journal = some_decisions(folder.path());
  fs::rename(folder / "cat/0.jpg", folder / "cat/copy.jpg");
  fs::copy(folder / "cat/copy.jpg", folder / "cat/second.jpg");  // two copies
  fs::rename(folder / "dog/1.jpg", folder / "dog/moved.jpg");    // deleted, and perhaps the copy that is to stay
  const LabelEdits edits = edits_for(folder.path(), journal);
  EXPECT_EQ(edits.count(EditState::kOffered), 2U);
  EXPECT_EQ(edits.deleted() + edits.relabelled(), 0U);
  const LabelEdit& offer = edit_about(edits, 1);
  EXPECT_EQ(offer.candidates, (std::vector<std::string>{"cat/copy.jpg", "cat/second.jpg"}));
  EXPECT_EQ(offer.why, "2 images have its content");
  EXPECT_EQ(edit_about(edits, 2).why, "'dog/moved.jpg' has its content, and may be a copy that is to stay");
  journal.append(edits.confirm(offer, "cat/second.jpg", folder_labels()));
  EXPECT_THROW((void)edits.confirm(offer, "cat/2.jpg", folder_labels()), std::invalid_argument);
  const LabelEdits confirmed = edits_for(folder.path(), journal);
  EXPECT_EQ(confirmed.count(EditState::kOffered), 1U);
  EXPECT_EQ(*confirmed.labels((folder / "cat/second.jpg").native()), Labels{"dog"});
}

TEST(LabelEdits, AreSettledWhereAllCopiesHaveTheLabelThatWasDecided) {
  const TemporaryFolder folder;
  testing_support::write_cats_and_dogs(folder.path());
  fs::copy_file(folder / "cat/0.jpg", folder / "dog/a copy.jpg");
  Journal journal = journal_for(folder.path());
  journal.append(decision_about(folder.path(), "cat/0.jpg", DecisionKind::kRelabel, {"cat"}, {"dog"}));
  fs::rename(folder / "cat/0.jpg", folder / "dog/0-2.jpg");
  EXPECT_EQ(edits_for(folder.path(), journal).count(EditState::kSettled), 1U);
  fs::copy_file(folder / "dog/0-2.jpg", folder / "cat/another.jpg");
  EXPECT_EQ(edits_for(folder.path(), journal).count(EditState::kOffered), 1U);
}

TEST(LabelEdits, OfferAndDoNotApplyToACopyWithAnotherLabel) {
  const TemporaryFolder folder;
  testing_support::write_cats_and_dogs(folder.path());
  testing_support::write(folder / "wolf/same.jpg", "the bytes of cat/0.jpg");
  Journal journal = journal_for(folder.path());
  journal.append(decision_about(folder.path(), "cat/0.jpg", DecisionKind::kRelabel, {"cat"}, {"dog"}));
  EXPECT_EQ(edits_for(folder.path(), journal).relabelled(), 1U);  // path and content
  fs::remove(folder / "cat/0.jpg");
  const LabelEdits edits = edits_for(folder.path(), journal);
  EXPECT_EQ(edits.relabelled(), 0U);
  EXPECT_EQ(edit_about(edits, 1).state, EditState::kOffered);
  EXPECT_EQ(edit_about(edits, 1).why, "'wolf/same.jpg' has its content, but 'wolf' for 'cat'");
}

TEST(LabelEdits, ShowAConflictWhereTheFileChanged) {
  const TemporaryFolder folder;
  const Journal journal = some_decisions(folder.path());
  const std::string text = testing_support::file_content(folder / "cat/0.jpg");
  testing_support::write(folder / "cat/0.jpg", std::string(text.size(), 'x'));  // as long, and as new
  const LabelEdits edits = edits_for(folder.path(), journal);
  EXPECT_EQ(edit_about(edits, 1).state, EditState::kConflict);
  EXPECT_EQ(edit_about(edits, 1).why, "the file was changed since");
  EXPECT_EQ(edits.relabelled(), 0U);
  testing_support::write(folder / "cat/0.jpg", text);
  EXPECT_EQ(edits_for(folder.path(), journal).relabelled(), 1U);
}

TEST(LabelEdits, ShowAConflictWhereTheTableChanged) {
  const TemporaryFolder folder;
  testing_support::write_cats_and_dogs(folder.path());
  Journal journal = journal_for(folder.path());
  const auto state_with = [&](const std::string& rows) {
    testing_support::write(folder / "t.csv", "name,label\n" + rows);
    const LabelTable table = LabelTable::read(folder / "t.csv", folder.path());
    return LabelEdits(journal, folder.path(), table.items(), table.labels());
  };
  journal.append(decision_about(folder.path(), "cat/0.jpg", DecisionKind::kRelabel, {"a"}, {"b"}));
  EXPECT_EQ(state_with("cat/0.jpg,a\ncat/1.jpg,b\n").all()[0].state, EditState::kApplied);
  EXPECT_EQ(state_with("cat/0.jpg,b\ncat/1.jpg,b\n").all()[0].state, EditState::kSettled);
  const LabelEdits changed = state_with("cat/0.jpg,c\ncat/1.jpg,b\n");
  EXPECT_EQ(changed.all()[0].state, EditState::kConflict);
  EXPECT_EQ(changed.all()[0].why, "the data gives it 'c' now, and gave it 'a'");
  EXPECT_EQ(state_with("cat/1.jpg,b\n").all()[0].state, EditState::kElsewhere);
  const LabelEdits unknown = state_with("cat/0.jpg,a\ncat/1.jpg,bb\n");
  EXPECT_EQ(unknown.all()[0].state, EditState::kConflict);
  EXPECT_EQ(unknown.all()[0].why.find("there is no class 'b'"), 0U) << unknown.all()[0].why;
}

TEST(LabelEdits, TellOfImagesThatAreGone) {
  const TemporaryFolder folder;
  const Journal journal = some_decisions(folder.path());
  for (const char* const image : {"cat/0.jpg", "dog/1.jpg"}) fs::remove(folder / image);
  const LabelEdits edits = edits_for(folder.path(), journal);
  EXPECT_EQ(edit_about(edits, 1).state, EditState::kGone);
  EXPECT_EQ(edit_about(edits, 2).state, EditState::kSettled);  // it was to be deleted
  EXPECT_EQ(edits.sentences().back(), "of 1 decision the image is gone: 'cat/0.jpg'");
}

TEST(LabelEdits, RefuseTheJournalOfAnotherDataset) {
  const TemporaryFolder folder;
  const Journal journal = some_decisions(folder / "a");
  testing_support::write(folder / "b/cow/0.jpg", "other bytes");
  const std::string message =
      testing_support::thrown_message<core::DataError>([&] { (void)edits_for(folder / "b", journal); });
  EXPECT_NE(message.find("this journal is of another dataset: it was begun with 6 images, of which none is in"),
            std::string::npos)
      << message;
}

TEST(LabelEdits, ApplyToAPartOfTheFolder) {
  const TemporaryFolder folder;
  const Journal journal = some_decisions(folder.path());
  const LabelEdits edits(journal, folder / "cat", image_files(folder / "cat"), folder_labels());
  EXPECT_EQ(edit_about(edits, 2).state, EditState::kElsewhere);
  EXPECT_EQ(edit_about(edits, 1).state, EditState::kConflict);  // among cats alone there is no class dog
}

TEST(LabelEdits, OfAnyJournalAreTheSameWhenReplayed) {
  const TemporaryFolder folder;
  testing_support::write_cats_and_dogs(folder.path());
  const auto table = [&](const Journal& journal) {
    const LabelEdits edits = edits_for(folder.path(), journal);
    std::string text = edits.hash();
    const Items items = edits.apply(testing_support::items_of(folder.path(), folder_labels()));
    for (std::size_t i = 0; i < items.size(); ++i) {
      text += items.label(i) + (edits.is_deleted(items.paths().text(i)) ? "-" : "+");
    }
    return text;
  };
  std::mt19937 random(42);
  for (int round = 0; round < testing_support::scaled(2, 200); ++round) {
    fs::remove_all(folder / ".margay");
    Journal journal = journal_for(folder.path());
    std::vector<std::string> tables;
    for (int step = 0; step < 12; ++step) {
      const auto draw = random();
      const std::string label = draw % 2 == 0 ? "cat" : "dog";
      const std::string image = label + "/" + std::to_string(draw / 2 % 3) + ".jpg";
      const auto kind = static_cast<DecisionKind>(draw / 6 % 6);
      if (kind == DecisionKind::kUndo || kind == DecisionKind::kNotDuplicate) {
        if (!journal.last()) continue;
        journal.undo(*journal.last());
      } else {
        const Labels after = {kind == DecisionKind::kRelabel ? (label == "cat" ? "dog" : "cat") : label};
        journal.append(decision_about(folder.path(), image, kind, {label}, after));
      }
      tables.push_back(table(journal));
    }
    EXPECT_EQ(table(Journal::read(journal.path())), tables.back());
    // And at every earlier moment: the file cut after each line.
    const std::string text = testing_support::file_content(journal.path());
    std::size_t end = text.find('\n') + 1;
    for (const std::string& then : tables) {
      end = text.find('\n', end) + 1;
      testing_support::write(journal.path(), text.substr(0, end));
      EXPECT_EQ(table(Journal::read(journal.path())), then);
    }
  }
}

TEST(LabelEdits, ChangeNoSplit) {
  const TemporaryFolder folder;
  testing_support::write_cats_and_dogs(folder.path(), 20);
  Journal journal = journal_for(folder.path());
  const DataBlock block = DataBlock()
                              .items(image_files(folder.path()))
                              .label(folder_labels())
                              .split(stratified_split({.valid_fraction = 0.5, .seed = 7}));
  const Datasets before = block.datasets();
  const fs::path relabelled = before.valid->path(0);
  const fs::path deleted = before.valid->path(1);
  const auto name = [&](const fs::path& path) { return path.lexically_relative(folder.path()).native(); };
  const std::string label = before.valid->label(0);
  journal.append(decision_about(folder.path(), name(relabelled), DecisionKind::kRelabel, {label},
                                {label == "cat" ? "dog" : "cat"}));
  journal.append(decision_about(folder.path(), name(deleted), DecisionKind::kDelete, {before.valid->label(1)}));
  const auto edits = std::make_shared<const LabelEdits>(edits_for(folder.path(), journal));
  const DataBlock edited = DataBlock(block).edits(edits);
  const Datasets after = edited.datasets();
  ASSERT_EQ(after.train->size(), before.train->size());
  ASSERT_EQ(after.valid->size() + 1, before.valid->size());
  for (std::size_t i = 0; i < after.train->size(); ++i) {
    EXPECT_EQ(after.train->path(i), before.train->path(i));
    EXPECT_EQ(after.train->label(i), before.train->label(i));
  }
  EXPECT_EQ(after.valid->path(0), relabelled);
  EXPECT_NE(after.valid->label(0), label);
  EXPECT_EQ(after.valid->path(1), before.valid->path(2));
  EXPECT_EQ(edited.left_out().count(LeftOutKind::kDeletedImage), 1U);
  const auto told = [&](const std::string& part) {
    return std::any_of(after.warnings.begin(), after.warnings.end(),
                       [&](const std::string& warning) { return warning.find(part) != std::string::npos; });
  };
  EXPECT_TRUE(told("apply: 1 relabelled, 1 deleted"));
  EXPECT_TRUE(told("left out 1 image that decisions delete"));
  EXPECT_FALSE(told("the split puts them on neither side"));
}

}  // namespace
}  // namespace margay::data
