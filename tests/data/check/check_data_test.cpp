#include <algorithm>
#include <stdexcept>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "margay/data/check/check_data.h"
#include "margay/data/check/report.h"
#include "margay/data/image/read_image.h"
#include "margay/data/image/resample.h"
#include "margay/data/image/write_image.h"
#include "margay/data/source/image_files.h"
#include "margay/data/source/labels.h"
#include "margay/data/source/splits.h"
#include "tests/support/golden.h"
#include "tests/support/image_samples.h"
#include "tests/support/ordinary_user.h"
#include "tests/support/temporary_folder.h"

namespace margay::data {
namespace {

namespace fs = std::filesystem;
using testing_support::file_content;
using testing_support::noise_image;
using testing_support::TemporaryFolder;
using testing_support::write;
using Kinds = std::vector<std::string>;

/// Coloured blots, another for each seed.
core::Image blots(std::uint64_t seed, int height = 64, int width = 64) {
  return resample(noise_image(7, 7, seed), height, width);
}

/// folder/{train,valid}/{cat,dog}/N.png without a fault, and room for some.
class CheckData : public testing::Test {
 protected:
  CheckData() {
    std::uint64_t seed = 1;
    for (const char* part : {"train/cat", "train/dog", "valid/cat", "valid/dog"}) {
      fs::create_directories(root() / part);
      for (int i = 0; i < 2; ++i) write_png(root() / part / (std::to_string(i) + ".png"), blots(seed++));
    }
  }

  fs::path root() const { return folder_ / "data"; }
  fs::path first() const { return root() / "train/cat/0.png"; }

  DataReport check(CheckOptions options = {}) const {
    options.min_per_class = std::min(options.min_per_class, 2);
    const DataBlock block = DataBlock().items(image_files(root())).label(folder_labels()).split(folder_split(root()));
    return check_data(block, root(), options);
  }

  /// The kinds found, in the report's order.
  Kinds kinds(const CheckOptions& options = {}) const {
    Kinds kinds;
    for (const Finding& finding : check(options).findings) kinds.emplace_back(words_of(finding.kind).name);
    return kinds;
  }

  TemporaryFolder folder_;
};

TEST_F(CheckData, FindsNothingInGoodData) {
  const DataReport report = check({.near_duplicates = true});
  EXPECT_TRUE(report.findings.empty()) << report_text(report);
  EXPECT_EQ(report.images, 8U);
  EXPECT_EQ(report.readable, 8U);
  EXPECT_EQ(report.train, 4U);
  EXPECT_EQ(report.valid, 4U);
  ASSERT_EQ(report.classes.size(), 2U);
  EXPECT_EQ(report.classes[0].name, "cat");
  EXPECT_EQ(report.classes[0].train, 2U);
}

TEST_F(CheckData, FindsFilesThatCannotBeRead) {
  write(root() / "train/cat/empty.jpg", "");
  write(root() / "train/cat/page.jpg", "<html>404</html>");
  write_jpeg(root() / "train/cat/cut.jpg", blots(50));
  fs::resize_file(root() / "train/cat/cut.jpg", fs::file_size(root() / "train/cat/cut.jpg") / 2);
  write(root() / "train/cat/cut.png", file_content(first()).substr(0, 2000));
  EXPECT_EQ(kinds(), (Kinds{"empty_file", "truncated", "truncated", "unreadable"}));
  EXPECT_EQ(check().readable, 8U);
}

TEST_F(CheckData, TellsOfFilesTooLargeAndFoldersThatAreClosed) {
  write(root() / "train/cat/sparse.jpg", "");
  fs::resize_file(root() / "train/cat/sparse.jpg", std::uintmax_t{300} << 30U);
  EXPECT_EQ(kinds(), Kinds{"unreadable"});
  fs::remove(root() / "train/cat/sparse.jpg");
  const testing_support::ClosedFolder closed(folder_.path(), root() / "train/dog");
  const testing_support::OrdinaryUser nobody;
  const DataBlock block =
      DataBlock().items(search_images(root()).images).label(folder_labels()).split(folder_split(root()));
  const DataReport report = check_data(block, root(), {.min_per_class = 2});
  const auto closed_ones = std::count_if(report.findings.begin(), report.findings.end(), [&](const Finding& finding) {
    return finding.kind == FindingKind::kClosedFolder && finding.paths.at(0) == root() / "train/dog" &&
           finding.severity() == Severity::kHarm;
  });
  EXPECT_EQ(closed_ones, 1) << report_text(report);
}

TEST_F(CheckData, TakesLabelsInAnotherOrderForTheSame) {
  fs::copy_file(first(), root() / "train/cat/copy.png");
  const PathList paths = image_files(root());
  std::vector<Labels> labels;
  for (const auto& path : paths) {
    labels.push_back(path.filename() == "copy.png" ? Labels{"dog", "cat"} : Labels{"cat", "dog"});
  }
  const DataBlock block = DataBlock().items(paths).label(multi_labels_from(paths, labels)).split(folder_split(root()));
  for (const Finding& finding : check_data(block, root(), {.min_per_class = 2}).findings) {
    EXPECT_NE(finding.kind, FindingKind::kTwoLabels) << finding.text;
  }
}

TEST_F(CheckData, FindsClassesThatTrainingRefuses) {
  fs::rename(root() / "train/cat", root() / "train/caf\xe9");
  const Kinds found = kinds();
  EXPECT_EQ(std::count(found.begin(), found.end(), "bad_name"), 1);
}

TEST_F(CheckData, PassesOnWhatTheBlockWarnsOf) {
  DataBlock block = DataBlock().items(image_files(root())).label(folder_labels()).split(folder_split(root()));
  block.warn("3 rows say test");
  const DataReport report = check_data(block, root(), {.min_per_class = 2});
  ASSERT_EQ(report.findings.size(), 1U) << report_text(report);
  EXPECT_EQ(report.findings[0].kind, FindingKind::kWarning);
  EXPECT_EQ(report.findings[0].text, "3 rows say test");
}

TEST_F(CheckData, DoesNotCallAFolderEmptyWhoseImagesAreNotListed) {
  PathList some;
  for (const auto& path : image_files(root())) {
    if (path.parent_path().filename() != "dog") some.add(path.native());
  }
  fs::create_directories(root() / "train/fox");
  const DataBlock block = DataBlock().items(some).label(folder_labels()).split(folder_split(root()));
  std::vector<fs::path> empty;
  for (const Finding& finding : check_data(block, root(), {.min_per_class = 2}).findings) {
    if (finding.kind == FindingKind::kEmptyFolder) empty.push_back(finding.paths.at(0));
  }
  EXPECT_EQ(empty, std::vector<fs::path>{root() / "train/fox"});
}

TEST_F(CheckData, FindsImagesOfOneColour) {
  core::Image almost(64, 64);
  for (std::size_t i = 0; i < almost.pixels.size(); ++i) almost.pixels[i] = static_cast<std::uint8_t>(200 + i % 4);
  write_png(root() / "train/cat/flat.png", almost);
  EXPECT_EQ(kinds(), Kinds{"uniform"});
}

TEST_F(CheckData, FindsSmallHugeAndLongImages) {
  write_png(root() / "train/cat/small.png", blots(60, 20, 20));
  write_png(root() / "train/cat/long.png", blots(61, 64, 300));
  write_png(root() / "train/cat/huge.png", blots(62, 400, 400));
  EXPECT_EQ(kinds({.max_megapixels = 0.1}), (Kinds{"too_small", "huge", "elongated"}));
  EXPECT_EQ(kinds({.min_side = 20, .max_aspect = 5}), Kinds{});
}

TEST_F(CheckData, CallsImagesSmallOnlyAmongLargerOnes) {
  for (const auto& path : image_files(root())) {
    write_png(path, resample(read_image(path), 28, 28));
  }
  EXPECT_EQ(kinds(), Kinds{});
}

TEST_F(CheckData, FindsWhatIsGreyAmongColoursAndColouredAmongGreys) {
  const auto make_grey = [](const fs::path& path) {
    core::Image image = read_image(path);
    for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
      image.pixels[i + 1] = image.pixels[i + 2] = image.pixels[i];
    }
    write_png(path, image);
  };
  make_grey(first());
  EXPECT_EQ(kinds(), Kinds{"grey_among_colour"});
  for (const auto& path : image_files(root())) make_grey(path);
  EXPECT_EQ(kinds(), Kinds{});
  write_png(first(), blots(70));
  EXPECT_EQ(kinds(), Kinds{"colour_among_grey"});
}

TEST_F(CheckData, FindsNamesOfAnotherFormat) {
  fs::rename(first(), root() / "train/cat/0.jpg");
  fs::rename(root() / "train/dog/0.png", root() / "train/dog/nameless");
  const DataReport report = check();
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].text, "a PNG named .jpg");
  EXPECT_EQ(report.findings[0].severity(), Severity::kNote);
}

TEST_F(CheckData, FindsCopiesByTheirBytes) {
  fs::copy(first(), root() / "train/cat/copy.png");
  const DataReport report = check();
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].kind, FindingKind::kDuplicate);
  EXPECT_EQ(report.findings[0].text, "same bytes");
  EXPECT_EQ(report.findings[0].paths, (std::vector<fs::path>{first(), root() / "train/cat/copy.png"}));
  EXPECT_EQ(kinds({.near_duplicates = true}), Kinds{"duplicate"});
}

TEST_F(CheckData, FindsCopiesByTheirPixels) {
  write(root() / "train/cat/copy.png", file_content(first()) + "trailing");
  const DataReport report = check();
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].text, "same pixels");
}

TEST_F(CheckData, FindsOneImageUnderTwoLabels) {
  fs::copy(first(), root() / "train/dog/copy.png");
  const DataReport report = check();
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].kind, FindingKind::kTwoLabels);
  EXPECT_EQ(report.findings[0].classes, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(report.findings[0].severity(), Severity::kHarm);
}

TEST_F(CheckData, FindsCopiesInTrainingAndValidation) {
  fs::copy(first(), root() / "valid/cat/copy.png");
  const DataReport report = check();
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].kind, FindingKind::kLeak);
  EXPECT_EQ(report.findings[0].text, "same bytes; 1 in training, 1 in validation");
}

TEST_F(CheckData, TellsTwoLabelsAndTwoSidesOfOneGroup) {
  fs::copy(first(), root() / "valid/dog/copy.png");
  EXPECT_EQ(kinds(), (Kinds{"two_labels", "leak"}));
}

TEST_F(CheckData, FindsScaledAndMirroredCopiesOnlyWhenAsked) {
  const core::Image image = read_image(first());
  write_jpeg(root() / "valid/cat/smaller.jpg", resample(image, 48, 48), 60);
  core::Image mirrored(64, 64);
  for (int y = 0; y < 64; ++y) {
    for (int x = 0; x < 64; ++x) std::copy_n(image.row(y) + 3 * x, 3, mirrored.row(y) + 3 * (63 - x));
  }
  write_png(root() / "train/dog/mirrored.png", mirrored);
  EXPECT_EQ(kinds(), Kinds{});
  EXPECT_EQ(kinds({.near_duplicates = true}), (Kinds{"near_two_labels", "near_leak"}));
}

TEST_F(CheckData, FindsCopiesThatWereTurnedByAQuarterOrUpsideDown) {
  const core::Image image = read_image(first());
  core::Image quarter(64, 64);
  core::Image upside_down(64, 64);
  for (int y = 0; y < 64; ++y) {
    for (int x = 0; x < 64; ++x) {
      std::copy_n(image.row(y) + 3 * x, 3, quarter.row(x) + 3 * (63 - y));
      std::copy_n(image.row(y) + 3 * x, 3, upside_down.row(63 - y) + 3 * (63 - x));
    }
  }
  write_jpeg(root() / "train/dog/quarter.jpg", quarter, 90);
  write_jpeg(root() / "train/dog/upside_down.jpg", upside_down, 90);
  const DataReport report = check({.near_duplicates = true});
  ASSERT_EQ(report.count(FindingKind::kNearTwoLabels), 1U);
  const auto found = std::find_if(report.findings.begin(), report.findings.end(),
                                  [](const Finding& each) { return each.kind == FindingKind::kNearTwoLabels; });
  EXPECT_EQ(found->paths.size(), 3U);
  EXPECT_EQ(found->text, "look alike, mirrored or turned; labels 'cat', 'dog'");
}

TEST_F(CheckData, DoesNotTakeFlatImagesForCopies) {
  for (const int grey : {10, 200}) {
    core::Image flat(64, 64);
    std::fill(flat.pixels.begin(), flat.pixels.end(), static_cast<std::uint8_t>(grey));
    write_png(root() / "train/cat" / (std::to_string(grey) + ".png"), flat);
  }
  EXPECT_EQ(kinds({.near_duplicates = true}), (Kinds{"uniform", "uniform"}));
}

TEST_F(CheckData, FindsClassesThatAreProbablyOne) {
  fs::rename(root() / "train/cat", root() / "train/Cat ");
  EXPECT_EQ(kinds(), (Kinds{"similar_names", "never_trains", "never_validates"}));
}

TEST_F(CheckData, FindsSmallAndUnequalClasses) {
  const DataReport report = check({.min_per_class = 2});
  EXPECT_TRUE(report.findings.empty());
  for (int i = 0; i < 8; ++i) write_png(root() / "train/dog" / (std::to_string(10 + i) + ".png"), blots(100 + i));
  fs::remove(root() / "train/cat/1.png");
  fs::remove(root() / "valid/cat/1.png");
  fs::remove(root() / "valid/cat/0.png");
  EXPECT_EQ(kinds(), (Kinds{"never_validates", "small_class", "imbalance", "empty_folder"}));
}

TEST_F(CheckData, FindsThatThereIsOneClassOnly) {
  fs::remove_all(root() / "train/dog");
  fs::remove_all(root() / "valid/dog");
  EXPECT_EQ(kinds(), Kinds{"one_class"});
}

TEST_F(CheckData, FindsImagesWithoutALabelOrASide) {
  write_png(root() / "stray.png", blots(80));
  const DataBlock block =
      DataBlock().items(image_files(root())).label(regex_labels(R"(^(\d)\.png$)")).split(folder_split(root()));
  const DataReport report = check_data(block, root(), {.min_per_class = 1});
  ASSERT_EQ(report.findings.size(), 2U) << report_text(report);
  EXPECT_EQ(report.findings[0].kind, FindingKind::kUnlabelled);
  EXPECT_EQ(report.findings[0].paths, std::vector<fs::path>{root() / "stray.png"});
  EXPECT_EQ(report.findings[1].kind, FindingKind::kBadSplit);
  EXPECT_NE(report.findings[1].text.find("stray.png"), std::string::npos);
}

TEST_F(CheckData, FindsThatNothingValidates) {
  const DataBlock block = DataBlock().items(image_files(root())).label(folder_labels()).split(no_split());
  const DataReport report = check_data(block, root(), {.min_per_class = 1});
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].kind, FindingKind::kNoValidation);
}

TEST_F(CheckData, FindsWhatElseLiesInTheFolder) {
  fs::create_directories(root() / "train/fox/young");
  write(root() / "train/cat/Thumbs.db", "x");
  write(root() / "train/cat/._0.png", "x");
  write(root() / "train/dog/notes.txt", "x");
  write(root() / "README.txt", "no image lies beside it");
  write(root() / ".git/config", "x");
  const DataReport report = check();
  ASSERT_EQ(report.findings.size(), 4U) << report_text(report);
  EXPECT_EQ(report.findings[0].kind, FindingKind::kEmptyFolder);
  EXPECT_EQ(report.findings[0].paths[0], root() / "train/fox");
  EXPECT_EQ(report.findings[1].paths[0], root() / "train/cat/._0.png");
  EXPECT_EQ(report.findings[2].paths[0], root() / "train/cat/Thumbs.db");
  EXPECT_EQ(report.findings[3].paths[0], root() / "train/dog/notes.txt");
}

TEST_F(CheckData, ReportsTheSameForAnyNumberOfThreads) {
  write(root() / "train/cat/empty.jpg", "");
  fs::copy(first(), root() / "valid/dog/copy.png");
  const std::string one = report_json(check({.near_duplicates = true, .threads = 1}));
  for (const int threads : {2, 5}) {
    EXPECT_EQ(report_json(check({.near_duplicates = true, .threads = threads})), one);
  }
}

TEST_F(CheckData, TellsHowFarItIsAndEndsWithWhatProgressThrows) {
  const DataBlock block = DataBlock().items(image_files(root())).label(folder_labels()).split(folder_split(root()));
  std::size_t last = 0;
  check_data(block, root(), {}, [&](std::size_t done, std::size_t total) {
    EXPECT_GE(done, last);
    EXPECT_EQ(total, 8U);
    last = done;
  });
  EXPECT_EQ(last, 8U);
  const auto stop = [](std::size_t, std::size_t) { throw std::runtime_error("enough"); };
  EXPECT_THROW(check_data(block, root(), {}, stop), std::runtime_error);
}

TEST(CheckOfThePets, FindsTheThreePairsThatAreCopiesAndNoMore) {
  const fs::path pets = testing_support::shared_path("data/pets");
  if (!fs::exists(pets)) GTEST_SKIP() << "no " << pets << ", not tested";
  PathList paths;  // the breeds whose images are the most alike
  for (const fs::path& path : image_files(pets / "images")) {
    const std::string name = path.filename().string();
    for (const char* breed : {"Abyssinian", "Bombay", "Egyptian", "Ragdoll", "chihuahua", "german_shorthaired"}) {
      if (name.starts_with(breed)) paths.add(path.native());
    }
  }
  const DataBlock block = DataBlock().items(paths).label(regex_labels(R"((.+)_\d+\.jpg$)")).split(random_split());
  std::vector<std::string> copies;
  const DataReport report = check_data(block, "", {.near_duplicates = true});
  for (const Finding& finding : report.findings) {
    if (finding.paths.size() < 2) continue;
    for (const fs::path& path : finding.paths) copies.push_back(path.stem().string());
  }
  EXPECT_EQ(copies, (std::vector<std::string>{"Abyssinian_5", "Abyssinian_87", "Bombay_136", "Bombay_150",
                                              "german_shorthaired_19", "german_shorthaired_179"}));
  EXPECT_EQ(report.count(FindingKind::kWrongExtension), 2U);
}

TEST_F(CheckData, RefusesABlockThatIsNotComplete) {
  EXPECT_THROW(check_data(DataBlock(), root()), std::invalid_argument);
  EXPECT_THROW(check_data(DataBlock().items({first()}), root()), std::invalid_argument);
  EXPECT_THROW(check({.near_bits = 17}), std::invalid_argument);
}

TEST_F(CheckData, IsToldInWordsAndInJson) {
  write(root() / "train/cat/empty.jpg", "");
  fs::copy(first(), root() / "train/cat/copy.png");
  const DataReport report = check();
  const std::string text = report_text(report);
  EXPECT_NE(
      text.find("HARM  files without a byte (1)\n    " + (root() / "train/cat/empty.jpg").string() + ": 0 bytes\n"),
      std::string::npos)
      << text;
  EXPECT_TRUE(text.ends_with("1 thing harms training; 1 thing to know.\n")) << text;
  const auto json = nlohmann::json::parse(report_json(report));
  EXPECT_EQ(json["harmful"], 1);
  EXPECT_EQ(json["findings"][1]["kind"], "duplicate");
  EXPECT_EQ(json["findings"][1]["paths"].size(), 2U);
}

TEST_F(CheckData, IsDrawnAsAContactSheet) {
  EXPECT_GT(contact_sheet(check()).height, 0);
  write(root() / "train/cat/empty.jpg", "");
  fs::copy(first(), root() / "valid/dog/copy.png");
  const core::Image sheet = contact_sheet(check(), {.columns = 3, .tile_px = 64});
  EXPECT_EQ(sheet.width, 3 * 74 + 10);          // tile and gap
  EXPECT_EQ(sheet.height, 2 * (64 + 46) + 10);  // the unreadable one and a pair; the pair again for the leak
}

TEST(FindingKinds, AreAllExplainedInTheGuide) {
  const std::string page = file_content(fs::path(MARGAY_SOURCE_DIR) / "docs/guide/check.md");
  for (const KindText& kind : all_kinds()) {
    EXPECT_NE(page.find("`" + std::string(kind.name) + "`"), std::string::npos) << kind.name;
  }
}

}  // namespace

}  // namespace margay::data
