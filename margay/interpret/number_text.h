#pragma once

#include <string>

namespace margay::interpret {

/// A number as the tables show it: four digits after the point; where those would hide it, a short power of ten
/// ("2.1e-09", "1.5e+12"); "inf" and "-inf".
std::string number_text(double number);

/// The same with its sign, for gradients: "+0.9916". Rounding noise below 1e-15 is 0.
std::string signed_text(double number);

/// "77 %"; below 1 % with a digit more, "0.3 %"; "all" and "none" are left to the caller. share: 0 … 1.
std::string percent_text(double share);

}  // namespace margay::interpret
