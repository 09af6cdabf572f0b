#include <atomic>
#include <exception>
#include <mutex>
#include <stop_token>

#include "margay/core/threads.h"
#include "margay/data/check/image_facts.h"

namespace margay::data {
namespace {

/// Threads claim images one by one; each writes only what it claimed.
class Reading {
 public:
  Reading(const PathList& paths, const CheckOptions& options)
      : paths_(paths), options_(options), facts_(paths.size()) {}

  std::vector<ImageFacts> run(const CheckProgress& on_progress) {
    const int threads = options_.threads.value_or(core::available_cpus());
    {
      const auto helpers = core::start_threads(threads - 1, [this](const std::stop_token&) { work({}); });
      work(on_progress);
    }
    if (failure_) std::rethrow_exception(failure_);
    if (on_progress) on_progress(done_, paths_.size());
    return std::move(facts_);
  }

 private:
  void work(const CheckProgress& on_progress) {
    try {
      for (std::size_t i = next_++; i < paths_.size(); i = next_++) {
        facts_[i] = facts_of(paths_[i], options_);
        ++done_;
        if (on_progress) on_progress(done_, paths_.size());
      }
    } catch (...) {
      next_ = paths_.size();  // the others stop too
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
  }

  const PathList& paths_;
  const CheckOptions& options_;
  std::vector<ImageFacts> facts_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::size_t> done_ = 0;
  std::mutex mutex_;
  std::exception_ptr failure_;
};

}  // namespace

std::vector<ImageFacts> facts_of_all(const PathList& paths, const CheckOptions& options,
                                     const CheckProgress& on_progress) {
  return Reading(paths, options).run(on_progress);
}

}  // namespace margay::data
