#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <stdexcept>

#include <fmt/format.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include "margay/collective/c10d_engine.h"
#include "margay/collective/c10d_waiter.h"
#include "margay/collective/host_address.h"
#include "margay/collective/process_group.h"
#include "margay/core/text.h"

namespace margay::collective {
namespace {

std::shared_ptr<::gloo::transport::Device> gloo_device(const ProcessGroupOptions& options) {
  using c10d::ProcessGroupGloo;
  if (!options.interface.empty()) {
    try {
      return ProcessGroupGloo::createDeviceForInterface(options.interface);
    } catch (const std::exception& error) {
      throw std::invalid_argument(
          fmt::format("[distributed] this machine ({}) has no network interface '{}' that can be used: {}", host_name(),
                      options.interface, core::without_stack_frames(error.what())));
    }
  }
  const std::string address = own_address(options.host, options.port);
  return address.empty() ? ProcessGroupGloo::createDefaultDevice() : ProcessGroupGloo::createDeviceForHostname(address);
}

/// Of an engine whose works have futures (Gloo), or run in a stream of the GPU (NCCL).
class C10dPending : public Pending {
 public:
  C10dPending(std::shared_ptr<Waiter> waiter, c10::intrusive_ptr<c10d::Work> work, std::string operation,
              bool is_in_stream)
      : waiter_(std::move(waiter)),
        work_(std::move(work)),
        operation_(std::move(operation)),
        is_in_stream_(is_in_stream) {}

  void wait() override {
    if (is_in_stream_) {
      waiter_->finish(*work_, operation_);
    } else {
      waiter_->await(*work_, operation_, waiter_);
    }
  }

 private:
  std::shared_ptr<Waiter> waiter_;
  c10::intrusive_ptr<c10d::Work> work_;
  std::string operation_;
  bool is_in_stream_;
};

at::Tensor bytes_tensor(std::span<const std::byte> bytes) {
  at::Tensor tensor = at::empty({static_cast<std::int64_t>(bytes.size())}, at::kByte);
  if (!bytes.empty()) std::memcpy(tensor.data_ptr(), bytes.data(), bytes.size());
  return tensor;
}

at::Tensor doubles_tensor(std::span<const double> values) {
  at::Tensor tensor = at::empty({static_cast<std::int64_t>(values.size())}, at::kDouble);
  std::copy(values.begin(), values.end(), tensor.data_ptr<double>());
  return tensor;
}

class C10dGroup : public Group {
 public:
  C10dGroup(int rank, int size, c10::intrusive_ptr<Engine> gloo, c10::intrusive_ptr<Engine> nccl)
      : rank_(rank), size_(size), gloo_(std::move(gloo)), nccl_(std::move(nccl)) {}
  C10dGroup(const C10dGroup&) = delete;
  C10dGroup& operator=(const C10dGroup&) = delete;
  ~C10dGroup() override {
    if (!waiter_->is_broken()) return;
    gloo_.release();  // its destructor would wait for the lost process
    nccl_.release();
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void sum(std::span<double> values) override { all_reduce(values, c10d::ReduceOp::SUM, "a sum"); }
  void maximum(std::span<double> values) override { all_reduce(values, c10d::ReduceOp::MAX, "a decision"); }

  void broadcast(std::span<std::byte> bytes, int root) override {
    std::vector<at::Tensor> tensors = {bytes_tensor(bytes)};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    complete("a value of another process", [&] { return gloo_->broadcast(tensors, options); });
    if (!bytes.empty()) std::memcpy(bytes.data(), tensors.front().data_ptr(), bytes.size());
  }

  std::vector<std::string> gather(const std::string& mine) override {
    const std::vector<at::Tensor> lengths = gather_tensors(at::tensor({static_cast<std::int64_t>(mine.size())}));
    std::int64_t longest = 1;  // Gloo wants something to send
    for (const at::Tensor& length : lengths) longest = std::max(longest, length.item<std::int64_t>());
    std::string text = mine;
    text.resize(static_cast<std::size_t>(longest));
    const std::vector<at::Tensor> texts = gather_tensors(bytes_tensor(std::as_bytes(std::span(text))));
    std::vector<std::string> all;
    for (std::size_t rank = 0; rank < texts.size(); ++rank) {
      all.emplace_back(static_cast<const char*>(texts[rank].data_ptr()),
                       static_cast<std::size_t>(lengths[rank].item<std::int64_t>()));
    }
    return all;
  }

  void barrier() override {
    complete("all processes", [&] { return gloo_->barrier(); });
  }

  std::unique_ptr<Pending> start_sum(const at::Tensor& flat) override {
    std::vector<at::Tensor> tensors = {flat};
    return begin(flat, "the sum of gradients", [&](Engine& engine) { return engine.allreduce(tensors); });
  }

  std::unique_ptr<Pending> start_exchange(const at::Tensor& sent, const at::Tensor& received,
                                          const Shares& shares) override {
    at::Tensor in = sent;
    at::Tensor out = received;
    Shares counts = shares;
    return begin(sent, "the gradients of other processes",
                 [&](Engine& engine) { return engine.alltoall_base(out, in, counts.received, counts.sent); });
  }

  std::unique_ptr<Pending> start_all_gather(const at::Tensor& mine, const at::Tensor& all) override {
    std::vector<at::Tensor> in = {mine};
    std::vector<std::vector<at::Tensor>> out = {all.chunk(size_)};
    return begin(mine, "the sums of other processes", [&](Engine& engine) { return engine.allgather(out, in); });
  }

  void set_position(std::string position) override { waiter_->set_position(std::move(position)); }
  Activity activity() const override { return waiter_->activity(); }
  void interrupt(const std::string& reason) override { waiter_->interrupt(reason); }

 private:
  void all_reduce(std::span<double> values, c10d::ReduceOp::RedOpType operation, const char* name) {
    if (values.empty()) return;
    std::vector<at::Tensor> tensors = {doubles_tensor(values)};
    c10d::AllreduceOptions options;
    options.reduceOp = operation;
    complete(name, [&] { return gloo_->allreduce(tensors, options); });
    const auto* const results = tensors.front().data_ptr<double>();
    std::copy(results, results + values.size(), values.begin());
  }

  std::vector<at::Tensor> gather_tensors(const at::Tensor& mine) {
    std::vector<at::Tensor> in = {mine};
    std::vector<std::vector<at::Tensor>> out(1);
    for (int i = 0; i < size_; ++i) out.front().push_back(at::empty_like(mine));
    complete("the values of all processes", [&] { return gloo_->allgather(out, in); });
    return out.front();
  }

  /// call(): begins the work on Gloo's threads.
  template <class Call>
  void complete(const std::string& operation, const Call& call) {
    waiter_->await(*started(operation, call), operation, waiter_);
  }

  /// Errors of the network can already show when work begins.
  template <class Call>
  c10::intrusive_ptr<c10d::Work> started(const std::string& operation, const Call& call) {
    waiter_->begin(operation);
    try {
      return call();
    } catch (const std::exception& error) {
      waiter_->throw_lost(operation, error);
    }
  }

  /// call(engine): begins the work where the tensor is.
  template <class Call>
  std::unique_ptr<Pending> begin(const at::Tensor& tensor, const std::string& operation, const Call& call) {
    if (tensor.is_cuda() && !nccl_) {
      throw std::invalid_argument(
          "[distributed] this group was joined without NCCL and cannot reduce tensors of a GPU");
    }
    Engine& engine = tensor.is_cuda() ? *nccl_ : *gloo_;
    auto work = started(operation, [&] { return call(engine); });
    return std::make_unique<C10dPending>(waiter_, std::move(work), operation, tensor.is_cuda());
  }

  int rank_;
  int size_;
  std::shared_ptr<Waiter> waiter_ = std::make_shared<Waiter>();
  c10::intrusive_ptr<Engine> gloo_;
  c10::intrusive_ptr<Engine> nccl_;
};

void check_group_options(const ProcessGroupOptions& options) {
  if (options.world < 1) {
    throw std::invalid_argument(fmt::format("[distributed] `world` must be at least 1, got {}", options.world));
  }
  if (options.rank < 0 || options.rank >= options.world) {
    throw std::invalid_argument(
        fmt::format("[distributed] `rank` must lie in [0, {}], got {}", options.world - 1, options.rank));
  }
}

/// How many processes want this rank.
std::int64_t count_claims(const ProcessGroupOptions& options, const std::shared_ptr<Store>& store) {
  constexpr std::int64_t kMost = 65536;
  try {
    const std::string key = fmt::format("claims/{}", options.rank);
    const auto claims = in_time(options.join_timeout, [store, key] { return store->add(key, 1); });
    if (claims && *claims >= 1 && *claims <= kMost) return *claims;
  } catch (const ProcessLost&) {  // it has hung up
  }
  refuse_listener(options);
}

void claim_rank(const ProcessGroupOptions& options, const std::shared_ptr<Store>& shared) {
  Store& store = *shared;
  if (count_claims(options, shared) > 1) {
    throw std::invalid_argument(
        fmt::format("[distributed] two processes want to be rank {} at {}: give each its own `rank`, and each run a "
                    "`master` of its own",
                    options.rank, address_text(options.host, options.port)));
  }
  store.set(fmt::format("worlds/{}", options.rank), std::to_string(options.world));
  store.set(fmt::format("hosts/{}", options.rank), host_name());
}

/// rank: one that has come.
void check_world(const ProcessGroupOptions& options, Store& store, int rank) {
  const std::string world = store.find(fmt::format("worlds/{}", rank)).value_or("");
  if (world == std::to_string(options.world)) return;
  throw std::invalid_argument(fmt::format(
      "[distributed] rank {} ({}) is one of {} processes, but rank {} ({}) one of {}: `world` must be the same in all "
      "processes at {}",
      options.rank, host_name(), options.world, rank, store.find(fmt::format("hosts/{}", rank)).value_or("?"), world,
      address_text(options.host, options.port)));
}

/// Returns when all have come.
void await_ranks(const ProcessGroupOptions& options, Store& store) {
  const std::chrono::steady_clock::time_point end = std::chrono::steady_clock::now() + options.join_timeout;
  std::vector<std::int64_t> missing;
  for (int rank = 0; rank < options.world; ++rank) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (!store.wait(fmt::format("hosts/{}", rank), std::max(left, std::chrono::milliseconds(0)))) {
      missing.push_back(rank);
    } else {
      check_world(options, store, rank);
    }
  }
  if (missing.empty()) return;
  throw core::Error(fmt::format(
      "[distributed] of {} processes rank {} {} not come to {} within {} s: {} started there with the same `master`?",
      options.world, core::joined(missing, ", "), missing.size() == 1 ? "has" : "have",
      address_text(options.host, options.port), options.join_timeout.count() / 1000,
      missing.size() == 1 ? "was it" : "were they"));
}

/// What rank 0 has found out ends its store, too.
void meet_others(const ProcessGroupOptions& options, const std::shared_ptr<Store>& store) {
  try {
    claim_rank(options, store);
    await_ranks(options, *store);
  } catch (const ProcessLost&) {
    throw core::Error(fmt::format(
        "[distributed] rank {} ({}) waited for the other processes, but what keeps their store at {} ended: {}",
        options.rank, host_name(), address_text(options.host, options.port),
        options.store_owner == StoreOwner::kFirstRank ? "rank 0 says why" : "the launcher says why"));
  }
}

c10::intrusive_ptr<Engine> gloo_engine(const ProcessGroupOptions& options, c10::intrusive_ptr<c10d::Store> store) {
  auto gloo = c10d::ProcessGroupGloo::Options::create(options.wait_timeout);
  gloo->devices.push_back(gloo_device(options));
  try {
    return c10::make_intrusive<c10d::ProcessGroupGloo>(c10::make_intrusive<c10d::PrefixStore>("gloo", std::move(store)),
                                                       options.rank, options.world, std::move(gloo));
  } catch (const std::exception& error) {
    throw core::Error(
        fmt::format("[distributed] rank {} ({}) cannot reach the other processes: {}; where a machine has several "
                    "networks, `interface` says which one to use",
                    options.rank, host_name(), core::without_stack_frames(error.what())));
  }
}

}  // namespace

bool has_backend(Backend backend) { return backend == Backend::kGloo || has_nccl_engine(); }

std::shared_ptr<Group> join(const ProcessGroupOptions& options) {
  check_group_options(options);
  if (options.world == 1) return one_process();
  if (!has_backend(options.backend)) {
    throw std::invalid_argument(
        "[distributed] this build of Margay has no NCCL: several processes train on CPUs alone");
  }
  const bool begins = options.rank == 0 && options.store_owner == StoreOwner::kFirstRank;
  const c10::intrusive_ptr<c10d::Store> raw = open_store(options, begins ? StoreRole::kBegins : StoreRole::kJoins);
  meet_others(options, store_of(raw, options));
  c10::intrusive_ptr<Engine> gloo = gloo_engine(options, raw);
  c10::intrusive_ptr<Engine> nccl;
  if (options.backend == Backend::kNccl) {
    nccl = nccl_engine(
        {c10::make_intrusive<c10d::PrefixStore>("nccl", raw), options.rank, options.world, options.wait_timeout});
  }
  return std::make_shared<C10dGroup>(options.rank, options.world, std::move(gloo), std::move(nccl));
}

}  // namespace margay::collective
