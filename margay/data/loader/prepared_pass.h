#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include "margay/data/loader/loader_pass.h"

namespace margay::data {

/// A place for one pass that was begun ahead of its time. It belongs to one loader: a copy of it is empty, moving takes
/// the pass along. Safe to use from several threads.
class PreparedPass {
 public:
  PreparedPass() = default;
  PreparedPass(const PreparedPass& /*other*/) {}
  PreparedPass& operator=(const PreparedPass& other);
  PreparedPass(PreparedPass&& other) noexcept;
  PreparedPass& operator=(PreparedPass&& other) noexcept;

  bool holds(std::int64_t epoch) const;
  /// Keeps the pass; one that was there ends.
  void put(std::int64_t epoch, LoaderPass pass);
  /// The pass of the epoch if it is there. Another epoch's ends: whoever asks for this one does not wait for it.
  std::optional<LoaderPass> take(std::int64_t epoch);

 private:
  mutable std::mutex mutex_;
  std::int64_t epoch_ = 0;
  std::optional<LoaderPass> pass_;
};

}  // namespace margay::data
