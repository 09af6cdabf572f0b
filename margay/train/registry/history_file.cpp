#include "margay/train/registry/history_file.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/data/source/csv.h"

namespace margay::train {
namespace {

template <class T>
bool read_number(const std::string& text, T& number) {
  const char* end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && last == end && !text.empty();
}

/// Where the columns stand.
struct Header {
  std::vector<std::string> names;
  std::size_t valid_loss = 0;
  std::size_t seconds = 0;

  explicit Header(std::vector<std::string> cells) : names(std::move(cells)) {
    const auto position = [this](std::string_view name) {
      return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    };
    valid_loss = position("valid_loss");
    seconds = position("seconds");
  }

  bool is_history() const {
    constexpr std::size_t kFirst = 4;  // stage, epoch, train_loss, valid_loss
    return seconds < names.size() && seconds > valid_loss && valid_loss == kFirst - 1 && names[0] == "stage";
  }
};

bool read_epoch(const Header& header, const std::vector<std::string>& cells, RunEpoch& epoch) {
  if (cells.size() != header.names.size()) return false;
  epoch.stage = cells[0];
  bool is_whole = read_number(cells[1], epoch.epoch) && read_number(cells[2], epoch.train_loss) &&
                  read_number(cells[3], epoch.valid_loss) && read_number(cells[header.seconds], epoch.seconds);
  for (std::size_t i = header.valid_loss + 1; i < header.seconds; ++i) {
    double value = 0;
    is_whole = is_whole && read_number(cells[i], value);
    epoch.metrics.emplace_back(header.names[i], value);
  }
  return is_whole;
}

}  // namespace

std::vector<RunEpoch> read_history(const std::filesystem::path& path) {
  std::vector<RunEpoch> epochs;
  std::optional<Header> header;
  try {
    data::for_each_record(data::read_text(path), path, ',', [&](std::size_t line, std::vector<std::string>&& cells) {
      if (!header) return void(header.emplace(std::move(cells)));
      RunEpoch epoch;
      if (!header->is_history() || !read_epoch(*header, cells, epoch)) {
        throw core::FormatError(path, fmt::format("line {} is no epoch of a history", line));
      }
      epochs.push_back(std::move(epoch));
    });
  } catch (const core::DataError&) {  // missing, or broken from there on
  }
  return epochs;
}

}  // namespace margay::train
