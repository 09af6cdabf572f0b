#include "margay/data/vocabulary.h"

#include <set>
#include <stdexcept>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "margay/core/error.h"
#include "margay/core/nearest.h"

namespace margay::data {

namespace {

/// Models and reports are written as UTF-8, so a class that is not would be lost only after the training.
void check_utf8(const std::string& name) {
  try {
    (void)nlohmann::json(name).dump();
  } catch (const nlohmann::json::exception&) {
    throw core::DataError(
        "", fmt::format("the class '{}' is not UTF-8; rename its folder or files, or save the table as UTF-8",
                        nlohmann::json(name).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace)));
  }
}

}  // namespace

Vocabulary::Vocabulary(std::vector<std::string> names) : names_(std::move(names)) {
  for (std::size_t i = 0; i < names_.size(); ++i) {
    check_utf8(names_[i]);
    if (!index_.emplace(names_[i], static_cast<std::int64_t>(i)).second) {
      throw std::invalid_argument(fmt::format("[Vocabulary] the class '{}' is listed twice", names_[i]));
    }
  }
}

Vocabulary Vocabulary::of_labels(const std::vector<std::string>& labels) {
  const std::set<std::string> distinct(labels.begin(), labels.end());  // bytes of UTF-8 sort as code points do
  return Vocabulary({distinct.begin(), distinct.end()});
}

const std::string& Vocabulary::name(std::int64_t index) const { return names_.at(static_cast<std::size_t>(index)); }

std::int64_t Vocabulary::index(const std::string& label) const {
  const auto found = index_.find(label);
  if (found != index_.end()) return found->second;
  throw std::invalid_argument(fmt::format("[Vocabulary] no class '{}'{}", label, core::did_you_mean(label, names_)));
}

}  // namespace margay::data
