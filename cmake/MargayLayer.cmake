# margay_layer(NAME [TORCH] [PRECOMPILED] [DEPENDS layer...] [LINK library...] [WITHOUT source...]): the static library of
# one folder of margay/. PRECOMPILED is for layers that need LibTorch; WITHOUT names sources that are left out.
function(margay_layer name)
  cmake_parse_arguments(arg "TORCH;PRECOMPILED" "" "DEPENDS;LINK;WITHOUT" ${ARGN})
  set(target margay_${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/margay/${name}/*.cpp)
  list(TRANSFORM arg_WITHOUT PREPEND ${PROJECT_SOURCE_DIR}/margay/${name}/)
  list(REMOVE_ITEM sources ${arg_WITHOUT} "")
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
# functions use) where reading takes 11 s. A file that needs no LibTorch compiles faster without it and opts out with
# SKIP_PRECOMPILE_HEADERS. torch/torch.h itself is avoided: its data, optim and serialize parts would double the header.
function(margay_precompile target)
  if(NOT TARGET margay_header)
    margay_add_header()
  endif()
  target_compile_options(${target} PRIVATE -fPIC)  # programs would get -fPIE, which cannot share a header with libraries
  target_precompile_headers(${target} REUSE_FROM margay_header)
endfunction()

# The header's own target, since others wait for all of it: with a file of nothing, which takes what any other takes more.
function(margay_add_header)
  set(nothing ${PROJECT_BINARY_DIR}/precompiled.cpp)
  file(CONFIGURE OUTPUT ${nothing} CONTENT "namespace margay {}\n")
  add_library(margay_header OBJECT ${nothing})
  set_target_properties(margay_header PROPERTIES UNITY_BUILD OFF)
  target_link_libraries(margay_header PRIVATE margay_core margay_torch margay_compiler)
  target_compile_options(margay_header PRIVATE -fPIC)
  # Shortened files of LibTorch, tried with these versions.
  if(Torch_VERSION MATCHES "^(1[.]13|2[.]6)[.]")
    target_include_directories(margay_header BEFORE PRIVATE ${PROJECT_SOURCE_DIR}/cmake/libtorch)
  endif()
  target_precompile_headers(margay_header PRIVATE <torch/types.h> <torch/utils.h> <torch/nn/module.h>
                            <torch/nn/modules/container/sequential.h> <margay/core/json_instances.h> <fmt/format.h>)
endfunction()
