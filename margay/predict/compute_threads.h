#pragma once

#include <functional>

namespace margay::predict {

/// Threads that one image keeps busy about as well as as many images would. With fewer images than this, or than there
/// are threads, each image in turn gets all threads.
constexpr int kUsefulThreads = 8;

/// Runs `work` in as many threads as LibTorch is set to, at once. A network within it is computed by the one thread
/// that it is called in, to the bits that all would give alone: what decides how is the number that LibTorch is set to
/// (ImageByImage).
void on_each_thread(const std::function<void()>& work);

}  // namespace margay::predict
