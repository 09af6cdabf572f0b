#pragma once

#include <string>
#include <vector>

#include "apps/cli/command.h"
#include "margay/run/train_options.h"

namespace margay::cli {

/// The flags that the command's --help shows: the common ones for images and batches, and those of the command.
inline std::vector<std::string> everyday_flags(std::vector<std::string> own) {
  own.insert(own.end(), {"--label-regex", "--labels-csv", "--label-delimiter", "--valid-csv", "--valid-fraction",
                         "--batch-size", "--resize", "--size", "--mix"});
  return own;
}

/// The text of a file with the stages of a training, checked. Throws UsageError, naming the file.
std::string read_recipe(const std::string& path);

/// Two structs have a `size`, two a `seed` (the run has one seed) and some a `kind`; the folder is a positional
/// argument, and --recipe takes a file, whose text the run then keeps.
inline const Renamed& train_flag_names() {
  static const Renamed renamed = {{"batch.folder", ""},
                                  {"resize.size", "resize"},
                                  {"loader.seed", ""},
                                  {"optimizer.kind", "optimizer"},
                                  {"head.kind", "head"},
                                  {"train.group", ""},
                                  {"train.launch", ""},
                                  {"auto_batch.largest", "largest_batch"},
                                  {"auto_batch.safety", "memory_share"},
                                  {"train.recipe", ""}};
  return renamed;
}

}  // namespace margay::cli
