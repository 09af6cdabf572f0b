# margay_layer(NAME [TORCH] [PRECOMPILED] [DEPENDS layer...] [LINK library...]): the static library of one folder of
# margay/. PRECOMPILED is for layers that need LibTorch.
function(margay_layer name)
  cmake_parse_arguments(arg "TORCH;PRECOMPILED" "" "DEPENDS;LINK" ${ARGN})
  set(target margay_${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/margay/${name}/*.cpp)
  margay_keep_dispatch_apart(${sources})
  add_library(${target} STATIC ${sources})
  margay_balance_batches(${target})
  add_library(margay::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                                              $<INSTALL_INTERFACE:include>)
  list(TRANSFORM arg_DEPENDS PREPEND margay_)
  target_link_libraries(${target} PUBLIC ${arg_DEPENDS} ${arg_LINK} PRIVATE $<BUILD_INTERFACE:margay_compiler>)
  if(arg_TORCH)
    target_link_libraries(${target} PUBLIC margay_torch)
  endif()
  if(arg_PRECOMPILED)
    margay_precompile(${target})
  endif()
endfunction()

# Gives a target the one precompiled header of LibTorch: 3 s (GCC loads it at once, and instantiates again what its inline
# functions use) where reading takes 11 s. The first target has it made, and the others wait for that target. A file that
# needs no LibTorch compiles faster without it and opts out with SKIP_PRECOMPILE_HEADERS. torch/torch.h itself is avoided:
# its data, optim and serialize parts would double the header.
function(margay_precompile target)
  target_compile_options(${target} PRIVATE -fPIC)  # programs would get -fPIE, which cannot share a header with libraries
  get_property(owner GLOBAL PROPERTY margay_header_owner)
  if(owner)
    target_precompile_headers(${target} REUSE_FROM ${owner})
  else()
    set_property(GLOBAL PROPERTY margay_header_owner ${target})
    target_precompile_headers(${target} PRIVATE <torch/types.h> <torch/utils.h> <torch/nn/module.h>
                              <torch/nn/modules/container/sequential.h> <nlohmann/json.hpp> <fmt/format.h>)
  endif()
endfunction()
