#include "margay/data/loader/loader_speed.h"

#include <algorithm>
#include <chrono>

#include "margay/data/loader/loader_pass.h"

namespace margay::data {

LoaderSpeed measure_loader(const PassPlan& plan, const StageSpeedOptions& options) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  LoaderSpeed speed;
  std::size_t images = 0;
  const auto is_over = [&] {
    return images >= static_cast<std::size_t>(options.images) || seconds() >= options.seconds;
  };
  for (bool is_first = true; is_first || !is_over(); is_first = false) {
    LoaderPass pass(plan);
    while (const std::optional<Batch> batch = pass.next()) {
      images += batch->ids.size();
      if (is_first) {
        for (const std::size_t id : batch->ids) speed.rows.push_back({id, speed.rows.size()});
      }
      if (is_over()) break;
    }
  }
  speed.images_per_s = static_cast<double>(images) / std::max(seconds(), 1e-9);
  return speed;
}

}  // namespace margay::data
