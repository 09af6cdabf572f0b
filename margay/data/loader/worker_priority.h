#pragma once

namespace margay::data {

/// Makes the calling thread yield to threads of normal priority, so that loading fills the gaps that training
/// leaves on the cores instead of interrupting parallel regions, whose every delay costs all cores.
void give_way_to_the_network();

}  // namespace margay::data
