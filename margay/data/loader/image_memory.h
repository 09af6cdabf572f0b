#pragma once

namespace margay::data {

/// From now on the C library's malloc keeps blocks of up to 32 MiB that were freed, 64 MiB for each thread at most,
/// instead of returning each to the system. Decoding asks for the same few hundred kilobytes for every image, and
/// pages handed over anew take up to half of the time of loading (benchmarks/data). Process-wide and irreversible: a
/// program opts in at start; the library never does so by itself. Does nothing with another C library than glibc.
void keep_image_memory();

}  // namespace margay::data
