#include "margay/model/weights/torch_file.h"

#include <memory>
#include <utility>

#include <fmt/format.h>

#include "margay/model/weights/mapped_file.h"
#include "margay/model/weights/state_dict.h"
#include "margay/model/weights/torch_content.h"
#include "margay/model/weights/torch_storages.h"

namespace margay::model {

TorchFile read_torch_file(const std::filesystem::path& path) {
  auto file = std::make_shared<MappedFile>(path);
  TorchContent content = read_torch_content(file->bytes(), path);
  const StateDict state = find_state_dict(content.pickle, path);
  TorchStorages storages(std::move(file), path, std::move(content.storages));
  TorchFile result{{}, std::move(content.form)};
  for (const auto& [name, record] : state.tensors) result.tensors[name] = storages.tensor(name, record);
  if (!state.entry.empty()) result.format += fmt::format(", entry '{}'", state.entry);
  return result;
}

}  // namespace margay::model
