#include "margay/run/review.h"

#include <cstddef>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/core/random.h"
#include "margay/data/source/labels.h"
#include "margay/run/decision_table.h"
#include "margay/run/finding_file.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;
using data::DecisionKind;
using testing_support::thrown_message;
using testing_support::write;

/// Files in folders of two classes; what they hold is of no matter here. The last fifth validates.
class ReviewTest : public testing::Test {
 protected:
  explicit ReviewTest(std::size_t n = 20) {
    data_.root = folder_.path();
    data_.classes = {"cat", "dog", "猫"};
    data_.labeller = data::folder_labels();
    for (std::size_t i = 0; i < n; ++i) {
      const std::string label = i % 2 == 0 ? "cat" : "dog";
      const fs::path file = folder_ / label / fmt::format("{:03}.jpg", i);
      fs::create_directories(file.parent_path());
      write(file, fmt::format("image {}", i));
      data_.images.add_file(file.native());
      data_.labels.push_back({label});
      data_.validates.push_back(i >= n - n / 5);
    }
  }

  data::Journal open_journal() const {
    return data::Journal::open(data::journal_beside(folder_.path()), data::DataMarks::of(data_.images));
  }
  Review review(const std::vector<data::Finding>& findings = {}, const ReviewOptions& options = {.who = "ann"}) {
    return Review(data_, findings, journal_, options);
  }
  fs::path path(std::size_t i) const { return data_.images.names()[i]; }
  data::Finding wrong(std::size_t i, double quality, const data::Labels& suggestion = {}) const {
    return {.kind = data::FindingKind::kWrongLabel,
            .paths = {path(i)},
            .evidence = {{"label_quality", quality}},
            .suggestion = suggestion};
  }
  data::Finding copies(const std::vector<std::size_t>& images) const {
    data::Finding finding{.kind = data::FindingKind::kDuplicate};
    for (const std::size_t i : images) finding.paths.push_back(path(i));
    return finding;
  }

  const testing_support::TemporaryFolder folder_;
  ReviewedData data_;
  data::Journal journal_ = [this] { return open_journal(); }();
};

TEST_F(ReviewTest, AsksInTheOrderOfExpectedGain) {
  Review review = this->review({copies({6, 7}), wrong(1, .4), wrong(2, .05), wrong(3, .2)});
  std::vector<std::size_t> images;
  for (const ReviewEntry& entry : review.pending()) images.push_back(entry.image);
  EXPECT_EQ(images, (std::vector<std::size_t>{2, 3, 1, 7}));  // gains .95, .8, .6, .1; of two copies one stays
  EXPECT_DOUBLE_EQ(review.next()->gain, .95);
  EXPECT_DOUBLE_EQ(review.next()->probability, .95);
}

TEST_F(ReviewTest, ADecisionIsInTheJournalWhenDecideReturns) {
  Review review = this->review({wrong(2, .1, {"dog"})});
  ASSERT_EQ(review.next()->suggestion, data::Labels{"dog"});
  review.decide({DecisionKind::kRelabel, {"dog"}});
  const data::Journal on_disk = data::Journal::read(journal_.path());
  ASSERT_EQ(on_disk.size(), 1U);
  const data::Decision& decision = on_disk.decision(1);
  EXPECT_EQ(decision.kind, DecisionKind::kRelabel);
  EXPECT_EQ(decision.image, "cat/002.jpg");
  EXPECT_EQ(decision.before, data::Labels{"cat"});
  EXPECT_EQ(decision.after, data::Labels{"dog"});
  EXPECT_EQ(decision.part, "train");
  EXPECT_EQ(decision.finding, "wrong_label");
  EXPECT_EQ(decision.who, "ann");
  EXPECT_EQ(review.labels(2), data::Labels{"dog"});
}

TEST_F(ReviewTest, WhatIsDecidedIsNotAskedAgainAfterARestart) {
  const std::vector<data::Finding> findings = {wrong(1, .1), wrong(2, .2), wrong(3, .3), copies({4, 5})};
  {
    Review review = this->review(findings);
    review.next();
    review.decide({DecisionKind::kKeep});
    review.next();
    review.decide({DecisionKind::kSkip});
    EXPECT_EQ(review.next()->image, 3U);
    EXPECT_EQ(review.progress().skipped, 1U);
  }
  Review review = this->review(findings);
  EXPECT_EQ(review.progress().kept, 1U);
  EXPECT_EQ(review.next()->image, 2U);  // skipped: comes again
}

TEST_F(ReviewTest, NoDuplicateIsRememberedForGood) {
  {
    Review review = this->review({copies({4, 5, 6})});
    ASSERT_EQ(review.next()->image, 5U);
    review.decide({DecisionKind::kNotDuplicate});  // of 4 and of 6
    EXPECT_EQ(journal_.size(), 2U);
    EXPECT_EQ(review.next()->image, 6U);  // of 4 it may still be one
    review.decide({DecisionKind::kNotDuplicate});
    EXPECT_EQ(journal_.size(), 3U);
  }
  const Review again = this->review({copies({6, 4, 5})});
  EXPECT_TRUE(again.pending().empty());
  EXPECT_EQ(again.progress().distinct, 3U);
}

TEST_F(ReviewTest, WhatTwoHaveSaidHoldsUntilBothTakeItBack) {
  Review ann = this->review({copies({4, 5})});
  ann.decide(4, {DecisionKind::kNotDuplicate}, "", 5);
  ann.decide(5, {DecisionKind::kNotDuplicate}, "", 4);
  EXPECT_EQ(ann.progress().distinct, 1U);
  ann.undo();
  EXPECT_TRUE(ann.are_distinct(4, 5));
  EXPECT_TRUE(this->review({copies({4, 5})}).are_distinct(4, 5));
  ann.undo();
  EXPECT_FALSE(ann.are_distinct(4, 5));
}

TEST_F(ReviewTest, ARequestThatIsRepeatedDecidesOnce) {
  Review review = this->review();
  EXPECT_EQ(review.decide(1, {DecisionKind::kDelete}, "", {}, {.who = "eve", .id = "r1"}), 1U);
  EXPECT_EQ(review.decide(1, {DecisionKind::kDelete}, "", {}, {.who = "eve", .id = "r1"}), 1U);
  EXPECT_EQ(journal_.size(), 1U);
  EXPECT_EQ(journal_.decision(1).who, "eve");
  EXPECT_FALSE(review.undo().has_value());  // ann's
  EXPECT_EQ(review.undo({.who = "eve", .id = "u1"})->number, 1U);
  EXPECT_EQ(review.undo({.who = "eve", .id = "u1"})->number, 1U);
  EXPECT_EQ(journal_.size(), 2U);
}

TEST_F(ReviewTest, ALabelBecomesANewClassOnlyOnRequest) {
  Review review = this->review();
  EXPECT_THROW(review.decide(2, {DecisionKind::kRelabel, {"fox"}}), std::invalid_argument);
  for (const char* name : {"", "a/b", ".x", " x", "a\nb", "\xFF"}) {
    EXPECT_THROW(review.decide(2, {DecisionKind::kRelabel, {name}, true}), std::invalid_argument) << name;
  }
  review.decide(2, {DecisionKind::kRelabel, {"fox"}, true});
  review.decide(4, {DecisionKind::kRelabel, {"fox"}});
  EXPECT_EQ(review.data().classes, (std::vector<std::string>{"cat", "dog", "fox", "猫"}));
  Review again = this->review();
  EXPECT_EQ(again.labels(4), data::Labels{"fox"});
  EXPECT_TRUE(again.pending().empty());  // no conflict
  EXPECT_EQ(again.data().classes.size(), 4U);
}

TEST_F(ReviewTest, ADeletedCopySettlesTheOther) {
  Review review = this->review({copies({4, 5})});
  review.next();
  review.decide({DecisionKind::kDelete});
  EXPECT_TRUE(review.is_deleted(5));
  EXPECT_TRUE(review.pending().empty());
}

TEST_F(ReviewTest, UndoGoesBackToAnyDepthAndAsksAgain) {
  Review review = this->review({wrong(1, .1), wrong(2, .2), wrong(3, .3)});
  for (const DecisionKind kind : {DecisionKind::kDelete, DecisionKind::kKeep, DecisionKind::kDelete}) {
    review.next();
    review.decide({kind});
  }
  EXPECT_EQ(review.undo()->image, "dog/003.jpg");
  EXPECT_EQ(review.next()->image, 3U);
  EXPECT_EQ(review.undo()->image, "cat/002.jpg");
  EXPECT_EQ(review.undo()->image, "dog/001.jpg");
  EXPECT_EQ(review.next()->image, 1U);
  EXPECT_FALSE(review.undo().has_value());
  EXPECT_EQ(review.progress().decided(), 0U);
  EXPECT_EQ(journal_.size(), 6U);  // undoing adds
  EXPECT_FALSE(review.is_deleted(1));
}

TEST_F(ReviewTest, UndoBringsBackWhatHeldBefore) {
  Review review = this->review();
  review.decide(3, {DecisionKind::kRelabel, {"cat"}});
  review.decide(3, {DecisionKind::kDelete});
  review.undo();
  EXPECT_EQ(review.labels(3), data::Labels{"cat"});
  review.undo();
  EXPECT_EQ(review.labels(3), data::Labels{"dog"});
}

TEST_F(ReviewTest, UndoesOnlyWhatTheSamePersonDecided) {
  Review ann = this->review();
  ann.decide(1, {DecisionKind::kDelete});
  Review bob = this->review({}, {.who = "bob"});
  EXPECT_FALSE(bob.undo().has_value());
  bob.decide(2, {DecisionKind::kDelete});
  EXPECT_EQ(ann.undo()->image, "dog/001.jpg");
}

TEST_F(ReviewTest, TakesOverWhatAnotherProcessHasDecided) {
  Review review = this->review({wrong(1, .1), wrong(2, .2)});
  ASSERT_EQ(review.next()->image, 1U);
  data::Journal others = open_journal();
  Review other(data_, std::vector{wrong(1, .1)}, others, {.who = "bob"});
  other.next();
  other.decide({DecisionKind::kKeep});
  EXPECT_EQ(review.next()->image, 2U);
  EXPECT_EQ(review.progress().kept, 1U);
}

TEST_F(ReviewTest, ALabelMustBeAClass) {
  Review review = this->review({wrong(1, .1)});
  review.next();
  const auto relabel = [&](const data::Labels& labels) {
    return thrown_message<std::invalid_argument>([&] { review.decide({DecisionKind::kRelabel, labels}); });
  };
  EXPECT_NE(relabel({"cta"}).find("no class 'cta'; did you mean 'cat'?"), std::string::npos);
  EXPECT_NE(relabel({}).find("needs one label"), std::string::npos);
  EXPECT_NE(relabel({"cat", "dog"}).find("needs one label, got 2"), std::string::npos);
  EXPECT_THROW(review.decide({DecisionKind::kNotDuplicate}), std::invalid_argument);
  EXPECT_THROW(review.decide({DecisionKind::kUndo}), std::invalid_argument);
  EXPECT_EQ(journal_.size(), 0U);
  review.decide({DecisionKind::kRelabel, {"猫"}});
  EXPECT_EQ(review.labels(1), data::Labels{"猫"});
}

TEST_F(ReviewTest, TheLabelThatTheDataHasIsKept) {
  Review review = this->review();
  review.decide(1, {DecisionKind::kRelabel, {"dog"}});
  EXPECT_EQ(journal_.decision(1).kind, DecisionKind::kKeep);
  review.decide(1, {DecisionKind::kRelabel, {"cat"}});
  review.decide(1, {DecisionKind::kKeep});  // what is there now
  EXPECT_EQ(review.labels(1), data::Labels{"cat"});
}

TEST_F(ReviewTest, FindingsOfOtherImagesAreCountedAndPassedOver) {
  data::Finding elsewhere = wrong(1, .1);
  elsewhere.paths = {folder_ / "nowhere.jpg"};
  const Review review = this->review({elsewhere, {.kind = data::FindingKind::kImbalance}});
  EXPECT_EQ(review.findings_elsewhere(), 1U);
  EXPECT_TRUE(review.pending().empty());
}

TEST_F(ReviewTest, TheSampleBeginsWhenTheQueueIsDoneAndGoesOnAfterARestart) {
  std::vector<std::string> asked;
  {
    Review review = this->review({wrong(1, .1)});
    review.next();
    review.decide({DecisionKind::kRelabel, {"cat"}});
    EXPECT_FALSE(review.remaining().at_most.has_value());
    for (int i = 0; i < 4; ++i) {
      ASSERT_TRUE(review.next()->is_sample());
      asked.push_back(review.name(review.next()->image));
      review.decide({DecisionKind::kKeep});
    }
  }
  Review review = this->review({wrong(1, .1)});
  const RemainingWrong left = review.remaining();
  EXPECT_EQ(left.sample.population, 19U);  // but the one decided before
  EXPECT_EQ(left.sample.looked_at, 4U);
  EXPECT_EQ(left.at_most, interpret::most_wrong({19, 4, 0}));
  while (review.next()) {
    asked.push_back(review.name(review.next()->image));
    review.decide({DecisionKind::kKeep});
  }
  EXPECT_EQ(std::set<std::string>(asked.begin(), asked.end()).size(), asked.size());
  EXPECT_LE(review.remaining().share_at_most().value(), .01);
}

TEST_F(ReviewTest, WrongOnesOfTheSampleCountAndWhatIsMendedDoesNotRemain) {
  Review review = this->review({}, {.who = "ann", .allowed_wrong = 0});
  review.next();
  review.decide({DecisionKind::kDelete});
  review.next();
  review.decide({DecisionKind::kSkip});
  const RemainingWrong left = review.remaining();
  EXPECT_EQ(left.sample.looked_at, 2U);
  EXPECT_EQ(left.sample.wrong, 2U);  // what could not be decided counts as wrong
  EXPECT_EQ(left.found, 1U);
  EXPECT_EQ(left.images, 19U);
  EXPECT_EQ(left.at_most, interpret::most_wrong({20, 2, 2}) - 1);
  while (review.next()) review.decide({DecisionKind::kKeep});
  EXPECT_EQ(review.remaining().at_most, 1U);  // the skipped one
}

TEST_F(ReviewTest, UndoingTheFirstOfTheSampleEndsIt) {
  Review review = this->review();
  review.next();
  review.decide({DecisionKind::kKeep});
  EXPECT_TRUE(review.remaining().at_most.has_value());
  review.undo();
  EXPECT_FALSE(review.remaining().at_most.has_value());
  EXPECT_TRUE(review.next()->is_sample());
}

TEST_F(ReviewTest, ErrorsOnValidationImagesAreThoseOfTheSameImagesBeforeAndAfter) {
  data_.predicted.assign(data_.size(), data::Labels{"dog"});
  Review review = this->review();
  for (const std::size_t i : {16, 18}) review.decide(i, {DecisionKind::kRelabel, {"dog"}});  // cats before
  review.decide(17, {DecisionKind::kDelete});
  review.decide(2, {DecisionKind::kRelabel, {"dog"}});  // of the training set
  const ValidationErrors errors = review.validation_errors().value();
  EXPECT_EQ(errors.images, 3U);
  EXPECT_EQ(errors.deleted, 1U);
  EXPECT_EQ(errors.relabelled, 2U);
  EXPECT_DOUBLE_EQ(errors.before.value, 2.0 / 3);
  EXPECT_DOUBLE_EQ(errors.after.value, 0);
  EXPECT_DOUBLE_EQ(errors.change.value, -2.0 / 3);
  EXPECT_TRUE(errors.before.interval.is_known());
  EXPECT_EQ(review.progress().changed_in_validation, 3U);
}

TEST_F(ReviewTest, APredictionOfNoLabelIsOne) {
  data_.labeller.task = data::Task::kMultiLabel;
  data_.predicted.assign(data_.size(), std::nullopt);
  for (const std::size_t i : {16, 17, 18}) data_.predicted[i] = data::Labels{};
  data_.predicted[19] = data::Labels{"dog"};
  const ValidationErrors errors = review().validation_errors().value();
  EXPECT_EQ(errors.images, 4U);
  EXPECT_DOUBLE_EQ(errors.before.value, 3.0 / 4);
}

TEST_F(ReviewTest, CopiesUnderTwoLabelsAreSettledWhenTheirLabelsAgree) {
  data::Finding finding = copies({4, 5});
  finding.kind = data::FindingKind::kTwoLabels;
  Review review = this->review({finding});
  ASSERT_EQ(review.pending().size(), 2U);
  review.decide(4, {DecisionKind::kRelabel, {"dog"}});  // without a word of the finding
  EXPECT_TRUE(review.pending().empty());
  EXPECT_FALSE(review.next()->kind == "two_labels");
  review.decide(5, {DecisionKind::kRelabel, {"猫"}});
  EXPECT_EQ(review.pending().size(), 2U);
  EXPECT_EQ(review.next()->kind, "two_labels");
}

TEST_F(ReviewTest, ATableOfDecisionsSettlesWhatWasFoundAboutCopies) {
  const fs::path table = folder_ / "decisions.csv";
  write(table, "image,action,label\ncat/006.jpg,keep,\ncat/008.jpg,keep,\n");
  const std::vector<data::Finding> findings = {copies({4, 6, 8}), wrong(6, .1)};
  Review review = this->review(findings);
  EXPECT_EQ(review.pending().size(), 3U);
  EXPECT_EQ(apply_decisions(read_decisions(table, review), review), 2U);
  EXPECT_TRUE(review.pending().empty());
  EXPECT_EQ(apply_decisions(read_decisions(table, review), review), 0U);
  Review again = this->review(findings);
  EXPECT_TRUE(again.pending().empty());
}

TEST_F(ReviewTest, FindingsMayNameTheFolderInAnotherWay) {
  const fs::path json = folder_ / "check.json";
  const std::string name = folder_.path().filename().string();
  const std::string list = R"([{{"kind": "duplicate", "paths": ["{0}cat/004.jpg", "{0}dog/005.jpg"]}}])";
  for (const std::string& before : {name + "/", "/elsewhere/" + name + "/", "../" + name + "/./", std::string()}) {
    write(json, fmt::format(fmt::runtime(list), before));
    const FoundInFile found = read_findings(json, folder_.path(), data_);
    EXPECT_EQ(found.findings.at(0).paths, (std::vector{path(4), path(5)})) << before;
    EXPECT_TRUE(found.warnings.empty());
  }
  write(json, fmt::format(fmt::runtime(list), "other/"));
  EXPECT_EQ(read_findings(json, folder_.path(), data_).warnings,
            std::vector<std::string>{"1 finding is about images that are not among the data"});
}

TEST_F(ReviewTest, AnImageThatIsGoneCanBeSkippedOnly) {
  Review review = this->review({wrong(1, .1), wrong(2, .2)});
  ASSERT_EQ(review.next()->image, 1U);
  fs::remove(path(1));
  EXPECT_THROW(review.decide({DecisionKind::kKeep}), core::DataError);
  EXPECT_EQ(review.next()->image, 1U);
  review.decide({DecisionKind::kSkip});
  EXPECT_EQ(review.next()->image, 2U);
}

TEST_F(ReviewTest, AFileThatChangedIsAskedAboutAgain) {
  {
    Review review = this->review();
    review.decide(3, {DecisionKind::kRelabel, {"cat"}});
  }
  write(path(3), "another image, and a longer one");
  Review review = this->review();
  EXPECT_EQ(review.next()->kind, "conflict");
  EXPECT_EQ(review.next()->image, 3U);
  EXPECT_EQ(review.labels(3), data::Labels{"dog"});  // shown, not guessed
  review.decide({DecisionKind::kKeep});
  EXPECT_TRUE(review.pending().empty());
}

// The reviewer knows the truth. Whatever was found, the bound holds at every look but in 5 % of the cleanings.
TEST(ReviewSimulation, TheBoundHoldsInAWholeReview) {
  int holds = 0;
  const int n = 5;
  for (int seed = 0; seed < n; ++seed) {
    const testing_support::TemporaryFolder folder;
    ReviewedData data{.root = folder.path(), .classes = {"a", "b"}, .labeller = data::labels_from({})};
    core::Random random({static_cast<std::uint64_t>(seed), 7});
    std::vector<bool> is_wrong;
    for (int i = 0; i < 60; ++i) {
      const fs::path file = folder / fmt::format("{}-{}.jpg", seed, i);
      write(file, fmt::format("{} {}", seed, i));
      data.images.add_file(file.native());
      data.labels.push_back({"a"});
      data.validates.push_back(false);
      is_wrong.push_back(random.chance(.08));
    }
    data.labeller = data::labels_from(data.images.names(), std::vector<std::string>(60, "a"));
    data::Journal journal = data::Journal::open(folder / "j.jsonl", data::DataMarks::of(data.images));
    Review review(data, {}, journal, {.who = "x", .allowed_wrong = 0});
    std::size_t wrong_left = static_cast<std::size_t>(std::count(is_wrong.begin(), is_wrong.end(), true));
    bool is_always_right = true;
    for (int look = 0; look < 12 && review.next(); ++look) {
      const bool mends = is_wrong[review.next()->image];
      review.decide(mends ? ReviewChoice{DecisionKind::kRelabel, {"b"}} : ReviewChoice{DecisionKind::kKeep});
      wrong_left -= mends ? 1 : 0;
      is_always_right = is_always_right && review.remaining().at_most.value() >= wrong_left;
    }
    if (is_always_right) ++holds;
  }
  EXPECT_GE(holds, 4);  // remaining_errors_test counts 2,000
}

TEST_F(ReviewTest, ReadsATableOfDecisionsWholeOrNotAtAll) {
  const fs::path table = folder_ / "decisions.csv";
  Review review = this->review();
  write(table,
        "image,action,label,other\ncat/000.jpg,relabel,dog,\ndog/001.jpg,delete,,\n"
        "cat/002.jpg,not_duplicate,,dog/003.jpg\ncat/004.jpg,keep,,\n");
  const auto decisions = read_decisions(table, review);
  EXPECT_EQ(apply_decisions(decisions, review), 4U);
  EXPECT_EQ(apply_decisions(read_decisions(table, review), review), 0U);  // the same again is nothing new
  EXPECT_EQ(review.labels(0), data::Labels{"dog"});
  EXPECT_TRUE(review.is_deleted(1));
  EXPECT_TRUE(review.are_distinct(2, 3));
  const auto refusal = [&](const std::string& rows) {
    write(table, "image,action,label,other\n" + rows);
    return thrown_message<core::DataError>([&] { read_decisions(table, review); });
  };
  const auto expect = [&](const std::string& rows, const std::string& part) {
    EXPECT_NE(refusal(rows).find(part), std::string::npos) << refusal(rows);
  };
  expect("cat/000.jpg,relabel,dgo,\n", "line 2: there is no class 'dgo'; did you mean 'dog'?");
  expect("cat/000.jpg,keep,,\ncat/999.jpg,keep,,\n", "line 3: there is no image 'cat/999.jpg'");
  expect("cat/000.jpg,keep,,\ncat/000.jpg,delete,,\n", "line 3: line 2 decides about this image already");
  expect("cat/000.jpg,burn,,\n", "there is no action 'burn'");
  expect("cat/000.jpg,undo,,\n", "there is no action 'undo'");
  expect("cat/000.jpg,relabel,,\n", "relabel needs a label");
  expect("cat/000.jpg,keep,dog,\n", "'keep' takes no label");
  expect("cat/000.jpg,not_duplicate,,\n", "needs the other image");
  expect("cat/000.jpg,not_duplicate,,cat/000.jpg\n", "no duplicate of itself");
  write(table, "image,label\ncat/000.jpg,dog\n");
  EXPECT_NE(thrown_message<core::DataError>([&] { read_decisions(table, review); }).find("no column 'action'"),
            std::string::npos);
}

TEST_F(ReviewTest, ReadsFindingsOfACheck) {
  const fs::path table = folder_ / "label_issues.csv";
  write(table,
        "image,is_label_issue,label_quality,given_label,predicted_label\n"
        "cat/000.jpg,True,0.02,cat,dog\ndog/001.jpg,False,0.9,dog,dog\ngone.jpg,False,0.5,dog,dog\n");
  const FoundInFile found = read_findings(table, folder_.path(), data_);
  ASSERT_EQ(found.findings.size(), 1U);
  EXPECT_EQ(found.findings[0].suggestion, data::Labels{"dog"});
  EXPECT_EQ(found.findings[0].paths, std::vector{path(0)});
  EXPECT_EQ(found.predicted[1], data::Labels{"dog"});
  EXPECT_FALSE(found.predicted[2].has_value());
  ASSERT_EQ(found.warnings.size(), 1U);
  EXPECT_EQ(found.warnings[0], "1 of its 3 images are not among the data");
  const fs::path json = folder_ / "check.json";
  write(json, fmt::format(R"({{"findings": [{{"kind": "duplicate", "paths": ["{}", "{}"], "text": "t",
                                              "evidence": {{"x": 1, "y": null}}}}, {{"kind": "new", "paths": []}}]}})",
                          path(4).string(), path(5).string()));
  const FoundInFile of_json = read_findings(json, folder_.path(), data_);
  ASSERT_EQ(of_json.findings.size(), 1U);
  EXPECT_EQ(of_json.findings[0].evidence_of("x"), 1);
  EXPECT_EQ(of_json.warnings.size(), 1U);
}

TEST_F(ReviewTest, RefusesFindingsThatAreNone) {
  const fs::path table = folder_ / "label_issues.csv";
  const auto refusal = [&](const std::string& text) {
    write(table, text);
    return thrown_message<core::DataError>([&] { read_findings(table, folder_.path(), data_); });
  };
  const std::string head = "image,is_label_issue,label_quality,predicted_label\n";
  EXPECT_NE(
      refusal(head + "cat/000.jpg,True,2,dog\n").find("line 2: label_quality must be a number from 0 to 1, not '2'"),
      std::string::npos);
  EXPECT_NE(refusal(head + "cat/000.jpg,perhaps,.5,dog\n").find("is_label_issue must be true or false"),
            std::string::npos);
  EXPECT_NE(refusal("name,x\na,b\n").find("no column 'image'"), std::string::npos);
  EXPECT_NE(refusal("{\"a\": 1}").find("list of findings"), std::string::npos);
  EXPECT_NE(refusal("{\"findings\": [{\"paths\": []}]}").find("finding 1"), std::string::npos);
}

}  // namespace
}  // namespace margay::run
