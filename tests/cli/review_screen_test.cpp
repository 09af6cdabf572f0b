#include "apps/cli/review_screen.h"

#include <regex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "apps/cli/review_text.h"
#include "margay/core/text.h"
#include "margay/data/source/labels.h"
#include "tests/support/temporary_folder.h"

namespace margay::cli {
namespace {

/// Two images, the second a copy of the first, and one with a wrong label.
class ReviewScreenTest : public testing::Test {
 protected:
  ReviewScreenTest() {
    data_ = {.root = folder_.path(), .classes = {"cat", "dog"}, .labeller = data::folder_labels()};
    for (const char* name : {"cat/a.jpg", "cat/b.jpg", "dog/evil\x1b[2J.jpg"}) {
      testing_support::write(folder_ / name, name);
      data_.images.add_file((folder_ / name).native());
      data_.labels.push_back({std::string(name).substr(0, 3)});
      data_.validates.push_back(data_.labels.size() == 3);
    }
    journal_.emplace(data::Journal::open(folder_ / "journal.jsonl", data::DataMarks::of(data_.images)));
  }

  run::Review review() {
    const auto path = [&](std::size_t i) { return data_.images.names()[i]; };
    const std::vector<data::Finding> findings = {{.kind = data::FindingKind::kWrongLabel,
                                                  .paths = {path(2)},
                                                  .text = "predicted cat",
                                                  .evidence = {{"label_quality", .1}},
                                                  .suggestion = {"cat"}},
                                                 {.kind = data::FindingKind::kDuplicate, .paths = {path(0), path(1)}}};
    return run::Review(data_, findings, *journal_, {.who = "ann"});
  }

  static std::string screen_of(run::Review& review, const CellArea& area, ImageStyle style = ImageStyle::kShades) {
    core::Image grey(30, 40);
    const std::vector<ShownImage> images(review.next()->others.empty() ? 1 : 2, ShownImage{grey, ""});
    return ReviewScreen{.review = review, .entry = *review.next(), .images = images, .style = style}.text(area);
  }

  const testing_support::TemporaryFolder folder_;
  run::ReviewedData data_;
  std::optional<data::Journal> journal_;
};

TEST_F(ReviewScreenTest, SaysWhatIsAskedAndWhatIsLeft) {
  run::Review review = this->review();
  const std::string screen = screen_of(review, {.columns = 120, .rows = 24});
  for (const char* part : {"labels that are probably wrong  [validation image]", "label: dog   suggested: cat",
                           "a accept", "2 left", "about 1 wrong among what was found", "dog/evil\\x1B[2J.jpg"}) {
    EXPECT_NE(screen.find(part), std::string::npos) << part << '\n' << core::spelled_out(screen);
  }
  EXPECT_EQ(screen.find("n not a duplicate"), std::string::npos);
  review.decide({data::DecisionKind::kKeep});
  EXPECT_NE(screen_of(review, {.columns = 120, .rows = 24}).find("n not a duplicate"), std::string::npos);
}

TEST_F(ReviewScreenTest, FitsHoweverSmallTheTerminalIs) {
  run::Review review = this->review();
  for (const CellArea area : {CellArea{.columns = 20, .rows = 24}, CellArea{.columns = 1, .rows = 1},
                              CellArea{.columns = 80, .rows = 3}, CellArea{.columns = 200, .rows = 60}}) {
    std::string screen = screen_of(review, area);
    const std::regex place("\x1b\\[(\\d+);(\\d+)H([^\x1b]*)");
    int places = 0;
    for (std::sregex_iterator at(screen.begin(), screen.end(), place), end; at != end; ++at, ++places) {
      EXPECT_LE(std::stoi((*at)[1]), area.rows);
      EXPECT_LE(std::stoi((*at)[2]) - 1 + static_cast<int>(core::text_width((*at)[3].str())), area.columns);
    }
    EXPECT_GT(places, 0);
  }
}

TEST_F(ReviewScreenTest, AnImageThatCannotBeReadIsSaidInItsPlace) {
  run::Review review = this->review();
  const std::vector<ShownImage> images = {{std::nullopt, "a.jpg: truncated JPEG"}};
  const ReviewScreen screen{.review = review, .entry = *review.next(), .images = images, .style = ImageStyle::kBlocks};
  EXPECT_NE(screen.text({}).find("truncated JPEG"), std::string::npos);
}

TEST_F(ReviewScreenTest, TheQueueIsListedForPeopleAndPrograms) {
  run::Review review = this->review();
  EXPECT_EQ(queue_csv(review),
            "image,kind,label,suggestion,other,probability,gain,part\n"
            "dog/evil\x1b[2J.jpg,wrong_label,dog,cat,,0.9000,0.9000,valid\n"
            "cat/b.jpg,duplicate,cat,,cat/a.jpg,1.0000,0.1000,train\n");
  EXPECT_NE(queue_text(review, 1).find("and 1 more"), std::string::npos);
}

}  // namespace
}  // namespace margay::cli
