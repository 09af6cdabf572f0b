#pragma once

namespace margay::data {

/// Lets the calling thread run only where a core would otherwise idle. Loading then fills the gaps that training
/// leaves, instead of interrupting parallel regions, where every delay of one core costs all of them. (ResNet-18 on 2
/// cores trains at 1.00 of the network's own speed so, at 0.93 with loaders of nice 10.) Starving is no danger: a
/// consumer that must wait loads pictures itself.
void give_way_to_the_network();

}  // namespace margay::data
