#include "apps/cli/shared_stream.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/cli/progress_line.h"
#include "margay/predict/prediction_message.h"

namespace margay::cli {
namespace {

/// Turns of a share: small enough for memory, and large enough that threads that load seldom start anew.
constexpr std::int64_t kImagesAtOnce = 1024;

void add_message(std::string& all, const std::string& message) {
  const std::uint64_t size = message.size();
  all.append(reinterpret_cast<const char*>(&size), sizeof(size));
  all += message;
}

std::string_view first_message(std::string_view& all) {
  std::uint64_t size = 0;
  std::memcpy(&size, all.data(), sizeof(size));
  const std::string_view message = all.substr(sizeof(size), size);
  all.remove_prefix(sizeof(size) + message.size());
  return message;
}

/// The turns in which processes take batches, one after the other.
class SharedPass {
 public:
  SharedPass(std::int64_t images, std::int64_t batch_size, collective::Group& group)
      : group_(group),
        batches_((images + batch_size - 1) / batch_size),
        at_once_(std::max<std::int64_t>(1, kImagesAtOnce / batch_size)) {}

  bool is_over() const { return first_ >= batches_; }
  void next() { first_ += at_once_ * group_.size(); }

  /// What this process computes in this turn.
  std::string compute(const serve::Predictor& predictor, const std::shared_ptr<const data::Dataset>& images) const {
    std::string messages;
    const std::int64_t begin = first_ + at_once_ * group_.rank();
    if (begin >= batches_) return messages;
    predictor.stream_part(
        images, {.first_batch = begin, .batches = std::min(at_once_, batches_ - begin)},
        [&](const predict::Predictions& batch) { add_message(messages, predict::prediction_message(batch)); });
    return messages;
  }

 private:
  collective::Group& group_;
  std::int64_t batches_;
  std::int64_t at_once_;
  std::int64_t first_ = 0;
};

}  // namespace

void stream_together(const serve::Predictor& predictor, const serve::PredictorOptions& options,
                     const std::shared_ptr<const data::Dataset>& images, const predict::PredictionSink& sink,
                     const std::string& task, collective::Group& group) {
  if (group.size() == 1) return stream_with_progress(predictor, images, sink, task);
  const bool is_first = group.rank() == 0;
  ProgressLine line;
  line.begin(task);
  std::int64_t seen = 0;
  std::exception_ptr failure;
  const auto hand_over = [&](std::string_view messages) {
    while (!messages.empty()) {
      predict::Predictions batch =
          predict::read_prediction_message(first_message(messages), predict::activation_of(predictor.task()));
      seen += static_cast<std::int64_t>(batch.ids.size() + batch.skipped.size());
      line.clear();
      sink(std::move(batch));
      line.show(seen, static_cast<std::int64_t>(images->size()), "");
    }
  };
  for (SharedPass pass(static_cast<std::int64_t>(images->size()), options.batch_size, group); !pass.is_over();
       pass.next()) {
    const std::vector<std::string> of_ranks = group.gather(pass.compute(predictor, images));
    try {
      for (std::size_t rank = 0; is_first && rank < of_ranks.size(); ++rank) hand_over(of_ranks[rank]);
    } catch (...) {
      failure = std::current_exception();
    }
    if (collective::any_of(group, failure != nullptr)) break;
  }
  line.clear();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace margay::cli
