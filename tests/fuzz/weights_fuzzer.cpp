// Whatever the bytes, what weights are read from them lies within them, or DataError is thrown. Tensors themselves are
// left out, and LibTorch with them: clang cannot read its headers beside GCC's library in C++20.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "margay/core/error.h"
#include "margay/model/weights/pickle/unpickler.h"
#include "margay/model/weights/state_dict.h"
#include "margay/model/weights/torch_content.h"

namespace {

using namespace margay;

void require(bool holds) {
  if (!holds) std::abort();  // which libFuzzer reports, with the bytes
}

template <class Step>
void attempt(Step&& step) {
  try {
    step();
  } catch (const core::DataError&) {
  }
}

/// The last element that a view reaches, in numbers that cannot overflow.
__int128 last_of(const model::TensorRecord& record) {
  __int128 last = record.offset;
  for (std::size_t i = 0; i < record.sizes.size(); ++i)
    last += static_cast<__int128>(record.sizes[i] - 1) * record.strides[i];
  return last;
}

void check_tensor(const model::TensorRecord& record, const model::StoragePlace& place, std::size_t file_bytes) {
  require(place.begin <= place.end && place.end <= file_bytes);
  __int128 elements = 1;
  for (const std::int64_t size : record.sizes) elements *= size;
  if (elements == 0) return;
  const auto element_bytes = static_cast<__int128>(c10::elementSize(record.dtype));
  const auto bytes = static_cast<__int128>(place.end - place.begin);
  require(record.offset >= 0 && (last_of(record) + 1) * element_bytes <= bytes && elements * element_bytes <= bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* first, std::size_t count) {
  const auto bytes = std::as_bytes(std::span(first, count));
  attempt([&] {
    const model::Pickle pickle = model::unpickle(bytes, "input");
    require(pickle.root < pickle.values.size() && pickle.bytes <= count);
    model::find_state_dict(pickle, "input");
  });
  attempt([&] {
    const model::TorchContent content = model::read_torch_content(bytes, "input");
    for (const auto& [name, record] : model::find_state_dict(content.pickle, "input").tensors) {
      attempt([&, &name = name, &record = record] {
        check_tensor(record, model::place_of(name, record, content.storages, "input"), count);
      });
    }
  });
  return 0;
}
