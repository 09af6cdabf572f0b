#pragma once

// Takes the place of LibTorch's file in the precompiled header alone, where torch/types.h includes it for others.
