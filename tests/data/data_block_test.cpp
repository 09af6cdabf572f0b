#include <algorithm>
#include <cmath>
#include <fstream>
#include <type_traits>
#include <utility>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/data/data_block.h"
#include "margay/data/dataset.h"
#include "margay/data/image/write_image.h"
#include "margay/data/image_pipeline.h"
#include "margay/data/source/labels.h"
#include "margay/data/source/splits.h"
#include "tests/support/golden.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/support/tiny_images.h"

namespace margay::data {
namespace {

using testing_support::TemporaryFolder;
using testing_support::thrown_message;
using testing_support::tiny_block;
using testing_support::write_tiny_images;

TEST(DataBlock, LabelsSplitsAndNumbersTheClasses) {
  const TemporaryFolder folder;
  write_tiny_images(folder.path(), 4, 2);
  const Datasets datasets = tiny_block(folder.path()).datasets();
  EXPECT_EQ(datasets.vocabulary.names(), (std::vector<std::string>{"flat", "upright"}));
  EXPECT_EQ(datasets.train->size(), 8U);
  EXPECT_EQ(datasets.valid->target(0), 0);
  EXPECT_EQ(datasets.valid->target(3), 1);
  EXPECT_TRUE(datasets.warnings.empty());
}

TEST(DataBlock, NumbersTheGroupsOfImagesOnBothSidesAlike) {
  const TemporaryFolder folder;
  write_tiny_images(folder.path(), 3, 3);
  EXPECT_FALSE(tiny_block(folder.path()).datasets().train->group(0).has_value());
  const auto by_name = regex_labels("(\\d)\\.png$");  // 0.png of each folder is one group
  const Datasets datasets = tiny_block(folder.path()).group(by_name).datasets();
  for (std::size_t i = 0; i < 6; ++i) {
    ASSERT_TRUE(datasets.train->group(i).has_value());
    EXPECT_EQ(datasets.train->group(i), datasets.train->group(i % 3));
    EXPECT_EQ(datasets.train->group(i), datasets.valid->group(i));
  }
  EXPECT_NE(datasets.train->group(0), datasets.train->group(1));
  ASSERT_EQ(datasets.warnings.size(), 1U);
  EXPECT_EQ(datasets.warnings[0],
            "3 groups have images in the training set and in the validation set, which then measures too well");
  EXPECT_TRUE(tiny_block(folder.path()).group(folder_labels(2)).datasets().warnings.empty());
}

TEST(DataBlock, NamesImagesThatGetNoGroup) {
  const TemporaryFolder folder;
  write_tiny_images(folder.path(), 3, 3);
  const std::string message = thrown_message<core::DataError>(
      [&] { tiny_block(folder.path()).group(regex_labels("([01])\\.png$")).datasets(); });
  EXPECT_NE(message.find("4 of 12 images get no group by "), std::string::npos) << message;
}

TEST(DataBlock, NamesThreeImagesThatGetNoLabel) {
  DataBlock block;
  block.items({"d/a_1.jpg", "d/b.jpg", "d/c.jpg", "d/e.jpg", "d/f.jpg"}).label(regex_labels(R"((.+)_\d+)"));
  EXPECT_EQ(thrown_message<core::DataError>([&] { block.split(no_split()).datasets(); }),
            R"(d: 4 of 5 images get no label by the pattern (.+)_\d+: 'b.jpg', 'c.jpg', 'e.jpg' and 1 more; )"
            "change it, or take these images out of the folder");
}

TEST(DataBlock, BuiltOnATemporaryLeavesNothingThatRefersToIt) {
  const DataBlock& block = DataBlock().items({"a/1.jpg", "b/1.jpg"}).label(folder_labels()).split(no_split());
  EXPECT_EQ(block.datasets().train->size(), 2U);  // a reference into the temporary would be read after its end here
  using Chained = decltype(DataBlock().items({}).warn("").vocabulary(Vocabulary({"a"})).normalize({}));
  EXPECT_FALSE(std::is_reference_v<Chained>);
  EXPECT_FALSE(std::is_reference_v<decltype(DataBlock().item_transform(resize()).batch_transform(augment()))>);

  std::vector<std::string> texts;
  for (const std::string& warning : DataBlock().warn("a warning too long to be kept within a string").warnings()) {
    texts.push_back(warning);
  }
  EXPECT_EQ(texts, std::vector<std::string>{"a warning too long to be kept within a string"});
  const PathList& paths = DataBlock().items({"a/1.jpg"}).paths();
  EXPECT_EQ(paths.text(0), "a/1.jpg");
  EXPECT_FALSE(std::is_reference_v<decltype(DataBlock().labeller())>);
  EXPECT_FALSE(std::is_reference_v<decltype(DataBlock().splitter())>);
  EXPECT_FALSE(std::is_reference_v<decltype(std::declval<DataBlock>().loaders().transforms())>);
}

TEST(DataBlock, AsksForThePartsThatAreMissing) {
  EXPECT_NE(thrown_message<std::invalid_argument>([] { DataBlock().datasets(); }).find("no items"), std::string::npos);
  EXPECT_NE(thrown_message<std::invalid_argument>([] { DataBlock().items({"a.jpg"}).datasets(); }).find("no labels"),
            std::string::npos);
  const auto unsplit = [] { DataBlock().items({"d/a.jpg"}).label(folder_labels()).datasets(); };
  EXPECT_NE(thrown_message<std::invalid_argument>(unsplit).find("no split"), std::string::npos);
}

TEST(DataBlock, TakesAGivenVocabularyAndNamesTheImageThatIsOutsideIt) {
  DataBlock block;
  block.items({"a/1.jpg", "b/1.jpg"}).label(folder_labels()).split(no_split()).vocabulary(Vocabulary({"c", "b", "a"}));
  EXPECT_EQ(block.datasets().train->target(0), 2);
  const auto call = [&] { block.vocabulary(Vocabulary({"zebra", "a"})).datasets(); };
  EXPECT_EQ(thrown_message<core::DataError>(call).find("b/1.jpg: its label is none of the classes: "), 0U);
}

TEST(DataBlock, WarnsOfClassesThatCannotBeLearntOrJudged) {
  DataBlock block;
  block.items({"once/1.jpg", "a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"}).label(folder_labels());
  block.split([](const Items&) { return Split{{1, 2, 3}, {0, 4}}; });
  const std::vector<std::string> warnings = block.datasets().warnings;
  ASSERT_EQ(warnings.size(), 3U);
  EXPECT_EQ(warnings[0], "1 class with a single image: 'once'");
  EXPECT_EQ(warnings[1], "1 class that never trains, only validates: 'once'");
  EXPECT_EQ(warnings[2], "1 class without validation images: 'a'");
}

TEST(DataBlock, CallsClassesOfAVocabularyWithoutImagesThat) {
  DataBlock block;
  block.items({"a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"}).label(folder_labels());
  block.vocabulary(Vocabulary({"a", "b", "zebra"})).split([](const Items&) { return Split{{0, 2}, {1, 3}}; });
  EXPECT_EQ(block.datasets().warnings, std::vector<std::string>{"1 class without images: 'zebra'"});
}

TEST(DataBlock, WarnsWhenNothingValidatesOrOnlyOneClassIsThere) {
  DataBlock block;
  block.items({"a/1.jpg", "a/2.jpg"}).label(folder_labels()).split(no_split());
  const std::vector<std::string> warnings = block.datasets().warnings;
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_EQ(warnings[0], "there is only one class, so nothing can be learnt");
  EXPECT_FALSE(block.loaders().valid.has_value());
}

TEST(DataBlock, DoesNotWarnOfAnEmptyValidationSetThatIsMeantToBeEmpty) {
  DataBlock block;
  block.items({"a/1.jpg", "b/2.jpg"}).label(folder_labels()).split(no_split());
  const std::vector<std::string> warnings = block.datasets().warnings;
  EXPECT_EQ(std::count(warnings.begin(), warnings.end(), "no image validates, so no error rate can be given"), 1);
  const std::vector<std::string> without = block.expects_no_validation().datasets().warnings;
  EXPECT_EQ(std::count(without.begin(), without.end(), "no image validates, so no error rate can be given"), 0);
  EXPECT_EQ(without.size(), warnings.size() - 1);
}

TEST(DataBlock, PassesWarningsOnAndCountsImagesThatAreLeftOut) {
  DataBlock block;
  block.items({"a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg", "b/3.jpg"})
      .label(folder_labels())
      .warn("one from the table");
  block.split([](const Items&) { return Split{{0, 2}, {1, 3}}; });
  EXPECT_EQ(block.datasets().warnings,
            (std::vector<std::string>{"one from the table",
                                      "1 of 5 images are left out: the split puts them on neither side"}));
}

TEST(Summary, WalksEveryStageWithShapesBeforeAndAfter) {
  const TemporaryFolder folder;
  write_tiny_images(folder.path(), 4, 2);
  const Summary summary = tiny_block(folder.path()).summary({.batch_size = 4});
  EXPECT_FALSE(summary.failure.has_value());
  ASSERT_EQ(summary.steps.size(), 7U);
  EXPECT_EQ(summary.steps[1].after, "uint8 [24,24,3] RGB");
  EXPECT_EQ(summary.steps[4].before, "uint8 [24,24,3] RGB");
  EXPECT_EQ(summary.steps[4].after, "float32 [16,16,3] normalised");
  EXPECT_EQ(summary.steps[5].after, "images float32 [4,3,16,16] channels-last, targets int64 [4]");
  EXPECT_NE(summary.text().find("valid loader"), std::string::npos);
}

TEST(Summary, SaysWhichStageFailedOnWhichFileAndWhatToDo) {
  const TemporaryFolder folder;
  write_tiny_images(folder.path(), 4, 2);
  std::ofstream(folder / "train/flat/0.png") << "<html>";
  const Summary summary = tiny_block(folder.path()).summary();
  ASSERT_TRUE(summary.failure.has_value());
  EXPECT_EQ(summary.failure->stage, "read");
  EXPECT_EQ(summary.failure->file, (folder / "train/flat/0.png").string());
  EXPECT_FALSE(summary.failure->remedy.empty());
  EXPECT_NE(summary.text().find("FAILED at read"), std::string::npos);
}

TEST(ImagePipeline, RefusesANormalizationThatDividesByNothing) {
  for (const Normalization& wrong : {Normalization{{0, 0, 0}, {1, 0, 1}}, Normalization{{0, 0, 0}, {1, 1, -1}},
                                     Normalization{{0, std::nan(""), 0}, {1, 1, 1}}}) {
    EXPECT_THROW(ImagePipeline({.normalization = wrong}), std::invalid_argument);
  }
}

using testing_support::all_batches;

class Resized : public testing::Test {
 protected:
  Resized() { testing_support::write_tiny_images(folder_.path(), 6, 3); }
  Loaders loaders(int size, const LoaderOptions& options = {.batch_size = 4, .num_workers = 2}) const {
    return testing_support::tiny_block(folder_.path(), size).loaders(options);
  }
  testing_support::TemporaryFolder folder_;
};

TEST_F(Resized, GivesWhatABlockOfThatSizeWouldHaveGiven) {
  const Loaders other = resized(loaders(16), 12);
  const Loaders expected = loaders(12);
  const auto batches = all_batches(other.train.pass(3));
  const auto expected_batches = all_batches(expected.train.pass(3));
  ASSERT_EQ(batches.size(), expected_batches.size());
  for (std::size_t i = 0; i < batches.size(); ++i) {
    EXPECT_EQ(batches[i].images.size(3), 12);
    EXPECT_TRUE(batches[i].images.equal(expected_batches[i].images));
    EXPECT_EQ(batches[i].ids, expected_batches[i].ids);
  }
  EXPECT_EQ(other.transforms().augment.size, 12) << "the bundle must say what the network was trained on";
}

TEST_F(Resized, ServesTheSameImagesInTheSameOrderAsBefore) {
  const Loaders small = loaders(8);
  const Loaders large = resized(small, 24);
  const auto before = all_batches(small.train.pass(1));
  const auto after = all_batches(large.train.pass(1));
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i].ids, before[i].ids);
    EXPECT_TRUE(after[i].targets.equal(before[i].targets));
  }
  EXPECT_EQ(all_batches(large.valid->pass()).front().images.size(2), 24);
  EXPECT_EQ(large.vocabulary, small.vocabulary);
}

TEST_F(Resized, SharesTheCacheOfPresizedImages) {
  const Loaders small = loaders(
      8, {.batch_size = 4, .num_workers = 2, .worker_priority = WorkerPriority::kNormal, .cache = CacheKind::kRam});
  all_batches(small.train.pass(0));
  const auto before = small.train.cache_stats()->hits;
  const Loaders large = resized(small, 16);
  all_batches(large.train.pass(0));
  EXPECT_EQ(large.train.cache_stats()->hits, before + 12);
  EXPECT_EQ(large.train.cache_stats()->misses, 12U);
}

TEST_F(Resized, WarnsOfImagesThatAreOnlyMagnified) {
  EXPECT_TRUE(resized(loaders(8), 24).warnings.empty());
  const Loaders large = resized(loaders(8), 32);
  ASSERT_EQ(large.warnings.size(), 1U);
  EXPECT_NE(large.warnings[0].find("presized to 24 pixels and then magnified to 32"), std::string::npos);
}

TEST_F(Resized, RefusesASizeOutOfRange) {
  EXPECT_THROW(resized(loaders(8), 4), std::invalid_argument);
  EXPECT_THROW(resized(loaders(8), 10000), std::invalid_argument);
}

class EvaluatedAt : public Resized {};

TEST_F(EvaluatedAt, TrainsAsBeforeAndValidatesAsABlockOfThatSize) {
  const Loaders other = evaluated_at(loaders(12), 20);
  EXPECT_TRUE(other.train.pass(1).next()->images.equal(loaders(12).train.pass(1).next()->images));
  EXPECT_TRUE(other.valid->pass().next()->images.equal(loaders(20).valid->pass().next()->images));
  EXPECT_TRUE(other.train.plain().pass().next()->images.equal(loaders(20).train.plain().pass().next()->images))
      << "training images that are only predicted are no training";
  EXPECT_EQ(other.valid->augmented().pass().next()->images.size(2), 20) << "as for test-time augmentation";
  EXPECT_EQ(other.transforms().augment.size, 12);
  EXPECT_EQ(other.eval_transforms().augment.size, 20);
  EXPECT_EQ(loaders(12).eval_transforms().augment.size, 12);
}

TEST_F(EvaluatedAt, StaysWhenTrainingChangesItsSize) {
  const Loaders other = resized(evaluated_at(loaders(12), 20), 16);
  EXPECT_EQ(other.train.pass().next()->images.size(2), 16);
  EXPECT_EQ(other.valid->pass().next()->images.size(2), 20);
  EXPECT_EQ(other.eval_transforms().augment.size, 20);
}

TEST_F(EvaluatedAt, RefusesToMagnifyAndASizeOutOfRange) {
  EXPECT_EQ(testing_support::thrown_message<std::invalid_argument>([&] { evaluated_at(loaders(16), 32); }),
            "[loaders] `eval_size` 32 exceeds the 24 pixels that images are presized to, and would only magnify them; "
            "make `resize.size` 32 at least");
  EXPECT_THROW(evaluated_at(loaders(16), 4), std::invalid_argument);
}

core::Image plain_loader(std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  core::Image image(20, 20);
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    image.pixels[i] = red;
    image.pixels[i + 1] = green;
    image.pixels[i + 2] = blue;
  }
  return image;
}

const ImagePipeline kPipeline(Transforms{.resize = {.size = 16}, .augment = {.size = 16}});

TEST(MeasureNormalization, IsThatOfTheImagesThatCanBeRead) {
  const TemporaryFolder folder;
  write_png(folder / "a.png", plain_loader(255, 0, 51));
  write_png(folder / "b.png", plain_loader(0, 0, 51));
  std::ofstream(folder / "c.png") << "broken";
  const Dataset dataset = Dataset::unlabelled({folder / "a.png", folder / "b.png", folder / "c.png"});
  const Normalization measured = measure_normalization(dataset, kPipeline);
  EXPECT_NEAR(measured.mean[0], 0.5, 1e-9);
  EXPECT_NEAR(measured.std[0], 0.5, 1e-9);
  EXPECT_NEAR(measured.mean[2], 0.2, 1e-9);
  EXPECT_NEAR(measured.std[2], 1.0 / 255, 1e-9) << "a channel that never changes";
  EXPECT_THROW(measure_normalization(Dataset::unlabelled({folder / "c.png"}), kPipeline), core::DataError);
  EXPECT_THROW(measure_normalization(dataset, kPipeline, 0), std::invalid_argument);
}

TEST(Vocabulary, SortsAsFastaisCategoryMap) {
  MARGAY_REQUIRE_GOLDEN("splits_labels.json");
  const auto expected =
      testing_support::golden("splits_labels.json")["CategoryMap_strings"].get<std::vector<std::string>>();
  EXPECT_EQ(Vocabulary::of_labels({expected.rbegin(), expected.rend()}).names(), expected);
}

TEST(Vocabulary, KnowsItsClassesAndSuggestsTheNearest) {
  const Vocabulary vocabulary = Vocabulary::of_labels({"pug", "beagle", "pug"});
  EXPECT_EQ(vocabulary.size(), 2);
  EXPECT_EQ(vocabulary.index("pug"), 1);
  EXPECT_EQ(vocabulary.name(0), "beagle");
  EXPECT_EQ(thrown_message<std::invalid_argument>([&] { (void)vocabulary.index("baegle"); }),
            "[Vocabulary] no class 'baegle'; did you mean 'beagle'?");
  EXPECT_THROW(Vocabulary({"a", "a"}), std::invalid_argument);
}

TEST(Vocabulary, RefusesNamesThatNoModelFileCouldHold) {
  EXPECT_NE(thrown_message<core::DataError>([] { Vocabulary({"caf\xe9"}); }).find("is not UTF-8"), std::string::npos);
}

}  // namespace

}  // namespace margay::data
