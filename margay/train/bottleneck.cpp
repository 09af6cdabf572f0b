#include "margay/train/bottleneck.h"

#include <fmt/format.h>

#include "margay/data/loader/stage_speed.h"

namespace margay::train {
namespace {

// Shares of an epoch that are worth a word.
constexpr double kWaiting = 0.1;
constexpr double kUpdating = 0.15;
constexpr double kListening = 0.05;
constexpr double kNetworkShare = 0.5;

int percent(double share) { return static_cast<int>(share * 100 + 0.5); }

std::string shares(const EpochRecord& record) {
  return fmt::format("Time of the first epoch: {} % waiting for images, {} % forward, {} % backward, {} % optimizer",
                     percent(record.wait_share), percent(record.forward_share), percent(record.backward_share),
                     percent(record.update_share));
}

/// "read 0.1, decode 1.2, …" and what the data layer advises.
std::string loading_advice(const data::Loaders& loaders) {
  const data::StageSpeeds speeds = data::measure_stages(loaders, {.images = 64, .seconds = 0.2});
  std::string text = "ms an image: ";
  for (std::size_t i = 0; i < speeds.stages.size(); ++i) {
    text += fmt::format("{}{} {:.2f}", i == 0 ? "" : ", ", speeds.stages[i].stage, speeds.stages[i].ms);
  }
  return text + ". " + speeds.suggestion();
}

}  // namespace

std::string describe_bottleneck(const EpochRecord& record, const data::Loaders& loaders) {
  if (record.wait_share > kWaiting) {
    return fmt::format("{}. Loading is the bottleneck. {}", shares(record), loading_advice(loaders));
  }
  if (record.update_share > kUpdating) {
    return shares(record) + ". The optimizer takes a large share: larger batches, or `accumulate`, make fewer steps.";
  }
  if (record.callback_share > kListening) {
    return fmt::format("{}, {} % callbacks, which are the bottleneck: write less often.", shares(record),
                       percent(record.callback_share));
  }
  // The rest is what a pass does once, such as ending its threads; NaN of an older checkpoint says nothing either.
  if (!(record.forward_share + record.backward_share > kNetworkShare)) return "";
  return shares(record) + ". The network takes most of the time, as it should.";
}

}  // namespace margay::train
