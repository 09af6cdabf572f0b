#pragma once

// Takes the place of LibTorch's file in the precompiled header alone: torch/nn/module.h only names the two classes, and
// their definitions bring the headers of the JIT along, which cost each translation unit a second. Whoever needs them
// includes torch/serialize/input-archive.h and output-archive.h.
namespace torch::serialize {
class InputArchive;
class OutputArchive;
}  // namespace torch::serialize
