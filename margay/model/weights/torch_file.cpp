#include "margay/model/weights/torch_file.h"

#include <utility>

#include <fmt/format.h>

#include "margay/core/error.h"
#include "margay/model/weights/file_reader.h"
#include "margay/model/weights/state_dict.h"
#include "margay/model/weights/torch_content.h"
#include "margay/model/weights/torch_storages.h"

namespace margay::model {
namespace {

constexpr std::size_t kMaxSharing = 16;  // tensors that share their bytes; tied weights are 2

}  // namespace

TorchFile read_torch_file(const std::filesystem::path& path) {
  const at::Tensor file = FileReader(path).read_all();
  const std::size_t file_bytes = file.nbytes();
  TorchContent content = read_torch_content(bytes_of(file), path);
  const StateDict state = find_state_dict(content.pickle, path);
  TorchStorages storages(file, path, std::move(content.storages));
  TorchFile result{{}, std::move(content.form)};
  std::size_t bytes = 0;
  for (const auto& [name, record] : state.tensors) {
    const at::Tensor& tensor = result.tensors[name] = storages.tensor(name, record);
    bytes += tensor.nbytes();
  }
  if (bytes / kMaxSharing > file_bytes) {
    throw core::FormatError(
        path,
        fmt::format("[torch] {} bytes of tensors in {} bytes: they are the same again and again", bytes, file_bytes));
  }
  if (!state.entry.empty()) result.format += fmt::format(", entry '{}'", state.entry);
  return result;
}

}  // namespace margay::model
