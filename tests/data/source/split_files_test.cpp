#include "margay/data/source/split_files.h"

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.h"

namespace margay::data {
namespace {

using testing_support::TemporaryFolder;
using testing_support::write;

TEST(SplitFiles, FindATableWithASplit) {
  const TemporaryFolder folder;
  write(folder / "labels.csv", "name,label,is_valid\ncat/1.jpg,cat,1\n");
  EXPECT_EQ(problem_of_split_files(folder.path(), {}),
            "'" + (folder / "labels.csv").string() +
                "' holds a split that is not asked for; take it with `valid_csv`, or draw the validation set with "
                "`valid_fraction`");
  write(folder / "labels.csv", "name,label\ncat/1.jpg,cat\n");
  EXPECT_EQ(problem_of_split_files(folder.path(), {}), "");
  write(folder / "labels.csv", "split,price\ntrain,3\n");
  EXPECT_EQ(problem_of_split_files(folder.path(), {}), "") << "it names no images";
}

TEST(SplitFiles, FindListsInFoldersWithoutImages) {
  const TemporaryFolder folder;
  for (const char* name : {"meta/train.txt", "meta/test.txt", "meta/classes.txt"}) write(folder / name, "cat/1\n");
  EXPECT_EQ(problem_of_split_files(folder.path(), {}), "");
  const std::string problem = problem_of_split_files(folder.path(), {folder / "meta"});
  EXPECT_NE(problem.find("meta/train.txt' and '"), std::string::npos) << problem;
  EXPECT_NE(problem.find("`valid_list`"), std::string::npos) << problem;
}

TEST(SplitFiles, KnowNamesThatSpeakOfASplit) {
  const TemporaryFolder folder;
  write(folder / "train_test_split.txt", "1 0\n");
  EXPECT_NE(problem_of_split_files(folder.path(), {}).find("train_test_split.txt' looks like a split"),
            std::string::npos);
}

TEST(SplitFiles, AreNotSeenInOtherFiles) {
  const TemporaryFolder folder;
  write(folder / "train.csv", "id,label\n1,cat\n");
  write(folder / "train_results.json", "{}");
  write(folder / "test_results.json", "{}");
  write(folder / "split.png", "x");
  write(folder / "broken.csv", "a,a\n\"");
  EXPECT_EQ(problem_of_split_files(folder.path(), {}), "");
}

}  // namespace
}  // namespace margay::data
