#pragma once

#include <vector>

#include "margay/model/classifier.h"

namespace margay::train {

/// Gives each parameter a share of its group's rate (NamedParameter::rate): 1 in the head, decay in the network's last
/// layer, decay² in the one before, … (Clark et al., "ELECTRA", 2020, arXiv:2003.10555, appendix A; Bao et al., "BEiT",
/// 2021, arXiv:2106.08254). Layers are the segments of gradient checkpointing: blocks, what shrinks the image between
/// them, and what comes before the first; those without matrices, such as a last norm, belong to what follows. decay in
/// (0, 1]; 1: all have the group's rate.
void apply_layer_decay(std::vector<model::ParameterGroup>& groups, model::Classifier& classifier, double decay);

}  // namespace margay::train
