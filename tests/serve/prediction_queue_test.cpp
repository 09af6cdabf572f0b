#include "margay/serve/prediction_queue.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <future>
#include <stop_token>
#include <thread>

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "margay/core/error.h"
#include "tests/support/golden.h"
#include "tests/support/served_models.h"
#include "tests/support/test_scale.h"
#include "tests/support/thrown_message.h"

namespace margay::serve {
namespace {

using namespace std::chrono_literals;
using testing_support::logits_of_uploads;
using testing_support::seeded_model;
using testing_support::striped_uploads;

/// A reply that comes later.
class Awaited {
 public:
  std::function<void(PredictionReply&&)> taker() {
    return [promise = promise_](PredictionReply&& reply) { promise->set_value(std::move(reply)); };
  }
  PredictionReply get() { return promise_->get_future().get(); }

 private:
  std::shared_ptr<std::promise<PredictionReply>> promise_ = std::make_shared<std::promise<PredictionReply>>();
};

/// Keeps the thread that computes from going on, by a reply that is not taken before release().
class HeldQueue {
 public:
  explicit HeldQueue(PredictionQueue& queue) {
    PredictionRequest first{.images = striped_uploads(1)};
    const auto held = std::make_shared<std::promise<void>>();  // the thread may go on after this object
    first.done = [held, released = released_.get_future().share()](PredictionReply&&) {
      held->set_value();
      released.wait();
    };
    EXPECT_FALSE(queue.submit(std::move(first)));
    held->get_future().wait();
  }
  ~HeldQueue() { release(); }
  void release() {
    if (!std::exchange(is_released_, true)) released_.set_value();
  }

 private:
  std::promise<void> released_;
  bool is_released_ = false;
};

void expect_row(const PredictedImage& image, const torch::Tensor& logits, std::int64_t row) {
  ASSERT_EQ(image.outcome, Outcome::kPredicted) << image.problem;
  EXPECT_TRUE(torch::tensor(image.logits).equal(logits[row])) << image.name;
}

TEST(PredictionQueue, PredictsTheBitsOfThePredictorTogetherAndAlone) {
  const auto model = seeded_model(1);
  const std::vector<ImageInput> uploads = striped_uploads(11);
  const torch::Tensor logits = logits_of_uploads(model->predictor(), uploads);
  PredictionQueue queue(model, {.max_batch = 4});
  const PredictionReply together = queue.predict({.images = uploads});
  ASSERT_EQ(together.images.size(), 11U);
  for (std::size_t i = 0; i < uploads.size(); ++i) {
    expect_row(together.images[i], logits, static_cast<std::int64_t>(i));
    expect_row(queue.predict({.images = {uploads[i]}}).images[0], logits, static_cast<std::int64_t>(i));
    EXPECT_EQ(together.images[i].name, uploads[i].name);
  }
  EXPECT_EQ(queue.state().predicted, 22);
  EXPECT_EQ(queue.state().images, 0);
  EXPECT_EQ(queue.state().bytes, 0);
}

/// Sets LibTorch's threads until it ends.
class ThreadsOfTorch {
 public:
  explicit ThreadsOfTorch(int threads) : before_(at::get_num_threads()) { at::set_num_threads(threads); }
  ThreadsOfTorch(const ThreadsOfTorch&) = delete;
  ThreadsOfTorch& operator=(const ThreadsOfTorch&) = delete;
  ~ThreadsOfTorch() { at::set_num_threads(before_); }

 private:
  int before_;
};

TEST(PredictionQueue, AnswersAnImageAsSoonAsItIsDone) {
  const ThreadsOfTorch two(2);
  const auto model = seeded_model(1);
  const std::vector<ImageInput> uploads = striped_uploads(5);
  const torch::Tensor logits = logits_of_uploads(model->predictor(), uploads);
  std::vector<Awaited> others(4);
  std::atomic<int> others_left = 3;  // the last lone image, whichever it is, is computed by both threads
  std::promise<void> others_are_done;
  std::promise<bool> first;
  PredictionQueue queue(model);  // last: its threads end before what they use
  {
    HeldQueue held(queue);
    EXPECT_FALSE(queue.submit({.images = {uploads[0]}, .done = [&](PredictionReply&&) {
                                 const auto done = others_are_done.get_future().wait_for(30s);
                                 first.set_value(done == std::future_status::ready);
                               }}));
    for (std::size_t i = 0; i < others.size(); ++i) {
      EXPECT_FALSE(queue.submit({.images = {uploads[i + 1]}, .done = [&, take = others[i].taker()](auto&& reply) {
                                   take(std::move(reply));
                                   if (--others_left == 0) others_are_done.set_value();
                                 }}));
    }
  }
  EXPECT_TRUE(first.get_future().get()) << "the images that came with it were held up by one that is being answered";
  for (std::size_t i = 0; i < others.size(); ++i)
    expect_row(others[i].get().images[0], logits, static_cast<std::int64_t>(i) + 1);
}

TEST(PredictionQueue, ComputesNoMoreAtOnceThanItMay) {
  const ThreadsOfTorch four(4);
  PredictionQueue queue(seeded_model(1), {.max_batch = 2});
  int most = 0;
  for (const PredictedImage& image : queue.predict({.images = striped_uploads(40)}).images)
    most = std::max(most, image.times.batch_size);
  EXPECT_GE(most, 1);
  EXPECT_LE(most, 2);
}

TEST(PredictionQueue, SaysWhatItSawAndHowLongItTook) {
  PredictionQueue queue(seeded_model(1));
  const PredictedImage image = queue.predict({.images = striped_uploads(1)}).images[0];
  EXPECT_NEAR(image.input_mean[0], (40 + 210) / 2.0 / 255, 0.1);  // stripes of both
  EXPECT_GT(image.input_mean[2], image.input_mean[0]) << "of the dark stripes, blue is the brightest";
  EXPECT_EQ(image.confidence, *std::max_element(image.probabilities.begin(), image.probabilities.end()));
  EXPECT_GT(image.times.decoded_ms, 0);
  EXPECT_GT(image.times.computed_ms, 0);
  EXPECT_EQ(image.times.batch_size, 1);
  EXPECT_FALSE(image.p_known);
}

TEST(PredictionQueue, TellsABrokenImageAndPredictsTheOthers) {
  const auto model = seeded_model(1);
  std::vector<ImageInput> uploads = striped_uploads(3);
  const torch::Tensor logits = logits_of_uploads(model->predictor(), uploads);
  uploads.push_back({.name = "broken.jpg", .content = std::make_shared<const std::vector<std::uint8_t>>(9, 'x')});
  uploads.push_back({.name = "empty", .content = std::make_shared<const std::vector<std::uint8_t>>()});
  PredictionQueue queue(model);
  const PredictionReply reply = queue.predict({.images = uploads});
  for (std::int64_t i = 0; i < 3; ++i) expect_row(reply.images[static_cast<std::size_t>(i)], logits, i);
  for (const std::size_t i : {3U, 4U}) {
    EXPECT_EQ(reply.images[i].outcome, Outcome::kUnreadable);
    EXPECT_EQ(reply.images[i].problem.find(uploads[i].name + ": "), 0U) << reply.images[i].problem;
    EXPECT_TRUE(reply.images[i].logits.empty());
  }
  EXPECT_EQ(queue.state().unreadable, 2);
}

TEST(PredictionQueue, TakesTensorsAsTheNetworkDoes) {
  const auto model = seeded_model(1);
  const std::vector<ImageInput> uploads = striped_uploads(1);
  std::vector<float> pixels(16 * 16 * 3);
  model->predictor().pipeline().run({uploads[0].name, std::get<ImageBytes>(uploads[0].content)}, data::Phase::kValid,
                                    core::Random{0}, pixels.data());
  ImageTensor planes(pixels.size());
  for (std::size_t i = 0; i < pixels.size(); ++i) planes[i % 3 * 256 + i / 3] = pixels[i];
  PredictionQueue queue(model);
  const PredictionReply reply = queue.predict({.images = {{.name = "tensor", .content = planes}}});
  expect_row(reply.images[0], logits_of_uploads(model->predictor(), uploads), 0);
  planes.pop_back();
  const std::string problem = testing_support::thrown_message<std::invalid_argument>(
      [&] { queue.predict({.images = {{.name = "tensor", .content = planes}}}); });
  EXPECT_NE(problem.find("tensor: a tensor for this model is [3,16,16], 768 numbers; got 767"), std::string::npos)
      << problem;
}

TEST(PredictionQueue, RefusesAtOnceWhatIsBeyondItsBounds) {
  PredictionQueue queue(seeded_model(1), {.max_queue = 3, .max_queue_mb = 1});
  const auto refusal = [&](std::vector<ImageInput> images) {
    return queue.submit({.images = std::move(images), .done = [](PredictionReply&&) {}});
  };
  std::vector<std::optional<Refusal>> refusals;
  {
    HeldQueue held(queue);
    EXPECT_FALSE(refusal(striped_uploads(2)));
    EXPECT_FALSE(refusal(striped_uploads(1)));
    refusals.push_back(refusal(striped_uploads(1)));
    refusals.push_back(refusal(striped_uploads(4)));
    const ImageInput large{.name = "2 MB", .content = std::make_shared<const std::vector<std::uint8_t>>(2 << 20)};
    refusals.push_back(refusal({large}));
  }
  ASSERT_TRUE(refusals[0] && refusals[1] && refusals[2]);
  EXPECT_EQ(refusals[0]->reason, Refusal::Reason::kFull);
  EXPECT_GE(refusals[0]->retry_after_s, 1);
  EXPECT_EQ(refusals[1]->reason, Refusal::Reason::kTooLarge);
  EXPECT_EQ(refusals[2]->reason, Refusal::Reason::kTooLarge);
  EXPECT_EQ(queue.state().refused, 6);
  EXPECT_TRUE(queue.drain());
  EXPECT_EQ(queue.state().predicted, 4);
}

TEST(PredictionQueue, DropsWhatExpiredOrWasCancelledBeforeItCosts) {
  PredictionQueue queue(seeded_model(1));
  const PredictedImage expired =
      queue.predict({.images = striped_uploads(1), .deadline = SteadyClock::now() - 1ms}).images[0];
  EXPECT_EQ(expired.outcome, Outcome::kExpired);
  EXPECT_EQ(expired.times.decoded_ms, 0);
  EXPECT_EQ(expired.problem.find("upload 0.png: its deadline passed"), 0U) << expired.problem;
  std::stop_source source;
  source.request_stop();
  const PredictedImage cancelled =
      queue.predict({.images = striped_uploads(1), .cancelled = source.get_token()}).images[0];
  EXPECT_EQ(cancelled.outcome, Outcome::kCancelled);
  EXPECT_EQ(queue.state().batches, 0);
  EXPECT_EQ(queue.state().expired, 2);
}

TEST(PredictionQueue, MakesRoomOfWhatNobodyWaitsFor) {
  PredictionQueue queue(seeded_model(1), {.max_queue = 40});
  std::stop_source source;
  Awaited waiting;
  Awaited next;
  {
    HeldQueue held(queue);
    EXPECT_FALSE(
        queue.submit({.images = striped_uploads(40), .cancelled = source.get_token(), .done = waiting.taker()}));
    EXPECT_TRUE(queue.submit({.images = striped_uploads(5), .done = next.taker()}));
    source.request_stop();
    EXPECT_FALSE(queue.submit({.images = striped_uploads(5), .done = next.taker()}));
  }
  for (const PredictedImage& image : waiting.get().images) EXPECT_EQ(image.outcome, Outcome::kCancelled);
  for (const PredictedImage& image : next.get().images) EXPECT_EQ(image.outcome, Outcome::kPredicted);
}

TEST(PredictionQueue, DecodesWhatWaitedBehindImagesThatNobodyWantsAnyMore) {
  const ThreadsOfTorch two(2);
  constexpr int kDecodedAhead = 6;
  const std::vector<ImageInput> unwanted = striped_uploads(kDecodedAhead);
  std::stop_source source;
  Awaited cancelled;
  std::promise<PredictionReply> waiting;
  PredictionQueue queue(seeded_model(1), {.max_queue = kDecodedAhead + 3});  // last: as above
  {
    HeldQueue held(queue);
    EXPECT_FALSE(queue.submit({.images = unwanted, .cancelled = source.get_token(), .done = cancelled.taker()}));
    EXPECT_FALSE(queue.submit(
        {.images = striped_uploads(3), .done = [&](PredictionReply&& reply) { waiting.set_value(std::move(reply)); }}));
    for (const ImageInput& image : unwanted) {  // the bytes of a decoded image are dropped
      while (std::get<ImageBytes>(image.content).use_count() > 1) std::this_thread::sleep_for(1ms);
    }
    source.request_stop();
    const auto refusal = queue.submit({.images = striped_uploads(kDecodedAhead + 1), .done = [](PredictionReply&&) {}});
    ASSERT_TRUE(refusal) << "there is no room beside the three that wait";
  }
  EXPECT_EQ(waiting.get_future().wait_for(30s), std::future_status::ready) << "nobody woke the threads that decode";
  for (const PredictedImage& image : cancelled.get().images) EXPECT_EQ(image.outcome, Outcome::kCancelled);
}

TEST(PredictionQueue, RefusesAtOnceWhatWouldBeLate) {
  PredictionQueue queue(seeded_model(1));
  queue.predict({.images = striped_uploads(1)});  // by which it knows how long an image takes
  const double image_ms = queue.state().image_ms;
  EXPECT_GT(image_ms, 0);
  Awaited waiting;
  std::optional<Refusal> refusal;
  {
    HeldQueue held(queue);
    EXPECT_FALSE(queue.submit({.images = striped_uploads(60), .done = waiting.taker()}));
    refusal = queue.submit(
        {.images = striped_uploads(1), .deadline = SteadyClock::now() + 1us, .done = [](PredictionReply&&) {}});
  }
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::Reason::kFull);
  EXPECT_NE(refusal->text.find("it would be late: 60 images wait"), std::string::npos) << refusal->text;
  EXPECT_EQ(waiting.get().images.back().outcome, Outcome::kPredicted);
}

TEST(PredictionQueue, DrainsWhatItAcceptedAndTakesNothingMore) {
  PredictionQueue queue(seeded_model(1));
  Awaited reply;
  EXPECT_FALSE(queue.submit({.images = striped_uploads(9), .done = reply.taker()}));
  EXPECT_TRUE(queue.drain());
  for (const PredictedImage& image : reply.get().images) EXPECT_EQ(image.outcome, Outcome::kPredicted);
  const auto refusal = queue.submit({.images = striped_uploads(1), .done = [](PredictionReply&&) {}});
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::Reason::kStopping);
}

TEST(PredictionQueue, AnswersWhatItCannotFinishInTime) {
  Awaited reply;
  {
    PredictionQueue queue(seeded_model(1));
    HeldQueue held(queue);
    EXPECT_FALSE(queue.submit({.images = striped_uploads(9), .done = reply.taker()}));
    EXPECT_FALSE(queue.drain(SteadyClock::now() + 1ms));
  }
  for (const PredictedImage& image : reply.get().images) {
    EXPECT_EQ(image.outcome, Outcome::kStopped);
    EXPECT_EQ(image.problem.find(image.name + ": the queue was stopped"), 0U) << image.problem;
  }
}

TEST(PredictionQueue, RefusesWithoutAModelAndForNobody) {
  PredictionQueue queue(nullptr);
  const auto refusal = queue.submit({.images = striped_uploads(1), .done = [](PredictionReply&&) {}});
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Refusal::Reason::kNotLoaded);
  EXPECT_THROW(queue.submit({.images = striped_uploads(1)}), std::invalid_argument);
  EXPECT_THROW(queue.submit({.done = [](PredictionReply&&) {}}), std::invalid_argument);
  EXPECT_THROW(PredictionQueue(nullptr, {.max_batch = 0}), std::invalid_argument);
}

TEST(PredictionQueue, AnswersARequestByTheModelThatItCameFor) {
  const std::array models{seeded_model(1), seeded_model(2)};
  const std::vector<ImageInput> uploads = striped_uploads(8);
  const std::array logits{logits_of_uploads(models[0]->predictor(), uploads),
                          logits_of_uploads(models[1]->predictor(), uploads)};
  ASSERT_FALSE(logits[0].allclose(logits[1]));
  PredictionQueue queue(models[0]);
  std::vector<Awaited> replies(10);
  for (std::size_t i = 0; i < replies.size(); ++i) {
    EXPECT_FALSE(queue.submit({.images = uploads, .done = replies[i].taker()}));
    queue.set_model(models[(i + 1) % 2]);
  }
  for (std::size_t i = 0; i < replies.size(); ++i) {
    const PredictionReply reply = replies[i].get();
    EXPECT_EQ(reply.model, models[i % 2]);
    for (std::size_t row = 0; row < 8; ++row)
      expect_row(reply.images[row], logits[i % 2], static_cast<std::int64_t>(row));
  }
}

/// A field of /proc/self/status, such as "VmRSS" in kB.
std::int64_t process_status(const std::string& name) {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word == name + ":") break;
  }
  std::int64_t value = 0;
  status >> value;
  return value;
}

TEST(PredictionQueue, NeitherThreadsNorMemoryGrowWithTheRequests) {
  PredictionQueue queue(seeded_model(1));
  const std::vector<ImageInput> uploads = striped_uploads(4);
  const auto predict = [&](int requests) {
    for (int i = 0; i < requests; ++i) {
      EXPECT_EQ(queue.predict({.images = uploads}).images[3].outcome, Outcome::kPredicted);
    }
  };
  predict(testing_support::scaled(20, 2000));
  const std::int64_t threads = process_status("Threads");
  [[maybe_unused]] const std::int64_t memory_kb = process_status("VmRSS");
  predict(testing_support::scaled(50, 10000));
  EXPECT_EQ(process_status("Threads"), threads);
#ifndef __SANITIZE_ADDRESS__  // which keeps freed memory for a while
  EXPECT_LT(process_status("VmRSS"), memory_kb + memory_kb / 50 + 1024);
#endif
}

TEST(PredictionQueue, SurvivesEveryOddImageAndNamesThoseItCannotRead) {
  const auto folder = testing_support::shared_path("data/odd");
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no data/odd";
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  const auto step = static_cast<std::size_t>(testing_support::scaled(11, 1));
  const auto model = seeded_model(1);
  PredictionQueue queue(model);
  std::int64_t unreadable = 0;
  for (std::size_t i = 0; i < files.size(); i += step) {
    const std::string name = files[i].filename().string();
    const ImageBytes bytes = testing_support::bytes_of_file(files[i]);
    const PredictedImage image = queue.predict({.images = {{.name = name, .content = bytes}}}).images[0];
    if (image.outcome == Outcome::kUnreadable) {
      ++unreadable;
      EXPECT_EQ(image.problem.find(name + ": "), 0U) << image.problem;
      EXPECT_THROW(model->predictor().predict({data::ImageSource(name, bytes)}), core::DataError) << name;
    } else {
      expect_row(image, model->predictor().predict({data::ImageSource(name, bytes)}).logits, 0);
    }
  }
  EXPECT_GT(unreadable, 0);
}

}  // namespace
}  // namespace margay::serve
