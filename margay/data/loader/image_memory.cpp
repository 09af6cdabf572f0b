#include "margay/data/loader/image_memory.h"

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace margay::data {

void keep_image_memory() {
#ifdef __GLIBC__
  constexpr int kMib = 1 << 20;
  mallopt(M_MMAP_THRESHOLD, 32 * kMib);  // the most that glibc allows
  mallopt(M_TRIM_THRESHOLD, 64 * kMib);
#endif
}

}  // namespace margay::data
