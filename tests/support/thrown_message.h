#pragma once

#include <string>

#include <gtest/gtest.h>

namespace margay::testing_support {

/// What `call` throws as an Expected says; a failure when it throws nothing or something else.
template <class Expected, class Call>
std::string thrown_message(Call&& call) {
  try {
    call();
  } catch (const Expected& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "threw another kind of error: " << error.what();
    return error.what();
  }
  ADD_FAILURE() << "threw nothing";
  return "";
}

}  // namespace margay::testing_support
