#pragma once

/// For files that are compiled once for each instruction set. Include it before Highway's headers. Machines made before
/// 2013 get the portable code; where vectors have no fixed length, NEON's fixed-length ones are used.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
