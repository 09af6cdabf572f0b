#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "margay/collective/c10d_engine.h"
#include "margay/collective/host_address.h"
#include "margay/collective/process_group.h"

namespace margay::collective {
namespace {

using StoreClock = std::chrono::steady_clock;

/// With an answer, after the time for the connection, at whose end LibTorch 2 may wait 1.5 s and try once more.
constexpr std::chrono::seconds kPatience{3};

std::string key_prefix(const ProcessGroupOptions& options) { return fmt::format("margay/{}", options.run); }

/// Texts through a connection to a TCPStore.
class C10dStore : public Store {
 public:
  C10dStore(c10::intrusive_ptr<c10d::Store> store, std::string address)
      : store_(std::move(store)), address_(std::move(address)) {}

  void set(const std::string& key, const std::string& value) override {
    ask([&] { store_->set(key, std::vector<std::uint8_t>(value.begin(), value.end())); });
  }
  std::optional<std::string> find(const std::string& key) override {
    return ask([&]() -> std::optional<std::string> {
      if (!known_.contains(key) && !store_->check({key})) return std::nullopt;
      known_.insert(key);  // nothing is ever deleted, and what is asked for often is asked once
      return value_of(key);
    });
  }
  /// By asking again and again: a TCPStore that waits says neither why it stops nor lets others use its connection.
  std::optional<std::string> wait(const std::string& key, std::chrono::milliseconds timeout) override {
    const StoreClock::time_point end = StoreClock::now() + timeout;
    for (std::chrono::milliseconds pause{1};; pause = std::min(2 * pause, kLongestPause)) {
      if (std::optional<std::string> value = find(key)) return value;
      if (StoreClock::now() >= end) return std::nullopt;
      std::this_thread::sleep_for(pause);
    }
  }
  std::int64_t add(const std::string& key, std::int64_t amount) override {
    return ask([&] { return store_->add("number/" + key, amount); });
  }

 private:
  static constexpr std::chrono::milliseconds kLongestPause{100};

  std::string value_of(const std::string& key) {
    const std::vector<std::uint8_t> bytes = store_->get(key);
    return {bytes.begin(), bytes.end()};
  }

  template <class Call>
  auto ask(const Call& call) -> decltype(call()) {
    try {
      return call();
    } catch (const std::exception& error) {
      throw ProcessLost(fmt::format("[distributed] the store at {} does not answer any more: {}", address_,
                                    core::without_stack_frames(error.what())));
    }
  }

  c10::intrusive_ptr<c10d::Store> store_;
  std::string address_;
  std::set<std::string> known_;  ///< keys that are set
};

/// Why rank 0 has no store. "Address already in use" and its like have no class of their own in LibTorch.
[[noreturn]] void throw_no_own_store(const ProcessGroupOptions& options, const std::string& problem) {
  if (problem.find("in use") != std::string::npos) {
    throw core::Error(fmt::format(
        "[distributed] rank 0 cannot listen on port {}, which another program has, perhaps another run: choose another "
        "port with `master`",
        options.port));
  }
  if (problem.find("listen") == std::string::npos) {
    throw core::Error(fmt::format(
        "[distributed] rank 0 ({}) does not reach itself at {}: `master` must be the address of this machine ({})",
        host_name(), address_text(options.host, options.port), problem));
  }
  throw core::Error(fmt::format("[distributed] rank 0 cannot listen on port {}: {}", options.port, problem));
}

[[noreturn]] void throw_no_store(const ProcessGroupOptions& options, bool begins, const std::exception& error) {
  const std::string problem = core::without_stack_frames(error.what());
  if (begins) throw_no_own_store(options, problem);
  throw core::Error(fmt::format(
      "[distributed] rank {} found nobody at {} within {} s: {}; `master` must be the address of rank 0, "
      "and no firewall between them",
      options.rank, address_text(options.host, options.port), options.join_timeout.count() / 1000, problem));
}

}  // namespace

c10::intrusive_ptr<c10d::Store> open_store(const ProcessGroupOptions& options, StoreRole role) {
  c10d::TCPStoreOptions store;
  store.port = options.port;
  store.isServer = role == StoreRole::kBegins;
  store.waitWorkers = false;
  take_plain_store(store);
  store.timeout = std::max<std::chrono::milliseconds>(options.join_timeout, std::chrono::seconds(1));  // c10d's least
  try {
    // LibTorch 2 asks what listens whether it is a store, and waits for ever.
    auto all = in_time(store.timeout + kPatience,
                       [host = options.host, store] { return c10::make_intrusive<c10d::TCPStore>(host, store); });
    if (all) return c10::make_intrusive<c10d::PrefixStore>(key_prefix(options), std::move(*all));
  } catch (const std::exception& error) {
    throw_no_store(options, store.isServer, error);
  }
  refuse_listener(options);
}

void refuse_listener(const ProcessGroupOptions& options) {
  throw core::Error(
      fmt::format("[distributed] rank {} ({}): what listens at {} does not answer as the process of rank 0 does; "
                  "another program may have the port, so choose another one with `master`",
                  options.rank, host_name(), address_text(options.host, options.port)));
}

std::unique_ptr<Store> store_of(c10::intrusive_ptr<c10d::Store> store, const ProcessGroupOptions& options) {
  return std::make_unique<C10dStore>(std::move(store), address_text(options.host, options.port));
}

std::unique_ptr<Store> connect_store(const ProcessGroupOptions& options) {
  return store_of(open_store(options, StoreRole::kJoins), options);
}

}  // namespace margay::collective
