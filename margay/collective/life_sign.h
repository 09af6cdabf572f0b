#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace margay::collective {

/// What a process says of itself through the store, again and again; the last one tells how it ended.
struct LifeSign {
  enum class State { kAlive, kDone, kFailed };

  State state = State::kAlive;
  std::int64_t number = 0;   ///< another one at each sign
  std::string host;          ///< "": not known
  std::int64_t process = 0;  ///< its number on the host
  std::string position;      ///< as Activity has it
  std::string operation;     ///< as Activity has it
  std::string error;         ///< of kFailed, on one line

  bool has_ended() const { return state != State::kAlive; }
  /// "rank 1 (node01, process 4711)".
  std::string name(int rank) const;
  /// "at step 12 of epoch 2, waiting for a decision", "before the first step".
  std::string place() const;
};

constexpr auto names(LifeSign::State /*tag*/) {
  using enum LifeSign::State;
  return std::array{std::pair{kAlive, "alive"}, std::pair{kDone, "done"}, std::pair{kFailed, "failed"}};
}

/// A process that the others cannot go on without.
struct LostProcess {
  enum class How {
    kSilent,  ///< killed, stopped or out of reach
    kFailed   ///< ended with an error of its own
  };

  std::optional<int> rank;  ///< none: what keeps the store, where that is no process of the group
  How how = How::kSilent;
  std::string text;   ///< a sentence that names it and says where it was
  std::string error;  ///< of kFailed, on one line

  /// Whether rank 0 is there and knows it, so that the others need not say it, too.
  bool is_known_to_first() const { return rank && (*rank != 0 || how == How::kFailed); }
  /// Whether the process ended with this very error, as all do that find out the same; it may have added what to do.
  bool has_said(std::string_view own_error) const;
};

constexpr auto names(LostProcess::How /*tag*/) {
  using enum LostProcess::How;
  return std::array{std::pair{kSilent, "silent"}, std::pair{kFailed, "failed"}};
}

/// As the store keeps them. What cannot be read, such as that of another version of the program, has nothing but its
/// defaults, and the whole text for a sentence.
std::string stored(const LifeSign& sign);
LifeSign read_life_sign(const std::string& text);
std::string stored(const LostProcess& lost);
LostProcess read_lost_process(const std::string& text);

}  // namespace margay::collective
