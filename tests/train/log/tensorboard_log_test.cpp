#include <array>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <stdexcept>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "margay/train/learner.h"
#include "margay/train/log/tensorboard_log.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thrown_message.h"
#include "tests/train/log/log_test_learner.h"

namespace margay::train {
namespace {

TEST(Crc32c, GivesThePublishedValues) {  // RFC 3720, appendix B.4, and the check value of the catalogues
  EXPECT_EQ(crc32c(""), 0U);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
  std::string ascending;
  for (int i = 0; i < 32; ++i) ascending.push_back(static_cast<char>(i));
  EXPECT_EQ(crc32c(ascending), 0x46DD794EU);
}

using Json = nlohmann::json;
using testing_support::file_content;
using testing_support::LogImages;
using testing_support::TemporaryFolder;

bool has_program(const std::string& name) {
  const std::string command = "command -v " + name + " >/dev/null 2>&1";
  return std::system(command.c_str()) == 0;
}

std::string output_of(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  std::string output;
  std::array<char, 4096> part{};
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), pipe)) output.append(part.data(), size);
  const int status = ::pclose(pipe);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << command << "\n" << output;
  return output;
}

/// What an independent reader says of a folder's files.
Json read_events(const std::filesystem::path& folder) {
  return Json::parse(
      output_of(fmt::format("python3 '{}/tests/train/log/read_events' '{}'", MARGAY_SOURCE_DIR, folder.string())));
}

std::vector<std::int64_t> steps_of(const Json& points) {
  std::vector<std::int64_t> steps;
  for (const Json& point : points) steps.push_back(point[0].get<std::int64_t>());
  return steps;
}

/// Tests whose judge is a program of others.
class EventsReadByOthers : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_program("python3")) GTEST_SKIP() << "no python3";
  }
  std::filesystem::path folder() const { return images_.path() / "tensorboard"; }

  LogImages images_;
};

TEST_F(EventsReadByOthers, HaveAllCurvesOfATraining) {
  Learner learner = images_.learner();
  learner.add_callback(std::make_shared<TensorBoardLog>(folder(), nullptr));
  learner.fit(1, 1e-3);
  learner.fit(1, constant({1e-4, 1e-3, 1e-2}));
  const Json read = read_events(folder());
  EXPECT_EQ(read["versions"], Json({"brain.Event:2"}));
  const Json& points = read["points"];
  std::set<std::string> tags;
  for (const auto& [tag, of_tag] : points.items()) tags.insert(tag);
  EXPECT_EQ(tags, (std::set<std::string>{"loss/train", "loss/smooth", "loss/valid", "lr/0", "lr/1", "lr/2", "momentum",
                                         "images_per_s", "metric/error_rate"}));
  EXPECT_EQ(steps_of(points["loss/train"]), (std::vector<std::int64_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(steps_of(points["loss/valid"]), (std::vector<std::int64_t>{3, 6}));
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(points["loss/train"][i][1].get<float>(), static_cast<float>(learner.steps()[i].loss));
  }
  EXPECT_EQ(points["loss/valid"][1][1].get<float>(), static_cast<float>(learner.history()[1].valid_loss));
  EXPECT_EQ(points["metric/error_rate"][0][1].get<float>(), static_cast<float>(learner.history()[0].metrics[0]));
  EXPECT_EQ(points["lr/0"][5][1].get<float>(), 1e-4F);
  EXPECT_EQ(points["lr/2"][5][1].get<float>(), 1e-2F);
}

TEST_F(EventsReadByOthers, AreAfterAnInterruptionThoseOfATrainingNeverInterrupted) {
  testing_support::train_with_an_interruption(images_,
                                              [this] { return std::make_shared<TensorBoardLog>(folder(), nullptr); });
  Learner learner = images_.learner();
  learner.add_callback(std::make_shared<TensorBoardLog>(images_.path() / "whole", nullptr));
  learner.fit(1, 1e-3);
  learner.fit(1, 1e-3);
  Json resumed = read_events(folder());
  Json whole = read_events(images_.path() / "whole");
  EXPECT_EQ(resumed["versions"].size(), 2U);
  for (Json* log : {&resumed, &whole}) (*log)["points"].erase("images_per_s");
  EXPECT_EQ(resumed["points"], whole["points"]);
}

TEST_F(EventsReadByOthers, KeepZeroAndExtremeNumbers) {
  EventFile file(folder());
  file.write_scalars(0, std::vector<LoggedScalar>{{"zero", 0}, {"small", 1e-30}, {"negative", -2.5}});
  file.write_scalars(std::int64_t{1} << 40U, std::vector<LoggedScalar>{{"zero", 0}});
  const Json points = read_events(folder())["points"];
  EXPECT_EQ(points["zero"], Json({{0, 0.0}, {std::int64_t{1} << 40U, 0.0}}));
  EXPECT_EQ(points["small"][0][1].get<float>(), 1e-30F);
  EXPECT_EQ(points["negative"][0][1], -2.5);
}

TEST_F(EventsReadByOthers, AreWholeAfterADiskWasFull) {
  EventFile file(folder());
  const std::vector<LoggedScalar> scalars = {{"loss/train", 1}};
  for (const rlim_t limit : {0, 20, 70, 200}) {  // nothing, a part of the head, a part of the point; all
    const testing_support::FileSizeLimit full(limit);
    if (limit < 200) {
      EXPECT_THROW(file.write_scalars(1, scalars), core::IoError);
    } else {
      file.write_scalars(2, scalars);
    }
  }
  EXPECT_EQ(read_events(folder()), Json({{"versions", {"brain.Event:2"}}, {"points", {{"loss/train", {{2, 1.0}}}}}}));
}

TEST_F(EventsReadByOthers, HoldImages) {
  const std::string encoded(300, 'x');
  EventFile(folder()).write_image(7, {.tag = "batch", .width = 20, .height = 10, .encoded = encoded});
  const Json expected = Json::array({7, Json::array({10, 20, 3, encoded})});
  EXPECT_EQ(read_events(folder())["points"]["batch"][0], expected);
}

TEST(EventsReadByProtoc, HaveTheFieldsOfTensorFlowsMessages) {
  if (!has_program("protoc")) GTEST_SKIP() << "no protoc";
  const TemporaryFolder folder;
  EventFile file(folder.path(), 5);
  file.write_scalars(5, std::vector<LoggedScalar>{{"loss/train", 0.5}, {"momentum", 0}});
  file.write_image(6, {.tag = "batch", .width = 20, .height = 10, .encoded = "png"});
  const std::string content = file_content(file.path());
  std::string text;
  constexpr std::size_t kHead = 12;
  for (std::size_t at = 0; at < content.size();) {
    const auto size = static_cast<unsigned char>(content[at]);  // of events this short
    const std::string data = content.substr(at + kHead, size);
    EXPECT_EQ(content.substr(at, kHead + size + 4), tf_record(data));
    testing_support::write(folder / "event", data);
    text += output_of(fmt::format("protoc --decode=Event -I '{0}' '{0}/events.proto' <'{1}' | grep -v wall_time",
                                  MARGAY_SOURCE_DIR "/tests/train/log", (folder / "event").string()));
    at += kHead + size + 4;
  }
  EXPECT_EQ(text, R"(file_version: "brain.Event:2"
step: 5
session_log {
  status: START
}
step: 5
summary {
  value {
    tag: "loss/train"
    simple_value: 0.5
  }
  value {
    tag: "momentum"
    simple_value: 0
  }
}
step: 6
summary {
  value {
    tag: "batch"
    image {
      height: 10
      width: 20
      colorspace: 3
      encoded_image_string: "png"
    }
  }
}
)");
}

TEST(EventFile, HasAHigherNameThanAllBeforeIt) {
  const TemporaryFolder folder;
  testing_support::write(folder / "events.out.tfevents.5000000000.elsewhere", "");
  testing_support::write(folder / "events.out.tfevents.99999999999999.elsewhere", "");
  testing_support::write(folder / "notes.txt", "");
  const std::string first = EventFile(folder.path()).path().filename().string();
  const std::string second = EventFile(folder.path()).path().filename().string();
  EXPECT_EQ(first.find("events.out.tfevents.5000000001."), 0U) << first;
  EXPECT_EQ(second.find("events.out.tfevents.5000000002."), 0U) << second;
}

TEST(TensorBoardLog, LeavesStepsOutWhenAskedAndHasNoPointsForWhatWasNotMeasured) {
  const LogImages images;
  if (!has_program("python3")) GTEST_SKIP() << "no python3";
  std::filesystem::remove_all(images.path() / "valid");
  data::Loaders loaders = data::DataBlock()
                              .items(data::image_files(images.path()))
                              .label(data::folder_labels())
                              .split(data::no_split())
                              .item_transform(data::resize({.size = 16}))
                              .loaders({.batch_size = 4, .num_workers = 1});
  Learner learner = vision_learner(std::move(loaders), "resnet20");
  learner.add_callback(std::make_shared<TensorBoardLog>(images.path() / "log", nullptr, LogOptions{.log_every = 2}));
  learner.fit(1, 1e-3);
  const Json points = read_events(images.path() / "log")["points"];
  EXPECT_EQ(steps_of(points["loss/train"]), (std::vector<std::int64_t>{2}));
  EXPECT_FALSE(points.contains("loss/valid"));
  EXPECT_FALSE(points.contains("metric/error_rate"));
}

TEST(TensorBoardLog, TellsOnceThatItCannotBeWrittenAndLetsTheTrainingGoOn) {
  const LogImages images;
  testing_support::write(images.path() / "taken", "a file where the folder should be");
  Learner learner = images.learner();
  std::vector<std::string> failures;
  const auto log = std::make_shared<TensorBoardLog>(
      images.path() / "taken", [&](const core::IoError& error) { failures.emplace_back(error.what()); });
  learner.add_callback(log);
  learner.fit(2, 1e-3);
  EXPECT_EQ(learner.steps().size(), 6U);
  ASSERT_EQ(failures.size(), 1U);
  EXPECT_NE(failures[0].find("taken"), std::string::npos) << failures[0];
  EXPECT_EQ(log->state().values["step"], 6);
}

TEST(TensorBoardLog, RefusesWhatCannotBe) {
  TensorBoardLog log("never made", nullptr);
  EXPECT_NE(testing_support::thrown_message<core::FormatError>([&] {
              log.load_state({}, "c.safetensors");
            }).find("c.safetensors"),
            std::string::npos);
  EXPECT_THROW(TensorBoardLog("never made", nullptr, {.log_every = 0}), std::invalid_argument);
}

}  // namespace

}  // namespace margay::train
