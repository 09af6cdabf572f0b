#include "margay/run/given_probabilities.h"

#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "margay/model/weights/safetensors.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"

namespace margay::run {
namespace {

namespace fs = std::filesystem;
using testing_support::thrown_message;

class Probabilities : public testing::Test {
 protected:
  Probabilities() {
    auto items = std::make_shared<data::Items>();
    for (const auto& [name, label] : std::vector<std::pair<const char*, const char*>>{
             {"data/cat/1.jpg", "cat"}, {"data/cat/2.jpg", "cat"}, {"data/dog/1.jpg", "dog"}}) {
      items->add(name, {label});
    }
    images_ = std::make_shared<data::Dataset>(items, std::vector<std::size_t>{0, 1, 2}, vocabulary_);
  }

  fs::path write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }

  MatchedProbabilities matched(const fs::path& path) const {
    return match_probabilities(read_probabilities(path), *images_, vocabulary_, "data");
  }
  MatchedProbabilities of_csv(const std::string& content) const { return matched(write("p.csv", content)); }
  std::string refusal_of_csv(const std::string& content) const {
    return thrown_message<core::DataError>([&] { of_csv(content); });
  }

  testing_support::TemporaryFolder folder_;
  data::Vocabulary vocabulary_{{"cat", "dog"}};
  std::shared_ptr<data::Dataset> images_;
};

void expect_rows(const MatchedProbabilities& matched) {
  const torch::Tensor expected = torch::tensor({{.9F, .1F}, {.75F, .25F}, {.5F, .5F}});
  EXPECT_TRUE(matched.rows.allclose(expected)) << matched.rows;
  EXPECT_EQ(matched.warning, "");
}

TEST_F(Probabilities, GoByNamesAndClasses) {
  expect_rows(of_csv("dog,image,cat\n.5,dog/1.jpg,.5\n.1,cat/1.jpg,.9\n.25,2.jpg,.75\n"));
  expect_rows(of_csv("name,cat,dog\ndata/cat/2.jpg,.75,.25\ndata/dog/1.jpg,.5,.5\ndata/cat/1.jpg,.9,.1\n"));
}

TEST_F(Probabilities, WithoutNamesAreInTheOrderOfTheImages) {
  expect_rows(of_csv("cat,dog\n.9,.1\n.75,.25\n.5,.5\n"));
  expect_rows(of_csv(",0,1\n0,.9,.1\n1,.75,.25\n2,.5,.5\n"));  // as pandas writes an array
  EXPECT_NE(refusal_of_csv("cat,dog\n.9,.1\n").find("1 rows without names of images, but 3 images"), std::string::npos);
}

TEST_F(Probabilities, ComeFromNumpy) {
  const auto npy = [&](const std::string& type, bool is_fortran, const std::string& data) {
    std::string header =
        "{'descr': '" + type + "', 'fortran_order': " + (is_fortran ? "True" : "False") + ", 'shape': (3, 2), }";
    header += std::string(117 - header.size(), ' ') + "\n";
    return write("p.npy", std::string("\x93NUMPY\x01\x00", 8) + char(header.size()) + '\0' + header + data);
  };
  const auto bytes = [](const torch::Tensor& values) {
    const torch::Tensor all = values.contiguous();
    return std::string(static_cast<const char*>(all.data_ptr()), all.nbytes());
  };
  const torch::Tensor rows = torch::tensor({{.9, .1}, {.75, .25}, {.5, .5}}, torch::kDouble);
  expect_rows(matched(npy("<f8", false, bytes(rows))));
  expect_rows(matched(npy("<f4", false, bytes(rows.to(torch::kFloat)))));
  expect_rows(matched(npy("<f8", true, bytes(rows.t()))));
  EXPECT_THROW(matched(npy("<f8", false, bytes(rows).substr(8))), core::FormatError);
  EXPECT_THROW(matched(npy("<i8", false, bytes(rows))), core::FormatError);
  EXPECT_THROW(matched(write("q.npy", "no array")), core::FormatError);
}

TEST_F(Probabilities, ComeFromSafetensors) {
  const torch::Tensor rows = torch::tensor({{.5, .5}, {.1, .9}, {.25, .75}}, torch::kDouble);
  const auto texts = [](const std::string& all) {
    return torch::from_blob(const_cast<char*>(all.data()), {static_cast<std::int64_t>(all.size())}, torch::kByte)
        .clone();
  };
  const fs::path path = folder_ / "p.safetensors";
  model::write_safetensors(path, {{"pred_probs", rows},
                                  {"names", texts(std::string("dog/1.jpg\0cat/1.jpg\0cat/2.jpg\0", 30))},
                                  {"classes", texts(std::string("dog\0cat\0", 8))}});
  expect_rows(matched(path));
  model::write_safetensors(path, {{"logits", rows}});
  EXPECT_THROW(matched(path), core::FormatError);
}

TEST_F(Probabilities, AreRefusedWhereTheyDoNotFit) {
  const auto expect = [&](const std::string& csv, const std::string& part) {
    const std::string message = refusal_of_csv(csv);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  expect("image,cat,dog\ncat/1.jpg,.9,.1\ncat/2.jpg,.9,.1\n",
         "1 of the 3 images have no row of probabilities: 'dog/1.jpg'");
  expect("image,cat,dog\ncat/1.jpg,.9,.1\ncat/1.jpg,.9,.1\n", "two rows have the same name: 'cat/1.jpg'");
  expect("cat,cow\n.9,.1\n.75,.25\n.5,.5\n", "no column of probabilities for 1 of the 2 classes: 'dog'");
  expect("cat,dog,cow\n.9,.1,0\n.75,.25,0\n.5,.5,0\n", "1 of the columns are no classes of the data: 'cow'");
  expect("cat,dog\n.9,.1\n.75,.35\n.5,.5\n", "do not sum to 1, first those of 'data/cat/2.jpg', whose sum is 1.1");
  expect("cat,dog\n.9,.1\nnan,.25\n.5,.5\n", "non-finite or outside 0 … 1, first those of 'data/cat/2.jpg'");
  expect("cat,dog\n2.5,-1.5\n.75,.25\n.5,.5\n", "1 of 3 images are non-finite or outside 0 … 1");
  expect("cat,dog\n.9,.1\n.75,much\n.5,.5\n", "line 3, column 'dog': expected a probability, got 'much'");
  expect(".9,.1\n.75,.25\n.5,.5\n", "the first line holds numbers; it must name the columns");
}

TEST_F(Probabilities, OfOtherImagesAreWarnedOf) {
  const auto found = of_csv("image,cat,dog\na.jpg,1,0\ncat/1.jpg,.9,.1\ncat/2.jpg,.75,.25\ndog/1.jpg,.5,.5\n");
  EXPECT_EQ(found.warning, "1 of the 4 rows of " + (folder_ / "p.csv").string() + " are of no image in the data");
}

}  // namespace
}  // namespace margay::run
