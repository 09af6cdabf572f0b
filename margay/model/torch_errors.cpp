#include "margay/model/torch_errors.h"

#include <new>

#include <c10/util/Exception.h>

#include "margay/core/error.h"

namespace margay::model {

void rethrow_as_own(std::string_view remedy) {
  try {
    throw;
  } catch (const std::bad_alloc& error) {
    throw core::out_of_memory(error, remedy);
  } catch (const c10::Error& error) {
    if (core::says_out_of_memory(error)) throw core::out_of_memory(error, remedy);
    throw core::Error("LibTorch: " + core::without_stack_frames(error.what()));
  }
}

}  // namespace margay::model
