#include "margay/train/micro_batch/gradient_reduction.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include <torch/types.h>
#include <torch/utils.h>

#include "margay/core/threads.h"
#include "margay/model/cpu_threads.h"

namespace margay::train {
namespace {

/// All elements, in the order of memory.
at::Tensor flat_view(const at::Tensor& dense) { return dense.as_strided({dense.numel()}, {1}); }

/// The elements that a process adds up.
struct ElementShare {
  std::int64_t begin = 0;
  std::int64_t length = 0;
};

/// Shares of one length, but for the last ones, which may be shorter or empty.
std::vector<ElementShare> element_shares(std::int64_t elements, int world) {
  const std::int64_t each = (elements + world - 1) / world;
  std::vector<ElementShare> shares;
  for (std::int64_t rank = 0; rank < world; ++rank) {
    const std::int64_t begin = std::min(elements, rank * each);
    shares.push_back({begin, std::min(elements, begin + each) - begin});
  }
  return shares;
}

class ExactReduction : public TensorReduction {
 public:
  ExactReduction(std::shared_ptr<collective::Group> group, const SumTree& tree)
      : group_(std::move(group)), tree_(tree) {
    for (const MicroRange& range : micro_ranges(tree.micro_batches(), group_->size())) {
      nodes_.push_back(tree.nodes_within(range));
    }
  }

  void reduce(const std::vector<at::Tensor>& parts) override {
    const std::vector<ElementShare> shares = element_shares(parts.front().numel(), group_->size());
    const at::Tensor sum = sum_of_share(exchanged(parts, shares), shares[own_rank()].length);
    gather(sum, shares.front().length, flat_view(parts.front()));
  }

 private:
  std::size_t own_rank() const { return static_cast<std::size_t>(group_->rank()); }

  /// What every process has of this one's share: of each of its nodes in turn, rank by rank.
  at::Tensor exchanged(const std::vector<at::Tensor>& parts, const std::vector<ElementShare>& shares) {
    collective::Shares counts;
    const std::int64_t own_length = shares[own_rank()].length;
    for (std::size_t rank = 0; rank < shares.size(); ++rank) {
      counts.sent.push_back(shares[rank].length * static_cast<std::int64_t>(parts.size()));
      counts.received.push_back(own_length * static_cast<std::int64_t>(nodes_[rank].size()));
    }
    std::int64_t length = 0;
    for (const std::int64_t count : counts.received) length += count;
    at::Tensor received = torch::empty({length}, parts.front().options());
    group_->start_exchange(to_send(parts, shares), received, counts)->wait();
    return received;
  }

  /// Share by share, of each node in turn.
  static at::Tensor to_send(const std::vector<at::Tensor>& parts, const std::vector<ElementShare>& shares) {
    if (parts.size() == 1) return flat_view(parts.front());
    std::vector<at::Tensor> pieces;
    for (const ElementShare& share : shares) {
      for (const at::Tensor& part : parts) pieces.push_back(flat_view(part).narrow(0, share.begin, share.length));
    }
    return torch::cat(pieces);
  }

  at::Tensor sum_of_share(const at::Tensor& received, std::int64_t length) const {
    std::map<MicroRange, at::Tensor> pieces;
    std::int64_t begin = 0;
    for (const std::vector<MicroRange>& nodes : nodes_) {
      for (const MicroRange& node : nodes) {
        pieces[node] = received.narrow(0, begin, length);
        begin += length;
      }
    }
    return sum_of(tree_.root(), pieces);
  }

  static at::Tensor sum_of(MicroRange node, const std::map<MicroRange, at::Tensor>& pieces) {
    if (const auto found = pieces.find(node); found != pieces.end()) return found->second;
    const std::int64_t second = SumTree::second_child(node);
    at::Tensor sum = sum_of({node.begin, second}, pieces);
    return sum.add_(sum_of({second, node.end}, pieces));
  }

  /// each: of the first shares; padded where this process's is shorter.
  void gather(at::Tensor sum, std::int64_t each, const at::Tensor& result) {
    const bool fits = each * group_->size() == result.numel();
    if (sum.numel() < each) sum = torch::cat({sum, torch::zeros({each - sum.numel()}, sum.options())});
    const at::Tensor all = fits ? result : torch::empty({each * group_->size()}, result.options());
    group_->start_all_gather(sum, all)->wait();
    if (!fits) result.copy_(all.narrow(0, 0, result.numel()));
  }

  std::shared_ptr<collective::Group> group_;
  SumTree tree_;
  std::vector<std::vector<MicroRange>> nodes_;  ///< by rank
};

class RingReduction : public TensorReduction {
 public:
  explicit RingReduction(std::shared_ptr<collective::Group> group) : group_(std::move(group)) {}

  void reduce(const std::vector<at::Tensor>& parts) override {
    const at::Tensor sum = flat_view(parts.front());
    for (std::size_t i = 1; i < parts.size(); ++i) sum.add_(flat_view(parts[i]));
    group_->start_sum(sum)->wait();
  }

 private:
  std::shared_ptr<collective::Group> group_;
};

/// The one node of a process alone is the sum already.
class NoReduction : public TensorReduction {
 public:
  void reduce(const std::vector<at::Tensor>& /*parts*/) override {}
};

}  // namespace

std::unique_ptr<TensorReduction> tensor_reduction(std::shared_ptr<collective::Group> group, const SumTree& tree,
                                                  Reduce kind) {
  if (group->size() == 1) return std::make_unique<NoReduction>();
  if (kind == Reduce::kFast) return std::make_unique<RingReduction>(std::move(group));
  return std::make_unique<ExactReduction>(std::move(group), tree);
}

BackgroundReduction::BackgroundReduction(std::unique_ptr<TensorReduction> reduction)
    : reduction_(std::move(reduction)), thread_([this] { run(); }) {}

BackgroundReduction::~BackgroundReduction() {
  {
    const std::lock_guard lock(changing_);
    is_ending_ = true;
    waiting_.clear();
  }
  changed_.notify_all();
  thread_.join();
}

void BackgroundReduction::start(std::vector<at::Tensor> parts) {
  {
    const std::lock_guard lock(changing_);
    waiting_.push_back(std::move(parts));
    ++unfinished_;
  }
  changed_.notify_all();
}

void BackgroundReduction::finish() {
  const auto begin = std::chrono::steady_clock::now();
  std::unique_lock lock(changing_);
  changed_.wait(lock, [&] { return unfinished_ == 0; });
  waited_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void BackgroundReduction::run() {
  core::unpin_thread();
  const model::ThreadCount one_thread(1);
  const torch::NoGradGuard no_grad;
  std::unique_lock lock(changing_);
  while (true) {
    changed_.wait(lock, [&] { return is_ending_ || !waiting_.empty(); });
    if (is_ending_) return;
    const std::vector<at::Tensor> parts = std::move(waiting_.front());
    waiting_.pop_front();
    const bool is_lost = error_ != nullptr;
    lock.unlock();
    std::exception_ptr error;
    try {
      if (!is_lost) reduction_->reduce(parts);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (error && !error_) error_ = error;
    --unfinished_;
    changed_.notify_all();
  }
}

}  // namespace margay::train
