#pragma once

#include <string>

#include "margay/data/data_block.h"
#include "margay/train/progress.h"

namespace margay::train {

/// One line that says where the time of an epoch's training went: images, forward, backward, optimizer, callbacks;
/// and, where that is not the network, what to change. Where images were waited for, the stages of loading are
/// measured with some of them, which takes about a second.
std::string describe_bottleneck(const EpochRecord& record, const data::Loaders& loaders);

}  // namespace margay::train
