#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "margay/http/reply.h"

namespace margay::studio {

/// Tells every open page what has changed (server-sent events), and looks for changes that other processes make, such
/// as trainings that were started elsewhere. While no page is open it does nothing.
///
/// An event says that something is other than before, by its topic: "runs", "journal"; not all of what is new. A page
/// that was asleep, or comes late, asks for all that it shows and needs no event of the past.
class Changes {
 public:
  using Clock = std::chrono::steady_clock;
  /// Looks for changes and publishes them; must not take long. What it throws is dropped.
  using Look = std::function<void()>;

  /// pace: between two looks. greeting: the data of the event "hello" that each page gets first.
  Changes(std::chrono::milliseconds pace, std::string greeting);
  Changes(const Changes&) = delete;
  Changes& operator=(const Changes&) = delete;
  ~Changes();

  /// Sends an event to every page. From any thread.
  void publish(const std::string& topic, const nlohmann::ordered_json& data);

  /// Calls `look` at each pace while a page is open, and at once when the first one opens. All looks are called one
  /// after the other, on a thread of their own.
  void watch(Look look);

  /// A new page.
  void listen(http::Stream stream);
  /// The pages that are open now.
  std::size_t listeners() const;

 private:
  void run();
  void send(const std::string& event);

  const std::chrono::milliseconds pace_;
  const std::string greeting_;
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable wakes_;
  std::vector<http::Stream> streams_;
  std::vector<std::shared_ptr<const Look>> looks_;
  bool is_ended_ = false;
  std::thread thread_;  // last: it uses what stands above
};

}  // namespace margay::studio
