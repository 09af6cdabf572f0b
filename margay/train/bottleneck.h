#pragma once

#include <string>

#include "margay/data/data_block.h"
#include "margay/train/progress.h"

namespace margay::train {

/// One line about the time that training took in an epoch: waiting for images, forward, backward, optimizer, callbacks;
/// and what to change if the bottleneck is not the network. "" where none of them explains the time, as in a pass of
/// few steps. If training waited for images, the stages of loading are measured with some of them, which takes about a
/// second.
std::string describe_bottleneck(const EpochRecord& record, const data::Loaders& loaders);

}  // namespace margay::train
