#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "apps/studio/evaluations.h"
#include "margay/core/error.h"
#include "margay/http/target.h"

namespace margay::studio {
namespace {

using namespace std::chrono_literals;
using State = EvaluationState;

/// Evaluations whose work is to count to a hundred for as long as somebody waits, unless they may end.
class CountingEvaluations {
 public:
  explicit CountingEvaluations(Evaluations::Options options = {}) {
    options.tell_every = 0ms;
    evaluations_ = std::make_unique<Evaluations>(
        [this](const EvaluationQuestion& question, const Evaluations::OnProgress& progress) {
          return count(question, progress);
        },
        [this](const EvaluationStatus& status) {
          const std::lock_guard lock(mutex_);
          told_.push_back(status);
        },
        options);
  }

  EvaluationStatus ask(const std::string& model, const std::string& watcher = "page", bool again = false) {
    return evaluations_->ask({.model = model, .folder = ""}, watcher, again);
  }
  EvaluationStatus waited(const std::string& id, State state, const std::string& watcher = "page") {
    for (int i = 0; i < 2000; ++i) {
      const EvaluationStatus status = watcher.empty() ? last_told(id) : evaluations_->status(id, watcher);
      if (status.state == state) return status;
      std::this_thread::sleep_for(1ms);
    }
    ADD_FAILURE() << "it did not become " << core::to_text(state);
    return {};
  }
  EvaluationStatus last_told(const std::string& id) {
    const std::lock_guard lock(mutex_);
    EvaluationStatus last;
    for (const EvaluationStatus& each : told_) {
      if (each.id == id) last = each;
    }
    return last;
  }
  Evaluations& operator*() { return *evaluations_; }

  std::atomic<bool> may_end = true;
  std::atomic<int> begun = 0;

 private:
  JudgedModelOfPage count(const EvaluationQuestion& question, const Evaluations::OnProgress& progress) {
    ++begun;
    if (question.model == "broken") throw core::DataError("model.margay", "this is no model");
    for (int i = 0; i < 100; ++i) {
      progress(i, 100);
      if (!may_end) i = 0, std::this_thread::sleep_for(1ms);
    }
    JudgedModelOfPage judged;
    judged.title = question.model;
    return judged;
  }

  std::mutex mutex_;
  std::vector<EvaluationStatus> told_;
  std::unique_ptr<Evaluations> evaluations_;
};

TEST(Evaluations, AreComputedOnceForAllThatAsk) {
  CountingEvaluations evaluations;
  const std::string id = evaluations.ask("pets").id;
  EXPECT_EQ(evaluations.ask("pets", "another page").id, id);
  evaluations.waited(id, State::kDone);
  EXPECT_EQ((*evaluations).result(id)->title, "pets");
  EXPECT_EQ(evaluations.ask("pets").state, State::kDone);
  EXPECT_EQ(evaluations.begun, 1);
  EXPECT_NE(evaluations.ask("pets", "page", true).id, id);
}

TEST(Evaluations, EndWhenTheLastPageLeaves) {
  CountingEvaluations evaluations;
  evaluations.may_end = false;
  const std::string id = evaluations.ask("pets", "one").id;
  evaluations.ask("pets", "two");
  evaluations.waited(id, State::kWorking, "one");
  (*evaluations).leave(id, "one");
  std::this_thread::sleep_for(5ms);
  EXPECT_EQ(evaluations.waited(id, State::kWorking, "two").state, State::kWorking);
  (*evaluations).leave(id, "two");
  evaluations.waited(id, State::kLeft, "");
  EXPECT_THROW((*evaluations).result(id), http::RequestError);
  evaluations.may_end = true;
  evaluations.waited(evaluations.ask("pets").id, State::kDone);  // asked again, it begins again
  EXPECT_EQ(evaluations.begun, 2);
}

TEST(Evaluations, EndWhenAPageIsGoneWithoutAWord) {
  CountingEvaluations evaluations({.silence = 30ms});
  evaluations.may_end = false;
  const std::string id = evaluations.ask("pets").id;
  evaluations.waited(id, State::kLeft, "");
}

TEST(Evaluations, TellWhatWentWrongAndTryAgain) {
  CountingEvaluations evaluations;
  const std::string id = evaluations.ask("broken").id;
  EXPECT_EQ(evaluations.waited(id, State::kFailed).problem, "model.margay: this is no model");
  EXPECT_NE(evaluations.ask("broken").id, id);
}

TEST(Evaluations, ForgetThoseUsedLongestAgo) {
  CountingEvaluations evaluations({.kept = 2});
  const std::string first = evaluations.ask("a").id;
  evaluations.waited(first, State::kDone);
  evaluations.waited(evaluations.ask("b").id, State::kDone);
  evaluations.waited(evaluations.ask("c").id, State::kDone);
  try {
    (*evaluations).status(first, "page");
    FAIL() << "it is still kept";
  } catch (const http::RequestError& error) {
    EXPECT_EQ(error.status(), 404);
  }
}

TEST(Evaluations, EndWithTheStudioInTheMiddleOfTheWork) {
  CountingEvaluations evaluations;
  evaluations.may_end = false;
  evaluations.waited(evaluations.ask("pets").id, State::kWorking);
}

}  // namespace
}  // namespace margay::studio
