#include "margay/run/evaluation_set.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/data/source/csv.h"
#include "tests/support/edited_data.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;
using testing_support::file_content;
using testing_support::TemporaryFolder;
using testing_support::thrown_message;
using testing_support::write;

void expect_text(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "no '" << part << "' in: " << text;
}

/// A model that remembers a training on 20 images of two classes, which nobody need be able to decode.
class EvaluationSetTest : public testing::Test {
 protected:
  EvaluationSetTest() {
    for (int i = 0; i < 10; ++i) {
      for (const std::string animal : {"cat", "dog"}) {
        const std::string name = animal + "/" + std::to_string(i) + ".jpg";
        write(images_ / name, "contents of " + name);
      }
    }
    const data::Datasets datasets = make_block(images_, {}).datasets();
    bundle_.vocabulary = datasets.vocabulary;
    bundle_.known_images = data::known_images(*datasets.train, datasets.valid.get(), images_, data::Unread::kRead);
    bundle_.provenance["data"] = core::to_json(DataOptions());
    validated_ = names_of(*datasets.valid, images_);
    datasets_ = datasets;
  }

  static std::set<std::string> names_of(const data::Dataset& dataset, const fs::path& folder) {
    std::set<std::string> names;
    for (std::size_t i = 0; i < dataset.size(); ++i) names.insert(dataset.path(i).lexically_relative(folder).string());
    return names;
  }

  EvaluationSet set(EvaluationOptions options) const {
    if (options.folder.empty()) options.folder = images_;
    return {options, bundle_, model_};
  }

  /// The images that count once all have been read.
  std::set<std::string> judged(const EvaluationOptions& options) const {
    const EvaluationSet set = this->set(options);
    const data::Dataset& images = *set.images();
    images.contents().read_missing([&](std::size_t i) { return images.image(i); });
    std::set<std::string> names;
    for (std::size_t i = 0; i < images.size(); ++i) {
      if (!set.counts(i)) continue;
      names.insert(images.path(i).lexically_relative(options.folder.empty() ? images_ : options.folder).string());
    }
    return names;
  }

  std::string refusal(const EvaluationOptions& options) const {
    return thrown_message<core::DataError>([&] { set(options); });
  }

  /// A run's folder around the model.
  void make_run() const {
    data::save_table(datasets_, images_, folder_ / "split.csv");
    write(folder_ / "config.json", nlohmann::json({{"batch", {{"folder", images_.string()}}}}).dump());
  }

  TemporaryFolder folder_;
  fs::path images_ = folder_ / "images";
  fs::path model_ = folder_ / "model.margay";
  bundle::Bundle bundle_;
  data::Datasets datasets_;
  std::set<std::string> validated_;
};

TEST_F(EvaluationSetTest, TakesTheValidationSetOfTheTraining) {
  ASSERT_EQ(validated_.size(), 4U);
  EXPECT_EQ(judged({}), validated_);
  EXPECT_EQ(judged({.part = JudgedPart::kValid}), validated_);
  EXPECT_EQ(judged({.part = JudgedPart::kTrain}).size(), 16U);
  EXPECT_EQ(judged({.part = JudgedPart::kAll}).size(), 20U);
  expect_text(set({}).reason(), "4 of the 20 images of " + images_.string() +
                                    ": the validation set of the training, as the model remembers them (16 trained, 4 "
                                    "validated, 0 the training did not have)");
}

TEST_F(EvaluationSetTest, NeverDrawsAgainWhenImagesAreAdded) {
  write(images_ / "cat" / "a new one.jpg", "new");
  EXPECT_EQ(judged({}), validated_);
  EXPECT_EQ(judged({.part = JudgedPart::kNew}), (std::set<std::string>{"cat/a new one.jpg"}));
  expect_text(set({}).reason(), "1 the training did not have");
  expect_text(set({.part = JudgedPart::kAll}).reason(), "all 21 images of");
}

TEST_F(EvaluationSetTest, JudgesAnotherFolderWhole) {
  for (int i = 0; i < 5; ++i) write(folder_ / "test" / "cat" / (std::to_string(i) + ".jpg"), "t" + std::to_string(i));
  const EvaluationOptions test{.folder = folder_ / "test"};
  EXPECT_EQ(judged(test).size(), 5U);
  expect_text(set(test).reason(), "all 5 images of " + test.folder.string() +
                                      ": this is not the folder that the model was trained on (5 bear the names of "
                                      "its images, but their contents are others)");
}

TEST_F(EvaluationSetTest, JudgesAFolderWithinTheTrainingsWholeIfItWasLeftOutThere) {
  for (int i = 0; i < 5; ++i) {
    write(images_ / "test" / "cat" / (std::to_string(i) + ".jpg"), "t" + std::to_string(i));
  }
  EXPECT_EQ(judged({.folder = images_ / "test"}).size(), 5U);
  make_run();
  EXPECT_EQ(judged({.folder = images_ / "test"}).size(), 5U);
}

TEST_F(EvaluationSetTest, FindsTrainedImagesInAnotherFolderByTheirContents) {
  const fs::path test = folder_ / "test";
  const std::string trained = *judged({.part = JudgedPart::kTrain}).begin();
  write(test / "cat" / "copy.jpg", file_content(images_ / trained));
  write(test / "cat" / "x.jpg", "x");
  write(test / "dog" / "y.jpg", "y");
  EXPECT_EQ(judged({.folder = test}), (std::set<std::string>{"cat/x.jpg", "dog/y.jpg"}));
  EXPECT_EQ(judged({.folder = test, .part = JudgedPart::kAll}).size(), 3U);
}

TEST_F(EvaluationSetTest, FindsTheTrainingsFolderWhereverItLies) {
  const fs::path moved = folder_ / "elsewhere" / "pets";
  fs::create_directories(moved.parent_path());
  fs::rename(images_, moved);
  EXPECT_EQ(judged({.folder = moved}), validated_);
  make_run();  // which tells of the old place
  EXPECT_EQ(judged({.folder = moved}), validated_);
  EXPECT_EQ(set({.folder = moved.parent_path()}).images()->size(), 4U) << "the folder around it";
  const EvaluationSet within = set({.folder = moved / "cat"});
  for (std::size_t i = 0; i < within.images()->size(); ++i) {
    EXPECT_TRUE(validated_.contains("cat/" + within.images()->path(i).filename().string()));
  }
}

TEST_F(EvaluationSetTest, FindsRenamedImagesByContentsAndChangedOnesByName) {
  const std::set<std::string> trained = judged({.part = JudgedPart::kTrain});
  const std::string renamed = *trained.begin();
  const std::string changed = *std::next(trained.begin());
  fs::rename(images_ / renamed, images_ / "cat" / "renamed.jpg");
  write(images_ / changed, "brightened");
  EXPECT_EQ(judged({}), validated_);
  EXPECT_EQ(judged({.part = JudgedPart::kTrain}).size(), 16U);
  fs::rename(images_ / *validated_.begin(), images_ / "cat" / "renamed too.jpg");
  EXPECT_TRUE(judged({}).contains("cat/renamed too.jpg"));
}

TEST_F(EvaluationSetTest, TakesNoCopyOfATrainedImageForAValidationImage) {
  const std::string trained = *judged({.part = JudgedPart::kTrain}).begin();
  write(images_ / *validated_.begin(), file_content(images_ / trained));
  std::set<std::string> rest = validated_;
  rest.erase(rest.begin());
  EXPECT_EQ(judged({}), rest);
}

TEST_F(EvaluationSetTest, TrustsTheSplitFileBesideTheModel) {
  bundle_.known_images = {};  // of an earlier version
  make_run();
  write(images_ / "cat" / "new.jpg", "new");
  EXPECT_EQ(judged({}), validated_);
  expect_text(set({}).reason(), "as " + (folder_ / "split.csv").string() + " lists them");
  write(folder_ / "test" / "cat" / "0.jpg", "other");
  EXPECT_EQ(judged({.folder = folder_ / "test"}).size(), 1U);
}

TEST_F(EvaluationSetTest, SaysThatAnOldModelCannotKnow) {
  bundle_.known_images = {};
  EXPECT_EQ(judged({}), validated_);  // drawn as for the training
  expect_text(set({}).reason(), "earlier version of Margay, which does not remember");
  expect_text(set({.part = JudgedPart::kAll}).reason(), "`part` all");
}

TEST_F(EvaluationSetTest, LeavesTrainedImagesOutOfAnotherSplit) {
  const std::set<std::string> trained = judged({.part = JudgedPart::kTrain});
  write(folder_ / "list.txt", *trained.begin() + "\n" + *validated_.begin() + "\n");
  const EvaluationOptions listed{.data = {.valid_list = folder_ / "list.txt"}};
  EXPECT_EQ(judged(listed), (std::set<std::string>{*validated_.begin()}));
  expect_text(set(listed).reason(), "without 1 image that the model was trained on");
  write(folder_ / "list.txt", *trained.begin() + "\n");
  expect_text(refusal(listed), "all 1 image of the validation set of this split were trained on");
}

TEST_F(EvaluationSetTest, SaysThatNothingValidated) {
  const data::Datasets all = make_block(images_, {.valid_fraction = 0}).datasets();
  bundle_.known_images = data::known_images(*all.train, all.valid.get(), images_, data::Unread::kRead);
  expect_text(refusal({}), "none of the 20 images is in this part of the training (20 trained, 0 validated, 0 the");
  EXPECT_EQ(judged({.part = JudgedPart::kAll}).size(), 20U);
}

TEST_F(EvaluationSetTest, NamesClassesThatTheModelDoesNotKnow) {
  const fs::path test = folder_ / "test";
  write(test / "cat" / "a.jpg", "a");
  write(test / "lion" / "b.jpg", "b");
  for (const std::string name : {"c", "d"}) write(test / "zebra" / (name + ".jpg"), name);
  expect_text(refusal({.folder = test}),
              "3 of the 4 images to judge have classes that the model does not know: 'lion' (1 image), 'zebra' (2 "
              "images); `unknown_classes` leave_out judges the others");
  const EvaluationOptions rest{.folder = test, .unknown_classes = UnknownClasses::kLeaveOut};
  EXPECT_EQ(judged(rest), (std::set<std::string>{"cat/a.jpg"}));
  expect_text(set(rest).warnings().at(0), "3 of the 4 images are left out");
  fs::remove(test / "cat" / "a.jpg");
  expect_text(refusal(rest), "not one of the 3 images has a class of the model");
}

TEST_F(EvaluationSetTest, NamesTenOfManyUnknownClasses) {
  const fs::path test = folder_ / "test";
  for (int k = 100; k < 112; ++k) write(test / std::to_string(k) / "a.jpg", "a");
  const std::string message = refusal({.folder = test});
  expect_text(message, "theirs are '100' (1 image), '101' (1 image)");
  expect_text(message, "'109' (1 image) and 2 more classes; ");
  EXPECT_EQ(message.find("'110'"), std::string::npos);
}

TEST_F(EvaluationSetTest, ReplacesOnlyTheLabelsOrOnlyTheSplitOfTheTraining) {
  bundle_.provenance["data"]["label_regex"] = "^(no such label)$";
  EXPECT_THROW(set({}), core::DataError);
  EXPECT_EQ(judged({.data = {.label_folder = 1}}), validated_) << "the split is the training's";
}

TEST_F(EvaluationSetTest, FindsTheTableOfTheTrainingWhereItNowLies) {
  std::string table = "file,kind,tags\n";
  for (const std::string& name : names_of(*datasets_.train, images_)) table += name + "," + name.substr(0, 3) + ",x\n";
  for (const std::string& name : validated_) table += name + "," + name.substr(0, 3) + ",x\n";
  bundle_.provenance["data"]["labels_csv"] = "tables/labels.csv";
  bundle_.provenance["data"]["label_column"] = "kind";
  expect_text(refusal({}), "tables/labels.csv: the table of labels of the model's training is not there any more");
  expect_text(refusal({}), "`labels_csv` names its new place");
  write(folder_ / "moved.csv", table);
  EXPECT_EQ(judged({.data = {.labels_csv = folder_ / "moved.csv"}}), validated_) << "it keeps its columns";
  write(images_ / "labels.csv", table);
  EXPECT_EQ(judged({}), validated_);
  fs::remove(images_ / "labels.csv");
  make_run();
  write(folder_ / "run.json", nlohmann::json({{"working_folder", (folder_ / "project").string()}}).dump());
  write(folder_ / "project" / "tables" / "labels.csv", table);
  EXPECT_EQ(judged({}), validated_);
  write(folder_ / "test" / "cat" / "other.jpg", "o");
  expect_text(refusal({.folder = folder_ / "test"}), "`labels_csv` names that of " + (folder_ / "test").string());
}

TEST_F(EvaluationSetTest, JudgesByDecidedLabelsWhenAsked) {
  data::Journal journal = testing_support::journal_for(images_);
  const std::string gone = *validated_.begin();
  const std::string wrong = *validated_.rbegin();
  const std::string label = wrong.substr(0, 3);
  const std::string other = label == "cat" ? "dog" : "cat";
  journal.append(testing_support::decision_about(images_, gone, data::DecisionKind::kDelete, {gone.substr(0, 3)}));
  journal.append(testing_support::decision_about(images_, wrong, data::DecisionKind::kRelabel, {label}, {other}));
  EXPECT_EQ(judged({.part = JudgedPart::kValid}), validated_);
  std::set<std::string> left = validated_;
  left.erase(gone);
  const EvaluationOptions options{.part = JudgedPart::kValid, .data = {.edits = true}};
  EXPECT_EQ(judged(options), left);
  const EvaluationSet edited = set(options);
  for (std::size_t i = 0; i < edited.images()->size(); ++i) {
    const std::string name = edited.images()->path(i).lexically_relative(images_).native();
    EXPECT_EQ(edited.images()->label(i), name == wrong ? other : name.substr(0, 3));
  }
}

}  // namespace
}  // namespace margay::run
