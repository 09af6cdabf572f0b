#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "apps/cli/terminal_keys.h"

namespace margay::cli {

/// Choosing classes by typing some of their letters, of any script and case: names that begin with what was typed come
/// first, then those with a word that does, then those that hold it, then those that hold its letters in order. Several
/// labels are separated by ';'.
class ClassPrompt {
 public:
  enum class State { kOpen, kChosen, kCancelled };

  /// suggestion: offered first while nothing has been typed.
  ClassPrompt(std::vector<std::string> classes, bool takes_several, const std::vector<std::string>& suggestion = {});

  /// Letters are added, backspace takes the last one away, up and down choose among the matches, tab (or ';', where
  /// several labels are taken) completes one label, enter chooses, escape and ctrl-C cancel. Nothing is chosen while
  /// nothing matches.
  State take(const Key& key);

  /// What has been typed.
  const std::string& typed() const { return typed_; }
  /// Completed labels, where several are taken.
  const std::vector<std::string>& completed() const { return completed_; }
  /// Names that match, the best first.
  const std::vector<std::string>& matches() const { return matches_; }
  /// The one that enter would choose, a position in matches().
  std::size_t highlighted() const { return highlighted_; }
  /// The labels, once the state is kChosen.
  const std::vector<std::string>& chosen() const { return completed_; }

 private:
  void find_matches();
  bool complete();
  State choose();

  std::vector<std::string> classes_;
  std::vector<std::string> folded_;  ///< the same, as they are compared
  bool takes_several_;
  std::vector<std::string> suggestion_;
  std::string typed_;
  std::vector<std::string> completed_;
  std::vector<std::string> matches_;
  std::size_t highlighted_ = 0;
};

}  // namespace margay::cli
