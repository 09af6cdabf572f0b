#include "margay/data/source/similar_classes.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "margay/core/error.h"
#include "margay/data/data_block.h"
#include "margay/data/source/labels.h"
#include "margay/data/source/splits.h"
#include "tests/support/thrown_message.h"

namespace margay::data {
namespace {

using testing_support::thrown_message;

DataBlock block_of(const std::vector<std::string>& folders) {
  PathList images;
  for (std::size_t i = 0; i < folders.size(); ++i) images.add("pets/" + folders[i] + "/" + std::to_string(i) + ".jpg");
  return DataBlock().items(images).label(folder_labels()).split(no_split());
}

TEST(SimilarClasses, AreRefusedWithAnImageOfEach) {
  EXPECT_EQ(thrown_message<core::DataError>([] {
              (void)block_of({"Cup", "cup", "cup", "dog"}).datasets();
            }),
            "pets/Cup: the classes 'Cup' (1 image, such as pets/Cup/0.jpg) and 'cup' (2 images, such as "
            "pets/cup/1.jpg) differ only in case, width, blanks or characters that nobody sees; give them one name, or "
            "say with `similar_classes` merge that they are one class, with keep that they are two");
  for (const char* other : {"cup ", "ｃup", "c\u200Bup", "cup\u00A0", "cup\n"}) {
    EXPECT_THROW((void)block_of({"cup", other}).datasets(), core::DataError) << other;
  }
  EXPECT_NE(thrown_message<core::DataError>([] {
              (void)block_of({"cup", "cup\u200B"}).datasets();
            }).find("'cup<U+200B>'"),
            std::string::npos)
      << "what nobody sees is written out";
}

TEST(SimilarClasses, InTwoFormsOfUnicodeAreRefused) {
  EXPECT_NE(thrown_message<core::DataError>([] {
              (void)block_of({"Caf\u00E9", "Cafe\u0301"}).datasets();
            }).find("the same letters in two of Unicode's forms"),
            std::string::npos);
}

TEST(SimilarClasses, CanBeKept) {
  const Datasets datasets = block_of({"a", "A"}).similar_classes(SimilarClasses::kKeep).datasets();
  EXPECT_EQ(datasets.vocabulary.names(), (std::vector<std::string>{"A", "a"}));
}

TEST(SimilarClasses, MergeIntoTheNameOfMostImages) {
  const Datasets datasets =
      block_of({"Cup", "cup", "cup", "dog", "Dog"}).similar_classes(SimilarClasses::kMerge).datasets();
  EXPECT_EQ(datasets.vocabulary.names(), (std::vector<std::string>{"Dog", "cup"}));
  EXPECT_EQ(datasets.train->target(0), datasets.train->target(1));
  EXPECT_EQ(datasets.train->label(0), "cup");
  EXPECT_NE(datasets.warnings.front().find("2 labels are read as the class that they resemble (`similar_classes` "
                                           "merge): 'Cup as cup', 'dog as Dog'"),
            std::string::npos)
      << datasets.warnings.front();
}

TEST(SimilarClasses, MergeIntoTheNamesOfAModel) {
  const Datasets datasets = block_of({"Cup", "Cup", "dog"})
                                .vocabulary(Vocabulary({"cup", "dog"}))
                                .similar_classes(SimilarClasses::kMerge)
                                .datasets();
  EXPECT_EQ(datasets.train->target(0), 0);
}

TEST(SimilarClasses, OfAGivenVocabularyAreWhatTheyAre) {
  const Datasets datasets = block_of({"Cup", "cup"}).vocabulary(Vocabulary({"Cup", "cup"})).datasets();
  EXPECT_EQ(datasets.train->target(1), 1);
}

TEST(SimilarClasses, OfOneImageWithSeveralLabelsBecomeOneLabel) {
  const Datasets datasets = DataBlock()
                                .items({"a.jpg", "b.jpg"})
                                .label(multi_labels_from({"a.jpg", "b.jpg"}, {{"sea", "Sea"}, {"sea"}}))
                                .split(no_split())
                                .similar_classes(SimilarClasses::kMerge)
                                .datasets();
  EXPECT_EQ(datasets.train->classes(0), std::vector<std::int64_t>{0});
}

TEST(SimilarClasses, ThatDifferInJointsAreWarnedOf) {
  const Datasets datasets = block_of({"hot-dog", "hot_dog", "-1", "1"}).datasets();
  EXPECT_EQ(datasets.vocabulary.size(), 4);
  ASSERT_FALSE(datasets.warnings.empty());
  const auto is_it = [](const std::string& warning) {
    return warning.find("'hot-dog', 'hot_dog' differ only in '_', '-' and blanks") != std::string::npos;
  };
  EXPECT_EQ(std::count_if(datasets.warnings.begin(), datasets.warnings.end(), is_it), 1);
}

TEST(SimilarClasses, WithLineEndsInTheirNamesAreWarnedOf) {
  const std::vector<std::string> warnings = block_of({"hot\ndog", "cup", "cup", "hot\ndog"}).datasets().warnings;
  EXPECT_EQ(warnings.back(), "1 class whose name holds line ends or other control characters: 'hot<U+000A>dog'");
}

TEST(SimilarClasses, AreFoundInAnotherFormOfUnicode) {
  const Vocabulary composed({"Caf\u00E9", "dog"});
  const Vocabulary decomposed({"Cafe\u0301", "dog"});
  EXPECT_EQ(composed.index("Cafe\u0301"), 0);
  EXPECT_EQ(decomposed.index("Caf\u00E9"), 0);
  EXPECT_THROW((void)composed.index("Cafe"), std::invalid_argument);
}

TEST(SimilarClasses, ThatAreNotUtf8AreRefusedBeforeTheTraining) {
  EXPECT_NE(thrown_message<core::DataError>([] {
              (void)block_of({"caf\xE9", "dog"}).datasets();
            }).find("the class 'caf<E9>' is not UTF-8; rename its folder"),
            std::string::npos);
}

}  // namespace
}  // namespace margay::data
