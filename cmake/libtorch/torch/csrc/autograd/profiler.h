#pragma once

// Takes the place of LibTorch's file in the precompiled header alone, where torch/utils.h includes it for others, and
// with it the intrinsics of every processor.
