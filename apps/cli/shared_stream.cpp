#include "apps/cli/shared_stream.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/cli/process.h"
#include "apps/cli/progress_line.h"
#include "margay/core/checksum.h"
#include "margay/core/counted.h"
#include "margay/core/error.h"
#include "margay/core/machine.h"
#include "margay/data/dataset_digest.h"
#include "margay/data/loader/loader_pass.h"
#include "margay/predict/prediction_message.h"

namespace margay::cli {
namespace {

/// Turns of a share: small enough for memory, and large enough that threads that load seldom start anew.
constexpr std::int64_t kImagesAtOnce = 1024;

/// What a process says at the end of a turn begins with one of these.
constexpr char kGoesOn = '+';
constexpr char kWantsStop = '-';

void add_message(std::string& all, std::string_view message) {
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

/// The checksums of the images of a batch, by which models know images that they were trained on.
std::string contents_message(const data::Dataset& images, const std::vector<std::size_t>& ids) {
  std::vector<std::uint64_t> sums;
  for (const std::size_t id : ids) sums.push_back(images.contents().of(id).value_or(0));
  return {reinterpret_cast<const char*>(sums.data()), sums.size() * sizeof(std::uint64_t)};
}

void note_contents(const data::Dataset& images, const std::vector<std::size_t>& ids, std::string_view message) {
  std::vector<std::uint64_t> sums(message.size() / sizeof(std::uint64_t));
  if (!sums.empty()) std::memcpy(sums.data(), message.data(), message.size());
  for (std::size_t i = 0; i < std::min(sums.size(), ids.size()); ++i) {
    if (sums[i] != 0) images.contents().note(ids[i], sums[i]);
  }
}

/// The turns in which processes take batches, one after the other.
class SharedPass {
 public:
  SharedPass(std::int64_t images, std::int64_t batch_size, const collective::Group& group)
      : rank_(group.rank()),
        size_(group.size()),
        images_(images),
        batch_size_(batch_size),
        batches_((images + batch_size - 1) / batch_size),
        at_once_(std::max<std::int64_t>(1, kImagesAtOnce / batch_size)) {}

  bool is_over() const { return first_ >= batches_; }
  void next() { first_ += at_once_ * size_; }
  std::int64_t images_before() const { return std::min(images_, first_ * batch_size_); }

  /// This process's batches of the turn; none where the others have the last ones.
  predict::PassPart part() const {
    const std::int64_t begin = std::min(batches_, first_ + at_once_ * rank_);
    return {.first_batch = begin, .batches = std::min(at_once_, batches_ - begin)};
  }

 private:
  int rank_;
  int size_;
  std::int64_t images_;
  std::int64_t batch_size_;
  std::int64_t batches_;
  std::int64_t at_once_;
  std::int64_t first_ = 0;
};

/// A stream as one of its processes sees it.
class SharedStream {
 public:
  SharedStream(const serve::Predictor& predictor, const data::Dataset& images, const predict::PredictionSink& sink,
               bool is_first)
      : predictor_(predictor), images_(images), sink_(sink), is_first_(is_first) {}

  void begin(const std::string& task) { line_.begin(task); }
  void end() { line_.clear(); }

  /// What this process says of a turn. The progress shown is that of all, who are taken to be as fast.
  std::string compute(const std::shared_ptr<const data::Dataset>& images, const SharedPass& pass, int processes) {
    std::string said(1, kGoesOn);
    struct StopIsWanted {};
    if (pass.part().batches == 0) return said;
    std::int64_t done = 0;
    try {
      predictor_.stream_part(images, pass.part(), [&](const predict::Predictions& batch) {
        add_message(said, predict::prediction_message(batch));
        add_message(said, contents_message(images_, batch.ids));
        done += static_cast<std::int64_t>(batch.ids.size() + batch.skipped.size());
        show(pass.images_before() + done * processes);
        if (is_stop_wanted()) throw StopIsWanted();
      });
    } catch (const StopIsWanted&) {
      return {kWantsStop};
    }
    return said;
  }

  /// What a process has said, to the sink.
  void hand_over(std::string_view said) {
    said.remove_prefix(1);
    while (!said.empty()) {
      predict::Predictions batch =
          predict::read_prediction_message(first_message(said), predict::activation_of(predictor_.task()));
      note_contents(images_, batch.ids, first_message(said));
      predicted_ += batch.ids.size();
      if (first_problem_.empty() && !batch.skipped.empty()) first_problem_ = batch.skipped.front().problem;
      line_.clear();
      sink_(std::move(batch));
    }
  }

  void check_any() const {
    if (predicted_ == 0) throw data::nothing_readable(images_, images_.size(), first_problem_);
  }

 private:
  void show(std::int64_t done) {
    if (!is_first_) return;
    const auto total = static_cast<std::int64_t>(images_.size());
    line_.show(std::min(done, total), total, "");
  }

  const serve::Predictor& predictor_;
  const data::Dataset& images_;
  const predict::PredictionSink& sink_;
  bool is_first_;
  ProgressLine line_;
  std::size_t predicted_ = 0;
  std::string first_problem_;
};

bool wants_stop(const std::string& said) { return said.front() == kWantsStop; }

}  // namespace

void stream_together(const serve::Predictor& predictor, const std::shared_ptr<const data::Dataset>& images,
                     const predict::PredictionSink& sink, const std::string& task, collective::Group& group) {
  if (group.size() == 1) return stream_with_progress(predictor, images, sink, task);
  const bool is_first = group.rank() == 0;
  SharedStream stream(predictor, *images, sink, is_first);
  stream.begin(task);
  std::exception_ptr failure;
  for (SharedPass pass(static_cast<std::int64_t>(images->size()), predictor.batch_size(), group); !pass.is_over();
       pass.next()) {
    const std::vector<std::string> of_ranks = group.gather(stream.compute(images, pass, group.size()));
    if (std::any_of(of_ranks.begin(), of_ranks.end(), wants_stop)) {
      stream.end();
      throw core::Interrupted(
          fmt::format("stopped after {} of {}", pass.images_before(), core::counted(images->size(), "image")));
    }
    try {
      for (std::size_t rank = 0; is_first && rank < of_ranks.size(); ++rank) stream.hand_over(of_ranks[rank]);
    } catch (...) {
      failure = std::current_exception();
    }
    if (collective::any_of(group, failure != nullptr)) break;
  }
  stream.end();
  if (failure) std::rethrow_exception(failure);
  if (is_first) stream.check_any();
}

void check_same_work(collective::Group& group, const SharedWork& work) {
  if (group.size() == 1) return;
  constexpr std::size_t kShort = 12;
  std::vector<collective::SameThing> things = {{"the model", core::sha256_of_file(work.model).substr(0, kShort)},
                                               {"the list of images", data::dataset_digest(work.images, work.folder)}};
  const nlohmann::ordered_json options = core::to_json(work.options);
  for (const auto& [name, value] : options.items()) {
    if (name != "device" && name != "num_workers") things.push_back({fmt::format("`{}`", name), value.dump()});
  }
  collective::check_same(group, things, group.gather(core::host_name()));
}

}  // namespace margay::cli
