#include "margay/predict/shared_rows.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace margay::predict {
namespace {

/// What all processes together tell at once, in bytes.
constexpr std::size_t kAtOnce = 64'000'000;

/// How a row begins in a message; its numbers follow.
struct RowStart {
  std::uint64_t slot;
  std::uint64_t hash;
  std::uint64_t contents;
};

void add_row(std::string& message, const ToldRow& told) {
  const RowStart start{told.slot, told.hash, told.contents};
  message.append(reinterpret_cast<const char*>(&start), sizeof(start));
  message.append(reinterpret_cast<const char*>(told.row.data()), told.row.size_bytes());
}

void take_rows(const std::string& message, std::int64_t columns, const std::function<void(const ToldRow&)>& take) {
  std::vector<float> numbers(static_cast<std::size_t>(columns));
  const std::size_t bytes = numbers.size() * sizeof(float);
  for (const char* at = message.data(); at < message.data() + message.size(); at += sizeof(RowStart) + bytes) {
    RowStart start{};
    std::memcpy(&start, at, sizeof(start));
    std::memcpy(numbers.data(), at + sizeof(start), bytes);
    take({.slot = start.slot, .hash = start.hash, .contents = start.contents, .row = numbers});
  }
}

}  // namespace

SharedRows known_by_all(collective::Group& group, const std::vector<bool>& is_known) {
  const int own = group.size() - group.rank();  // the first process has the largest number
  std::vector<double> first;
  std::vector<double> is_lacking;
  for (const bool known : is_known) {
    first.push_back(known ? own : 0);
    is_lacking.push_back(known ? 0 : 1);
  }
  group.maximum(first);
  group.maximum(is_lacking);
  SharedRows rows;
  for (std::size_t i = 0; i < is_known.size(); ++i) {
    rows.is_known.push_back(first[i] > 0);
    rows.is_to_tell.push_back(first[i] == own && is_lacking[i] > 0);
  }
  return rows;
}

RowShare share_of(const collective::Group& group, std::size_t images, std::size_t batch_size) {
  const std::size_t batches = (images + batch_size - 1) / batch_size;
  const auto size = static_cast<std::size_t>(group.size());
  const auto first_of = [&](std::size_t rank) { return std::min(images, rank * batches / size * batch_size); };
  const auto rank = static_cast<std::size_t>(group.rank());
  return {.begin = first_of(rank), .end = first_of(rank + 1)};
}

void tell_rows(collective::Group& group, const std::vector<std::size_t>& mine, std::int64_t columns,
               const std::function<ToldRow(std::size_t slot)>& row, const std::function<void(const ToldRow&)>& take) {
  const auto processes = static_cast<std::size_t>(group.size());
  const std::size_t bytes = sizeof(RowStart) + static_cast<std::size_t>(columns) * sizeof(float);
  const std::size_t rows_at_once = std::max<std::size_t>(1, kAtOnce / processes / bytes);
  auto most = static_cast<double>(mine.size());
  group.maximum({&most, 1});
  for (std::size_t begin = 0; static_cast<double>(begin) < most; begin += rows_at_once) {
    std::string message;
    for (std::size_t i = begin; i < std::min(mine.size(), begin + rows_at_once); ++i) add_row(message, row(mine[i]));
    const std::vector<std::string> of_ranks = group.gather(message);
    for (std::size_t rank = 0; rank < of_ranks.size(); ++rank) {
      if (static_cast<int>(rank) != group.rank()) take_rows(of_ranks[rank], columns, take);
    }
  }
}

}  // namespace margay::predict
