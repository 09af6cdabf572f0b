#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "margay/collective/group.h"

namespace margay::predict {

/// Which images of a pass some process has features of already.
struct SharedRows {
  std::vector<bool> is_known;    ///< [N], by any process
  std::vector<bool> is_to_tell;  ///< [N], by this process, for one that does not
};

/// A collective. is_known: [N], whether this process knows them. Of several that know an image the first one tells it.
SharedRows known_by_all(collective::Group& group, const std::vector<bool>& is_known);

/// The images that this process computes of so many: whole batches, one after another, so that each has the images that
/// it has in one process.
struct RowShare {
  std::size_t begin = 0;
  std::size_t end = 0;
};
RowShare share_of(const collective::Group& group, std::size_t images, std::size_t batch_size);

/// The features of one image, as processes tell each other of it.
struct ToldRow {
  std::size_t slot = 0;
  std::uint64_t hash = 0;
  std::uint64_t contents = 0;
  std::span<const float> row;  ///< [D]
};

/// A collective. Tells `mine` to all processes; take: hears those of all others. A row is asked for when its turn
/// comes, and both are valid for the call alone. columns: D.
void tell_rows(collective::Group& group, const std::vector<std::size_t>& mine, std::int64_t columns,
               const std::function<ToldRow(std::size_t slot)>& row, const std::function<void(const ToldRow&)>& take);

}  // namespace margay::predict
