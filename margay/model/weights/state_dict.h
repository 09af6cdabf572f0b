#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "margay/model/weights/tensor_record.h"

namespace margay::model {

/// The state dict within a pickle.
struct StateDict {
  std::vector<std::pair<std::string, TensorRecord>> tensors;  ///< in the file's order; of one name the last counts
  std::string entry;  ///< "state_dict", "model": where in the checkpoint it stood; "": it was the whole
};

/// Finds it: the pickle itself, or the first of these entries that holds tensors: state_dict_ema, model_ema (averages
/// of weights, which publishers evaluate, as timm prefers them), state_dict, model (fastai's learn.save),
/// model_state_dict, model_state, module, net, ema, weights; up to three deep. What lies beside it and is no tensor is
/// ignored. Throws core::FormatError, with the keys that are there, when there is none.
StateDict find_state_dict(const Pickle& pickle, const std::filesystem::path& path);

}  // namespace margay::model
