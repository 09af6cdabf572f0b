#include "apps/studio/dataset.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "apps/studio/image_filter.h"
#include "margay/core/error.h"
#include "margay/run/data_options.h"
#include "tests/support/temporary_folder.h"

namespace margay::studio {
namespace {

namespace fs = std::filesystem;
using testing_support::TemporaryFolder;
using testing_support::write;

/// A folder for each class, each with that many files; opening reads no pixels, so they are empty.
void write_classes(const fs::path& folder, const std::vector<std::string>& classes, int images) {
  for (const std::string& name : classes) {
    for (int i = 0; i < images; ++i) write(folder / name / (std::to_string(i) + ".jpg"), "");
  }
}

std::vector<std::string> names_of(const OpenedDataset& dataset, const std::vector<std::uint32_t>& images) {
  std::vector<std::string> names;
  for (const std::uint32_t i : images) names.emplace_back(dataset.name(i));
  return names;
}

TEST(OpenedDataset, HasTheImagesLabelsAndSplitOfATraining) {
  TemporaryFolder folder;
  write_classes(folder / "train", {"cat", "dog"}, 3);
  write_classes(folder / "valid", {"cat", "dog"}, 1);
  const auto dataset = OpenedDataset::open(folder.path(), {});
  ASSERT_EQ(dataset->size(), 8);
  EXPECT_EQ(dataset->name(0), "train/cat/0.jpg");
  EXPECT_EQ(dataset->path(0), folder / "train/cat/0.jpg");
  EXPECT_EQ(dataset->classes()[dataset->labels(0)[0]].name, "cat");
  EXPECT_EQ(dataset->side(0), ImageSide::kTrain);
  EXPECT_EQ(dataset->count(ImageSide::kValid), 2);
  EXPECT_EQ(dataset->classes()[1].images, 4);
  EXPECT_EQ(dataset->classes()[1].valid, 1);
  EXPECT_EQ(dataset->find("valid/dog/0.jpg"), 7);
  EXPECT_EQ(dataset->find_path(folder / "valid/dog/0.jpg"), 7);
  EXPECT_EQ(dataset->find("dog/0.jpg"), std::nullopt);
  EXPECT_EQ(dataset->split_by, "the folders of training and validation");
  EXPECT_EQ(dataset->split_problem, "");
}

TEST(OpenedDataset, SaysHowTheSplitWasDrawn) {
  TemporaryFolder folder;
  write_classes(folder.path(), {"cat", "dog"}, 10);
  const auto by = [&](const run::DataOptions& options) {
    return OpenedDataset::open(folder.path(), options)->split_by;
  };
  EXPECT_EQ(by({}), "a random draw of 20 %, seed 42");
  EXPECT_EQ(by({.valid_fraction = 0.25, .split = data::SplitKind::kStratified, .split_seed = 7}),
            "a draw in proportion to the classes of 25 %, seed 7");
  EXPECT_EQ(by({.fold = 2, .folds = 5}), "a random draw: part 2 of 5, seed 42");
  write(folder / "valid.txt", "cat/0.jpg\n");
  EXPECT_EQ(by({.valid_list = folder / "valid.txt"}), "the list " + (folder / "valid.txt").string());
}

TEST(OpenedDataset, ShowsWhatWouldKeepATrainingFromIt) {
  TemporaryFolder folder;
  write_classes(folder / "train", {"cat"}, 3);
  write_classes(folder / "valid", {"cat"}, 1);
  write(folder / "other/loose.jpg", "");
  const auto dataset = OpenedDataset::open(folder.path(), {.label_regex = R"((\d)\.jpg$)"});
  EXPECT_EQ(dataset->size(), 5);
  EXPECT_EQ(dataset->unlabelled(), 1);
  const auto loose = dataset->find("other/loose.jpg");
  ASSERT_TRUE(loose);
  EXPECT_TRUE(dataset->labels(*loose).empty());
  EXPECT_NE(dataset->split_problem, "");
}

TEST(OpenedDataset, IsRefusedWhereThereIsNoImageOrOptionsExcludeEachOther) {
  TemporaryFolder folder;
  EXPECT_THROW(OpenedDataset::open(folder.path(), {}), core::DataError);
  EXPECT_THROW(OpenedDataset::open(folder / "none", {}), core::DataError);
  write_classes(folder.path(), {"cat", "dog"}, 2);
  EXPECT_THROW(OpenedDataset::open(folder.path(), {.label_regex = "(a)", .label_folder = 1}), std::invalid_argument);
}

TEST(OpenedDataset, TellsThatTheFolderHasChangedOrGone) {
  TemporaryFolder folder;
  const fs::path images = folder / "images";
  write_classes(images, {"cat", "dog"}, 2);
  const auto changed_after = [&](auto&& change) {
    const auto dataset = OpenedDataset::open(images, {});
    EXPECT_EQ(dataset->change(), FolderChange::kNone);
    change();
    return dataset->change();
  };
  using Change = FolderChange;
  EXPECT_EQ(changed_after([&] { write(images / ".margay/decisions.jsonl", "{}"); }), Change::kNone);
  EXPECT_EQ(changed_after([&] { write(images / "cat/new.jpg", ""); }), Change::kChanged);
  EXPECT_EQ(changed_after([&] { fs::remove(images / "dog/0.jpg"); }), Change::kChanged);
  EXPECT_EQ(changed_after([&] { fs::create_directory(images / "fox"); }), Change::kChanged);
  EXPECT_EQ(changed_after([&] { fs::rename(images, folder / "elsewhere"); }), Change::kGone);
}

TEST(OpenedDataset, TakesTenThousandClasses) {
  TemporaryFolder folder;
  constexpr int kClasses = 10'000;
  for (int i = 0; i < kClasses; ++i) write(folder / ("class" + std::to_string(i) + "_1.jpg"), "");
  const auto dataset = OpenedDataset::open(folder.path(), {.label_regex = R"((.+)_\d+\.jpg$)"});
  EXPECT_EQ(dataset->classes().size(), kClasses);
  for (std::size_t i = 0; i < dataset->size(); i += 997) {
    const std::string& label = dataset->classes()[dataset->labels(i)[0]].name;
    EXPECT_EQ(dataset->name(i), label + "_1.jpg");
  }
}

/// Two classes, in every script and with signs that mean something to a browser.
struct FilteredImages {
  TemporaryFolder folder;
  std::shared_ptr<const OpenedDataset> dataset;

  FilteredImages() {
    write_classes(folder.path(), {"<b>Kätzchen<b>", "ネコ & イヌ"}, 3);
    write(folder / "ネコ & イヌ/ÉTÉ.jpg", "");
    dataset = OpenedDataset::open(folder.path(), {.valid_fraction = 0.5});
  }
};

TEST(ImageFilter, TakesAllImagesByName) {
  const FilteredImages images;
  EXPECT_EQ(select(*images.dataset, nullptr, {}), (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5, 6}));
}

TEST(ImageFilter, TakesClassSideAndName) {
  const FilteredImages images;
  const OpenedDataset& dataset = *images.dataset;
  EXPECT_EQ(select(dataset, nullptr, {.label = 1}).size(), 4);
  const auto valid = select(dataset, nullptr, {.side = ImageSide::kValid});
  EXPECT_EQ(valid.size(), dataset.count(ImageSide::kValid));
  for (const std::uint32_t i : valid) EXPECT_EQ(dataset.side(i), ImageSide::kValid);
  EXPECT_EQ(names_of(dataset, select(dataset, nullptr, {.text = "KÄTZCHEN"})).size(), 3);
  EXPECT_EQ(names_of(dataset, select(dataset, nullptr, {.text = "été"})),
            (std::vector<std::string>{"ネコ & イヌ/ÉTÉ.jpg"}));
  EXPECT_TRUE(select(dataset, nullptr, {.label = 1, .text = "kätz"}).empty());
  EXPECT_TRUE(select(dataset, nullptr, {.is_unlabelled = true}).empty());
}

TEST(ImageFilter, PutsImagesInTheOrderThatIsAskedFor) {
  const FilteredImages images;
  const OpenedDataset& dataset = *images.dataset;
  const auto by_class = select(dataset, nullptr, {.order = ImageOrder::kClass});
  for (std::size_t k = 1; k < by_class.size(); ++k) {
    EXPECT_LE(dataset.labels(by_class[k - 1])[0], dataset.labels(by_class[k])[0]);
  }
  auto random = select(dataset, nullptr, {.order = ImageOrder::kRandom});
  EXPECT_EQ(random, select(dataset, nullptr, {.order = ImageOrder::kRandom}));
  EXPECT_NE(random, select(dataset, nullptr, {}));
  std::sort(random.begin(), random.end());
  EXPECT_EQ(random, select(dataset, nullptr, {}));
}

TEST(ImageFilter, ShowsWhatWasFoundWithCopiesSideBySide) {
  const FilteredImages images;
  const OpenedDataset& dataset = *images.dataset;
  using data::FindingKind;
  const ImageFindings findings(
      dataset, {{.kind = FindingKind::kEmptyFile, .paths = {dataset.path(2)}},
                {.kind = FindingKind::kDuplicate, .paths = {dataset.path(6), dataset.path(1)}},
                {.kind = FindingKind::kDuplicate, .paths = {dataset.path(5), dataset.path(2), dataset.path(6)}},
                {.kind = FindingKind::kSmallClass, .classes = {"cat"}},
                {.kind = FindingKind::kOtherFile, .paths = {images.folder / "readme"}}});
  const auto selected = [&](const ImageFilter& filter) { return select(dataset, &findings, filter); };
  EXPECT_EQ(selected({.finding = FindingKind::kDuplicate}), (std::vector<std::uint32_t>{6, 1, 5, 2}));
  EXPECT_EQ(selected({.has_finding = true}), (std::vector<std::uint32_t>{1, 2, 5, 6}));
  EXPECT_TRUE(selected({.finding = FindingKind::kSmallClass}).empty());
  EXPECT_EQ(findings.of_image(2).size(), 2);
  EXPECT_TRUE(findings.of_image(0).empty());
  EXPECT_TRUE(select(dataset, nullptr, {.has_finding = true}).empty());
  EXPECT_TRUE(select(dataset, nullptr, {.finding = FindingKind::kDuplicate}).empty());
}

}  // namespace
}  // namespace margay::studio
